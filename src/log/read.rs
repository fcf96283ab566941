//! Reading: the committed entries between two watermarks, in the order of their positions.

use super::cursor::Watermark;
use super::decode::{decode, gap_cause, Entry};
use super::entry::{GapCause, Kind};
use super::segments;
use crate::error::{report, Error, Result};
use crate::pg::backend::memory::Arena;
use crate::pg::backend::memory::Memory;
use crate::pg::storage::scan::Segment;
use crate::pg::storage::scan::Stream;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A gap of a relation.
pub struct Gap {
    pub relation: Oid,
    pub position: u64,
    pub xid: u64,
    /// `None` for an unknown cause.
    pub cause: Option<GapCause>,
}

/// The segments of the log, locked against being emptied while this lives.
pub struct Log {
    pub(super) segments: Vec<Segment>,
}

/// The range to read: the transactions that `to` counts as finished and `from` did not.
pub struct Range<'a> {
    pub from: &'a Watermark,
    pub to: &'a Watermark,
    /// Position of the last entry of this range that was read; 0 if none was.
    pub after: u64,
    /// Position of the last entry of it that is wanted; `None` for all.
    pub last: Option<u64>,
    /// In ascending order.
    pub relations: &'a [Oid],
}

impl Range<'_> {
    /// No entry at or after this position is wanted.
    fn end(&self) -> u64 {
        let to = self.to.lsn;
        self.last.map_or(to, |last| to.min(last + 1))
    }
}

/// A merge of streams.
pub struct Entries<'a> {
    range: Range<'a>,
    /// The segments with an entry in the range, and the position to begin at in each.
    segments: Vec<(&'a Segment, u64)>,
    streams: Vec<Stream<'a>>,
    /// (position, stream), smallest first.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// The number of entries examined, whether they matched or not.
    pub examined: usize,
    /// Position of the last entry that was examined.
    pub reached: u64,
}

impl Log {
    /// Locks every segment for reading. The places of the segments are read again under the locks, since no index can
    /// go away then. Errors: 55000 when the extension has just been dropped.
    pub fn open() -> Result<Log> {
        loop {
            let places = segments::segments()?;
            let segments = places
                .iter()
                .map(|place| Segment::open(place).ok_or_else(dropped))
                .collect::<Result<Vec<_>>>()?;
            if segments::segments()? == places {
                return Ok(Log { segments });
            }
        }
    }

    /// The entry at a position, committed or not, so that a test sees its own entries.
    #[cfg(any(test, feature = "pg_test"))]
    pub fn entry_at<'m>(&self, position: u64, arena: Arena<'m>) -> Option<Result<Entry<'m>>> {
        self.segments.iter().find_map(|segment| {
            let stream = segment.by_position(position, position + 1);
            stream.next().then(|| decode(&stream, arena))
        })
    }

    /// The entries of a range that follow `range.after`.
    pub fn entries<'a>(&'a self, range: Range<'a>) -> Entries<'a> {
        let mut entries = Entries {
            segments: Vec::new(),
            streams: Vec::new(),
            heads: BinaryHeap::new(),
            examined: 0,
            reached: range.after,
            range,
        };
        for segment in self.segments.iter().filter(|segment| !segment.is_empty()) {
            let (from, to) = (entries.range.from, entries.range.to);
            let first = first_unfinished(segment, from, to).min(from.lsn);
            let start = first.max(entries.range.after + 1);
            if start < entries.range.end() {
                entries.add(segment, start);
            }
        }
        entries
    }
}

/// The entry at a position of a segment that this transaction has written; `None` if there is none. Errors: XX001 for a
/// damaged entry.
pub fn own_entry(segment: u16, position: u64, arena: Arena<'_>) -> Result<Option<Entry<'_>>> {
    let places = segments::segments()?;
    let Some(segment) = places.get(usize::from(segment)).and_then(Segment::open) else {
        return Ok(None);
    };
    let stream = segment.by_position(position, position + 1);
    let entry = stream.next().then(|| decode(&stream, arena));
    entry.transpose()
}

impl Log {
    /// Passes the committed entries of a relation to `visit`, newest first, until `visit` returns false. Examines the
    /// last [`LOOKED_BACK`] entries of each segment. Images are read one at a time, into a memory context of their own.
    /// Errors: XX001 for a damaged entry, and those of `visit`.
    pub fn newest_first(
        &self,
        relation: Oid,
        mut visit: impl FnMut(&Entry) -> Result<bool>,
    ) -> Result<()> {
        let filled = self.segments.iter().filter(|segment| !segment.is_empty());
        let mut streams: Vec<Backwards> = filled
            .map(|segment| Backwards {
                stream: segment.backwards(),
                looked: 0,
            })
            .collect();
        let mut heads: BinaryHeap<(u64, usize)> = streams
            .iter_mut()
            .enumerate()
            .filter_map(|(place, one)| Some((one.next_of(relation)?, place)))
            .collect();
        while let Some((_, place)) = heads.pop() {
            let memory = Memory::new();
            let entry = decode(&streams[place].stream, memory.arena())?;
            let goes_on = memory.within(|| visit(&entry))?;
            if !goes_on {
                break;
            }
            heads.extend(streams[place].next_of(relation).map(|at| (at, place)));
        }
        Ok(())
    }

    /// When the transaction of the oldest entry began.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.segments
            .iter()
            .filter(|segment| !segment.is_empty())
            .filter_map(|segment| {
                let stream = segment.by_position(0, u64::MAX);
                stream.next().then(|| stream.changed_at())
            })
            .min()
    }
}

/// The number of entries per segment that are examined for the last ones of a relation.
const LOOKED_BACK: usize = 100_000;

/// A segment that is read from its end.
struct Backwards<'a> {
    stream: Stream<'a>,
    looked: usize,
}

impl Backwards<'_> {
    /// Moves to the previous entry of a relation, and returns its position.
    fn next_of(&mut self, relation: Oid) -> Option<u64> {
        while self.looked < LOOKED_BACK && self.stream.back() {
            self.looked += 1;
            if self.stream.relation() == relation && self.stream.is_visible() {
                return Some(self.stream.position());
            }
        }
        None
    }
}

impl<'a> Entries<'a> {
    /// Adds a segment that has an entry at or after this position.
    fn add(&mut self, segment: &'a Segment, start: u64) {
        let stream = segment.by_position(start, self.range.end());
        if stream.next() {
            self.segments.push((segment, start));
            self.heads
                .push(Reverse((stream.position(), self.streams.len())));
            self.streams.push(stream);
        }
    }

    /// Whether an entry is of one of the relations, committed, and finished between the two watermarks.
    fn is_wanted(&self, stream: &Stream) -> bool {
        let xid = stream.xid();
        let relation = stream.relation().to_u32();
        let relations = self.range.relations;
        relations
            .binary_search_by_key(&relation, |one| one.to_u32())
            .is_ok()
            && self.range.to.snapshot.finished(xid)
            && !self.range.from.snapshot.finished(xid)
            && stream.is_visible()
    }

    /// The next entry of the range; `None` at the end, or when `limit` entries have been examined; `exhausted` tells
    /// these apart. The images are copied into the arena: the scans themselves allocate in the context that they were
    /// begun in.
    pub fn next<'m>(&mut self, limit: usize, arena: Arena<'m>) -> Option<Result<Entry<'m>>> {
        while self.examined < limit {
            let Reverse((position, place)) = self.heads.pop()?;
            self.examined += 1;
            self.reached = position;
            let stream = &self.streams[place];
            let entry = self.is_wanted(stream).then(|| decode(stream, arena));
            if stream.next() {
                self.heads.push(Reverse((stream.position(), place)));
            }
            if entry.is_some() {
                return entry;
            }
        }
        None
    }

    /// The first gap entry that [`Entries::gaps`] passes on.
    pub fn gap(&self) -> Option<Gap> {
        let mut first: Option<Gap> = None;
        self.gaps(|gap| {
            let is_earlier = |known: &Gap| gap.position < known.position;
            if first.as_ref().is_none_or(is_earlier) {
                first = Some(gap);
            }
        });
        first
    }

    /// Passes on the gap entries of the range that were not examined yet when this was made, those of each segment in the
    /// order of their positions. Changes that were captured before a gap cannot be relied on: the gap may mean that the
    /// rows have another form since.
    pub fn gaps(&self, mut found: impl FnMut(Gap)) {
        for (segment, start) in &self.segments {
            let stream = segment.remarkable(*start, self.range.end());
            while stream.next() {
                if Kind::from_letter(stream.operation()) == Kind::Gap && self.is_wanted(&stream) {
                    found(Gap {
                        relation: stream.relation(),
                        position: stream.position(),
                        xid: stream.xid(),
                        cause: gap_cause(stream.marks().as_deref()),
                    });
                }
            }
        }
    }

    /// Whether every entry of the range has been examined.
    pub fn exhausted(&self) -> bool {
        self.heads.is_empty()
    }
}

/// The first position in this segment of a transaction that was not finished at `from` and is finished at `to`. Such a
/// transaction is in the in-progress list of `from`, or began between its snapshot and its position. The log is read by
/// position from there on, so a long transaction makes its reader read once more what was written meanwhile.
pub(super) fn first_unfinished(segment: &Segment, from: &Watermark, to: &Watermark) -> u64 {
    let mut first = u64::MAX;
    for xid in from.snapshot.in_progress() {
        if to.snapshot.finished(*xid) {
            first = first.min(segment.first_of(*xid).unwrap_or(u64::MAX));
        }
    }
    let begun = from.snapshot.xmax()..from.next_xid.min(to.snapshot.xmax());
    if !begun.is_empty() {
        let stream = segment.by_transactions(begun.start, begun.end);
        while stream.next() {
            if to.snapshot.finished(stream.xid()) {
                first = first.min(stream.position());
            }
        }
    }
    first
}

fn dropped() -> Error {
    Error::undefined_table(
        report("the change log does not exist")
            .detail("The extension pgrealtime has just been dropped."),
    )
}
