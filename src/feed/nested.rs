//! Calls that ask other people's policies, filters and casts about captured rows: none of them from within another.

use crate::error::{report, Error, Result};
use std::cell::Cell;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// While this lives, the session reads changes.
pub struct Reading(());

impl Drop for Reading {
    fn drop(&mut self) {
        READING.set(false);
    }
}

/// Begins a call of `function`, until what is returned is dropped, by an error or a cancel too. Errors: 54001 within
/// another call. A policy that polls its own table is asked about every row by every poll, and polls for each of them:
/// the work would double with every row, and end only with the stack.
pub fn begin(function: &str) -> Result<Reading> {
    refuse(function)?;
    READING.set(true);
    Ok(Reading(()))
}

/// Errors: 54001 within a call that has begun.
pub fn refuse(function: &str) -> Result<()> {
    if !READING.get() {
        return Ok(());
    }
    Err(Error::statement_too_complex(
        report(format!(
            "{function} cannot be called by a policy, a filter or a cast while changes are read"
        ))
        .detail("They are asked about every change; each would read all of them again.")
        .hint("Let it look at the table instead."),
    ))
}
