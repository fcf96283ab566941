//! The columns with negative numbers: what is asked of the rows of a batch, put together row by row.

use super::constants::Form;
use super::facts::{Answer, Asking, Facts};
use super::reading::{Asked, Fact};
use super::sets::{Readers, Set};
use crate::error::Result;
use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// Where a column comes from: the next value of the statement for facts, or the next set.
#[derive(Clone, Copy)]
enum Source {
    Fact,
    Set,
}

/// The statements that answer what is asked of rows.
pub(super) struct Columns {
    /// Each with the columns of the row that it looks at.
    order: Vec<(Source, Vec<i16>)>,
    asking: Option<Asking>,
    sets: Vec<Set>,
}

impl Columns {
    /// # Safety
    /// What is asked is about a relation of this row type as range-table entry 1, and constants of these forms; the
    /// statements live as long as `memory`.
    pub(super) unsafe fn new(
        memory: &Memory,
        row_type: Oid,
        asked: &[Asked],
        forms: &[Form],
    ) -> Result<Columns> {
        let (mut order, mut facts, mut sets) = (Vec::new(), Vec::<&Fact>::new(), Vec::new());
        for one in asked {
            // SAFETY: as promised.
            let uses = unsafe { one.uses() };
            match one {
                Asked::Fact(fact) => {
                    order.push((Source::Fact, uses));
                    facts.push(fact);
                }
                Asked::Members(reversed) => {
                    order.push((Source::Set, uses));
                    // SAFETY: as promised.
                    sets.push(unsafe { Set::new(memory, row_type, reversed, forms) }?);
                }
            }
        }
        let asking = match facts.is_empty() {
            true => None,
            // SAFETY: as promised.
            false => Some(unsafe { Asking::new(memory, row_type, &facts) }?),
        };
        Ok(Columns {
            order,
            asking,
            sets,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = *mut pg_sys::PlannedStmt> + '_ {
        let asking = self.asking.iter().map(|asking| asking.statement);
        asking.chain(self.sets.iter().flat_map(Set::statements))
    }

    /// The answers for rows, in their order.
    ///
    /// # Safety
    /// The rows are of the row type, the readers' constants of the forms.
    pub(super) unsafe fn answers(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        forms: &[Form],
        readers: &Readers,
    ) -> Vec<Facts> {
        // SAFETY: as promised.
        let (facts, sets) = unsafe {
            let facts = match &self.asking {
                Some(asking) => asking.answers(shape, rows),
                None => vec![Vec::new(); rows.len()],
            };
            let members = |set: &Set| set.members(shape, rows, forms, readers);
            (facts, self.sets.iter().map(members).collect::<Vec<_>>())
        };
        let put_together = |(row, facts): (usize, Vec<Answer>)| {
            let lacks = |column: &i16| rows[row].is_absent(*column as usize - 1);
            let mut facts = facts.into_iter();
            let mut sets = sets
                .iter()
                .filter_map(|set| set.get(row).cloned().map(Answer::Set));
            let next = |(source, uses): &(Source, Vec<i16>)| {
                let answer = match source {
                    Source::Fact => facts.next(),
                    Source::Set => sets.next(),
                };
                // The statement took what the row lacks for NULL.
                match uses.iter().any(lacks) {
                    true => Some(Answer::Unknown),
                    false => answer,
                }
            };
            Facts::of(self.order.iter().filter_map(next).collect())
        };
        facts.into_iter().enumerate().map(put_together).collect()
    }
}
