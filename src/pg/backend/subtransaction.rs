//! Work whose failure must not be the caller's: run in an internal subtransaction. The only place that makes one.

use super::sqlstate::{is_cancel, note_again, noted, noting};
use crate::error::{report, Error, Result};
use pgrx::{pg_sys, PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// An error that the work raised; what the work did has been undone.
#[derive(Debug, Clone)]
pub struct Raised {
    /// Its SQLSTATE, as five characters.
    pub sqlstate: [u8; 5],
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
        note_again(pack(self.sqlstate));
        Error::Raised(self.sqlstate, report(message).detail(detail).hint(hint))
    }
}

/// An error of ours, which was returned.
fn of_error(error: &Error) -> Raised {
    Raised {
        sqlstate: unpack(error.code() as i32),
        message: error.message(),
    }
}

/// An error that was raised. pgrx knows Postgres's own SQLSTATEs only: `noted` is the one that was seen on the way, 0 for
/// none.
fn of_caught(error: &pg_sys::panic::CaughtError, noted: i32) -> Raised {
    let (code, message) = parts_of(error);
    let code = match noted {
        0 => code as i32,
        noted => noted,
    };
    Raised {
        sqlstate: unpack(code),
        message,
    }
}

/// Code and message of a caught error.
pub(in crate::pg) fn parts_of(error: &pg_sys::panic::CaughtError) -> (PgSqlErrorCode, String) {
    use pg_sys::panic::CaughtError as Caught;
    let report = match error {
        Caught::PostgresError(report) | Caught::ErrorReport(report) => report,
        Caught::RustPanic { ereport, .. } => ereport,
    };
    (report.sql_error_code(), report.message().to_string())
}

/// The five characters of a SQLSTATE, six bits each (elog.h, MAKE_SQLSTATE).
fn unpack(code: i32) -> [u8; 5] {
    [0, 1, 2, 3, 4].map(|i| ((code >> (6 * i)) & 0x3f) as u8 + b'0')
}

/// The reverse of [`unpack`].
fn pack(characters: [u8; 5]) -> i32 {
    characters.iter().rev().fold(0, |code, character| {
        (code << 6) | i32::from(character.wrapping_sub(b'0') & 0x3f)
    })
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn a_sqlstate_comes_back() {
        for state in [*b"57014", *b"XX000", *b"P0001", *b"ZZZZZ", *b"00000"] {
            assert_eq!(unpack(pack(state)), state);
        }
    }
}
