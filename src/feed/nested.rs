//! Keeps a call that reads changes from being made within another one: by a policy, a filter or a cast.

use crate::error::{report, Error, Result};
use std::cell::Cell;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// While this value lives, the session is reading changes.
pub struct Reading(());

impl Drop for Reading {
    fn drop(&mut self) {
        READING.set(false);
    }
}

/// Begins a call of `function`. The call ends when the returned value is dropped, also after an error or a cancel.
/// Errors: 54001 within another such call. A policy that reads the changes of its own table is evaluated for every
/// change, and would read them all again each time. The work would double with every change, and would end only when
/// the stack overflows.
pub fn begin(function: &str) -> Result<Reading> {
    refuse(function)?;
    READING.set(true);
    Ok(Reading(()))
}

/// Errors: 54001 while the session is reading changes.
pub fn refuse(function: &str) -> Result<()> {
    if !READING.get() {
        return Ok(());
    }
    Err(Error::statement_too_complex(
        report(format!(
            "{function} cannot be called from a policy, a filter or a cast while changes are read"
        ))
        .detail("These run for every change, and each run would read all changes again.")
        .hint("Query the table instead."),
    ))
}
