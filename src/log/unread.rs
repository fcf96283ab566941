//! Opens the log for a reader: the entries that it has not read, in segments that stay until it has read them.

use super::cursor::{Batch, Cursor, Origin, Watermark};
use super::read::{Log, Range};
use super::state::State;
use super::watermark;
use crate::error::Result;
use crate::pg::storage::heap::View;
use crate::pg::Oid;

/// The open log, and what a reader has not read of it.
pub struct Unread {
    pub log: Log,
    pub origin: Origin,
    /// The rest of the batch that the reader is in the middle of, or everything after its cursor.
    pub first: Part,
    /// The entries after that batch.
    pub then: Option<Part>,
}

/// The entries between two watermarks.
pub struct Part {
    pub from: Watermark,
    pub to: Watermark,
    /// Position of the last entry of it that was read; 0 if none was.
    pub after: u64,
}

impl Part {
    /// The entries of relations.
    pub fn of<'a>(&'a self, relations: &'a [Oid]) -> Range<'a> {
        Range {
            from: &self.from,
            to: &self.to,
            after: self.after,
            relations,
        }
    }
}

impl Unread {
    /// Opens the log at a cursor. `None` when the statement's snapshot is older than the cursor or than its batch's
    /// end, as in a REPEATABLE READ transaction or on a standby that lags: the statement would not see the whole batch
    /// that another session began. Errors: 72000 when the log no longer holds something that the reader has not read.
    pub fn open(cursor: &Cursor) -> Result<Option<Unread>> {
        // The segments are locked before the horizon is read, so that what the check finds stays in the log until it is
        // read.
        let log = Log::open()?;
        let state = State::read(View::Latest)?;
        watermark::check(cursor, &state)?;
        let now = watermark::current();
        let known = match &cursor.batch {
            Some(batch) => &batch.to,
            None => &cursor.from,
        };
        if !watermark::reaches(&now, known) {
            return Ok(None);
        }
        let newest = Part {
            from: known.clone(),
            to: now,
            after: 0,
        };
        let rest = cursor.batch.as_ref().map(|Batch { to, position }| Part {
            from: cursor.from.clone(),
            to: to.clone(),
            after: *position,
        });
        let (first, then) = match rest {
            Some(rest) => (rest, Some(newest)),
            None => (newest, None),
        };
        Ok(Some(Unread {
            log,
            origin: watermark::origin(&state),
            first,
            then,
        }))
    }
}
