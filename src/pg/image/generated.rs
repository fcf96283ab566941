//! Virtual generated columns (PostgreSQL 18). A stored row does not hold them, but its image does.

use crate::pg::backend::subtransaction::attempt;
use pgrx::pg_sys;

/// Computes the virtual columns of a relation's rows. Lives in the memory of its builder.
pub struct Generated {
    descriptor: pg_sys::TupleDesc,
    /// Numbers of the columns, and their expressions.
    columns: Vec<(usize, *mut pg_sys::ExprState)>,
    slot: *mut pg_sys::TupleTableSlot,
    context: *mut pg_sys::ExprContext,
}

/// A row with its virtual columns.
pub struct Filled {
    pub tuple: pg_sys::HeapTuple,
    /// The columns that could not be computed; they are NULL in the tuple.
    pub failed: Vec<usize>,
}

impl Generated {
    /// `None` for a relation without virtual columns, and always before version 18.
    ///
    /// # Safety
    /// The relation is open; `descriptor` is a copy of its own that lives in the current memory context.
    pub unsafe fn new(
        relation: pg_sys::Relation,
        descriptor: pg_sys::TupleDesc,
    ) -> Option<Generated> {
        // SAFETY: as promised; expressions, slot and context are made in the current memory context.
        unsafe {
            let columns = crate::pg::sys::attributes::virtual_columns(relation);
            if columns.is_empty() {
                return None;
            }
            let prepare = |(place, expression): (usize, *mut pg_sys::Node)| {
                let planned = pg_sys::expression_planner(expression.cast());
                (place, pg_sys::ExecInitExpr(planned, std::ptr::null_mut()))
            };
            Some(Generated {
                descriptor,
                columns: columns.into_iter().map(prepare).collect(),
                slot: pg_sys::MakeSingleTupleTableSlot(
                    descriptor,
                    &raw const pg_sys::TTSOpsHeapTuple,
                ),
                context: pg_sys::CreateStandaloneExprContext(),
            })
        }
    }

    /// The row with its virtual columns. The write must not fail, even where a SELECT of them would. They are computed
    /// in a subtransaction; after an error, the row has no values in these columns.
    ///
    /// # Safety
    /// The tuple is a row of the descriptor.
    pub unsafe fn fill(&self, tuple: pg_sys::HeapTuple) -> Filled {
        // SAFETY: as promised; the arrays have room for every attribute, the computed values live in the current memory
        // context.
        unsafe {
            let natts = (*self.descriptor).natts as usize;
            let (mut values, mut nulls) = (vec![pg_sys::Datum::null(); natts], vec![true; natts]);
            pg_sys::heap_deform_tuple(
                tuple,
                self.descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            (*self.context).ecxt_scantuple = pg_sys::ExecStoreHeapTuple(tuple, self.slot, false);
            let computed = attempt(|| {
                for (place, expression) in &self.columns {
                    let null = &mut nulls[*place];
                    values[*place] = pg_sys::ExecEvalExpr(*expression, self.context, null);
                }
                Ok(())
            });
            pg_sys::ExecClearTuple(self.slot);
            let mut failed = Vec::new();
            if computed.is_err() {
                failed.extend(self.columns.iter().map(|(place, _)| *place));
                failed.iter().for_each(|place| nulls[*place] = true);
            }
            Filled {
                tuple: pg_sys::heap_form_tuple(
                    self.descriptor,
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                ),
                failed,
            }
        }
    }
}
