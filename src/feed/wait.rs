//! The long poll: waits until one of the relations has a newer committed entry.

use super::follow::check_captured;
use super::nested;
use super::relation::Relation;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::cursor::Cursor;
use crate::log::part::Part;
use crate::log::unread::Unread;
use crate::log::watermark;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::wait;
use crate::pg::backend::wal;
use crate::pg::backend::xact;
use crate::pg::catalog::privilege;
use crate::pg::Oid;
use std::time::Duration;

/// Milliseconds between two checks. A commit is noticed within a few of them.
const LOOK_EVERY_MS: i64 = 15;

/// Waits until one of the relations has an entry after the cursor, but no longer than the timeout and
/// `pgrealtime.max_wait`. The log is read again only if a transaction has ended since the last check, and only the part
/// that no check has read yet. No locks are held during the wait. The statement's snapshot holds back vacuum's horizon,
/// as in any long statement.
///
/// Errors: 54001 within a call that reads changes; 22023 for a negative timeout; 22P02 for an invalid cursor; 42501
/// without the privileges; 55000 if changes are not captured; 72000 if changes after the cursor are missing.
pub fn wait_for_changes(cursor: &str, relations: &[Oid], timeout_ms: i64) -> Result<bool> {
    nested::refuse("wait_for_changes")?;
    if timeout_ms < 0 {
        return Err(Error::invalid_parameter_value(report(
            "the timeout must not be negative",
        )));
    }
    let role = privilege::current_role();
    for relation in relations {
        let relation = Relation::open(*relation)?;
        relation.selectable(role)?;
        check_captured(&relation)?;
    }
    let until =
        xact::now() + Duration::from_millis(timeout_ms.min(gucs::max_wait_ms()).unsigned_abs());
    let mut cursor = watermark::decode(cursor)?;
    let mut seen = None;
    let mut lags = false;
    loop {
        // A standby that lags waits for replay, which may advance without the end of a transaction.
        let now = (wait::completed_transactions(), lags.then(wal::current));
        if seen != Some(now) {
            seen = Some(now);
            match wait::with_latest_snapshot(|| look(&cursor, relations))? {
                Look::Found => return Ok(true),
                Look::Nothing(further) => (cursor, lags) = (further, false),
                Look::Lags => lags = true,
            }
        }
        let left = until.since(xact::now()).as_millis() as i64;
        if left == 0 {
            return Ok(false);
        }
        wait::nap(left.min(LOOK_EVERY_MS));
    }
}

/// The result of one check of the log.
enum Look {
    /// There is an entry after the cursor.
    Found,
    /// There is none. Carries a cursor for the end of what was read.
    Nothing(Cursor),
    /// A standby has not yet replayed the log up to the cursor.
    Lags,
}

/// Checks all entries after the cursor: the rest of its batch, then those after the batch.
fn look(cursor: &Cursor, relations: &[Oid]) -> Result<Look> {
    let Some(unread) = Unread::open(cursor)? else {
        return Ok(Look::Lags);
    };
    let has_entry = |part: &Part| {
        let mut entries = unread.log.entries(part.of(relations));
        entries.next(usize::MAX, Memory::new().arena()).is_some()
    };
    if has_entry(&unread.first) || unread.then.as_ref().is_some_and(has_entry) {
        return Ok(Look::Found);
    }
    let last = unread.then.unwrap_or(unread.first);
    Ok(Look::Nothing(Cursor {
        origin: unread.origin,
        from: last.to,
        batch: None,
    }))
}
