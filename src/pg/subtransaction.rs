//! A piece of work whose failure must not be the caller's.

use crate::error;
use pgrx::{pg_sys, PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// Runs `body` in a subtransaction. An error undoes it and comes back as its message; a cancelled query and a server
/// that shuts down go on being errors.
pub fn attempt(body: impl FnOnce() -> error::Result<()>) -> Result<(), String> {
    // SAFETY: the subtransaction is released or rolled back below, with memory context and resource owner put back as
    // PL/pgSQL does it (pl_exec.c, exec_stmt_block).
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        // Nothing of a failed attempt is looked at afterwards but its message.
        let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
            match body() {
                Ok(()) => pg_sys::ReleaseCurrentSubTransaction(),
                Err(error) => {
                    pg_sys::RollbackAndReleaseCurrentSubTransaction();
                    return Err(error.message());
                }
            }
            Ok(())
        }))
        .catch_others(|error| {
            if must_stop(&error) {
                error.rethrow()
            }
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            Err(message(&error))
        })
        .execute();
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        outcome
    }
}

type Caught = pg_sys::panic::CaughtError;

fn must_stop(error: &Caught) -> bool {
    use PgSqlErrorCode as Code;
    let report = match error {
        Caught::PostgresError(report) | Caught::ErrorReport(report) => report,
        Caught::RustPanic { ereport, .. } => ereport,
    };
    matches!(
        report.sql_error_code(),
        Code::ERRCODE_QUERY_CANCELED | Code::ERRCODE_ADMIN_SHUTDOWN | Code::ERRCODE_CRASH_SHUTDOWN
    )
}

fn message(error: &Caught) -> String {
    match error {
        Caught::PostgresError(report) | Caught::ErrorReport(report) => report.message().to_owned(),
        Caught::RustPanic { ereport, .. } => ereport.message().to_owned(),
    }
}
