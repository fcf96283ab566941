//! Appending: one entry for one change, in the writer's transaction.

use super::entry::{GapCause, Kind};
use super::janitor;
use super::layout::Registered;
use super::marks::Marks;
use super::segments::{self, Current};
use crate::change::RowOperation;
use crate::error::Result;
use crate::pg::backend::wal;
use crate::pg::backend::wal::Position;
use crate::pg::backend::xact;
use crate::pg::backend::xact::Within;
use crate::pg::image::format::Image;
use crate::pg::storage::entry::NewEntry;
use crate::pg::storage::segment;
use crate::pg::Oid;
use std::cell::Cell;
use std::rc::Rc;

/// The layout of an entry without images.
const NO_LAYOUT: i64 = 0;

/// A captured change, or another event that the log records.
pub struct Change<'a> {
    /// Invalid for an entry that readers skip.
    pub relation: Oid,
    pub content: &'a Content<'a>,
    /// Whether the change itself wrote WAL.
    pub wal_written: bool,
}

/// The content of an entry.
pub enum Content<'a> {
    Row(CapturedRow<'a>),
    Truncate,
    Gap(GapCause),
    /// This number of messages of a relation could not be delivered.
    Undelivered {
        of: Oid,
        messages: u64,
    },
}

/// A changed row.
pub struct CapturedRow<'a> {
    pub operation: RowOperation,
    /// The layout of its images. It is registered in the segment that the entry goes to.
    pub layout: &'a Registered,
    pub image: Image<'a>,
    /// Old values of the columns that an UPDATE changed.
    pub old: Option<Image<'a>>,
    pub marks: Marks,
}

impl Content<'_> {
    fn kind(&self) -> Kind {
        match self {
            Content::Row(row) => Kind::Row(row.operation),
            Content::Truncate => Kind::Truncate,
            Content::Gap(_) => Kind::Gap,
            Content::Undelivered { .. } => Kind::Note,
        }
    }

    /// The stored bytes besides the images. A note names the relation, then the number of messages
    /// (sql/60_log_status.sql).
    fn marks(&self) -> Option<Vec<u8>> {
        match self {
            Content::Row(row) => row.marks.encode(),
            Content::Truncate => None,
            Content::Gap(cause) => Some(vec![cause.letter()]),
            Content::Undelivered { of, messages } => {
                Some(format!("{} {messages}", of.to_u32()).into_bytes())
            }
        }
    }
}

/// The place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub position: Position,
    /// Number of the segment.
    pub segment: u16,
}

/// Appends a change at the current position. Errors: as [`append_at`].
pub fn append(change: &Change) -> Result<Appended> {
    append_at(change, None, Within::now())
}

/// Appends a change at a position from an earlier moment of the transaction, or at the current one. Readers find the
/// start of a transaction by its first entries, so an entry that is put in front of others counts as a first entry.
/// `now` is [`Within::now`].
/// Errors: 42P01 when the extension was dropped; 55000 when its tables do not match the library.
pub fn append_at(change: &Change, earlier: Option<u64>, now: Within) -> Result<Appended> {
    let (segment, first) = locked_segment(now)?;
    // Looked up before the position is taken: the entry's own position is the last.
    let (layout, image, old) = match change.content {
        Content::Row(row) => (row.layout.id(&segment, now)?, Some(row.image), row.old),
        _ => (NO_LAYOUT, None, None),
    };
    let (kind, marks) = (change.content.kind(), change.content.marks());
    let position = match earlier {
        Some(at) => Position {
            at,
            within_own: true,
        },
        None => wal::entry_position(change.wal_written),
    };
    let entry = NewEntry {
        position: position.at,
        xid: now.xid,
        first: first || earlier.is_some(),
        remarkable: kind.is_remarkable(marks.as_deref()),
        changed_at: xact::transaction_start(),
        layout,
        relation: change.relation,
        operation: kind.letter(),
        image,
        old,
        marks: marks.as_deref(),
    };
    segment::append(&segment.place, &entry)?;
    janitor::after_append()?;
    Ok(Appended {
        position,
        segment: segment.number,
    })
}

/// Appends a gap entry. Readers of the relation whose range holds it must read the table again. Errors: as
/// [`append_at`].
pub fn append_gap(relation: Oid, cause: GapCause) -> Result<()> {
    append(&Change {
        relation,
        content: &Content::Gap(cause),
        wal_written: false,
    })
    .map(|_| ())
}

/// Appends a note that a sink could not deliver messages of a relation; `log_status` counts these. Errors: as
/// [`append_at`].
pub fn append_undelivered(relation: Oid, messages: u64) -> Result<()> {
    append(&Change {
        relation: Oid::INVALID,
        content: &Content::Undelivered {
            of: relation,
            messages,
        },
        wal_written: false,
    })
    .map(|_| ())
}

/// The segment to write, locked, and whether the entry is the first of its run. A run is what one transaction writes to
/// one segment without a change of subtransaction. Within a run the lock is held, and only first entries are indexed by
/// transaction. The first entry that commits is always indexed: an earlier entry of its run belongs to the same
/// subtransaction, so it would have committed too.
///
/// The segment is read again once its lock is held. The janitor switches first, and then seals the segments that it can
/// lock. So a session that still sees the old segment after locking it keeps it from being sealed, and keeps its
/// indexes from being replaced.
fn locked_segment(now: Within) -> Result<(Rc<Current>, bool)> {
    thread_local! {
        static RUN: Cell<Option<(Within, Oid)>> = const { Cell::new(None) };
    }
    loop {
        let before = segments::current_segment()?;
        let run = Some((now, before.place.table));
        if RUN.get() == run {
            return Ok((before, false));
        }
        segment::lock(&before.place)?;
        let current = segments::current_segment()?;
        if current.place == before.place {
            RUN.set(run);
            return Ok((current, true));
        }
    }
}
