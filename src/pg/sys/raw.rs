//! Functions of the server without pgrx's guard, for the row path: a guard around each costs more than what some of them do.
//!
//! The first group never raises an error. The second may: only inside a `pg_guard_ffi_boundary` whose closure holds no
//! value with a destructor and cannot panic, since an error jumps out of it (pgrx-pg-sys, ffi.rs).

use pgrx::pg_sys;

unsafe extern "C-unwind" {
    pub fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
    pub fn GetCurrentTransactionStartTimestamp() -> pg_sys::TimestampTz;
    pub fn GetTopFullTransactionIdIfAny() -> pg_sys::FullTransactionId;
}

unsafe extern "C-unwind" {
    pub fn GetCurrentCommandId(used: bool) -> pg_sys::CommandId;
    pub fn RelationIdGetRelation(relation: pg_sys::Oid) -> pg_sys::Relation;
    pub fn RelationClose(relation: pg_sys::Relation);
    pub fn palloc(size: usize) -> *mut std::ffi::c_void;
    pub fn pfree(pointer: *mut std::ffi::c_void);
    pub fn toast_flatten_tuple(
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
    ) -> pg_sys::HeapTuple;
    pub fn heap_insert(
        relation: pg_sys::Relation,
        tuple: pg_sys::HeapTuple,
        command: pg_sys::CommandId,
        options: i32,
        state: pg_sys::BulkInsertState,
    );
    pub fn index_insert(
        index: pg_sys::Relation,
        values: *mut pg_sys::Datum,
        nulls: *mut bool,
        tid: pg_sys::ItemPointer,
        table: pg_sys::Relation,
        unique: pg_sys::IndexUniqueCheck::Type,
        unchanged: bool,
        info: *mut pg_sys::IndexInfo,
    ) -> bool;
}
