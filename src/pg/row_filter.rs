//! A relation's row filter over one row: for the sinks, which are told row by row.

use super::decode::Decoded;
use super::memory::Memory;
use pgrx::pg_sys;
use std::ffi::CString;

/// The row filter of a relation, ready to be asked.
pub struct RowFilter {
    condition: *mut pg_sys::ExprState,
    slot: *mut pg_sys::TupleTableSlot,
    context: *mut pg_sys::ExprContext,
    /// Holds all of it.
    _memory: Memory,
}

impl RowFilter {
    /// `tree` is an analysed condition over the relation, as text (`filter::condition::Condition::tree`); `row_type` is the
    /// relation's. `None` for a text that is none.
    pub fn new(tree: &str, row_type: pg_sys::Oid) -> Option<RowFilter> {
        let text = CString::new(tree).ok()?;
        let memory = Memory::new();
        // SAFETY: the text is a condition over range-table entry 1, which an ExprState without a plan takes for the
        // context's scan tuple (execExpr.c); everything is made in the memory that lives as long as the filter.
        let (condition, slot, context) = memory.within(|| unsafe {
            let tree = pg_sys::stringToNode(text.as_ptr()).cast();
            let planned = pg_sys::expression_planner(tree);
            let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(row_type, -1);
            (
                pg_sys::ExecInitExpr(planned, std::ptr::null_mut()),
                pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsVirtual),
                pg_sys::CreateStandaloneExprContext(),
            )
        });
        Some(RowFilter {
            condition,
            slot,
            context,
            _memory: memory,
        })
    }

    /// Whether it holds for a row of the relation; NULL is no.
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
