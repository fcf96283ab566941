//! Keeps the conditions of gates current: a batch begins with what changed of policies, filters and claims since the last
//! one. Postgres is asked first, then the book is changed, so that no code of users runs meanwhile.

use super::book::Book;
use super::gate::GateId;
use super::interner::Number;
use super::room::{Looked, Policy, Room};
use super::signature::Signature;
use crate::error::{Error, Result};
use crate::feed::relation::Relation;
use crate::feed::who::{Session, Who};
use crate::filter::condition::keyed;
use crate::gucs;
use crate::keyed::Condition;
use crate::pg::backend::lock::Haste;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::judge::context::Context;
use crate::pg::judge::many::{ManyPolicies, Way};
use crate::pg::Oid;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Instant;

/// What is new in one room.
struct Renewed {
    role: Oid,
    policies: Option<Looked>,
    /// The conditions of all its gates are others.
    anew: bool,
    seats: Vec<(Number, Policy)>,
    selectable: Vec<i16>,
    filters: Vec<(GateId, Condition)>,
}

/// What is new of a relation.
pub struct News {
    oid: Oid,
    signature: Option<Signature>,
    rooms: Vec<Renewed>,
    /// Gates whose filter does not fit the relation or the role's rights any more.
    pub refused: Vec<(GateId, Error)>,
}

impl News {
    /// Asks for the rooms of roles that may read, each with the columns that it may SELECT.
    pub fn of(
        book: &Book,
        session: &Session,
        relation: &Rc<Relation>,
        roles: &[(Oid, Vec<i16>)],
        haste: &Haste,
    ) -> Option<News> {
        let followed = book.relations.get(&relation.table.oid)?;
        let known = followed.signature.as_ref();
        let signature = match known {
            Some(known) => known.renewed(relation),
            None => Some(Signature::of(relation)),
        };
        let is_like = |now: &Signature| known.is_some_and(|known| known.is_like(now));
        let others = signature.as_ref().is_some_and(|now| !is_like(now));
        let mut news = News {
            oid: relation.table.oid,
            rooms: Vec::new(),
            refused: Vec::new(),
            signature,
        };
        for (role, selectable) in roles {
            let room = followed.rooms.get(role)?;
            let others = others || room.selectable != *selectable;
            let (filters, refused) = match others {
                true => filters(book, relation, *role, room),
                false => Default::default(),
            };
            news.refused.extend(refused);
            let policies = policies(session, relation, *role, room, haste);
            let anew = others
                || match (&room.policies, &policies) {
                    (Some(known), Some(now)) => !known.is_like(now),
                    (known, now) => known.is_some() || now.is_some(),
                };
            let seats = match &policies {
                Some(looked) => seats(book, session, room, &looked.policies, anew),
                None => Vec::new(),
            };
            news.rooms.push(Renewed {
                role: *role,
                policies,
                anew,
                seats,
                selectable: selectable.clone(),
                filters,
            });
        }
        Some(news)
    }

    /// Changes the book.
    pub fn apply(self, book: &mut Book) {
        let Book {
            relations,
            gates,
            whos,
            ..
        } = book;
        let Some(followed) = relations.get_mut(&self.oid) else {
            return;
        };
        if let Some(signature) = self.signature {
            followed.signature = Some(signature);
        }
        for renewed in self.rooms {
            for (gate, condition) in renewed.filters {
                if let Some(Some(gate)) = gates.get_mut(gate as usize) {
                    gate.condition = condition;
                }
            }
            let Some(room) = followed.rooms.get_mut(&renewed.role) else {
                continue;
            };
            if renewed.policies.is_none() {
                // What was known of other policies must not decide.
                room.seats
                    .values_mut()
                    .for_each(|seat| seat.policy = Some(Policy::Own));
            }
            room.policies = renewed.policies;
            room.selectable = renewed.selectable;
            if renewed.anew {
                room.clear();
                for id in &room.gates {
                    if let Some(Some(gate)) = gates.get_mut(*id as usize) {
                        gate.is_indexed = false;
                    }
                }
            }
            for (who, policy) in renewed.seats {
                if let Some(seat) = room.seats.get_mut(&who) {
                    seat.policy = Some(policy);
                }
            }
            for id in room.take_waiting() {
                // Its number may be that of another gate by now.
                let Some(Some(gate)) = gates.get_mut(id as usize) else {
                    continue;
                };
                let role = whos.get(gate.who).map(|who| who.role);
                if gate.is_indexed || gate.relation != self.oid || role != Some(renewed.role) {
                    continue;
                }
                let condition = room.condition(gate).into_owned();
                room.matcher.insert(id, &condition);
                gate.is_indexed = true;
            }
        }
    }
}

/// The policies as they are now, for all readers of the role. `None` if they cannot be looked at now: then own
/// execution says why.
fn policies(
    session: &Session,
    relation: &Relation,
    role: Oid,
    room: &Room,
    haste: &Haste,
) -> Option<Looked> {
    let share = gucs::share_policies();
    let (oid, name) = (relation.table.oid, relation.name());
    let began = Instant::now();
    let looked = attempt(|| {
        session.act_as(&Who { role, claims: None }, || {
            let context = Context::now();
            let fits = |known: &&Looked| {
                known.share == share && known.context == context && known.policies.lock_and_check()
            };
            if let Some(known) = room.policies.as_ref().filter(fits) {
                return Ok(known.clone());
            }
            Ok(Looked {
                policies: Rc::new(ManyPolicies::new(oid, &name, share)),
                share,
                // Locks were taken meanwhile, and with them came the DDL of others.
                context: Context::now(),
            })
        })
    });
    looked
        .inspect_err(|raised| {
            haste.note(raised.sqlstate, began);
        })
        .ok()
}

/// How the policies are judged for the readers of whom that is not known yet.
fn seats(
    book: &Book,
    session: &Session,
    room: &Room,
    policies: &ManyPolicies,
    anew: bool,
) -> Vec<(Number, Policy)> {
    let unknown: HashSet<Number> = match anew {
        true => room.seats.keys().copied().collect(),
        false => {
            let gates = room.waiting().iter().filter_map(|id| book.at(*id));
            let is_unknown = |who: &Number| {
                room.seats
                    .get(who)
                    .is_some_and(|seat| seat.policy.is_none())
            };
            gates.map(|gate| gate.who).filter(is_unknown).collect()
        }
    };
    let policy = |who: Number| {
        let who = book.whos.get(who)?;
        let constants = match policies.way() {
            Way::Own(_) => return Some(Policy::Own),
            Way::Unrestricted => Default::default(),
            Way::Shared(_) => {
                let asked = attempt(|| session.act_as(who, || Ok(policies.constants())));
                match asked {
                    Ok(Ok(constants)) => constants,
                    _ => return Some(Policy::Own),
                }
            }
        };
        let condition = Rc::new(policies.condition(&constants));
        Some(Policy::Shared {
            constants: Rc::new(constants),
            condition,
        })
    };
    unknown
        .into_iter()
        .filter_map(|who| Some((who, policy(who)?)))
        .collect()
}

/// Filters that were compiled, and those that do not fit any more.
type Compiled = (Vec<(GateId, Condition)>, Vec<(GateId, Error)>);

/// The filters of a room's gates, compiled again.
fn filters(book: &Book, relation: &Relation, role: Oid, room: &Room) -> Compiled {
    let oid = relation.table.oid;
    let (mut filters, mut refused) = (Vec::new(), Vec::new());
    for id in &room.gates {
        let Some(filter) = book.at(*id).and_then(|gate| gate.filter.as_deref()) else {
            continue;
        };
        match compiled(oid, role, Some(filter)) {
            Ok(condition) => filters.push((*id, condition)),
            Err(error) => refused.push((*id, error)),
        }
    }
    (filters, refused)
}

/// A filter as far as keys can tell, for a role. Errors: those of the filter, and 42501.
pub fn compiled(relation: Oid, role: Oid, filter: Option<&str>) -> Result<Condition> {
    let everything = || Condition::And(Vec::new());
    let Some(filter) = filter else {
        return Ok(everything());
    };
    let condition = keyed::compile_for(relation, role, filter)?;
    Ok(condition.unwrap_or_else(everything))
}
