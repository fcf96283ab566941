//! The reader's batch: what a role receives of the log between two stands.

use super::delta::{delta, Delivery, Operation as RowOperation};
use super::net::{net, Touch};
use super::relation::{Relation, Rows};
use super::request::Request;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::cursor::{Batch, BatchCursors, Cursor, Stand};
use crate::log::entry::{self, GapCause};
use crate::log::read::{Entries, Entry, Log, Range};
use crate::log::stand;
use crate::log::state::State;
use crate::message::{write_change, Header, Operation, RecordPlan};
use crate::pg::decode::Decoded;
use crate::pg::heap::View;
use crate::pg::memory::Memory;
use crate::pg::{privilege, wal, xact, Oid};
use std::rc::Rc;

/// Bytes of images that are held at a time.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Entries that are looked at per change that is asked for.
const EXAMINED_PER_CHANGE: usize = 100;

/// A relation that this reader follows.
struct Followed {
    relation: Rc<Relation>,
    plan: RecordPlan,
}

/// A change that this reader receives.
struct Delivered {
    followed: usize,
    operation: Operation,
    old: Option<Decoded>,
    new: Option<Decoded>,
    position: u64,
    committed_at: i64,
}

/// Where a batch ended.
struct Batched {
    /// The last entry that was looked at, or `None` when all were.
    stopped_at: Option<u64>,
}

/// Reads a batch and hands each row (cursor, change) to `emit`; the last one has no change.
pub fn changes_since(request: &Request, mut emit: impl FnMut(&str, Option<&[u8]>)) -> Result<()> {
    let mut reader = Reader::new(request)?;
    let cursor = stand::decode(&request.cursor)?;
    // The segments are locked before the horizon is read: what the check finds to be there stays until it was read.
    let log = Log::open()?;
    let state = State::read(View::Latest)?;
    stand::check(&cursor, &state)?;
    let origin = stand::origin(&state);
    let (to, after) = match &cursor.batch {
        Some(batch) => (batch.to.clone(), batch.position),
        None => (stand::current(), 0),
    };
    if cursor.batch.is_none() && !to.snapshot.covers(&cursor.from.snapshot) {
        // The statement's snapshot is older than the cursor, as in a REPEATABLE READ transaction or on a standby that
        // lags: there is nothing to say, and the cursor must not go back.
        emit(&request.cursor, None);
        return Ok(());
    }
    wal::flush(to.lsn);
    let cursors = BatchCursors::new(&origin, &cursor.from, &to);
    let range = Range {
        from: &cursor.from,
        to: &to,
        after,
        relations: &request.relations,
    };
    let batched = reader.read(&log, range, &cursors, &mut emit)?;
    let end = end_of(origin, &cursor.from, to, batched);
    emit(&end.encode(), None);
    Ok(())
}

fn end_of(origin: crate::log::cursor::Origin, from: &Stand, to: Stand, batched: Batched) -> Cursor {
    match batched.stopped_at {
        None => Cursor {
            origin,
            from: to,
            batch: None,
        },
        Some(position) => Cursor {
            origin,
            from: from.clone(),
            batch: Some(Batch { to, position }),
        },
    }
}

struct Reader<'a> {
    request: &'a Request,
    followed: Vec<Followed>,
    message: Vec<u8>,
    commit_time: Option<(u64, i64)>,
}

impl<'a> Reader<'a> {
    fn new(request: &'a Request) -> Result<Reader<'a>> {
        let role = privilege::current_role();
        let followed = request
            .relations
            .iter()
            .map(|oid| follow(*oid, role, request))
            .collect::<Result<Vec<_>>>()?;
        Ok(Reader {
            request,
            followed,
            message: Vec::new(),
            commit_time: None,
        })
    }

    /// Reads chunk by chunk until the batch is full or nothing is left.
    fn read(
        &mut self,
        log: &Log,
        range: Range,
        cursors: &BatchCursors,
        emit: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> Result<Batched> {
        let max = self.request.max_changes;
        let examine = max.saturating_mul(EXAMINED_PER_CHANGE);
        let mut entries = log.entries(range, examine);
        let (mut delivered, mut bytes) = (0, 0);
        let mut kept: Vec<Delivered> = Vec::new();
        let memory = Rc::new(Memory::new());
        loop {
            let chunk_memory = if self.request.net {
                memory.clone()
            } else {
                Rc::new(Memory::new())
            };
            let chunk = self.chunk(&mut entries, max - delivered, examine, &chunk_memory)?;
            let reached = entries.reached;
            for change in chunk {
                delivered += 1;
                if self.request.net {
                    bytes += change.old.as_ref().map_or(0, Decoded::len);
                    kept.push(change);
                    continue;
                }
                self.write(&change);
                emit(&cursors.at(change.position), Some(&self.message));
                bytes += self.message.len();
                if bytes >= gucs::max_batch_bytes() {
                    return Ok(Batched {
                        stopped_at: Some(change.position),
                    });
                }
            }
            let full = delivered >= max || entries.examined >= examine;
            if full || entries.exhausted() {
                self.emit_net(kept, emit)?;
                return Ok(Batched {
                    stopped_at: (!entries.exhausted()).then_some(reached),
                });
            }
        }
    }

    /// The next changes that this reader receives: at most `room`, from entries of at most [`CHUNK_BYTES`].
    fn chunk(
        &mut self,
        entries: &mut Entries,
        room: usize,
        examine: usize,
        memory: &Memory,
    ) -> Result<Vec<Delivered>> {
        let mut delivered = Vec::new();
        let mut bytes = 0;
        while delivered.len() < room && bytes < CHUNK_BYTES {
            let Some(entry) = entries.next(examine, memory) else {
                break;
            };
            bytes += [entry.image, entry.old]
                .iter()
                .flatten()
                .map(|image| image.bytes())
                .sum::<usize>();
            delivered.extend(self.deliver(&entry)?);
        }
        Ok(delivered)
    }

    /// What this reader receives of an entry.
    fn deliver(&mut self, entry: &Entry) -> Result<Option<Delivered>> {
        let place = self.place(entry.relation)?;
        let relation = self.followed[place].relation.clone();
        let row_operation = match entry.operation {
            entry::INSERT => RowOperation::Insert,
            entry::UPDATE => RowOperation::Update,
            entry::DELETE => RowOperation::Delete,
            entry::TRUNCATE => return Ok(self.truncated(place, entry)),
            _ => return Err(gap(&relation, entry)),
        };
        let Rows { old, new } = relation.rows(entry)?;
        let Some(delivery) = delta(row_operation, old.is_some(), new.is_some()) else {
            return Ok(None);
        };
        let operation = operation_of(delivery);
        if !self.wants(operation) {
            return Ok(None);
        }
        Ok(Some(Delivered {
            followed: place,
            operation,
            old: old.filter(|_| delivery != Delivery::Insert),
            new: new.filter(|_| delivery != Delivery::Delete),
            position: entry.position,
            committed_at: self.committed_at(entry),
        }))
    }

    fn truncated(&mut self, place: usize, entry: &Entry) -> Option<Delivered> {
        self.wants(Operation::Truncate).then(|| Delivered {
            followed: place,
            operation: Operation::Truncate,
            old: None,
            new: None,
            position: entry.position,
            committed_at: self.committed_at(entry),
        })
    }

    fn wants(&self, operation: Operation) -> bool {
        let events = self.request.events.as_ref();
        events.is_none_or(|events| events.contains(&operation))
    }

    fn place(&self, relation: Oid) -> Result<usize> {
        self.request
            .relations
            .iter()
            .position(|oid| *oid == relation)
            .ok_or_else(|| Error::DataCorrupted(report("a change of another relation was read")))
    }

    /// The commit's time where the server keeps it, else the transaction's start.
    fn committed_at(&mut self, entry: &Entry) -> i64 {
        match self.commit_time {
            Some((xid, at)) if xid == entry.xid => at,
            _ => {
                let at = xact::commit_time(entry.xid).unwrap_or(entry.changed_at);
                self.commit_time = Some((entry.xid, at));
                at
            }
        }
    }

    /// Writes a change's message into the buffer.
    fn write(&mut self, change: &Delivered) {
        let followed = &self.followed[change.followed];
        let shape = &followed.relation.shape;
        let header = Header {
            operation: change.operation,
            schema: &followed.relation.table.schema,
            table: &followed.relation.table.name,
            commit_timestamp: change.committed_at,
        };
        let new = change.new.as_ref().map(|row| shape.row(row));
        let old = change.old.as_ref().map(|row| shape.row(row));
        self.message.clear();
        write_change(
            &mut self.message,
            &header,
            &followed.plan,
            new.as_ref(),
            old.as_ref(),
        );
    }

    /// Emits the net changes of a batch. Each carries the cursor that the batch was asked with: a client that stops in
    /// the middle asks for all of it again.
    fn emit_net(
        &mut self,
        mut kept: Vec<Delivered>,
        emit: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> Result<()> {
        // A TRUNCATE makes what came before it in its relation pointless.
        let mut truncated: Vec<Option<usize>> = vec![None; self.followed.len()];
        for (i, change) in kept.iter().enumerate() {
            if change.operation == Operation::Truncate {
                truncated[change.followed] = Some(i);
            }
        }
        let counts =
            |i: usize, change: &Delivered| truncated[change.followed].is_none_or(|at| i > at);
        let mut nets = Vec::new();
        let mut touches = Vec::new();
        for (i, change) in kept.iter().enumerate() {
            if truncated[change.followed] == Some(i) {
                nets.push((i, None));
            }
            touches.push(if counts(i, change) {
                self.touch(change)?
            } else {
                Touch {
                    old: None,
                    new: None,
                }
            });
        }
        nets.extend(net(touches).into_iter().map(|net| (net.at, Some(net))));
        nets.sort_by_key(|(at, _)| *at);
        for (at, net) in nets {
            let change = match net {
                None => Delivered {
                    old: None,
                    new: None,
                    ..copy_of(&kept[at])
                },
                Some(net) => Delivered {
                    operation: operation_of(net.delivery),
                    old: net.old_from.and_then(|from| kept[from].old.clone()),
                    new: net.new_from.and_then(|from| kept[from].new.clone()),
                    ..copy_of(&kept[at])
                },
            };
            self.write(&change);
            emit(&self.request.cursor, Some(&self.message));
        }
        kept.clear();
        Ok(())
    }

    /// Which keys a change takes and puts, each with its relation.
    fn touch(&self, change: &Delivered) -> Result<Touch<(usize, Vec<u8>)>> {
        let relation = &self.followed[change.followed].relation;
        let key = |row: &Option<Decoded>| match row {
            None => Ok(None),
            Some(row) => relation
                .identity(row)
                .map(|key| Some((change.followed, key)))
                .ok_or_else(|| unmappable(relation)),
        };
        Ok(Touch {
            old: key(&change.old)?,
            new: key(&change.new)?,
        })
    }
}

fn copy_of(change: &Delivered) -> Delivered {
    Delivered {
        followed: change.followed,
        operation: change.operation,
        old: None,
        new: None,
        position: change.position,
        committed_at: change.committed_at,
    }
}

fn operation_of(delivery: Delivery) -> Operation {
    match delivery {
        Delivery::Insert => Operation::Insert,
        Delivery::Update => Operation::Update,
        Delivery::Delete => Operation::Delete,
    }
}

/// Checks what a role may read of a relation, and plans its messages.
fn follow(oid: Oid, role: Oid, request: &Request) -> Result<Followed> {
    let relation = Relation::open(oid)?;
    let columns = relation.selectable(role)?;
    if !relation.captured {
        return Err(not_captured(&relation));
    }
    if request.net && relation.table.key.is_empty() {
        return Err(Error::ObjectNotInPrerequisiteState(
            report(format!(
                "table {} has no key to compute net changes by",
                relation.name()
            ))
            .hint("Add a primary key, or call changes_since without net."),
        ));
    }
    if request.filter.is_some()
        || request.columns.is_some()
        || privilege::has_policies_applied(oid, role)
    {
        return Err(Error::FeatureNotSupported(report(
            "filters, column lists and row level security are not served yet",
        )));
    }
    let plan = relation.plan(&columns);
    Ok(Followed { relation, plan })
}

fn not_captured(relation: &Relation) -> Error {
    Error::ObjectNotInPrerequisiteState(
        report(format!(
            "changes of table {} are not captured",
            relation.name()
        ))
        .detail("The change log is none of its sinks, or it is a partition whose root is captured.")
        .hint(
            "Run pgrealtime.enable() on the table, or name the partitioned table that is enabled.",
        ),
    )
}

fn gap(relation: &Relation, entry: &Entry) -> Error {
    let cause = entry
        .marks
        .as_ref()
        .and_then(|marks| marks.first())
        .and_then(|letter| GapCause::from_letter(*letter));
    stand::read_again(
        report(format!("changes of table {} are missing", relation.name())).detail(format!(
            "The table {} after the cursor.",
            cause.map_or("changed in an unknown way", GapCause::describe)
        )),
    )
}

fn unmappable(relation: &Relation) -> Error {
    stand::read_again(
        report(format!("changes of table {} are missing", relation.name())).detail(format!(
            "The table {} after the cursor.",
            GapCause::Layout.describe()
        )),
    )
}
