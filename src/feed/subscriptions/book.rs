//! The subscriptions of a session: who follows which relation by which filter. Nothing is rebuilt when one comes or
//! goes.

use super::interner::{Interner, Number};
use crate::change::Operation;
use crate::feed::who::Who;
use crate::log::snapshot::Snapshot;
use crate::pg::Oid;
use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Names a subscription. Numbers rise and are never used again.
pub type Id = i32;

/// Names a gate. Numbers are used again.
pub type GateId = u32;

/// No gate, or no subscription: the end of a list.
const NONE: u32 = u32::MAX;
const NOBODY: Id = 0;

/// The operations that a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events(u8);

impl Events {
    pub fn new(operations: Option<&[Operation]>) -> Events {
        let all = operations.unwrap_or(&Operation::ALL);
        Events(all.iter().fold(0, |bits, one| bits | bit(*one)))
    }

    pub fn has(self, operation: Operation) -> bool {
        self.0 & bit(operation) != 0
    }
}

fn bit(operation: Operation) -> u8 {
    1 << operation as u8
}

/// What is asked for by a subscription, checked.
pub struct Wanted {
    pub relation: Oid,
    /// Schema and name of the relation, for when it has gone.
    pub name: String,
    pub who: Who,
    pub filter: Option<String>,
    pub events: Events,
    pub columns: Option<Vec<String>>,
    pub from: Snapshot,
}

/// A subscription. Those of a gate are a list.
pub struct Subscription {
    pub gate: GateId,
    pub events: Events,
    /// Its list of columns.
    pub columns: Number,
    /// A transaction that is finished in this snapshot is not for it.
    pub from: Number,
    next: Id,
    previous: Id,
}

/// The unit of judging: what is the same for all its subscriptions.
pub struct Gate {
    pub relation: Oid,
    pub who: Number,
    pub filter: Option<Box<str>>,
    first: Id,
    /// The next gate with the same hash.
    chain: GateId,
    /// Its place among the gates of the relation.
    place: u32,
}

/// A relation that is followed.
#[derive(Default)]
pub struct Followed {
    /// Schema and name, as they were last seen.
    pub name: String,
    pub gates: Vec<GateId>,
    /// How many subscriptions a role has with a list of columns.
    pub readers: HashMap<(Oid, Number), u32>,
}

/// All subscriptions.
#[derive(Default)]
pub struct Book {
    pub relations: HashMap<Oid, Followed>,
    gates: Vec<Option<Gate>>,
    free: Vec<GateId>,
    /// The first gate of each hash.
    hashes: HashMap<u64, GateId>,
    state: RandomState,
    subscriptions: HashMap<Id, Subscription>,
    pub whos: Interner<Who>,
    pub columns: Interner<Option<Vec<String>>>,
    pub froms: Interner<Snapshot>,
    last: Id,
}

impl Book {
    /// Adds a subscription; `None` when there are no numbers left.
    pub fn add(&mut self, wanted: Wanted) -> Option<Id> {
        let id = self.last.checked_add(1)?;
        self.last = id;
        let gate = self.gate(
            wanted.relation,
            wanted.name,
            wanted.who,
            wanted.filter.map(String::into_boxed_str),
        );
        let subscription = Subscription {
            gate,
            events: wanted.events,
            columns: self.columns.take(wanted.columns),
            from: self.froms.take(wanted.from),
            next: NOBODY,
            previous: NOBODY,
        };
        self.subscriptions.insert(id, subscription);
        self.link(id, gate);
        Some(id)
    }

    /// Removes a subscription, if it is there.
    pub fn remove(&mut self, id: Id) {
        if let Some((columns, from)) = self.unlink(id) {
            self.subscriptions.remove(&id);
            self.columns.leave(columns);
            self.froms.leave(from);
        }
    }

    /// Puts a subscription under another role or other claims.
    pub fn hand_over(&mut self, id: Id, who: Who) {
        let Some(gate) = self.of(id).and_then(|found| self.at(found.gate)) else {
            return;
        };
        let (relation, filter) = (gate.relation, gate.filter.clone());
        let name = self.relations.get(&relation).map(|it| it.name.clone());
        // The new gate comes first, so that the relation stays.
        let to = self.gate(relation, name.unwrap_or_default(), who, filter);
        if self.of(id).is_some_and(|found| found.gate != to) {
            self.unlink(id);
            self.link(id, to);
        }
    }

    pub fn of(&self, id: Id) -> Option<&Subscription> {
        self.subscriptions.get(&id)
    }

    pub fn at(&self, gate: GateId) -> Option<&Gate> {
        self.gates.get(gate as usize)?.as_ref()
    }

    /// The subscriptions of a gate.
    pub fn members(&self, gate: GateId) -> impl Iterator<Item = (Id, &Subscription)> {
        let mut next = self.at(gate).map_or(NOBODY, |gate| gate.first);
        std::iter::from_fn(move || {
            let id = next;
            let found = self.subscriptions.get(&id)?;
            next = found.next;
            Some((id, found))
        })
    }

    fn hash(&self, relation: Oid, who: Number, filter: Option<&str>) -> u64 {
        self.state.hash_one((relation, who, filter))
    }

    /// The gate, which is made if it is not there.
    fn gate(&mut self, relation: Oid, name: String, who: Who, filter: Option<Box<str>>) -> GateId {
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
        let followed = self.relations.entry(relation).or_default();
        followed.name = name;
        let id = self.free.pop().unwrap_or(self.gates.len() as GateId);
        let gate = Gate {
            relation,
            who,
            filter,
            first: NOBODY,
            chain: head,
            place: followed.gates.len() as u32,
        };
        followed.gates.push(id);
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
        self.whos.leave(gate.who);
        self.free.push(id);
        if let Some(followed) = self.relations.get_mut(&gate.relation) {
            followed.gates.swap_remove(gate.place as usize);
            let moved = followed.gates.get(gate.place as usize).copied();
            if followed.gates.is_empty() {
                self.relations.remove(&gate.relation);
            }
            if let Some(Some(moved)) = moved.and_then(|moved| self.gates.get_mut(moved as usize)) {
                moved.place = gate.place;
            }
        }
    }

    /// Puts a subscription into a gate's list.
    fn link(&mut self, id: Id, to: GateId) {
        let Some(Some(gate)) = self.gates.get_mut(to as usize) else {
            return;
        };
        let next = std::mem::replace(&mut gate.first, id);
        if let Some(next) = self.subscriptions.get_mut(&next) {
            next.previous = id;
        }
        if let Some(found) = self.subscriptions.get_mut(&id) {
            (found.gate, found.next, found.previous) = (to, next, NOBODY);
        }
        if let Some((followed, reader)) = self.reader(id) {
            *followed.readers.entry(reader).or_default() += 1;
        }
    }

    /// The relation of a subscription, and its role and columns there.
    fn reader(&mut self, id: Id) -> Option<(&mut Followed, (Oid, Number))> {
        let found = self.subscriptions.get(&id)?;
        let gate = self.gates.get(found.gate as usize)?.as_ref()?;
        let reader = (self.whos.get(gate.who)?.role, found.columns);
        Some((self.relations.get_mut(&gate.relation)?, reader))
    }

    /// Takes a subscription out of its gate's list; the numbers of its columns and its snapshot.
    fn unlink(&mut self, id: Id) -> Option<(Number, Number)> {
        if let Some((followed, reader)) = self.reader(id) {
            if let Some(count) = followed.readers.get_mut(&reader) {
                *count -= 1;
                if *count == 0 {
                    followed.readers.remove(&reader);
                }
            }
        }
        let found = self.subscriptions.get(&id)?;
        let (gate, next, previous) = (found.gate, found.next, found.previous);
        let shared = (found.columns, found.from);
        if let Some(next) = self.subscriptions.get_mut(&next) {
            next.previous = previous;
        }
        match self.subscriptions.get_mut(&previous) {
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
