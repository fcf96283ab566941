//! Extern declarations: functions and variables of the server that pgrx does not bind. On the row path, also some that
//! pgrx binds, without its guard, which costs more than the functions themselves.
//!
//! The first two groups never raise an error. The others may: call them only inside a `pg_guard_ffi_boundary` whose
//! closure holds no value with a destructor and cannot panic, since an error jumps out of it (pgrx-pg-sys, ffi.rs).

use pgrx::pg_sys;
use std::ffi::{c_char, c_int, c_long, c_void};

unsafe extern "C" {
    // bytea.h
    pub static mut bytea_output: c_int;
    // common/shortest_dec.h
    pub fn double_to_shortest_decimal_bufn(value: f64, result: *mut c_char) -> c_int;
    pub fn float_to_shortest_decimal_bufn(value: f32, result: *mut c_char) -> c_int;
}

unsafe extern "C-unwind" {
    pub fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
    pub fn GetCurrentTransactionStartTimestamp() -> pg_sys::TimestampTz;
    pub fn GetTopFullTransactionIdIfAny() -> pg_sys::FullTransactionId;
    // elog.h: sets the SQLSTATE of the error that is being raised.
    pub fn errcode(sqlstate: c_int) -> c_int;
    // libpq/libpq.h
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    pub fn pq_buffer_has_data() -> bool;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    pub fn pq_buffer_remaining_data() -> isize;
    // tcop/tcopprot.h: a signal handler, which only sets flags.
    pub fn die(signal: c_int);
}

unsafe extern "C-unwind" {
    // tcop/utility.h
    pub fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        is_read_only: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        receiver: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
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

// Not bound by pgrx: access/timeline.h, catalog/partition.h, catalog/pg_inherits.h, commands/async.h,
// executor/functions.h, libpq/libpq.h, replication/message.h, regex/regex.h.
unsafe extern "C-unwind" {
    pub static mut FeBeWaitSet: *mut pg_sys::WaitEventSet;
    pub fn pq_startmsgread();
    pub fn pq_peekbyte() -> c_int;
    pub fn pq_endmsgread();
    pub fn readTimeLineHistory(target: pg_sys::TimeLineID) -> *mut pg_sys::List;
    pub fn get_partition_ancestors(relation: pg_sys::Oid) -> *mut pg_sys::List;
    pub fn find_all_inheritors(
        parent: pg_sys::Oid,
        lock: pg_sys::LOCKMODE,
        numbers_of_parents: *mut *mut pg_sys::List,
    ) -> *mut pg_sys::List;
    pub fn prepare_sql_fn_parse_info(
        function: pg_sys::HeapTuple,
        call: *mut pg_sys::Node,
        collation: pg_sys::Oid,
    ) -> *mut c_void;
    pub fn sql_fn_parser_setup(state: *mut pg_sys::ParseState, information: *mut c_void);
    pub fn Async_Notify(channel: *const c_char, payload: *const c_char);
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    pub fn LogLogicalMessage(
        prefix: *const c_char,
        message: *const c_char,
        size: usize,
        transactional: bool,
    ) -> pg_sys::XLogRecPtr;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    pub fn LogLogicalMessage(
        prefix: *const c_char,
        message: *const c_char,
        size: usize,
        transactional: bool,
        flush: bool,
    ) -> pg_sys::XLogRecPtr;
    pub fn RE_compile_and_cache(
        pattern: *mut pg_sys::text,
        flags: c_int,
        collation: pg_sys::Oid,
    ) -> *const CompiledRegex;
}

/// `TimeLineHistoryEntry` (access/timeline.h), the same from version 9.3 to 18.
#[repr(C)]
pub struct TimeLineHistoryEntry {
    pub tli: pg_sys::TimeLineID,
    pub begin: pg_sys::XLogRecPtr,
    /// 0: it goes on.
    pub end: pg_sys::XLogRecPtr,
}

/// The beginning of `regex_t` (regex/regex.h), the same from version 9.1 to 18.
#[repr(C)]
pub struct CompiledRegex {
    magic: c_int,
    groups: usize,
    pub info: c_long,
}
