//! A condition over one row of a relation, its row filter or its policies: for sinks, which get changes row by row.

use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use pgrx::{pg_sys, PgList};
use std::ffi::CString;

/// A compiled condition.
pub struct RowFilter {
    condition: *mut pg_sys::ExprState,
    slot: *mut pg_sys::TupleTableSlot,
    context: *mut pg_sys::ExprContext,
    /// Owns the memory of the other fields.
    _memory: Memory,
}

impl RowFilter {
    /// `tree` is an analysed condition over the relation, as text (`filter::condition::Condition::tree`); `row_type` is
    /// the relation's. `None` for an invalid text.
    pub fn new(tree: &str, row_type: pg_sys::Oid) -> Option<RowFilter> {
        let text = CString::new(tree).ok()?;
        // SAFETY: the text is a condition over range-table entry 1.
        Some(unsafe { RowFilter::make(row_type, || pg_sys::stringToNode(text.as_ptr()).cast()) })
    }

    /// A condition that holds if at least one condition of each list holds.
    ///
    /// # Safety
    /// All are conditions over range-table entry 1.
    pub(in crate::pg) unsafe fn all_of_any(
        lists: &[Vec<*mut pg_sys::Node>],
        row_type: pg_sys::Oid,
    ) -> RowFilter {
        let tree = || {
            let mut all = PgList::<pg_sys::Node>::new();
            for list in lists {
                let mut any = PgList::<pg_sys::Node>::new();
                // SAFETY: as promised; the planner may write to what it is given.
                list.iter().for_each(|condition| unsafe {
                    any.push(pg_sys::copyObjectImpl(condition.cast()).cast());
                });
                // SAFETY: the list is not empty, or it is and means that nothing holds.
                all.push(unsafe { pg_sys::make_orclause(any.into_pg()) }.cast());
            }
            // SAFETY: as above; no list at all means that it holds.
            unsafe { pg_sys::make_ands_explicit(all.into_pg()) }
        };
        // SAFETY: as promised.
        unsafe { RowFilter::make(row_type, tree) }
    }

    /// # Safety
    /// The result of `tree` is a condition over range-table entry 1. An ExprState without a plan uses the context's
    /// scan tuple for it (execExpr.c).
    unsafe fn make(row_type: pg_sys::Oid, tree: impl FnOnce() -> *mut pg_sys::Expr) -> RowFilter {
        let memory = Memory::new();
        // SAFETY: as promised; everything is made in the memory that lives as long as the filter.
        let (condition, slot, context) = memory.within(|| unsafe {
            let planned = pg_sys::expression_planner(tree());
            let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(row_type, -1);
            (
                pg_sys::ExecInitExpr(planned, std::ptr::null_mut()),
                pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsVirtual),
                pg_sys::CreateStandaloneExprContext(),
            )
        });
        RowFilter {
            condition,
            slot,
            context,
            _memory: memory,
        }
    }

    /// Whether the condition holds for a row of the relation; NULL counts as false.
    pub fn holds(&self, row: &Decoded) -> bool {
        // SAFETY: the slot has room for the relation's columns, of which the row has the values; what the condition
        // allocates lives in the trigger's memory.
        unsafe {
            let slot = &mut *self.slot;
            pg_sys::ExecClearTuple(slot);
            let columns = (*slot.tts_tupleDescriptor).natts as usize;
            for place in 0..columns.min(row.len()) {
                *slot.tts_values.add(place) = row.values[place];
                *slot.tts_isnull.add(place) = row.nulls[place];
            }
            pg_sys::ExecStoreVirtualTuple(slot);
            (*self.context).ecxt_scantuple = slot;
            let mut null = false;
            let holds = pg_sys::ExecEvalExpr(self.condition, self.context, &mut null);
            pg_sys::ExecClearTuple(slot);
            !null && holds.value() != 0
        }
    }
}
