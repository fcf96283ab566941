//! The long poll: waits until one of the relations has a newer committed entry.

use super::follow::check_captured;
use super::naps::Naps;
use super::nested;
use super::relation::Relation;
use super::subscriptions;
use super::who::check_unconfined;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::cursor::Cursor;
use crate::log::part::Part;
use crate::log::unread::Unread;
use crate::log::watermark;
use crate::pg::backend::client;
use crate::pg::backend::client::Sent;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::wait;
use crate::pg::backend::wal;
use crate::pg::catalog::privilege;
use crate::pg::Oid;
use std::time::{Duration, Instant};

/// Waits until one of the relations has an entry after the cursor, but no longer than the timeout and
/// `pgrealtime.max_wait`. No locks are held during the wait. The statement's snapshot holds back vacuum's horizon, as in
/// any long statement.
///
/// Errors: 54001 within a call that reads changes; 22023 for a negative timeout; 22P02 for an invalid cursor; 42501
/// without the privileges; 55000 if changes are not captured; 72000 if changes after the cursor are missing.
pub fn wait_for_changes(cursor: &str, relations: &[Oid], timeout_ms: i64) -> Result<bool> {
    nested::refuse("wait_for_changes")?;
    let end = end(timeout_ms)?;
    let role = privilege::current_role();
    for relation in relations {
        let relation = Relation::open(*relation)?;
        relation.selectable(role)?;
        check_captured(&relation)?;
    }
    let mut watch = Watch::new(cursor)?;
    loop {
        if watch.is_due() && watch.look(relations)? {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        wait::nap(milliseconds(left.min(watch.naps.next())));
    }
}

/// How long the procedure waits when it cannot see whether the client has sent its next command: see
/// [`client::Sent::Unknown`].
const UNSEEN: Duration = Duration::from_millis(50);

/// Waits until one of the relations has an entry after the cursor, or until the client has sent its next command or
/// has gone, but no longer than the timeout and `pgrealtime.max_wait`. Returns a cursor from which nothing of the
/// relations is missing. `commit` ends the transaction and begins another one: no snapshot or lock is held while it sleeps.
///
/// Errors: 54001 within a call that reads changes; 22023 for a negative timeout; 22P02 for an invalid cursor; 72000 if
/// changes after the cursor are missing.
pub fn wait(cursor: &str, relations: &[Oid], timeout_ms: i64, commit: impl Fn()) -> Result<String> {
    nested::refuse("wait")?;
    check_unconfined("wait")?;
    let end = end(timeout_ms)?;
    let unseen = Instant::now() + UNSEEN;
    let mut watch = Watch::new(cursor)?;
    // The cursor that it returns may be no further than one that was used before.
    subscriptions::has_come_to(watch.cursor.progress());
    loop {
        let client = client::look();
        if client.sent == Sent::Command {
            break;
        }
        if watch.is_due() {
            let found = watch.look(relations)?;
            commit();
            if found {
                break;
            }
        }
        let end = match client.sent {
            Sent::Unknown => end.min(unseen),
            _ => end,
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        client.nap(milliseconds(left.min(watch.naps.next())));
    }
    // A crash must not undo what the cursor has seen.
    wal::flush(watch.cursor.last().lsn);
    Ok(watch.cursor.encode())
}

/// When a wait ends that begins now. Errors: 22023 for a negative timeout.
fn end(timeout_ms: i64) -> Result<Instant> {
    if timeout_ms < 0 {
        return Err(Error::invalid_parameter_value(report(
            "the timeout must not be negative",
        )));
    }
    let timeout = timeout_ms.min(gucs::max_wait_ms()).unsigned_abs();
    Ok(Instant::now() + Duration::from_millis(timeout))
}

/// At least one, or a nap of less than a millisecond would be none.
fn milliseconds(nap: Duration) -> i64 {
    (nap.as_micros() as i64).saturating_add(999) / 1000
}

/// The log as a session sees it that waits for changes.
struct Watch {
    /// Nothing of the relations comes after the first cursor and before this one.
    cursor: Cursor,
    /// What the last look depended on.
    seen: Option<(u64, Option<u64>)>,
    /// Whether a standby has not yet replayed the log up to the cursor.
    lags: bool,
    naps: Naps,
}

impl Watch {
    fn new(cursor: &str) -> Result<Watch> {
        Ok(Watch {
            cursor: watermark::decode(cursor)?,
            seen: None,
            lags: false,
            naps: Naps::default(),
        })
    }

    /// Whether the log may say something new: a transaction has ended since the last look.
    fn is_due(&self) -> bool {
        self.seen != Some(self.now())
    }

    fn now(&self) -> (u64, Option<u64>) {
        // A standby that lags waits for replay, which may advance without the end of a transaction.
        let replayed = self.lags.then(wal::current);
        (wait::completed_transactions(), replayed)
    }

    /// Whether one of the relations has an entry after the cursor. Reads only the part of the log that no look has read
    /// yet.
    fn look(&mut self, relations: &[Oid]) -> Result<bool> {
        let began = Instant::now();
        self.seen = Some(self.now());
        match wait::with_latest_snapshot(|| look(&self.cursor, relations))? {
            Look::Found => return Ok(true),
            Look::Nothing(further) => (self.cursor, self.lags) = (further, false),
            Look::Lags => self.lags = true,
        }
        self.naps.looked(began.elapsed());
        Ok(false)
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
    Ok(Look::Nothing(last.end(unread.origin)))
}
