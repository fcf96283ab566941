//! Runs work whose failure must not abort the caller, in an internal subtransaction. The only place that starts one.

use super::sqlstate::{is_cancel, note_again, noted, noting, own_hint, parts_of};
use crate::error::{report, Error, ErrorReport, Result, SqlState};
use pgrx::{pg_sys, PgLogLevel, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// An error that the work raised. The effects of the work have been undone.
#[derive(Debug, Clone)]
pub struct Raised {
    pub sqlstate: SqlState,
    pub message: String,
    /// That of an error of ours.
    pub hint: Option<String>,
}

/// Runs `body` in a subtransaction. An error undoes its effects and is returned.
///
/// A cancelled query, a statement timeout and a server shutdown are raised again, after the subtransaction is rolled
/// back. Code further out that catches them, such as PL/pgSQL, rolls back only what it has begun itself (pl_exec.c,
/// exec_stmt_block, does the same).
pub fn attempt<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Raised> {
    // SAFETY: called in a transaction. The subtransaction that is begun here ends here in every case, and memory context
    // and resource owner are put back behind it, as PL/pgSQL does.
    unsafe {
        let before = Before {
            context: pg_sys::CurrentMemoryContext,
            owner: pg_sys::CurrentResourceOwner,
            temporary: pg_sys::MyXactFlags & TEMPORARY,
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

/// The flag of a transaction that has looked for temporary objects, which cannot be prepared. Postgres leaves it set when
/// a subtransaction is rolled back, even one that was refused these objects.
const TEMPORARY: i32 = pg_sys::XACT_FLAGS_ACCESSEDTEMPNAMESPACE as i32;

/// What was there before the subtransaction: memory context, resource owner, and whether [`TEMPORARY`] was set.
#[derive(Clone, Copy)]
struct Before {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
    temporary: i32,
}

impl Before {
    /// # Safety
    /// Both were current before the subtransaction, which has ended.
    unsafe fn restore(self) {
        // SAFETY: both outlive the subtransaction, since they are older.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }

    /// # Safety
    /// The current subtransaction is the one that was begun after this was made.
    unsafe fn roll_back(self) {
        // SAFETY: as promised.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            self.restore();
            // Temporary objects that the subtransaction made or locked are gone and unlocked.
            pg_sys::MyXactFlags &= !TEMPORARY | self.temporary;
        }
    }
}

impl Raised {
    /// Whether a lock was held by others for too long.
    pub fn is_lock_timeout(&self) -> bool {
        self.sqlstate == SqlState::of(b"55P03")
    }

    /// Whether it is of the server or the session at this moment, a lock or want of memory say, so that the same may succeed
    /// later: the classes 40, 53, 55, 57 and 58.
    pub fn is_of_moment(&self) -> bool {
        let class = self.sqlstate.characters();
        [b"40", b"53", b"55", b"57", b"58"]
            .iter()
            .any(|of_moment| class.starts_with(*of_moment))
    }

    /// Raises its SQLSTATE again, with another message: code of users may have raised it.
    pub(in crate::pg) fn raise(self, message: &str) -> ! {
        note_again(self.sqlstate);
        ErrorReport::from(Error::new(self.sqlstate, report(message))).report(PgLogLevel::ERROR);
        unreachable!()
    }

    /// The error for the caller, with the SQLSTATE of the policy, filter or cast. Its message is not repeated. Raise it
    /// within `sqlstate::keeping`, which restores user-defined SQLSTATEs.
    pub fn into_error(self, message: String, detail: String, hint: &str) -> Error {
        note_again(self.sqlstate);
        Error::new(self.sqlstate, report(message).detail(detail).hint(hint))
    }
}

/// An error of ours that was returned.
fn of_error(error: &Error) -> Raised {
    Raised {
        sqlstate: error.code(),
        message: error.message().to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

/// An error that was raised. pgrx knows only Postgres's own SQLSTATEs; `noted` is the SQLSTATE seen when it was raised.
fn of_caught(error: &pg_sys::panic::CaughtError, noted: Option<SqlState>) -> Raised {
    let (sqlstate, message) = parts_of(error);
    Raised {
        sqlstate: noted.unwrap_or(sqlstate),
        message,
        hint: own_hint(error),
    }
}
