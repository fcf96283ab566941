//! What a session's subscriptions receive of the log: read once for all of them, each change written once for all that
//! get the same message of it.

mod ask;
mod form;
mod receivers;
mod table;
mod verdict;

use super::commit_times::CommitTimes;
use super::judge::Case;
use super::nested;
use super::relation::Rows;
use super::subscriptions;
use super::subscriptions::book::{Book, Id};
use super::who::Session;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::gucs;
use crate::log::cursor::{Batch, BatchCursors, Cursor};
use crate::log::decode::{Content, Entry};
use crate::log::entry::GapCause;
use crate::log::read::{Entries, Log, Range};
use crate::log::unread::Unread;
use crate::log::watermark;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::{attempt, Raised};
use crate::pg::backend::wal;
use crate::pg::catalog::rowtype::Held;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use form::Told;
use receivers::{Message, Place, Receivers};
use std::collections::HashSet;
use table::{Missed, Table};
use verdict::{Candidate, Court};

/// Bytes of images that are held at a time.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Entries that are looked at per change that is asked for.
const EXAMINED_PER_CHANGE: usize = 100;

/// A returned row.
pub struct Row<'a> {
    pub cursor: &'a str,
    pub change: Option<&'a [u8]>,
    /// Whom it is for, ascending; nobody in the last row, which has the cursor to go on from.
    pub subscriptions: Option<&'a [Id]>,
    /// Why these miss the change.
    pub error: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn end(cursor: &'a str) -> Row<'a> {
        Row {
            cursor,
            change: None,
            subscriptions: None,
            error: None,
        }
    }
}

/// Reads a batch for the session's subscriptions and hands each row to `put`. All rows of a change but the last one
/// carry the cursor before it. Subscriptions that can receive nothing any more get an error row and end.
pub fn fan_out(cursor: &str, max_changes: usize, mut put: impl FnMut(Row)) -> Result<()> {
    let _reading = nested::begin("fan_out")?;
    let at = watermark::decode(cursor)?;
    let relations = subscriptions::relations();
    let _held = Held::all(&relations);
    let Some(unread) = Unread::open(&at)? else {
        // There is nothing to say yet, and the cursor must not go back.
        put(Row::end(cursor));
        return Ok(());
    };
    let ended = subscriptions::with(|book| -> Result<HashSet<Id>> {
        let (log, origin, part) = (unread.log, unread.origin, unread.first);
        wal::flush(part.to.lsn);
        let mut fan = FanOut::new(book, &relations, max_changes)?;
        let cursors = BatchCursors::new(&origin, &part.from, &part.to);
        fan.hand_out_ended(&cursors.at(part.after), &mut put);
        let end = match fan.read(&log, part.of(&relations), &cursors, &mut put)? {
            None => Cursor {
                origin,
                from: part.to,
                batch: None,
            },
            Some(position) => Cursor {
                origin,
                from: part.from,
                batch: Some(Batch {
                    to: part.to,
                    position,
                }),
            },
        };
        put(Row::end(&end.encode()));
        Ok(fan.ended)
    })?;
    subscriptions::end(ended);
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
    max_changes: usize,
    commit_times: CommitTimes,
    message: Vec<u8>,
}

/// An entry of a followed relation.
struct Change<'m> {
    table: usize,
    position: u64,
    xid: u64,
    committed_at: Timestamp,
    what: What<'m>,
}

enum What<'m> {
    Row(RowOperation, Rows<'m>),
    Truncate,
    Gap(Option<GapCause>),
}

impl<'b> FanOut<'b> {
    fn new(book: &'b Book, relations: &'b [Oid], max_changes: usize) -> Result<FanOut<'b>> {
        let mut refused = Vec::new();
        let tables = relations
            .iter()
            .map(|oid| Table::open(*oid, book, &mut refused))
            .collect::<Result<Vec<_>>>()?;
        Ok(FanOut {
            book,
            relations,
            tables,
            session: Session::now(),
            ended: HashSet::new(),
            refused,
            max_changes,
            commit_times: CommitTimes::default(),
            message: Vec::new(),
        })
    }

    /// Tells the subscriptions that cannot receive anything any more.
    fn hand_out_ended(&mut self, cursor: &str, put: &mut impl FnMut(Row)) {
        for mut missed in std::mem::take(&mut self.refused) {
            missed.ids.sort_unstable();
            put(Row {
                cursor,
                change: None,
                subscriptions: Some(&missed.ids),
                error: Some(&missed.error),
            });
            self.ended.extend(missed.ids);
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
        loop {
            let memory = Memory::new();
            let room = self.max_changes - delivered;
            let changes = self.chunk(&mut entries, room, examine, &memory)?;
            let judged = memory.within(|| self.judge(&changes));
            for (change, mut receivers) in changes.iter().zip(judged) {
                if receivers.is_empty() {
                    continue;
                }
                receivers.sort();
                let written = memory.within(|| self.hand_out(change, &receivers, cursors, put));
                bytes += written;
                delivered += 1;
                if bytes >= gucs::max_batch_bytes() {
                    return Ok(Some(change.position));
                }
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
            bytes += entry.bytes();
            changes.extend(self.change(entry)?);
        }
        Ok(changes)
    }

    /// The change that an entry tells of; `None` if it is for nobody.
    fn change<'m>(&mut self, entry: Entry<'m>) -> Result<Option<Change<'m>>> {
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
            Content::Row(row) => What::Row(row.operation, table.relation.rows(&row)?),
        };
        Ok(Some(Change {
            table: place,
            position: entry.position,
            xid: entry.xid,
            committed_at,
            what,
        }))
    }

    /// Who receives what of each change.
    fn judge(&mut self, changes: &[Change]) -> Vec<Receivers> {
        let mut all: Vec<Receivers> = changes.iter().map(|_| Receivers::default()).collect();
        for (number, table) in self.tables.iter().enumerate() {
            let Some(table) = table else {
                continue;
            };
            let place = |change: &Change| Place {
                book: self.book,
                table,
                ended: &self.ended,
                position: change.position,
                xid: change.xid,
            };
            let mut cases = Vec::new();
            let mut of = Vec::new();
            for (i, change) in changes.iter().enumerate() {
                if change.table != number {
                    continue;
                }
                match &change.what {
                    What::Row(operation, rows) => {
                        of.push(i);
                        cases.push(Case {
                            rows,
                            is_delete: *operation == RowOperation::Delete,
                        });
                    }
                    What::Truncate => all[i].truncate(&place(change)),
                    What::Gap(cause) => {
                        let what = cause.map_or("changed in an unknown way", GapCause::describe);
                        all[i].gap(&place(change), what);
                    }
                }
            }
            let court = Court {
                relation: &table.relation,
                session: &self.session,
                cases: &cases,
            };
            let candidates = candidates(self.book, table, cases.len());
            let outcomes = court.judge(self.book, &candidates);
            let mut ended: Vec<Id> = Vec::new();
            for (candidate, outcome) in candidates.iter().zip(&outcomes) {
                let i = of[candidate.case as usize];
                let What::Row(operation, rows) = &changes[i].what else {
                    continue;
                };
                let place = place(&changes[i]);
                let refused = all[i].judge(&place, candidate.gate, (*operation, rows), outcome);
                ended.extend(refused.into_iter().flatten());
            }
            self.ended.extend(ended);
        }
        all
    }

    /// Hands out the rows of one change, and says how many bytes their messages have.
    fn hand_out(
        &mut self,
        change: &Change,
        receivers: &Receivers,
        cursors: &BatchCursors,
        put: &mut impl FnMut(Row),
    ) -> usize {
        let (before, at) = (cursors.at(change.position - 1), cursors.at(change.position));
        let mut left = receivers.messages.len() + receivers.missed.len();
        let mut cursor = || {
            left -= 1;
            if left == 0 { &at } else { &before }.as_str()
        };
        let mut bytes = 0;
        for (message, ids) in receivers.in_order() {
            let cursor = cursor();
            self.message.clear();
            match self.write(change, message) {
                Ok(()) => {
                    bytes += self.message.len();
                    put(Row {
                        cursor,
                        change: Some(&self.message),
                        subscriptions: Some(ids),
                        error: None,
                    });
                }
                Err(error) => put(Row {
                    cursor,
                    change: None,
                    subscriptions: Some(ids),
                    error: Some(&error),
                }),
            }
        }
        for (error, ids) in &receivers.missed {
            put(Row {
                cursor: cursor(),
                change: None,
                subscriptions: Some(ids),
                error: Some(error),
            });
        }
        bytes
    }

    /// Writes a message; what a user's function raises on the way is its error.
    fn write(&mut self, change: &Change, message: &Message) -> std::result::Result<(), String> {
        let Some(table) = &self.tables[change.table] else {
            return Ok(());
        };
        let operation = message.operation();
        let (old, new) = match &change.what {
            What::Row(_, rows) => (rows.old.as_ref(), rows.new.as_ref()),
            What::Truncate | What::Gap(_) => (None, None),
        };
        let told = Told {
            operation,
            old: old.filter(|_| operation != Operation::Insert),
            new: new.filter(|_| operation != Operation::Delete),
            committed_at: change.committed_at,
        };
        let form = &table.forms[message.form];
        let Some(who) = message.who.and_then(|who| self.book.whos.get(who)) else {
            form.write(&told, &mut self.message);
            return Ok(());
        };
        let written = attempt(|| {
            self.session.act_as(who, || {
                form.write(&told, &mut self.message);
                Ok(())
            })
        });
        let reason = "a value could not be written as json";
        written.map_err(|raised: Raised| table.error_of(raised.sqlstate, reason))
    }
}

/// The gates that changes of a relation may pass.
fn candidates(book: &Book, table: &Table, cases: usize) -> Vec<Candidate> {
    let gates = book.relations.get(&table.relation.table.oid);
    let gates = gates.map_or(&[][..], |followed| &followed.gates);
    let mut all: Vec<Candidate> = gates
        .iter()
        .filter_map(|gate| Some((*gate, book.at(*gate)?.who)))
        .filter(|(_, who)| {
            book.whos
                .get(*who)
                .is_some_and(|who| table.admits(who.role))
        })
        .flat_map(|(gate, who)| (0..cases as u32).map(move |case| Candidate { who, gate, case }))
        .collect();
    all.sort_unstable();
    all
}

/// Where a relation is among those that are followed.
fn place(relations: &[Oid], relation: Oid) -> Option<usize> {
    let found = relations.binary_search_by_key(&relation.to_u32(), |one| one.to_u32());
    found.ok()
}
