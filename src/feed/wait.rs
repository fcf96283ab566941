//! The long-poll: until one of the relations has a newer committed entry.

use super::follow::check_captured;
use super::nested;
use super::relation::Relation;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::cursor::Cursor;
use crate::log::unread::{Part, Unread};
use crate::log::watermark;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::wait;
use crate::pg::backend::wal;
use crate::pg::backend::xact;
use crate::pg::catalog::privilege;
use crate::pg::Oid;
use std::time::Duration;

/// Milliseconds between two looks; a commit is noticed within a few of these.
const LOOK_EVERY_MS: i64 = 15;

/// Waits until one of the relations has an entry after the cursor, for at most `timeout` and `pgrealtime.max_wait`.
/// Only when some transaction has ended since the last look is the log looked at, from where the last look came to.
/// Nothing is locked while it waits; the statement's snapshot holds back vacuum's horizon as any long statement does.
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
        // What a lagging standby waits for need not be the end of a transaction.
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

/// What a look at the log has shown.
enum Look {
    /// There is an entry after the cursor.
    Found,
    /// There is none; the cursor of what was looked at.
    Nothing(Cursor),
    /// A standby has not replayed what the cursor has seen.
    Lags,
}

/// Looks at everything after the cursor: the rest of the batch that it is in, then what came after that.
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
