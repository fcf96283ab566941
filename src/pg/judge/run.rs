//! Runs a compiled statement over rows: returns one verdict per row, or the error of the first row that fails.

use super::conjuncts;
use super::execute;
use super::policy::{Compiled, Verdict};
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;

impl Compiled {
    /// The verdicts on rows, in order. Errors: an error of a policy or filter, with the effects of the statement
    /// undone. Of one row, no error is felt if a policy hides it.
    pub fn verdicts(&self, shape: &RowShape, rows: &[&Decoded]) -> Result<Vec<Verdict>, Raised> {
        let judged = attempt(|| {
            // SAFETY: the rows have the shape's columns; the statement takes an array of its row type.
            Ok(unsafe { self.run(self.statement, shape, rows) })
        });
        match (judged, rows) {
            (Err(_), [row]) if self.is_hidden(shape, row) => Ok(vec![Verdict::Hidden]),
            (judged, _) => judged,
        }
    }

    /// Whether one of the conditions that the policies consist of hides a row, whatever others raise. A SELECT does not come
    /// to it where another one raises before; but then its error would tell the reader of a row that is hidden from him, and
    /// stop him.
    fn is_hidden(&self, shape: &RowShape, row: &Decoded) -> bool {
        let hides = |number: usize| {
            let judged = attempt(|| {
                let scratch = Memory::new();
                // SAFETY: as above.
                Ok(scratch.within(|| unsafe {
                    let statement = conjuncts::alone(self.statement, number);
                    statement.map(|statement| self.run(statement, shape, &[row]))
                }))
            });
            judged.is_ok_and(|verdicts| verdicts.is_some_and(|all| all == [Verdict::Hidden]))
        };
        self.conjuncts > 1 && (0..self.conjuncts).any(hides)
    }

    /// # Safety
    /// `shape` is of the row type that the statement was compiled for.
    unsafe fn run(
        &self,
        statement: *mut pg_sys::PlannedStmt,
        shape: &RowShape,
        rows: &[&Decoded],
    ) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(rows.len());
        // SAFETY: as promised; the statement has one column, an integer that is never NULL.
        unsafe {
            let rows = rows.iter().map(|row| shape.composite(row)).collect();
            let array = execute::array_of(rows, self.row_type);
            execute::execute(statement, &[(self.array_type, array)], &mut |values, _| {
                verdicts.push(Verdict::from_number(values[0].value() as i32));
            });
        }
        verdicts
    }
}
