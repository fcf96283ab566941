//! How far a reader is behind the end of the log, and for how long the log keeps what the reader has not seen.

use super::cursor::{Cursor, Origin};
use super::part::Part;
use super::read::first_unfinished;
use super::retention;
use super::segments;
use super::state::{Closed, State};
use super::unread::Unread;
use super::watermark;
use crate::error::Result;
use crate::pg::storage::heap::View;
use crate::pg::storage::scan::{Segment, Stream};
use crate::pg::storage::segment_files;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// Entries that are counted at the start of what is unread in a segment. The others are estimated, by their pages.
const COUNTED: usize = 500;

/// What a reader has not read.
#[derive(Default)]
pub struct Lag {
    /// Entries of all relations: exact up to [`COUNTED`] in a segment.
    pub entries: u64,
    /// The part of the log's files that they are in, in whole pages.
    pub bytes: u64,
    /// When the transaction of the first of them began.
    pub oldest: Option<Timestamp>,
}

impl Lag {
    /// Measures what is unread. Reads a few pages of each segment, however much that is. Errors: as reading the log's state.
    pub fn of(unread: &Unread) -> Result<Lag> {
        let mut lag = Lag::default();
        let places = segments::segments()?;
        for (segment, place) in unread.log.segments.iter().zip(&places) {
            if segment.is_empty() {
                continue;
            }
            let found = measure(segment, unread);
            let all_pages = segment.pages();
            lag.entries += found.entries;
            if found.pages > 0 {
                let bytes = u128::from(segment_files::bytes(place)) * u128::from(found.pages);
                lag.bytes += (bytes / u128::from(all_pages.max(1))) as u64;
            }
            lag.oldest = lag.oldest.into_iter().chain(found.oldest).min();
        }
        Ok(lag)
    }
}

/// What is unread of a segment.
#[derive(Default)]
struct Found {
    entries: u64,
    pages: u64,
    oldest: Option<Timestamp>,
}

/// Late commits have entries before the reader's position, among many that it has read. So these are counted by
/// themselves, and nothing is estimated from them.
fn measure(segment: &Segment, unread: &Unread) -> Found {
    let parts: Vec<&Part> = [&unread.first].into_iter().chain(&unread.then).collect();
    let first = parts[0];
    let end = parts.iter().map(|part| part.to.lsn).max().unwrap_or(0);
    let begin = first.from.lsn.max(first.after + 1);
    let late = |part: &&Part| {
        let first = first_unfinished(segment, &part.from, &part.to);
        first.max(part.after + 1)
    };
    let late = parts.iter().map(late).min().unwrap_or(begin);
    let mut found = Found::default();
    for (from, to) in [(late, begin), (begin, end)] {
        if from >= to {
            continue;
        }
        let counted = Counted::of(&segment.by_position(from, to), &parts);
        let Some([first_page, last_page]) = counted.pages else {
            continue;
        };
        let seen = u64::from(last_page - first_page) + 1;
        let behind = segment.pages() - u64::from(first_page);
        let is_all = counted.is_all || to == begin;
        found.pages += if is_all { seen } else { behind.max(seen) };
        found.entries += match is_all || seen == 1 {
            true => counted.entries,
            // The last page was counted in part only.
            false => (counted.entries - counted.on_last) * behind / (seen - 1),
        };
        found.oldest = found.oldest.into_iter().chain(counted.oldest).min();
    }
    found
}

struct Counted {
    entries: u64,
    /// The first and the last page with one of them.
    pages: Option<[u32; 2]>,
    /// Entries that are on the last of them.
    on_last: u64,
    oldest: Option<Timestamp>,
    /// Whether the stream was read to its end.
    is_all: bool,
}

impl Counted {
    fn of(stream: &Stream, parts: &[&Part]) -> Counted {
        let mut counted = Counted {
            entries: 0,
            pages: None,
            on_last: 0,
            oldest: None,
            is_all: true,
        };
        for examined in 0.. {
            if !stream.next() {
                break;
            }
            if examined == COUNTED {
                counted.is_all = false;
                break;
            }
            let (xid, position) = (stream.xid(), stream.position());
            let is_in = |part: &&&Part| {
                position > part.after
                    && position < part.to.lsn
                    && part.to.snapshot.finished(xid)
                    && !part.from.snapshot.finished(xid)
            };
            if parts.iter().any(|part| is_in(&part)) && stream.is_visible() {
                counted.entries += 1;
                let page = stream.page();
                let [first, last] = counted.pages.unwrap_or([page, page]);
                if page > last {
                    counted.on_last = 0;
                }
                counted.on_last += u64::from(page >= last);
                counted.pages = Some([first.min(page), last.max(page)]);
                let changed_at = Some(stream.changed_at());
                counted.oldest = counted.oldest.into_iter().chain(changed_at).min();
            }
        }
        counted
    }
}

/// What the log keeps at one moment.
pub struct Keeping {
    state: State,
    closed: Vec<Closed>,
    too_large: bool,
    now: Timestamp,
}

impl Keeping {
    /// Errors: as reading the log's state.
    pub fn read(now: Timestamp) -> Result<Keeping> {
        Ok(Keeping {
            state: State::read(View::Latest)?,
            closed: Closed::read(View::Latest)?,
            too_large: retention::is_too_large(&segments::segments()?),
            now,
        })
    }

    /// The identity of the log.
    pub fn origin(&self) -> Origin {
        watermark::origin(&self.state)
    }

    /// Why a reader at the cursor would have to read the table again; `None` if it would not. Errors: XX001 when the
    /// log's state is damaged.
    pub fn why_refused(&self, cursor: &Cursor) -> Result<Option<&'static str>> {
        watermark::why_refused(cursor, &self.state)
    }

    /// For how long a reader may stay at its cursor: until the first segment is emptied whose seal it has not reached.
    /// That also happens to a reader to whom no entry is new. A log that grows too large is emptied earlier.
    pub fn kept_for(&self, cursor: &Cursor) -> Duration {
        let end = |closed: &Closed| {
            let (sealed_at, seal) = closed.seal.as_ref()?;
            watermark::has_more(seal, &cursor.from.snapshot)
                .then(|| *sealed_at + retention::retention())
        };
        let oldest = Closed::oldest(&self.closed, self.state.current);
        if self.too_large && oldest.and_then(end).is_some() {
            return Duration::ZERO;
        }
        let first = self.closed.iter().filter_map(end).min();
        // A segment is sealed at the earliest now.
        first.map_or(retention::retention(), |end| end.since(self.now))
    }
}
