//! Work whose failure must not be the caller's: run in an internal subtransaction. The only place that makes one.

use super::sqlstate::{is_cancel, note_again, noted, noting, parts_of};
use crate::error::{report, Error, Result, SqlState};
use pgrx::{pg_sys, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// An error that the work raised; what the work did has been undone.
#[derive(Debug, Clone)]
pub struct Raised {
    pub sqlstate: SqlState,
    pub message: String,
}

/// Runs `body` in a subtransaction. An error undoes what it did and comes back.
///
/// A cancelled query, a timeout of the statement and a server that shuts down go on being errors, but the subtransaction
/// is rolled back before they do: whoever catches them further out, PL/pgSQL or the end of the command, rolls back what
/// it has begun itself and nothing else (pl_exec.c, exec_stmt_block, does the same).
pub fn attempt<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Raised> {
    // SAFETY: called in a transaction. The subtransaction that is begun here ends here in every case, and memory context
    // and resource owner are put back behind it, as PL/pgSQL does.
    unsafe {
        let before = Before {
            context: pg_sys::CurrentMemoryContext,
            owner: pg_sys::CurrentResourceOwner,
        };
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(before.context);
        PgTryBuilder::new(AssertUnwindSafe(|| match noting(body) {
            Ok(result) => {
                pg_sys::ReleaseCurrentSubTransaction();
                before.restore();
                Ok(result)
            }
            Err(error) => {
                before.roll_back();
                Err(of_error(&error))
            }
        }))
        .catch_others(|error| {
            let raised = of_caught(&error, noted());
            let must_stop = is_cancel();
            before.roll_back();
            if must_stop {
                error.rethrow()
            }
            Err(raised)
        })
        .execute()
    }
}

/// What was current before the subtransaction began.
#[derive(Clone, Copy)]
struct Before {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
}

impl Before {
    /// # Safety
    /// Called where both were current, behind the end of the subtransaction.
    unsafe fn restore(self) {
        // SAFETY: both outlive the subtransaction, since they are older.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }

    /// # Safety
    /// The current subtransaction is the one that was begun behind this.
    unsafe fn roll_back(self) {
        // SAFETY: as promised.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            self.restore();
        }
    }
}

impl Raised {
    /// The error for the caller: the SQLSTATE is that of the policy, filter or cast, its message is not repeated.
    /// Raise it within `sqlstate::keeping`, which puts a SQLSTATE of the user's own back.
    pub fn into_error(self, message: String, detail: String, hint: &str) -> Error {
        note_again(self.sqlstate);
        Error::new(self.sqlstate, report(message).detail(detail).hint(hint))
    }
}

/// An error of ours, which was returned.
fn of_error(error: &Error) -> Raised {
    Raised {
        sqlstate: error.code(),
        message: error.message().to_string(),
    }
}

/// An error that was raised. pgrx knows Postgres's own SQLSTATEs only: `noted` is the one that was seen on the way.
fn of_caught(error: &pg_sys::panic::CaughtError, noted: Option<SqlState>) -> Raised {
    let (sqlstate, message) = parts_of(error);
    Raised {
        sqlstate: noted.unwrap_or(sqlstate),
        message,
    }
}
