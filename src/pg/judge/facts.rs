//! What policies ask of rows for all readers at once: one statement over the rows of a batch.

use super::execute;
use super::operand::keys_of_array;
use super::reading::Fact;
use crate::error::Result;
use crate::keyed::{Cell, Column, Key};
use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::key::KeyKind;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};
use std::rc::Rc;

/// The answers for one row, by column.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<Answer>);

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Unknown,
    Null,
    Key(Key),
    Set(Rc<[Key]>),
}

impl Facts {
    /// What the row has in a column with a negative number.
    pub fn cell(&self, column: Column) -> Cell<'_> {
        let place = (-i32::from(column) - 1) as usize;
        match self.0.get(place) {
            None | Some(Answer::Unknown) => Cell::Unknown,
            Some(Answer::Null) => Cell::Null,
            Some(Answer::Key(key)) => Cell::Key(key),
            Some(Answer::Set(keys)) => Cell::Set(keys),
        }
    }

    pub(super) fn of(answers: Vec<Answer>) -> Facts {
        Facts(answers)
    }
}

/// How a value of the statement becomes an answer.
struct Target {
    kind: KeyKind,
    /// The type of the array whose elements are the answer.
    array: Option<Oid>,
}

/// A statement over `$1`, an array of rows.
pub(super) struct Asking {
    pub statement: *mut pg_sys::PlannedStmt,
    array_type: Oid,
    row_type: Oid,
    targets: Vec<Target>,
}

impl Asking {
    /// # Safety
    /// The facts are about a relation of this row type as range-table entry 1; the statement lives as long as `memory`.
    pub(super) unsafe fn new(memory: &Memory, row_type: Oid, facts: &[&Fact]) -> Result<Asking> {
        const TEXT: &str = "SELECT FROM pg_catalog.unnest($1)";
        // SAFETY: as promised.
        unsafe {
            let array_type = pg_sys::get_array_type(row_type);
            let nodes: Vec<_> = facts.iter().map(|fact| fact.node).collect();
            let statement = execute::plan(execute::select(TEXT, &[array_type], &nodes)?);
            let target = |fact: &&Fact| Target {
                kind: fact.kind,
                array: fact.elements.then(|| pg_sys::exprType(fact.node)),
            };
            Ok(Asking {
                statement: memory.within(|| pg_sys::copyObjectImpl(statement.cast()).cast()),
                array_type,
                row_type,
                targets: facts.iter().map(target).collect(),
            })
        }
    }

    /// The answers for rows, in their order.
    ///
    /// # Safety
    /// The rows are of the row type.
    pub(super) unsafe fn answers(&self, shape: &RowShape, rows: &[&Decoded]) -> Vec<Vec<Answer>> {
        let mut answers = Vec::with_capacity(rows.len());
        // SAFETY: as promised; the values are of the targets' types.
        unsafe {
            let rows = rows.iter().map(|row| shape.composite(row)).collect();
            let array = execute::array_of(rows, self.row_type);
            execute::execute(
                self.statement,
                &[(self.array_type, array)],
                &mut |values, nulls| {
                    let values = self.targets.iter().zip(values).zip(nulls);
                    let answer = |((target, value), null): ((&Target, &Datum), &bool)| {
                        target.answer((!null).then_some(*value))
                    };
                    answers.push(values.map(answer).collect());
                },
            );
        }
        answers
    }
}

impl Target {
    /// # Safety
    /// The value is of the target's type.
    unsafe fn answer(&self, value: Option<Datum>) -> Answer {
        // SAFETY: as promised.
        unsafe {
            match (self.array, value) {
                (Some(array), value) => {
                    let elements = keys_of_array(value, array, self.kind);
                    let mut keys = elements.map_or(Vec::new(), |(keys, _)| keys);
                    keys.sort_unstable();
                    keys.dedup();
                    Answer::Set(keys.into())
                }
                (None, None) => Answer::Null,
                (None, Some(value)) => Answer::Key(self.kind.key(value)),
            }
        }
    }
}
