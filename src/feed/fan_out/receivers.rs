//! Who receives a change: which subscriptions get which message of it, and which miss it.

use super::table::{all, is_before, Missed, Table};
use super::verdict::{By, Outcome};
use crate::change::{Operation, RowOperation};
use crate::error::SqlState;
use crate::feed::delta::delta;
use crate::feed::relation::Rows;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::{GateId, Id, Subscription};
use crate::pg::row::decoded::Decoded;
use std::collections::{BTreeMap, HashSet};

/// A message of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// In the order of [`Operation::ALL`].
    operation: u8,
    pub form: usize,
    /// The role and claims that it is written as, where the message may depend on these.
    pub who: Option<u32>,
}

impl Message {
    pub fn operation(&self) -> Operation {
        Operation::ALL[self.operation as usize]
    }
}

/// What comes of one change.
#[derive(Default)]
pub struct Receivers {
    pub messages: BTreeMap<Message, Vec<Id>>,
    pub missed: BTreeMap<String, Vec<Id>>,
}

/// A change, where it stands, and for whom it is not.
pub struct Place<'a> {
    pub book: &'a Book,
    pub table: &'a Table,
    pub ended: &'a HashSet<Id>,
    pub position: u64,
    pub xid: u64,
}

/// The error for a change that cannot be judged, or that does not identify its row.
const LACKS: &str =
    "a change lacks a part of its key, or a value that a policy or the filter needs; read the table again";

impl Receivers {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.missed.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let lists = self.messages.values().chain(self.missed.values());
        lists.map(Vec::len).sum()
    }

    /// The subscriptions in ascending order.
    pub fn sort(&mut self) {
        let lists = self.messages.values_mut().chain(self.missed.values_mut());
        lists.for_each(|ids| ids.sort_unstable());
    }

    /// The messages by operation and their first subscription.
    pub fn in_order(&self) -> Vec<(&Message, &Vec<Id>)> {
        let mut all: Vec<_> = self.messages.iter().collect();
        all.sort_by_key(|(message, ids)| (message.operation, ids.first().copied()));
        all
    }

    /// Adds a TRUNCATE, which everybody sees who may read the relation.
    pub fn truncate(&mut self, of: &Place) {
        let Some(followed) = of.book.relations.get(&of.table.relation.table.oid) else {
            return;
        };
        for gate in followed.rooms.values().flat_map(|room| &room.gates) {
            self.add(of, *gate, Operation::Truncate);
        }
    }

    /// Adds a change to the gate's subscriptions that ask for it.
    pub fn add(&mut self, of: &Place, gate: GateId, operation: Operation) {
        let who = of.book.at(gate).map(|gate| gate.who);
        for (id, subscription) in of.members(gate) {
            let form = of.table.form_of(of.book, subscription, operation);
            let Some(form) = form.filter(|_| subscription.events.has(operation)) else {
                continue;
            };
            let foreign = of.table.forms[form].is_foreign() && operation != Operation::Truncate;
            let message = Message {
                operation: operation as u8,
                form,
                who: who.filter(|_| foreign),
            };
            self.messages.entry(message).or_default().push(id);
        }
    }

    /// Adds what a gate's subscriptions get of a changed row; the subscriptions that end with it.
    pub fn judge(
        &mut self,
        of: &Place,
        gate: GateId,
        (operation, rows): (RowOperation, &Rows),
        outcome: &Outcome,
    ) -> Option<Missed> {
        let read_again = SqlState::of(b"72000");
        match outcome {
            Outcome::Sees { old, new } => {
                let delivery = match of.table.shown(of.book, gate) {
                    None => delta(operation, *old, *new)?,
                    Some(shown) => {
                        let relation = &of.table.relation;
                        shown.delta(relation, operation, rows, [*old, *new])?
                    }
                };
                let old = rows
                    .old
                    .as_ref()
                    .filter(|_| delivery != RowOperation::Insert);
                let new = rows
                    .new
                    .as_ref()
                    .filter(|_| delivery != RowOperation::Delete);
                if [old, new]
                    .into_iter()
                    .flatten()
                    .any(|row| of.lacks_key(row))
                {
                    let wants = |one: &Subscription| one.events.has(delivery.into());
                    self.miss(of, gate, of.table.error_of(read_again, LACKS), wants);
                } else {
                    self.add(of, gate, delivery.into());
                }
            }
            Outcome::Absent => {
                let error = of.table.error_of(read_again, LACKS);
                self.miss(of, gate, error, |one| might_want(one, operation));
            }
            Outcome::Raised(sqlstate, by) => {
                let reason = match by {
                    By::Policy => "a policy failed",
                    By::Filter => "the filter failed",
                };
                let error = of.table.error_of(*sqlstate, reason);
                self.miss(of, gate, error, |one| might_want(one, operation));
            }
            Outcome::Refused(error) => {
                let error = of.table.error(error);
                let ids: Vec<Id> = of.members(gate).map(|(id, _)| id).collect();
                self.miss(of, gate, error.clone(), |_| true);
                return Some(Missed { error, ids });
            }
        }
        None
    }

    /// Adds a change that cannot be judged for anybody.
    pub fn fail(&mut self, of: &Place, operation: RowOperation, error: &str) {
        let Some(followed) = of.book.relations.get(&of.table.relation.table.oid) else {
            return;
        };
        for gate in followed.rooms.values().flat_map(|room| &room.gates) {
            let wants = |one: &Subscription| {
                might_want(one, operation)
                    && of.table.form_of(of.book, one, operation.into()).is_some()
            };
            self.miss(of, *gate, error.to_string(), wants);
        }
    }

    fn miss(
        &mut self,
        of: &Place,
        gate: GateId,
        error: String,
        concerns: impl Fn(&Subscription) -> bool,
    ) {
        let mut ids = of
            .members(gate)
            .filter(|(_, one)| concerns(one))
            .map(|(id, _)| id)
            .peekable();
        if ids.peek().is_some() {
            self.missed.entry(error).or_default().extend(ids);
        }
    }

    /// Adds a gap, which concerns every subscription that began before it.
    pub fn gap(&mut self, of: &Place, what: &str) {
        let concerned = all(of.table.relation.table.oid, of.book)
            .filter(|(id, one)| !of.ended.contains(id) && !is_before(of.book, one, of.xid))
            .filter(|(_, one)| of.table.form_of(of.book, one, Operation::Insert).is_some())
            .map(|(id, _)| id);
        let ids: Vec<Id> = concerned.collect();
        if !ids.is_empty() {
            let reason = format!("the table {what}; read the table again");
            let error = of.table.error_of(SqlState::of(b"72000"), &reason);
            self.missed.insert(error, ids);
        }
    }
}

/// Whether a change with this operation might be delivered as one that a subscription asks for.
fn might_want(one: &Subscription, operation: RowOperation) -> bool {
    let all = [
        RowOperation::Insert,
        RowOperation::Update,
        RowOperation::Delete,
    ];
    let mut possible = all
        .into_iter()
        .filter(|delivery| operation == RowOperation::Update || *delivery == operation);
    possible.any(|delivery| one.events.has(delivery.into()))
}

impl<'a> Place<'a> {
    /// The subscriptions of a gate that the change is for.
    pub fn members(&self, gate: GateId) -> impl Iterator<Item = (Id, &'a Subscription)> + '_ {
        self.book.members(gate).filter(|(id, one)| {
            !self.ended.contains(id) && self.table.reaches(self.book, one, self.position, self.xid)
        })
    }

    fn lacks_key(&self, row: &Decoded) -> bool {
        let key = &self.table.relation.table.key;
        key.iter().any(|number| row.is_absent(*number as usize - 1))
    }
}
