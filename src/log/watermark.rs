//! Watermarks of the current moment, and the check whether a cursor is still inside the log.

use super::cursor::{Cursor, DecodeError, Origin, Watermark};
use super::snapshot::Snapshot;
use super::state::State;
use crate::error::{report, Error, Report, Result};
use crate::pg;
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::running;
use crate::pg::backend::timeline;
use crate::pg::backend::timeline::Timeline;
use crate::pg::backend::wal;
use crate::pg::backend::xact;
use crate::pg::backend::xact::Moment;
use crate::pg::backend::xact::SnapshotIds;
use crate::pg::storage::heap::View;
use std::cell::RefCell;
use std::rc::Rc;

/// The watermark of the statement's snapshot. Snapshot, position and next id are taken in that order. A transaction
/// that the snapshot does not know either wrote its entries at or after the position, or began before the next id. This
/// transaction counts as unfinished, since its entries are not committed.
pub fn current() -> Watermark {
    let snapshot = taken(xact::snapshot(Moment::Active));
    let snapshot = match xact::own_top_xid() {
        Some(xid) => snapshot.with_unfinished(xid),
        None => snapshot,
    };
    Watermark {
        snapshot,
        lsn: wal::current(),
        next_xid: xact::next_xid(),
    }
}

/// A seal: which transactions have finished now, whatever else a standby may list as running. A seal must list the
/// transactions that a cursor made on the standby lists. An id that the seal lists for too long does no harm: no
/// running transaction has written into the segment.
pub fn seal() -> Snapshot {
    taken(running::running())
}

/// Whether the statement sees every transaction as finished that `known` counts as finished.
///
/// On a standby, a snapshot also lists subtransactions and VACUUM, which the primary's snapshots leave out. An id that
/// is still listed after replay has passed the watermark is one of these: if it had finished on the primary, its end
/// would have been replayed. No entry carries such an id.
pub fn reaches(now: &Watermark, known: &Watermark) -> bool {
    if now.snapshot.covers(&known.snapshot) {
        return true;
    }
    if !wal::in_recovery()
        || now.snapshot.xmax() < known.snapshot.xmax()
        || wal::current() < known.lsn
    {
        return false;
    }
    let listed = taken(xact::snapshot(Moment::Latest));
    let mut unfinished = now.snapshot.in_progress().iter();
    unfinished.all(|xid| !known.snapshot.finished(*xid) || !listed.finished(*xid))
}

/// Whether a cursor may include what comes after `until`. The statement reaches both.
pub fn is_ahead(cursor: &Cursor, until: &Cursor) -> bool {
    match (&cursor.batch, &until.batch) {
        (Some(at), Some(end)) if at.to == end.to => {
            at.position > end.position || is_beyond(&cursor.from, &until.from)
        }
        // What is behind the position in the batch of `until` comes after it.
        _ => is_beyond(cursor.last(), &until.from),
    }
}

/// Whether `known` has seen the end of a transaction that `until` does not know of. An id that has not finished by now
/// is one that only a standby lists, and no such end. Positions do not tell: a snapshot may be much older than the
/// position that was read after it.
fn is_beyond(known: &Watermark, until: &Watermark) -> bool {
    if until.snapshot.covers(&known.snapshot) {
        return false;
    }
    let running = match wal::in_recovery() {
        true => xact::snapshot(Moment::Latest),
        false => running::running(),
    };
    let (mut listed, now) = (until.snapshot.in_progress().iter(), taken(running));
    known.snapshot.xmax() > until.snapshot.xmax()
        || listed.any(|xid| known.snapshot.finished(*xid) && now.finished(*xid))
}

fn taken(ids: SnapshotIds) -> Snapshot {
    Snapshot::new(ids.xmax, ids.in_progress)
}

/// The identity of this log, as stored in cursors.
pub fn origin(state: &State) -> Origin {
    let timeline = timeline::current();
    Origin {
        system: wal::system_identifier(),
        database: pg::database().to_u32(),
        log: state.log_id as u64,
        epoch: state.epoch as u32,
        timeline: timeline.number,
        began: timeline.began,
    }
}

/// The identity of this log as the statement sees it, without reading the log's state where that is known. Not in
/// parallel workers. Errors: as [`State::read`].
pub fn current_origin() -> Result<Origin> {
    if let Some(state) = STATE.with_borrow_mut(|state| state.get(&())) {
        return Ok(origin(&state.0));
    }
    let fresh = State::watch()?;
    let state = State::read(View::Active)?;
    let origin = origin(&state);
    // An older snapshot does not see what is true by now, and later ones will.
    if State::read(View::Latest)? == state {
        STATE.with_borrow_mut(|known| known.insert((), Rc::new(Known(state, fresh))));
    }
    Ok(origin)
}

/// The log's state, as it is until sessions are told of a change.
struct Known(State, Fresh);

impl Kept for Known {
    fn is_fresh(&self) -> bool {
        self.1.get()
    }
}

thread_local! {
    static STATE: RefCell<Cache<(), Rc<Known>>> = RefCell::new(Cache::new(1));
}

/// Reads a cursor. Errors: 22P02 when the text is not a valid cursor.
pub fn decode(text: &str) -> Result<Cursor> {
    decode_argument("cursor", text)
}

/// Reads a cursor that is an argument of this name. Errors: as [`decode`].
pub fn decode_argument(argument: &str, text: &str) -> Result<Cursor> {
    Cursor::decode(text).map_err(|error| {
        let invalid = match argument {
            "cursor" => "invalid cursor".to_string(),
            _ => format!("{argument} is not a valid cursor"),
        };
        let hint = "Use a cursor that current_cursor() or changes_since() returned, unchanged.";
        Error::invalid_text_representation(match error {
            DecodeError::Malformed => report(invalid).hint(hint),
            DecodeError::Version(version) => report(invalid)
                .detail(format!(
                    "Its format is version {version}, which this server does not know."
                ))
                .hint(hint),
        })
    })
}

/// Checks that the log still holds everything that the cursor's reader has not seen. The caller has locked the segments
/// and read the state after that. Errors: 72000, always with the advice to read the table again.
pub fn check(cursor: &Cursor, state: &State) -> Result<()> {
    match why_refused(cursor, state)? {
        None => Ok(()),
        Some(detail) => Err(read_again(
            report("the cursor is not inside the change log").detail(detail),
        )),
    }
}

/// Why a reader at the cursor would have to read the table again; `None` if it would not.
pub fn why_refused(cursor: &Cursor, state: &State) -> Result<Option<&'static str>> {
    if let Some(detail) = elsewhere(cursor, state) {
        return Ok(Some(detail));
    }
    let seal = state.horizon()?;
    Ok(seal
        .filter(|seal| has_more(seal, &cursor.from.snapshot))
        .map(|_| "Changes after it have left the change log."))
}

/// Whether a seal counts transactions as finished that may have committed changes which `seen` does not have. After a
/// crash of the primary, a standby may list for long what ended with the crash and has left no changes.
pub(super) fn has_more(seal: &Snapshot, seen: &Snapshot) -> bool {
    let mut unseen = seen.in_progress().iter();
    seen.xmax() < seal.xmax()
        || unseen.any(|xid| seal.finished(*xid) && xact::may_have_committed(*xid))
}

/// Checks that a cursor that a reader is to stop at is one of this log. Errors: 22023.
pub fn check_until(until: &Cursor, state: &State) -> Result<()> {
    match elsewhere(until, state) {
        None => Ok(()),
        Some(detail) => Err(Error::invalid_parameter_value(
            report("until is not a cursor of this change log")
                .detail(detail)
                .hint("Pass a cursor that current_cursor() or subscribe() returned here."),
        )),
    }
}

/// Why a cursor is not one of this server's history.
fn elsewhere(cursor: &Cursor, state: &State) -> Option<&'static str> {
    let here = origin(state);
    let of = &cursor.origin;
    let timeline = Timeline {
        number: of.timeline,
        began: of.began,
    };
    if of.system != here.system || of.database != here.database {
        Some("It was made in another cluster or database.")
    } else if of.log != here.log {
        Some("It was made before the extension was created again.")
    } else if of.epoch != here.epoch {
        Some("It was made before invalidate_cursors() was called.")
    } else if !timeline::is_in_history(timeline, furthest(cursor)) {
        Some("It was made on a server whose later changes were lost in a failover or by restoring a backup.")
    } else if is_newer(cursor) {
        Some("It is newer than this server: an older copy of it may have been restored.")
    } else {
        None
    }
}

/// Whether the cursor was made ahead of this server's history. A standby that has not replayed the cursor's position
/// may still reach it. A cursor says nothing of ids beyond its snapshot: unfinished transactions may be lost in a
/// crash, and their ids assigned again.
fn is_newer(cursor: &Cursor) -> bool {
    let recovering = wal::in_recovery();
    if furthest(cursor) > wal::current() {
        return !recovering;
    }
    let to = cursor
        .batch
        .as_ref()
        .map_or(0, |batch| batch.to.snapshot.xmax());
    cursor.from.snapshot.xmax().max(to) > xact::next_xid()
}

/// What a reader that is refused can do.
pub const READ_AGAIN: &str =
    "Read the table again: take current_cursor() and SELECT in one REPEATABLE READ transaction, and go on from there.";

/// The error that tells a reader to read its table again: 72000.
pub fn read_again(report: Report) -> Error {
    Error::snapshot_too_old(report.hint(READ_AGAIN))
}

/// The last position that a cursor includes.
fn furthest(cursor: &Cursor) -> u64 {
    let to = cursor.batch.as_ref().map_or(0, |batch| batch.to.lsn);
    cursor.from.lsn.max(to)
}

/// `current_cursor()`: flushed, so that a crash cannot undo what the cursor has seen. Errors: as [`State::read`].
pub fn current_cursor() -> Result<String> {
    let watermark = current();
    let state = State::read(View::Active)?;
    wal::flush(watermark.lsn);
    Ok(Cursor {
        origin: origin(&state),
        from: watermark,
        batch: None,
    }
    .encode())
}
