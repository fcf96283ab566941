//! Appending: one entry for one change, in the writer's transaction.

use super::entry::{self, GapCause};
use super::retention;
use super::state;
use crate::error::Result;
use crate::pg::image::Image;
use crate::pg::segment::{NewEntry, Writer};
use crate::pg::{wal, xact, Oid};
use std::cell::Cell;

/// A change, as the trigger captured it.
pub struct Change<'a> {
    pub relation: Oid,
    pub operation: u8,
    pub layout: i64,
    pub image: Option<Image>,
    pub old: Option<Image>,
    pub marks: Option<&'a [u8]>,
    /// Whether the change itself wrote WAL.
    pub wal_written: bool,
}

/// Appends a change at the position that it has now.
pub fn append(change: &Change) -> Result<()> {
    let (segment, writer) = current_writer()?;
    let xid = xact::top_xid();
    writer.append(&NewEntry {
        position: wal::entry_position(change.wal_written),
        xid,
        first: is_first(xid, segment),
        gap: change.operation == entry::GAP,
        changed_at: xact::transaction_start(),
        layout: change.layout,
        relation: change.relation,
        operation: change.operation,
        image: change.image,
        old: change.old,
        marks: change.marks,
    });
    retention::look_now_and_then()
}

/// Appends a gap entry: readers of the relation whose range holds it are told to read the table again.
pub fn append_gap(relation: Oid, cause: GapCause) -> Result<()> {
    append(&Change {
        relation,
        operation: entry::GAP,
        layout: 0,
        image: None,
        old: None,
        marks: Some(&[cause.letter()]),
        wal_written: false,
    })
}

/// Opens the segment to write. It is asked for again once its lock is held: the janitor switches first, then seals what
/// it can lock, so whoever still sees the old number after locking holds the old segment against being sealed.
fn current_writer() -> Result<(u16, Writer)> {
    loop {
        let (number, place) = state::current_segment()?;
        let writer = Writer::open(place)?;
        if state::current_segment()?.0 == number {
            return Ok((number, writer));
        }
    }
}

/// Whether an entry is the first of its run: of a transaction in a segment, without a change of subtransaction. Only
/// these are indexed by transaction. The first entry that commits is always among them: an earlier one of its run is in
/// its subtransaction, and would have committed, too.
fn is_first(xid: u64, segment: u16) -> bool {
    thread_local! {
        static RUN: Cell<(u64, u32, u16)> = const { Cell::new((0, 0, 0)) };
    }
    let run = (xid, xact::subtransaction(), segment);
    RUN.replace(run) != run
}
