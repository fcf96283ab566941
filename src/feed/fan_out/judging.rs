//! Who receives what of changes.

use super::change::{Change, What};
use super::changed_rows::ChangedRows;
use super::receivers::{Place, Receivers};
use super::table::{Missed, Table};
use super::verdict::{Candidate, Court, Outcome, BETWEEN_CHECKS};
use crate::change::RowOperation;
use crate::feed::judge::Case;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::Id;
use crate::feed::who::Session;
use crate::log::entry::GapCause;
use crate::pg::backend::lock::Haste;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::wait;
use std::cell::Cell;
use std::collections::HashSet;

/// Gates and changes that are judged at a time.
const CANDIDATES: usize = 500_000;

/// What changes are judged with.
pub struct Judging<'a> {
    pub book: &'a Book,
    pub tables: &'a [Option<Table>],
    pub session: &'a Session,
    /// The subscriptions that end with this call.
    pub ended: &'a mut HashSet<Id>,
    /// What they are told.
    pub gone: &'a mut Vec<Missed>,
    pub haste: &'a Haste,
}

impl Judging<'_> {
    /// Who receives what of each change.
    pub fn judge(&mut self, changes: &[Change]) -> Vec<Receivers> {
        let mut all: Vec<Receivers> = changes.iter().map(|_| Receivers::default()).collect();
        for (number, table) in self.tables.iter().enumerate() {
            let Some(table) = table else {
                continue;
            };
            let place = |change: &Change| Place {
                book: self.book,
                table,
                ended: self.ended,
                position: change.position,
                xid: change.xid,
            };
            let mut cases = Vec::new();
            let mut of = Vec::new();
            let of_table = |(_, change): &(usize, &Change)| change.table == number;
            for (i, change) in changes.iter().enumerate().filter(of_table) {
                match &change.what {
                    What::Row(operation, rows) => {
                        of.push((i, *operation));
                        cases.push(Case {
                            rows,
                            is_delete: *operation == RowOperation::Delete,
                        });
                    }
                    What::Truncate => all[i].truncate(&place(change)),
                    What::Gap(cause) => {
                        let what = cause.map_or("changed in an unknown way", GapCause::describe);
                        all[i].gap(&place(change), what);
                    }
                    What::Unreadable(operation, error) => {
                        let error = table.error(error);
                        all[i].fail(&place(change), *operation, &error);
                    }
                }
            }
            let mut ended: Vec<Missed> = Vec::new();
            // A fault of one relation is no other's: its readers miss these changes.
            let judged = attempt(|| {
                self.judge_rows(table, &cases, |candidate, outcome| {
                    let (i, operation) = of[candidate.case as usize];
                    let rows = cases[candidate.case as usize].rows;
                    let place = place(&changes[i]);
                    let refused = all[i].judge(&place, candidate.gate, (operation, rows), outcome);
                    ended.extend(refused);
                });
                Ok(())
            });
            if let Err(raised) = judged {
                let error = table.error_of(raised.sqlstate, "a change could not be judged");
                ended.clear();
                for (i, operation) in &of {
                    all[*i] = Receivers::default();
                    all[*i].fail(&place(&changes[*i]), *operation, &error);
                }
            }
            self.ended
                .extend(ended.iter().flat_map(|missed| &missed.ids));
            self.gone.extend(ended);
        }
        all
    }

    /// Judges the changed rows of a relation for every gate that they may pass.
    fn judge_rows(&self, table: &Table, cases: &[Case], mut put: impl FnMut(&Candidate, &Outcome)) {
        let followed = self.book.relations.get(&table.relation.table.oid);
        let (Some(followed), false) = (followed, cases.is_empty()) else {
            return;
        };
        let rows = ChangedRows::new(&table.relation, cases);
        for (role, _) in &table.roles {
            let Some(room) = followed.rooms.get(role) else {
                continue;
            };
            let mut court = Court {
                rows: &rows,
                session: self.session,
                book: self.book,
                role: *role,
                room,
                facts: None,
                haste: self.haste,
                timeouts: Cell::new(0),
            };
            court.ask_facts();
            let mut next = 0;
            while next < cases.len() as u32 {
                let from = next;
                let mut candidates = Vec::new();
                while next < cases.len() as u32 && candidates.len() < CANDIDATES {
                    wait::check_interrupts();
                    candidates.extend(court.candidates(next));
                    next += 1;
                }
                debug_assert!(from < next);
                candidates.sort_unstable();
                let outcomes = court.judge(&candidates);
                for (at, (candidate, outcome)) in candidates.iter().zip(&outcomes).enumerate() {
                    if at % BETWEEN_CHECKS == 0 {
                        wait::check_interrupts();
                    }
                    put(candidate, outcome);
                }
            }
        }
    }
}
