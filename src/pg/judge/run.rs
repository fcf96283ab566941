//! Runs a compiled statement over rows: a verdict or an error for each of them.

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
    /// The verdict on each row, in order, or the error that it raises, with the effects of the statement undone. Rows are
    /// judged together as far as possible, and the others one by one, when their verdict is asked for.
    ///
    /// No error of a row is felt that one of the conditions of the policies hides, whatever the others raise. A SELECT does
    /// not come to it where another one raises before; but then its error would tell the reader of a row that is hidden
    /// from him, and stop him.
    pub fn verdicts<'a>(
        &'a self,
        shape: &'a RowShape,
        rows: &'a [&'a Decoded<'a>],
    ) -> impl Iterator<Item = Result<Verdict, Raised>> + 'a {
        let known = match self.together(self.statement, shape, rows) {
            Ok(verdicts) => verdicts.into_iter().map(|one| Some(Ok(one))).collect(),
            Err(raised) => self.apart(shape, rows, raised),
        };
        rows.iter()
            .zip(known)
            .map(|(row, known)| known.unwrap_or_else(|| self.one(shape, row)))
    }

    fn one(&self, shape: &RowShape, row: &Decoded) -> Result<Verdict, Raised> {
        self.verdicts(shape, &[row])
            .next()
            .unwrap_or(Ok(Verdict::Hidden))
    }

    /// What is known of rows that cannot be judged together, since one of them has raised an error.
    fn apart(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        raised: Raised,
    ) -> Vec<Option<Result<Verdict, Raised>>> {
        let hidden = self.hidden(shape, rows);
        if let [is_hidden] = hidden[..] {
            return vec![Some(if is_hidden {
                Ok(Verdict::Hidden)
            } else {
                Err(raised)
            })];
        }
        let others = rows.iter().zip(&hidden).filter(|(_, hidden)| !**hidden);
        let others: Vec<&Decoded> = others.map(|(row, _)| *row).collect();
        // Without the hidden ones, they may not raise any error.
        let mut judged = match others.len() < rows.len() {
            true => self.together(self.statement, shape, &others).ok(),
            false => None,
        }
        .map(Vec::into_iter);
        hidden
            .into_iter()
            .map(|is_hidden| match is_hidden {
                true => Some(Ok(Verdict::Hidden)),
                false => judged.as_mut().and_then(Iterator::next).map(Ok),
            })
            .collect()
    }

    /// Whether one of the conditions that the policies consist of hides each row. Each is asked about all rows at once, so that
    /// many rows that raise cost their readers no more than one: a condition that raises here says nothing.
    fn hidden(&self, shape: &RowShape, rows: &[&Decoded]) -> Vec<bool> {
        let mut hidden = vec![false; rows.len()];
        if self.conjuncts < 2 {
            return hidden;
        }
        for number in 0..self.conjuncts {
            let open: Vec<usize> = (0..rows.len()).filter(|place| !hidden[*place]).collect();
            if open.is_empty() {
                break;
            }
            let scratch = Memory::new();
            // SAFETY: the statement has so many conjuncts.
            let alone = scratch.within(|| unsafe { conjuncts::alone(self.statement, number) });
            let Some(alone) = alone else {
                continue;
            };
            let asked: Vec<&Decoded> = open.iter().map(|place| rows[*place]).collect();
            if let Ok(verdicts) = self.together(alone, shape, &asked) {
                for (place, verdict) in open.into_iter().zip(verdicts) {
                    hidden[place] = verdict == Verdict::Hidden;
                }
            }
        }
        hidden
    }

    /// The verdicts of one execution. Errors: that of a row.
    fn together(
        &self,
        statement: *mut pg_sys::PlannedStmt,
        shape: &RowShape,
        rows: &[&Decoded],
    ) -> Result<Vec<Verdict>, Raised> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        attempt(|| {
            let scratch = Memory::new();
            // SAFETY: the rows have the shape's columns; the statement takes an array of its row type.
            Ok(scratch.within(|| unsafe { self.run(statement, shape, rows) }))
        })
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
