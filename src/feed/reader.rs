//! Reads one batch: the changes between two watermarks that a role receives.

mod output;

use super::ahead::Ahead;
use super::commit_times::CommitTimes;
use super::deliver::{deliver, By, Chunk, Pending, Stopped};
use super::follow::{gap, Delivered, Followed};
use super::nested;
use super::request::Request;
use crate::change::Operation;
use crate::error::{report, Error, Result, SqlState};
use crate::gucs;
use crate::log::cursor::BatchCursors;
use crate::log::read::{Entries, Log, Range};
use crate::log::unread::Unread;
use crate::log::watermark;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::wal;
use crate::pg::catalog::privilege;
use crate::pg::catalog::rowtype::Held;
use crate::pg::Oid;

/// Bytes of images that are held in memory at a time.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// How many entries a call examines at most, for each change of `max_changes`.
const EXAMINED_PER_CHANGE: usize = 100;

/// In hints: what a caller does to get past a change.
pub const SKIP: &str = "continue from skip_cursor";

/// Reads a batch and passes each result row (cursor, change) to `put`. The last row has no change. Errors: 54001 within
/// another call that reads changes; those of [`Followed::new`]; 22P02 for an invalid cursor; 72000 if changes are
/// missing; the error of a policy, a filter or a cast, if it is raised for the first change.
pub fn changes_since(request: &Request, mut put: impl FnMut(&str, Option<&[u8]>)) -> Result<()> {
    let _reading = nested::begin("changes_since")?;
    let mut reader = Reader::new(request)?;
    let cursor = watermark::decode(&request.cursor)?;
    let unread = match &request.until {
        None => Unread::open(&cursor)?,
        Some(until) => Unread::open_until(&cursor, &watermark::decode_argument("until", until)?)?,
    };
    let Some(unread) = unread else {
        // There are no changes to return, or the snapshot is older than a cursor. The cursor must not go back.
        put(&request.cursor, None);
        return Ok(());
    };
    let (log, origin, part) = (unread.log, unread.origin, unread.first);
    wal::flush(part.to.lsn);
    let cursors = BatchCursors::new(&origin, &part.from, &part.to);
    let range = part.of(&request.relations);
    let read = reader.read(&log, range, &cursors, &mut put)?;
    put(&part.at(origin, read).encode(), None);
    Ok(())
}

struct Reader<'a> {
    request: &'a Request,
    followed: Vec<Followed>,
    ahead: Ahead,
    commit_times: CommitTimes,
    /// The relations cannot be altered until the call ends. Then the locks are released: a reader on a standby that
    /// stays in its transaction would otherwise block replay.
    _held: Vec<Held>,
}

impl<'a> Reader<'a> {
    fn new(request: &'a Request) -> Result<Reader<'a>> {
        let role = privilege::current_role();
        let held = Held::all(&request.relations);
        let followed = request
            .relations
            .iter()
            .map(|oid| Followed::new(*oid, role, request))
            .collect::<Result<Vec<_>>>()?;
        Ok(Reader {
            request,
            followed,
            ahead: Ahead::default(),
            commit_times: CommitTimes::default(),
            _held: held,
        })
    }

    /// Reads in chunks until the batch is full or everything is read. Returns the position at which it stopped, or
    /// `None` if everything was read.
    fn read(
        &mut self,
        log: &Log,
        range: Range,
        cursors: &BatchCursors,
        put: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> Result<Option<u64>> {
        let max = self.request.max_changes;
        let examine = max.saturating_mul(EXAMINED_PER_CHANGE);
        let after = range.after;
        // Everything up to this position has been delivered, or kept for the net changes.
        let mut reached = after;
        let mut entries = log.entries(range);
        if let Some(found) = entries.gap() {
            let place = self.place(found.relation)?;
            return Err(gap(&self.followed[place].relation, found.cause));
        }
        let (mut delivered, mut bytes) = (0, 0);
        let whole_batch = Memory::new();
        let mut kept: Vec<Delivered> = Vec::new();
        loop {
            let room = max - delivered;
            let (to, stopped) = if self.request.net {
                let (mut chunk, read) = self.chunk(&mut entries, room, examine, &whole_batch)?;
                self.end_before_unwritable(&mut chunk);
                delivered += chunk.delivered.len();
                kept.append(&mut chunk.delivered);
                bytes += read;
                (chunk.reached, chunk.stopped)
            } else {
                let memory = Memory::new();
                let (mut chunk, _) = self.chunk(&mut entries, room, examine, &memory)?;
                let changes = std::mem::take(&mut chunk.delivered);
                self.ahead.clear();
                for (at, change) in changes.iter().enumerate() {
                    match self.hand_out(&changes[at..], &cursors.at(change.position), put) {
                        Ok(written) => bytes += written,
                        Err(stopped) => {
                            chunk.end(reached, stopped);
                            break;
                        }
                    }
                    delivered += 1;
                    reached = change.position;
                    if bytes >= gucs::max_batch_bytes() {
                        return Ok(Some(reached));
                    }
                }
                (chunk.reached, chunk.stopped)
            };
            reached = reached.max(to);
            if let Some(stopped) = stopped {
                // Earlier changes are delivered first. The next call starts with the change that raised the error.
                if delivered == 0 {
                    return Err(self.stopped(reached, cursors, stopped));
                }
                self.hand_out_net(&kept, [after, reached], cursors, put)?;
                return Ok(Some(reached));
            }
            let full =
                delivered >= max || entries.examined >= examine || bytes >= gucs::max_batch_bytes();
            if full || entries.exhausted() {
                self.hand_out_net(&kept, [after, reached], cursors, put)?;
                return Ok((!entries.exhausted()).then_some(entries.reached));
            }
        }
    }

    /// Reads and judges the next entries: at most `room`, and no more once [`CHUNK_BYTES`] are reached. Also returns
    /// the bytes of their images.
    fn chunk<'m>(
        &mut self,
        entries: &mut Entries,
        room: usize,
        examine: usize,
        memory: &'m Memory,
    ) -> Result<(Chunk<'m>, usize)> {
        let mut pending = Vec::new();
        let mut bytes = 0;
        while pending.len() < room && bytes < CHUNK_BYTES {
            let Some(entry) = entries.next(examine, memory.arena()) else {
                break;
            };
            let entry = entry?;
            bytes += entry.bytes();
            let place = self.place(entry.relation)?;
            let committed_at = self.commit_times.of(&entry);
            let followed = &self.followed[place];
            pending.extend(Pending::new(entry, place, followed, committed_at)?);
        }
        let request = self.request;
        // A net change is computed from all changes of its key. Operations that were not requested are left out of the
        // result.
        let wants = |operation: Operation| request.net || request.wants(operation);
        let chunk = memory.within(|| deliver(&mut self.followed, pending, &wants))?;
        Ok((chunk, bytes))
    }

    fn place(&self, relation: Oid) -> Result<usize> {
        self.request
            .relations
            .iter()
            .position(|oid| *oid == relation)
            .ok_or_else(|| Error::data_corrupted(report("a change of another relation was read")))
    }

    /// The error for a change for which user code raised one. It contains the original message only for roles that
    /// bypass row level security, since the message may contain values of the row.
    fn stopped(&self, before: u64, cursors: &BatchCursors, stopped: Stopped) -> Error {
        let relation = self.followed[stopped.followed].relation.name();
        let mut detail = format!(
            "cursor: {}\nskip_cursor: {}",
            cursors.at(before),
            cursors.at(stopped.position)
        );
        if privilege::bypasses_row_security(privilege::current_role()) {
            detail = format!("{}\n{detail}", stopped.raised.message);
        }
        let (what, hint) = match stopped.by {
            By::Judging if stopped.raised.sqlstate == SqlState::of(b"54001") => (
                "a policy or the filter failed",
                "A policy must not read changes; let it query the table. To skip the change, continue from skip_cursor.",
            ),
            By::Judging => (
                "a policy or the filter failed",
                "Correct the policy or the filter. To skip the change, continue from skip_cursor.",
            ),
            By::Writing => (
                "a value could not be written as json",
                "Correct the cast to json, or the output function, of the column's type. To skip the change, continue from skip_cursor.",
            ),
        };
        let message = format!("{what} for a change of table {relation}");
        stopped.raised.into_error(message, detail, hint)
    }
}
