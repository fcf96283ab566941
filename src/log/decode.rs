//! Decoding entries of the log.

use super::entry::{GapCause, Kind};
use super::marks::Marks;
use crate::change::RowOperation;
use crate::error::{report, Error, Result};
use crate::pg::backend::memory::Arena;
use crate::pg::image::format::Image;
use crate::pg::storage::scan::Stream;
use crate::pg::Oid;
use crate::timestamp::Timestamp;

/// A committed entry; `'m` is how long its images stay in memory.
pub struct Entry<'m> {
    pub position: u64,
    pub xid: u64,
    /// Start of its transaction.
    pub changed_at: Timestamp,
    pub relation: Oid,
    pub content: Content<'m>,
}

/// The content of an entry.
pub enum Content<'m> {
    Row(CapturedRow<'m>),
    Truncate,
    /// The cause of the gap; `None` for an unknown cause.
    Gap(Option<GapCause>),
    /// A note for `log_status`.
    Note,
}

/// A changed row.
pub struct CapturedRow<'m> {
    pub operation: RowOperation,
    /// Id of the layout of its images.
    pub layout: i64,
    pub image: Image<'m>,
    /// Old values of the columns that an UPDATE changed.
    pub old: Option<Image<'m>>,
    pub marks: Marks,
}

impl Entry<'_> {
    /// Bytes of its images.
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Row(row) => row.image.bytes() + row.old.map_or(0, |old| old.bytes()),
            _ => 0,
        }
    }
}

/// Decodes the current entry of a stream. Its images are copied into the arena. Errors: XX001 for a damaged entry.
pub(super) fn decode<'m>(stream: &Stream, arena: Arena<'m>) -> Result<Entry<'m>> {
    let content = match Kind::from_letter(stream.operation()) {
        Kind::Row(operation) => {
            Content::Row(row(stream, operation, arena).ok_or_else(|| damaged(stream))?)
        }
        Kind::Truncate => Content::Truncate,
        Kind::Gap => Content::Gap(gap_cause(stream.marks().as_deref())),
        Kind::Note => Content::Note,
    };
    Ok(Entry {
        position: stream.position(),
        xid: stream.xid(),
        changed_at: stream.changed_at(),
        relation: stream.relation(),
        content,
    })
}

/// `None` when it is damaged. Whatever changed has an old value, and nothing else has.
fn row<'m>(stream: &Stream, operation: RowOperation, arena: Arena<'m>) -> Option<CapturedRow<'m>> {
    let marks = Marks::decode(stream.marks().as_deref())?;
    let old = stream.old_image(arena)?;
    let changed = marks.changed.iter().any(|bits| *bits != 0);
    (changed == old.is_some()).then_some(())?;
    Some(CapturedRow {
        operation,
        layout: stream.layout(),
        image: stream.image(arena)??,
        old,
        marks,
    })
}

/// The cause that the marks of a gap hold; `None` for an unknown cause.
pub(super) fn gap_cause(marks: Option<&[u8]>) -> Option<GapCause> {
    GapCause::from_letter(*marks?.first()?)
}

fn damaged(stream: &Stream) -> Error {
    Error::data_corrupted(report(format!(
        "the change at position {:X} of the change log is damaged",
        stream.position()
    )))
}
