//! Appending: one entry for one change, in the writer's transaction.

use super::entry::{self, GapCause};
use super::janitor;
use super::layout::Registered;
use super::state::{self, Current};
use crate::error::Result;
use crate::pg::backend::wal;
use crate::pg::backend::wal::Position;
use crate::pg::backend::xact;
use crate::pg::image::format::Image;
use crate::pg::storage::entry::NewEntry;
use crate::pg::storage::segment;
use crate::pg::Oid;
use std::cell::Cell;

/// What an entry's layout column names.
pub enum Names<'a> {
    /// The layout of its images, which is registered in the segment that it goes to.
    Layout(&'a Registered),
    /// Whatever the operation says.
    Number(i64),
}

/// A change, as the trigger captured it.
pub struct Change<'a> {
    pub relation: Oid,
    pub operation: u8,
    pub layout: Names<'a>,
    pub image: Option<Image>,
    pub old: Option<Image>,
    pub marks: Option<&'a [u8]>,
    /// Whether the change itself wrote WAL.
    pub wal_written: bool,
}

/// Where an entry has been put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub position: Position,
    /// Number of the segment.
    pub segment: u16,
}

/// Appends a change at the position that it has now.
pub fn append(change: &Change) -> Result<Appended> {
    append_at(change, None)
}

/// Appends a change at a position of an earlier moment of the transaction, or at the one that it has now. Where a
/// transaction's entries begin is found by its first entries: one that is put in front of others is one of them.
pub fn append_at(change: &Change, earlier: Option<u64>) -> Result<Appended> {
    let xid = xact::top_xid();
    let (segment, first) = locked_segment(xid)?;
    // Before the position is taken: an entry's own is the last.
    let layout = match &change.layout {
        Names::Layout(layout) => layout.id(&segment)?,
        Names::Number(number) => *number,
    };
    let position = match earlier {
        Some(at) => Position {
            at,
            within_own: true,
        },
        None => wal::entry_position(change.wal_written),
    };
    let entry = NewEntry {
        position: position.at,
        xid,
        first: first || earlier.is_some(),
        remarkable: entry::is_remarkable(change.operation, change.marks),
        changed_at: xact::transaction_start(),
        layout,
        relation: change.relation,
        operation: change.operation,
        image: change.image,
        old: change.old,
        marks: change.marks,
    };
    segment::append(segment.place, &entry)?;
    janitor::after_append()?;
    Ok(Appended {
        position,
        segment: segment.number,
    })
}

/// Appends a gap entry: readers of the relation whose range holds it are told to read the table again.
pub fn append_gap(relation: Oid, cause: GapCause) -> Result<()> {
    append(&Change {
        relation,
        operation: entry::GAP,
        layout: Names::Number(0),
        image: None,
        old: None,
        marks: Some(&[cause.letter()]),
        wal_written: false,
    })
    .map(|_| ())
}

/// Appends a note that a sink could not deliver messages of a relation, for `log_status` to count.
pub fn append_undelivered(relation: Oid, messages: u64) -> Result<()> {
    append(&Change {
        relation: Oid::INVALID,
        operation: entry::NOTE,
        layout: Names::Number(relation.to_u32().into()),
        image: None,
        old: None,
        marks: Some(messages.to_string().as_bytes()),
        wal_written: false,
    })
    .map(|_| ())
}

/// The segment to write, locked, and whether the entry is the first of its run: of a transaction in a segment, without a
/// change of subtransaction. Within a run the lock is held; and only first entries are indexed by transaction. The first
/// entry that commits is always among them: an earlier one of its run is in its subtransaction, and would have committed,
/// too.
///
/// The segment is asked for again once its lock is held: the janitor switches first, then seals what it can lock, so
/// whoever still sees the old one after locking holds it against being sealed, and its indexes against being replaced.
fn locked_segment(xid: u64) -> Result<(Current, bool)> {
    thread_local! {
        static RUN: Cell<(u64, u32, Oid)> = const { Cell::new((0, 0, Oid::INVALID)) };
    }
    loop {
        let before = state::current_segment()?;
        let run = (xid, xact::subtransaction(), before.place.table);
        if RUN.get() == run {
            return Ok((before, false));
        }
        segment::lock(before.place)?;
        let current = state::current_segment()?;
        if current.place == before.place {
            RUN.set(run);
            return Ok((current, true));
        }
    }
}
