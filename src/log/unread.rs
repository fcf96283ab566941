//! Opens the log for a reader: the entries that it has not read, in segments that stay until it has read them.

use super::cursor::{Batch, Cursor, Origin};
use super::part::{Overlap, Part};
use super::read::{Log, Range};
use super::state::State;
use super::watermark;
use crate::error::{report, Error, Result};
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

impl Part {
    /// The entries of relations.
    pub fn of<'a>(&'a self, relations: &'a [Oid]) -> Range<'a> {
        Range {
            from: &self.from,
            to: &self.to,
            after: self.after,
            last: self.last,
            relations,
        }
    }
}

impl Unread {
    /// Opens the log at a cursor. `None` when the statement's snapshot is older than the cursor or than its batch's
    /// end, as in a REPEATABLE READ transaction or on a standby that lags: the statement would not see the whole batch
    /// that another session began. Errors: 72000 when the log no longer holds something that the reader has not read.
    pub fn open(cursor: &Cursor) -> Result<Option<Unread>> {
        let opened = Opened::at(cursor)?;
        let now = watermark::current();
        if !watermark::reaches(&now, cursor.last()) {
            return Ok(None);
        }
        let newest = Part {
            from: cursor.last().clone(),
            to: now,
            after: 0,
            last: None,
        };
        let rest = cursor.batch.as_ref().map(|Batch { to, position }| Part {
            from: cursor.from.clone(),
            to: to.clone(),
            after: *position,
            last: None,
        });
        let (first, then) = match rest {
            Some(rest) => (rest, Some(newest)),
            None => (newest, None),
        };
        Ok(Some(opened.unread(first, then)))
    }

    /// Opens the log at a cursor for what comes before `until`. `None` when there is nothing in between. Errors: as
    /// [`Unread::open`]; 22023 for an `until` that is not of this log; 40001 for an `until` before the cursor, and when the
    /// statement's snapshot is older than one of the two: "nothing" would be taken for "nothing in between".
    pub fn open_until(cursor: &Cursor, until: &Cursor) -> Result<Option<Unread>> {
        let opened = Opened::at(cursor)?;
        watermark::check_until(until, &opened.state)?;
        let now = watermark::current();
        let reaches = |known: &Cursor| watermark::reaches(&now, known.last());
        if !reaches(cursor) || !reaches(until) {
            return Err(not_yet());
        }
        // Whoever goes on from `until` would be given again what is between the two, and not know it.
        if watermark::is_ahead(cursor, until) {
            return Err(beyond());
        }
        let part = Part::until(cursor, until).map_err(|Overlap| beyond())?;
        Ok(part.map(|part| opened.unread(part, None)))
    }
}

fn not_yet() -> Error {
    Error::serialization_failure(
        report("this statement does not see all that cursor and until include yet").hint(
            "Call again later: a standby has not replayed that much yet, or the transaction's snapshot is older.",
        ),
    )
}

fn beyond() -> Error {
    Error::serialization_failure(
        report("until is older than the cursor")
            .detail("The cursor, or the batch that it is in, includes changes that come after until.")
            .hint("Subscribe again, and use the cursor of that; on a standby that lags, a little later."),
    )
}

/// The open log and its state.
struct Opened {
    log: Log,
    state: State,
}

impl Opened {
    /// The segments are locked before the horizon is read, so that what the check finds stays in the log until it is
    /// read. Errors: 72000.
    fn at(cursor: &Cursor) -> Result<Opened> {
        let log = Log::open()?;
        let state = State::read(View::Latest)?;
        watermark::check(cursor, &state)?;
        Ok(Opened { log, state })
    }

    fn unread(self, first: Part, then: Option<Part>) -> Unread {
        Unread {
            log: self.log,
            origin: watermark::origin(&self.state),
            first,
            then,
        }
    }
}
