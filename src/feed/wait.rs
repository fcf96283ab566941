//! The long-poll: until one of the relations has a newer committed entry.

use super::relation::Relation;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::cursor::Cursor;
use crate::log::read::{Log, Range};
use crate::log::stand;
use crate::log::state::State;
use crate::pg::heap::View;
use crate::pg::memory::Memory;
use crate::pg::{privilege, wait, xact, Oid};

/// Milliseconds between two looks; a commit is noticed within a few of these.
const LOOK_EVERY_MS: i64 = 15;

/// Waits until one of the relations has an entry after the cursor, for at most `timeout` and `pgrealtime.max_wait`.
/// Only when some transaction has ended since the last look is the log looked at, from where the last look came to.
/// Nothing is locked while it waits; the statement's snapshot holds back vacuum's horizon as any long statement does.
pub fn wait_for_changes(cursor: &str, relations: &[Oid], timeout_ms: i64) -> Result<bool> {
    if timeout_ms < 0 {
        return Err(Error::InvalidParameterValue(report(
            "the timeout must not be negative",
        )));
    }
    let role = privilege::current_role();
    for relation in relations {
        Relation::open(*relation)?.selectable(role)?;
    }
    let until = xact::now() + timeout_ms.min(gucs::max_wait_ms()) * 1000;
    let mut cursor = stand::decode(cursor)?;
    let mut seen = None;
    loop {
        let completed = wait::completed_transactions();
        if seen != Some(completed) {
            seen = Some(completed);
            match wait::with_latest_snapshot(|| look(&cursor, relations))? {
                None => return Ok(true),
                Some(further) => cursor = further,
            }
        }
        let left = (until - xact::now()) / 1000;
        if left <= 0 {
            return Ok(false);
        }
        wait::nap(left.min(LOOK_EVERY_MS));
    }
}

/// `None` when there is an entry after the cursor, else the cursor of what was looked at.
fn look(cursor: &Cursor, relations: &[Oid]) -> Result<Option<Cursor>> {
    let log = Log::open()?;
    let state = State::read(View::Active)?;
    stand::check(cursor, &state)?;
    let (to, after) = match &cursor.batch {
        Some(batch) => (batch.to.clone(), batch.position),
        None => (stand::current(), 0),
    };
    if cursor.batch.is_none() && !to.snapshot.covers(&cursor.from.snapshot) {
        // A standby that lags behind the cursor.
        return Ok(Some(cursor.clone()));
    }
    let range = Range {
        from: &cursor.from,
        to: &to,
        after,
        relations,
    };
    let mut entries = log.entries(range);
    let memory = Memory::new();
    loop {
        if entries.next(usize::MAX, &memory).is_some() {
            return Ok(None);
        }
        if entries.exhausted() {
            break;
        }
    }
    drop(entries);
    let origin = cursor.origin;
    Ok(Some(Cursor {
        origin,
        from: to,
        batch: None,
    }))
}
