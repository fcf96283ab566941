//! Opening the log for a reader: what it has not read, in segments that stay until it has.

use super::cursor::{Batch, Cursor, Origin, Watermark};
use super::read::{Log, Range};
use super::state::State;
use super::watermark;
use crate::error::Result;
use crate::pg::storage::heap::View;
use crate::pg::Oid;

/// The log, open, and what a reader has not read of it.
pub struct Unread {
    pub log: Log,
    pub origin: Origin,
    /// The rest of the batch that the reader is in the middle of, or everything after its cursor.
    pub first: Part,
    /// What came after that batch.
    pub then: Option<Part>,
}

/// What lies between two watermarks.
pub struct Part {
    pub from: Watermark,
    pub to: Watermark,
    /// The last entry that was read of it; 0 for none.
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
    /// Opens the log at a cursor. `None` when the statement's snapshot is older than the cursor or its batch's end, as
    /// in a REPEATABLE READ transaction or on a standby that lags: of a batch that another session began the statement
    /// would not see all. Errors: 72000 when something that the reader has not read has left the log.
    pub fn open(cursor: &Cursor) -> Result<Option<Unread>> {
        // The segments are locked before the horizon is read: what the check finds to be there stays until it was read.
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
