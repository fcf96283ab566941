//! What a session's subscriptions receive of the log: read once for all of them, each change written once for all that
//! get the same message of it.

mod ask;
mod change;
mod changed_rows;
mod form;
mod holding;
mod judging;
mod locked;
mod opened;
mod output;
mod receivers;
mod table;
mod verdict;

pub use output::Row;

use super::ahead::Ahead;
use super::commit_times::CommitTimes;
use super::nested;
use super::subscriptions;
use super::subscriptions::book::Book;
use super::subscriptions::gate::Id;
use super::who::{check_unconfined, Session};
use crate::error::Result;
use crate::gucs;
use crate::log::cursor::BatchCursors;
use crate::log::decode::{Content, Entry};
use crate::log::read::{Entries, Log, Range};
use crate::log::watermark;
use crate::pg::backend::lock::Haste;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::wal;
use crate::pg::Oid;
use change::{Change, What};
use holding::Holding;
use judging::Judging;
use locked::Locked;
use opened::Opened;
use output::{letters, Output};
use receivers::Receivers;
use std::collections::HashSet;
use table::{Missed, Table};

/// Bytes of images that are held at a time.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Changes, and receivers of changes, that are held at a time. A change may have more receivers.
const CHANGES: usize = 1000;
const RECEIVERS: usize = 4_000_000;

/// Entries that are looked at per change that is asked for.
const EXAMINED_PER_CHANGE: usize = 100;

/// Reads a batch for the session's subscriptions and hands each row to `put`. All rows of a change but the last one
/// carry the cursor before it. Subscriptions that can receive nothing any more get an error row and end.
pub fn fan_out(cursor: &str, max_changes: usize, mut put: impl FnMut(Row)) -> Result<()> {
    let _reading = nested::begin("fan_out")?;
    check_unconfined("fan_out")?;
    let at = watermark::decode(cursor)?;
    let relations = subscriptions::relations();
    let haste = Haste::new();
    let Some(holding) = Holding::new(&at, &relations, &haste)? else {
        // There is nothing to say yet, and the cursor must not go back.
        put(Row::end(cursor));
        return Ok(());
    };
    let (part, origin) = (&holding.part, holding.unread.origin);
    let progress = at.progress();
    let told = subscriptions::still_to_tell(progress);
    let (opened, news) =
        subscriptions::with(|book| Opened::new(book, &relations, &holding.busy, &haste))?;
    subscriptions::renew(news);
    let ended = subscriptions::with(|book| -> Result<Vec<Missed>> {
        wal::flush(part.to.lsn);
        let mut fan = FanOut::new(book, &relations, opened, max_changes, &haste);
        fan.limit = holding.limit;
        fan.locked = holding.locked.iter().map(|oid| Locked::new(*oid)).collect();
        let cursors = BatchCursors::new(&origin, &part.from, &part.to);
        let before = cursors.at(part.after);
        for (error, ids) in &told {
            put(Row::missed(&before, error, ids));
        }
        fan.hand_out_ended(&before, &mut put);
        let range = part.of(&relations);
        let read = fan.read(&holding.unread.log, range, &cursors, &mut put)?;
        let tells = !told.is_empty() || !fan.gone.is_empty();
        // Where the next call has to show that it comes after this one, its cursor is behind all positions, and behind the
        // one of this call.
        let behind = progress.1.max(part.to.lsn) + 1;
        let position = read.or(tells.then_some(behind));
        put(Row::end(&part.at(origin, position).encode()));
        Ok(fan.gone)
    })?;
    let ended = ended.iter().map(|missed| (&*missed.error, &*missed.ids));
    subscriptions::end(ended, progress);
    Ok(())
}

struct FanOut<'b> {
    book: &'b Book,
    relations: &'b [Oid],
    /// In the order of `relations`; `None` for one that has ended.
    tables: Vec<Option<Table>>,
    session: Session,
    /// The subscriptions that end with this call.
    ended: HashSet<Id>,
    refused: Vec<Missed>,
    /// What they are told.
    gone: Vec<Missed>,
    max_changes: usize,
    /// The first entry of a relation that is busy: the batch ends before it.
    limit: u64,
    /// Relations whose entries cannot be read, since they stay locked.
    locked: Vec<Locked<'b>>,
    haste: &'b Haste,
    commit_times: CommitTimes,
    ahead: Ahead,
}

impl<'b> FanOut<'b> {
    fn new(
        book: &'b Book,
        relations: &'b [Oid],
        opened: Opened,
        max_changes: usize,
        haste: &'b Haste,
    ) -> FanOut<'b> {
        FanOut {
            book,
            relations,
            tables: opened.tables,
            session: opened.session,
            ended: HashSet::new(),
            refused: opened.refused,
            gone: Vec::new(),
            max_changes,
            limit: u64::MAX,
            locked: Vec::new(),
            haste,
            commit_times: CommitTimes::default(),
            ahead: Ahead::default(),
        }
    }

    /// Tells the subscriptions that cannot receive anything any more.
    fn hand_out_ended(&mut self, cursor: &str, put: &mut impl FnMut(Row)) {
        for mut missed in std::mem::take(&mut self.refused) {
            missed.ids.sort_unstable();
            put(Row::missed(cursor, &missed.error, &missed.ids));
            self.ended.extend(&missed.ids);
            self.gone.push(missed);
        }
    }

    /// Reads chunk by chunk until the batch is full or nothing is left; the position that it stopped at, or `None` when
    /// everything was read.
    fn read(
        &mut self,
        log: &Log,
        range: Range,
        cursors: &BatchCursors,
        put: &mut impl FnMut(Row),
    ) -> Result<Option<u64>> {
        let examine = self.max_changes.saturating_mul(EXAMINED_PER_CHANGE);
        let mut entries = log.entries(range);
        entries.gaps(|gap| {
            let place = place(self.relations, gap.relation);
            if let Some(Some(table)) = place.and_then(|place| self.tables.get_mut(place)) {
                table.note_gap(&gap, self.book);
            }
        });
        let (mut delivered, mut bytes) = (0, 0);
        // Before it is known how many receive a change, all might.
        let mut at_a_time = (RECEIVERS / self.book.count().max(1)).clamp(16, CHANGES);
        loop {
            let memory = Memory::new();
            let room = (self.max_changes - delivered).min(at_a_time);
            let before = entries.reached;
            let changes = self.chunk(&mut entries, room, examine, &memory)?;
            for locked in &mut self.locked {
                locked.hand_out(self.book, &cursors.at(before), put);
            }
            let mut judged = memory.within(|| {
                let mut judging = Judging {
                    book: self.book,
                    tables: &self.tables,
                    session: &self.session,
                    ended: &mut self.ended,
                    gone: &mut self.gone,
                    haste: self.haste,
                };
                judging.judge(&changes)
            });
            let received: usize = judged.iter().map(Receivers::count).sum();
            let fits = RECEIVERS * changes.len() / received.max(1);
            if !changes.is_empty() {
                at_a_time = fits.min(at_a_time * 4).clamp(1, CHANGES);
            }
            judged.iter_mut().for_each(Receivers::sort);
            let letters = letters(changes.iter().zip(&judged));
            self.ahead.clear();
            let mut output = Output {
                book: self.book,
                tables: &self.tables,
                session: &self.session,
                ahead: &mut self.ahead,
                letters: &letters,
            };
            for (change, receivers) in changes.iter().zip(&judged) {
                if receivers.is_empty() {
                    continue;
                }
                let written = memory.within(|| output.hand_out(change, receivers, cursors, put));
                bytes += written + receivers.count() * size_of::<Id>();
                delivered += 1;
                if bytes >= gucs::max_batch_bytes() {
                    return Ok(Some(change.position));
                }
            }
            if entries.reached >= self.limit {
                return Ok(Some(self.limit - 1));
            }
            let full = delivered >= self.max_changes || entries.examined >= examine;
            if full || entries.exhausted() {
                return Ok((!entries.exhausted()).then_some(entries.reached));
            }
        }
    }

    /// The next entries, at most `room` of at most [`CHUNK_BYTES`].
    fn chunk<'m>(
        &mut self,
        entries: &mut Entries,
        room: usize,
        examine: usize,
        memory: &'m Memory,
    ) -> Result<Vec<Change<'m>>> {
        let mut changes = Vec::new();
        let mut bytes = 0;
        while changes.len() < room && bytes < CHUNK_BYTES {
            let Some(entry) = entries.next(examine, memory.arena()) else {
                break;
            };
            let entry = entry?;
            if entry.position >= self.limit {
                break;
            }
            bytes += entry.bytes();
            changes.extend(self.change(entry)?);
        }
        Ok(changes)
    }

    /// The change in an entry; `None` if nobody receives it.
    fn change<'m>(&mut self, entry: Entry<'m>) -> Result<Option<Change<'m>>> {
        let mut locked = self.locked.iter_mut();
        if let Some(locked) = locked.find(|locked| locked.relation == entry.relation) {
            locked.note(self.book, entry.xid);
            return Ok(None);
        }
        let place = place(self.relations, entry.relation);
        let Some((place, Some(table))) = place.map(|place| (place, &self.tables[place])) else {
            return Ok(None);
        };
        let is_lost = table.is_lost(entry.position);
        let committed_at = self.commit_times.of(&entry);
        let what = match entry.content {
            Content::Note => return Ok(None),
            Content::Gap(cause) => What::Gap(cause),
            Content::Truncate | Content::Row(_) if is_lost => return Ok(None),
            Content::Truncate => What::Truncate,
            Content::Row(row) => match table.relation.rows(&row) {
                Ok(rows) => What::Row(row.operation, rows),
                Err(error) => What::Unreadable(row.operation, error),
            },
        };
        Ok(Some(Change {
            table: place,
            position: entry.position,
            xid: entry.xid,
            committed_at,
            what,
        }))
    }
}

/// Where a relation is among those that are followed.
fn place(relations: &[Oid], relation: Oid) -> Option<usize> {
    let found = relations.binary_search_by_key(&relation.to_u32(), |one| one.to_u32());
    found.ok()
}
