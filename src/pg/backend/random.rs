//! Numbers that are drawn at random.

use crate::error::{report, Error, Result};
use pgrx::{pg_sys, PgSqlErrorCode};

/// A number that nobody can predict, and that no other server draws, whatever it was copied from. Errors: XX000 when the
/// server has no source of randomness.
pub fn number() -> Result<i32> {
    let mut bytes = [0; 4];
    // SAFETY: fills as many bytes as it is told.
    let drawn = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
    match drawn {
        true => Ok(i32::from_ne_bytes(bytes)),
        false => Err(Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            report("could not generate a random number"),
        )),
    }
}
