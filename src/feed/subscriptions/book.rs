//! The subscriptions of a session: who follows which relation by which filter. Nothing is rebuilt when one comes or
//! goes.

use super::ended::AllEnded;
use super::gate::{Events, Gate, GateId, Id, Subscription, NOBODY, NONE};
use super::interner::{Interner, Number};
use super::paged::Paged;
use super::room::Room;
use super::signature::Signature;
use crate::feed::who::Who;
use crate::keyed::Condition;
use crate::log::snapshot::Snapshot;
use crate::pg::Oid;
use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

/// What is asked for by a subscription, checked.
pub struct Wanted {
    pub relation: Oid,
    /// Schema and name of the relation, for when it has gone.
    pub name: String,
    /// What the filter was compiled for; `None` if the book has it.
    pub signature: Option<Signature>,
    /// The columns that the role may SELECT.
    pub selectable: Vec<i16>,
    pub who: Who,
    pub filter: Option<String>,
    /// The filter, as far as keys can tell.
    pub condition: Condition,
    pub events: Events,
    pub columns: Option<Vec<String>>,
    pub from: Snapshot,
}

/// A relation that is followed.
#[derive(Default)]
pub struct Followed {
    /// Schema and name, as they were last seen.
    pub name: String,
    /// By role.
    pub rooms: HashMap<Oid, Room>,
    /// What the relation was when the filters were compiled.
    pub signature: Option<Signature>,
}

/// All subscriptions.
#[derive(Default)]
pub struct Book {
    pub relations: HashMap<Oid, Followed>,
    pub gates: Vec<Option<Gate>>,
    free: Vec<GateId>,
    /// The first gate of each hash.
    hashes: HashMap<u32, GateId>,
    state: RandomState,
    subscriptions: Paged<Subscription>,
    pub whos: Interner<Who>,
    pub columns: Interner<Option<Vec<String>>>,
    pub froms: Interner<Snapshot>,
    last: Id,
    pub ended: AllEnded,
}

impl Book {
    /// Ends subscriptions by an error that a call with a cursor of this progress tells.
    pub fn end(&mut self, ids: &[Id], error: &str, told_at: (u64, u64)) {
        let error: Rc<str> = error.into();
        for id in ids {
            if self.of(*id).is_some() {
                self.remove(*id);
                self.ended.add(*id, &error, told_at);
            }
        }
    }

    /// Forgets everything but which numbers were used.
    pub fn clear(&mut self) {
        *self = Book {
            last: self.last,
            ..Book::default()
        };
    }

    /// Adds a subscription; `None` when there are no numbers left.
    pub fn add(&mut self, wanted: Wanted) -> Option<Id> {
        let id = self.last.checked_add(1)?;
        self.last = id;
        let filter = wanted.filter.map(String::into_boxed_str);
        let role = wanted.who.role;
        let gate = self.gate(wanted.relation, wanted.who, filter, wanted.condition);
        self.note(wanted.relation, role, wanted.selectable, wanted.signature);
        if let Some(followed) = self.relations.get_mut(&wanted.relation) {
            followed.name = wanted.name;
        }
        let subscription = Subscription {
            gate,
            events: wanted.events,
            columns: self.columns.take(wanted.columns),
            from: self.froms.take(wanted.from),
            next: NOBODY,
            previous: NOBODY,
        };
        self.subscriptions.insert(id as u32, subscription);
        self.link(id, gate);
        Some(id)
    }

    /// Removes a subscription, if it is there.
    pub fn remove(&mut self, id: Id) {
        self.ended.remove(id);
        if let Some((columns, from)) = self.unlink(id) {
            self.subscriptions.remove(id as u32);
            self.columns.leave(columns);
            self.froms.leave(from);
        }
    }

    /// Takes note of what a filter was compiled for. Where other filters of the relation or role were compiled for
    /// something else, all are compiled again.
    fn note(
        &mut self,
        relation: Oid,
        role: Oid,
        selectable: Vec<i16>,
        signature: Option<Signature>,
    ) {
        let Some(followed) = self.relations.get_mut(&relation) else {
            return;
        };
        if let Some(now) = signature {
            let fits = match &followed.signature {
                Some(known) => known.is_like(&now),
                None => {
                    followed
                        .rooms
                        .values()
                        .map(|room| room.gates.len())
                        .sum::<usize>()
                        < 2
                }
            };
            followed.signature = Some(now).filter(|_| fits);
        }
        if let Some(room) = followed.rooms.get_mut(&role) {
            if room.gates.len() < 2 {
                room.selectable = selectable;
            } else if room.selectable != selectable {
                room.selectable = Vec::new();
            }
        }
    }

    /// Puts a subscription under another role or other claims; the rest is what its filter means for the role.
    pub fn hand_over(
        &mut self,
        id: Id,
        who: Who,
        condition: Condition,
        selectable: Vec<i16>,
        signature: Option<Signature>,
    ) {
        let Some(gate) = self.of(id).and_then(|found| self.at(found.gate)) else {
            return;
        };
        let (relation, filter) = (gate.relation, gate.filter.clone());
        // The new gate comes first, so that the relation stays.
        let role = who.role;
        let to = self.gate(relation, who, filter, condition);
        self.note(relation, role, selectable, signature);
        if self.of(id).is_some_and(|found| found.gate != to) {
            self.unlink(id);
            self.link(id, to);
        }
    }

    /// How many subscriptions there are.
    pub fn count(&self) -> usize {
        let rooms = self
            .relations
            .values()
            .flat_map(|followed| followed.rooms.values());
        let columns = rooms.flat_map(|room| room.columns.values());
        columns.map(|count| *count as usize).sum()
    }

    pub fn of(&self, id: Id) -> Option<&Subscription> {
        self.subscriptions.get(id as u32)
    }

    pub fn at(&self, gate: GateId) -> Option<&Gate> {
        self.gates.get(gate as usize)?.as_ref()
    }

    /// The subscriptions of a gate.
    pub fn members(&self, gate: GateId) -> impl Iterator<Item = (Id, &Subscription)> {
        let mut next = self.at(gate).map_or(NOBODY, |gate| gate.first);
        std::iter::from_fn(move || {
            let id = next;
            let found = self.subscriptions.get(id as u32)?;
            next = found.next;
            Some((id, found))
        })
    }

    fn hash(&self, relation: Oid, who: Number, filter: Option<&str>) -> u32 {
        self.state.hash_one((relation, who, filter)) as u32
    }

    /// The gate, which is made if it is not there.
    fn gate(
        &mut self,
        relation: Oid,
        who: Who,
        filter: Option<Box<str>>,
        condition: Condition,
    ) -> GateId {
        let role = who.role;
        let who = self.whos.take(who);
        let hash = self.hash(relation, who, filter.as_deref());
        let head = self.hashes.get(&hash).copied().unwrap_or(NONE);
        let mut next = head;
        while let Some(known) = self.at(next) {
            if (known.relation, known.who, &known.filter) == (relation, who, &filter) {
                self.whos.leave(who);
                return next;
            }
            next = known.chain;
        }
        let id = self.free.pop().unwrap_or(self.gates.len() as GateId);
        let followed = self.relations.entry(relation).or_default();
        let room = followed.rooms.entry(role).or_default();
        let gate = Gate {
            relation,
            who,
            filter,
            condition,
            first: NOBODY,
            chain: head,
            place: room.open(id, who),
            is_indexed: false,
        };
        match self.gates.get_mut(id as usize) {
            Some(slot) => *slot = Some(gate),
            None => self.gates.push(Some(gate)),
        }
        self.hashes.insert(hash, id);
        id
    }

    /// Removes a gate that has no subscriptions any more.
    fn close(&mut self, id: GateId) {
        let Some(gate) = self.gates.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        let hash = self.hash(gate.relation, gate.who, gate.filter.as_deref());
        match self.hashes.get_mut(&hash) {
            Some(head) if *head == id && gate.chain == NONE => {
                self.hashes.remove(&hash);
            }
            Some(head) if *head == id => *head = gate.chain,
            Some(head) => {
                let mut before = *head;
                while let Some(Some(other)) = self.gates.get_mut(before as usize) {
                    if other.chain == id {
                        other.chain = gate.chain;
                        break;
                    }
                    before = other.chain;
                }
            }
            None => {}
        }
        let role = self.whos.get(gate.who).map(|who| who.role);
        if let (Some(role), Some(followed)) = (role, self.relations.get_mut(&gate.relation)) {
            let moved = followed
                .rooms
                .get_mut(&role)
                .and_then(|room| room.close(id, &gate));
            if followed
                .rooms
                .get(&role)
                .is_some_and(|room| room.gates.is_empty())
            {
                followed.rooms.remove(&role);
            }
            if followed.rooms.is_empty() {
                self.relations.remove(&gate.relation);
            }
            if let Some(Some(moved)) = moved.and_then(|moved| self.gates.get_mut(moved as usize)) {
                moved.place = gate.place;
            }
        }
        self.whos.leave(gate.who);
        self.free.push(id);
    }

    /// Puts a subscription into a gate's list.
    fn link(&mut self, id: Id, to: GateId) {
        let Some(Some(gate)) = self.gates.get_mut(to as usize) else {
            return;
        };
        let next = std::mem::replace(&mut gate.first, id);
        if let Some(next) = self.subscriptions.get_mut(next as u32) {
            next.previous = id;
        }
        if let Some(found) = self.subscriptions.get_mut(id as u32) {
            (found.gate, found.next, found.previous) = (to, next, NOBODY);
        }
        if let Some((room, columns)) = self.room_of(id) {
            *room.columns.entry(columns).or_default() += 1;
        }
    }

    /// The room of a subscription, and its columns.
    fn room_of(&mut self, id: Id) -> Option<(&mut Room, Number)> {
        let found = self.subscriptions.get(id as u32)?;
        let gate = self.gates.get(found.gate as usize)?.as_ref()?;
        let role = self.whos.get(gate.who)?.role;
        let followed = self.relations.get_mut(&gate.relation)?;
        Some((followed.rooms.get_mut(&role)?, found.columns))
    }

    /// Takes a subscription out of its gate's list; the numbers of its columns and its snapshot.
    fn unlink(&mut self, id: Id) -> Option<(Number, Number)> {
        if let Some((room, columns)) = self.room_of(id) {
            if let Some(count) = room.columns.get_mut(&columns) {
                *count -= 1;
                if *count == 0 {
                    room.columns.remove(&columns);
                }
            }
        }
        let found = self.subscriptions.get(id as u32)?;
        let (gate, next, previous) = (found.gate, found.next, found.previous);
        let shared = (found.columns, found.from);
        if let Some(next) = self.subscriptions.get_mut(next as u32) {
            next.previous = previous;
        }
        match self.subscriptions.get_mut(previous as u32) {
            Some(previous) => previous.next = next,
            None => {
                if let Some(Some(of)) = self.gates.get_mut(gate as usize) {
                    of.first = next;
                }
                if next == NOBODY {
                    self.close(gate);
                }
            }
        }
        Some(shared)
    }
}
