//! Runs a compiled statement over rows: returns one verdict per row, or the error of the first row that fails.

use super::execute;
use super::policy::{Compiled, Verdict};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;

impl Compiled {
    /// The verdicts on rows, in order. Errors: an error of a policy or filter, with the effects of the statement
    /// undone.
    pub fn verdicts(&self, shape: &RowShape, rows: &[&Decoded]) -> Result<Vec<Verdict>, Raised> {
        attempt(|| {
            // SAFETY: the rows have the shape's columns; the statement takes an array of its row type.
            Ok(unsafe { self.run(shape, rows) })
        })
    }

    /// # Safety
    /// `shape` is of the row type that the statement was compiled for.
    unsafe fn run(&self, shape: &RowShape, rows: &[&Decoded]) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(rows.len());
        // SAFETY: as promised; the statement has one column, an integer that is never NULL.
        unsafe {
            let rows = rows.iter().map(|row| shape.composite(row)).collect();
            let array = execute::array_of(rows, self.row_type);
            execute::execute(
                self.statement,
                &[(self.array_type, array)],
                &mut |values, _| {
                    verdicts.push(Verdict::from_number(values[0].value() as i32));
                },
            );
        }
        verdicts
    }
}
