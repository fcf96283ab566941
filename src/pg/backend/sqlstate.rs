//! User-defined SQLSTATEs. When pgrx carries an error through Rust, it turns SQLSTATEs that Postgres does not define
//! into XX000. So they are noted where a user's function raises an error, and restored where the error returns to
//! Postgres.

use crate::error::SqlState;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::PgSqlErrorCode;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

thread_local! {
    /// The SQLSTATE of the last error that a user's function raised, as Postgres packs it; 0 for none.
    static NOTED: Cell<c_int> = const { Cell::new(0) };
    /// The same for the last cancel: an error that Postgres itself raised to end the statement.
    static CANCEL: Cell<c_int> = const { Cell::new(0) };
    static PUT_BACK: Cell<pg_sys::ErrorContextCallback> = const {
        Cell::new(pg_sys::ErrorContextCallback {
            previous: std::ptr::null_mut(),
            callback: Some(put_back),
            arg: std::ptr::null_mut(),
        })
    };
}

/// Runs a user's function, and notes the SQLSTATE of an error that it raises.
pub(in crate::pg) fn noting<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: the callback is linked while its frame lives, and unlinked on the way of an error too: that is an
    // assignment, and cannot fail.
    unsafe {
        let mut callback = pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(note),
            arg: std::ptr::null_mut(),
        };
        let _unlink = Unlink(callback.previous);
        pg_sys::error_context_stack = &mut callback;
        NOTED.set(0);
        CANCEL.set(0);
        let result = call();
        // The function returned, so whatever it raised was caught or was a notice.
        NOTED.set(0);
        CANCEL.set(0);
        result
    }
}

/// The SQLSTATE that was noted last.
pub(in crate::pg) fn noted() -> Option<SqlState> {
    Some(NOTED.get())
        .filter(|noted| *noted != 0)
        .map(SqlState::from_packed)
}

/// Whether the error that was noted last is a cancel: a user's request, a statement timeout, or a conflict with a
/// standby's recovery. A function can raise a cancel's SQLSTATE itself, so the code that raised it decides. A
/// procedural language that raises the error again keeps the SQLSTATE.
pub(in crate::pg) fn is_cancel() -> bool {
    CANCEL.get() != 0 && CANCEL.get() == NOTED.get()
}

/// Notes a SQLSTATE for an error that is about to be raised on behalf of a user's function.
pub(in crate::pg) fn note_again(sqlstate: SqlState) {
    NOTED.set(sqlstate.packed());
}

/// SQLSTATE and message of a caught error, as pgrx knows them.
pub(in crate::pg) fn parts_of(error: &CaughtError) -> (SqlState, String) {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic {
        ereport: report, ..
    }) = error;
    (report.sql_error_code().into(), report.message().to_string())
}

/// The hint of an error of ours. What users' functions say in theirs may quote rows.
pub(in crate::pg) fn own_hint(error: &CaughtError) -> Option<String> {
    match error {
        CaughtError::ErrorReport(report) => report.hint().map(str::to_owned),
        _ => None,
    }
}

struct Unlink(*mut pg_sys::ErrorContextCallback);

impl Drop for Unlink {
    fn drop(&mut self) {
        // SAFETY: what was linked before outlives this guard.
        unsafe { pg_sys::error_context_stack = self.0 }
    }
}

/// Runs the body of an SQL function in which users' functions run. Their errors keep their SQLSTATE.
pub fn keeping<T>(body: impl FnOnce() -> T) -> T {
    NOTED.set(0);
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|error| {
        let noted = NOTED.take();
        // SAFETY: the callback lives as long as the thread. It is called by the `ereport` with which pgrx hands the
        // error to Postgres, next thing; whoever catches it there puts back the list of callbacks as it was.
        unsafe {
            if noted != 0 && PgSqlErrorCode::from(noted) == PgSqlErrorCode::ERRCODE_INTERNAL_ERROR {
                PUT_BACK.with(|callback| {
                    (*callback.as_ptr()).previous = pg_sys::error_context_stack;
                    (*callback.as_ptr()).arg = noted as usize as *mut c_void;
                    pg_sys::error_context_stack = callback.as_ptr();
                });
            }
        }
        resume_unwind(error)
    })
}

/// Called by Postgres for every message raised below [`noting`]. The SQLSTATE of the last message stays, which is that
/// of the error.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn note(_argument: *mut c_void) {
    // SAFETY: called while an error is being raised.
    let sqlstate = unsafe { pg_sys::geterrcode() };
    NOTED.set(sqlstate);
    // SAFETY: as above.
    if may_cancel(sqlstate) && unsafe { is_interrupt() } {
        CANCEL.set(sqlstate);
    }
}

/// Whether this is the SQLSTATE of a cancel. An error that ends a wait for a lock (`lock_timeout`) is not a cancel: it
/// concerns only that lock.
fn may_cancel(sqlstate: c_int) -> bool {
    use PgSqlErrorCode as Code;
    matches!(
        PgSqlErrorCode::from(sqlstate),
        Code::ERRCODE_QUERY_CANCELED
            | Code::ERRCODE_ADMIN_SHUTDOWN
            | Code::ERRCODE_CRASH_SHUTDOWN
            | Code::ERRCODE_T_R_SERIALIZATION_FAILURE
    )
}

/// Whether the message being raised comes from Postgres's interrupt handling (postgres.c; the second function exists
/// from version 16 on).
///
/// # Safety
/// Called while an error is being raised.
unsafe fn is_interrupt() -> bool {
    // SAFETY: as promised, there is an error to copy; its names are NULL or strings. The copy is made in a context of this
    // function's own: that of errors must not be used for it (elog.c, CopyErrorData).
    unsafe {
        let context = pg_sys::AllocSetContextCreateInternal(
            pg_sys::TopMemoryContext,
            c"pgrealtime error".as_ptr(),
            0,
            1024,
            8192,
        );
        let before = pg_sys::MemoryContextSwitchTo(context);
        let error = &*pg_sys::CopyErrorData();
        let is_named = |name: *const std::ffi::c_char, names: &[&[u8]]| {
            !name.is_null() && names.contains(&std::ffi::CStr::from_ptr(name).to_bytes())
        };
        let found = is_named(error.filename, &[b"postgres.c"])
            && is_named(
                error.funcname,
                &[b"ProcessInterrupts", b"ProcessRecoveryConflictInterrupt"],
            );
        pg_sys::MemoryContextSwitchTo(before);
        pg_sys::MemoryContextDelete(context);
        found
    }
}

/// Called by Postgres when pgrx raises the error again.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn put_back(sqlstate: *mut c_void) {
    // SAFETY: as above.
    unsafe { raw::errcode(sqlstate as usize as c_int) };
}
