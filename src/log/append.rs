//! Appending: one entry for one change, in the writer's transaction.

use super::entry::{self, GapCause};
use super::retention;
use super::state;
use crate::error::Result;
use crate::pg::image::Image;
use crate::pg::segment::{NewEntry, Writer};
use crate::pg::{wal, xact, Oid};

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
    let writer = current_writer()?;
    writer.append(&NewEntry {
        position: wal::entry_position(change.wal_written),
        xid: xact::top_xid(),
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
fn current_writer() -> Result<Writer> {
    loop {
        let (number, place) = state::current_segment()?;
        let writer = Writer::open(place, entry::GAP)?;
        if state::current_segment()?.0 == number {
            return Ok(writer);
        }
    }
}
