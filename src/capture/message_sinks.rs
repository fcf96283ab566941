//! Captured changes on their way to the sinks that take messages: serialised once, by the trigger.

mod filter;
mod overtaken;

use crate::capture_trigger::{Arguments, Misfit};
use crate::change::Operation;
use crate::error::Result;
use crate::message::{write_change, Header, RecordPlan, Written};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::backend::xact;
use crate::pg::call::trigger::Call;
use crate::pg::catalog::rowtype;
use crate::pg::catalog::rowtype::Table;
use crate::pg::image::builder::ImageBuilder;
use crate::pg::judge::access::Access;
use crate::pg::judge::access::Readers;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::{name_of, number_of};
use crate::pg::row::record::{Column, RowShape};
use crate::pg::storage::broadcast::family;
use crate::pg::Oid;
use crate::sink::{self, broadcast, topic, undelivered, Change, Failure, Sinks};
use filter::{filtered, row_filter};
use std::rc::Rc;

/// The new and the old row of a change.
type Rows<'a> = [&'a Option<Decoded<'a>>; 2];

/// A message, and where its rows are in it.
struct Message {
    text: Vec<u8>,
    rows: Written,
}

/// What the message sinks of a relation need.
pub struct MessageSinks {
    table: Table,
    shape: RowShape,
    plan: RecordPlan,
    /// What a broadcast carries where not everybody sees the row.
    key_plan: RecordPlan,
    access: Access,
    /// Whether all who may read a broadcast may know keys.
    tells_key: bool,
    /// Whether it broadcasts, and where to: who may read there counts.
    broadcasts: bool,
    messages: Option<Oid>,
    /// The topic's columns.
    topic_plan: RecordPlan,
    /// Why nothing can be sent.
    stale: Option<Misfit>,
    row_filter: filter::Asked,
    /// Roles, their memberships, functions; the table of the messages.
    fresh: Vec<Fresh>,
}

impl MessageSinks {
    /// Those of a relation; `None` for one that has just been dropped.
    pub fn new(relation: Oid, sinks: &Sinks, arguments: &Arguments) -> Option<MessageSinks> {
        // Watched before they are read: what changes meanwhile is noticed.
        let mut fresh = vec![invalidation::watch_catalogs()];
        let messages = sinks.topic.as_ref().and_then(|_| broadcast::table());
        let all_messages = messages.map_or(Vec::new(), family);
        fresh.extend(all_messages.iter().copied().map(invalidation::watch));
        let row_type = rowtype::row_type_of_relation(relation)?;
        let table = Table::by_oid(relation)?;
        let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
        let named = |names: &[String]| -> Vec<i16> {
            let columns = shape.columns().iter();
            columns
                .filter(|column| names.contains(&column.name))
                .map(|column| column.number)
                .collect()
        };
        let columns = arguments.columns.as_deref().map(named);
        let by_key = arguments.key_only;
        let stale = stale(relation, sinks, arguments, shape.columns());
        let topic = named(&topic::columns(sinks.topic.as_deref().unwrap_or_default()));
        let of_key = || RecordPlan::of_key(shape.columns(), &table.key);
        let plan = match by_key {
            true => of_key(),
            false => RecordPlan::new(shape.columns(), columns.as_deref(), &table.key),
        };
        // Whoever may join a topic receives what is sent to it, and nobody here knows who that is.
        let readers = sinks
            .topic
            .as_ref()
            .map(|_| Readers::of(relation, &all_messages));
        let access = match &readers {
            Some(readers) if !by_key => readers.access(row_type, &plan.numbers(), &topic),
            _ => Access::Never,
        };
        let key_plan = of_key();
        let tells_key = readers.is_some_and(|readers| readers.may_select(&key_plan.numbers()));
        let is_sent = stale.is_none();
        Some(MessageSinks {
            plan,
            key_plan,
            access,
            tells_key,
            broadcasts: sinks.topic.is_some(),
            messages,
            fresh,
            stale,
            topic_plan: RecordPlan::new(shape.columns(), Some(&topic), &[]),
            row_filter: row_filter(
                relation,
                row_type,
                arguments
                    .filter
                    .as_deref()
                    .filter(|_| sinks.want_messages() && is_sent),
            ),
            table,
            shape,
        })
    }

    /// Whether what is known besides the relation itself still holds.
    pub fn is_fresh(&self) -> bool {
        self.plan.is_fresh()
            && self.fresh.iter().all(Fresh::get)
            && (!self.broadcasts || broadcast::table() == self.messages)
    }

    /// Hands a change to the sinks.
    pub fn deliver(
        &self,
        call: &Call,
        sinks: &Sinks,
        from: &ImageBuilder,
        overtaken: bool,
    ) -> Result<()> {
        if sinks.notify {
            sink::notify(&self.table.schema, &self.table.name);
        }
        if !sinks.want_messages() {
            return Ok(());
        }
        if let Some(why) = &self.stale {
            sinks
                .taking_messages()
                .for_each(|_| undelivered::stale(self.table.oid, why));
            return Ok(());
        }
        let fired = call.fired();
        let new = fired.new_row().map(|row| from.decode(row, call.arena()));
        let old = fired.old_row().map(|row| from.decode(row, call.arena()));
        let (operation, new, old) = match filtered(&self.row_filter, (call.operation(), new, old)) {
            Ok(filtered) => filtered,
            Err(raised) => {
                sinks
                    .taking_messages()
                    .for_each(|sink| undelivered::fail(self.table.oid, sink, raised));
                return Ok(());
            }
        };
        if overtaken {
            self.ask_to_read_again(sinks, [&new, &old]);
            return Ok(());
        }
        if sinks.wal {
            self.to_wal(operation, &self.plan, [&new, &old]);
        }
        if let Some(template) = &sinks.topic {
            self.broadcast(template, operation, [&new, &old]);
        }
        Ok(())
    }

    /// The message is written in a subtransaction where a function of somebody's may raise, and leaves outside of it.
    fn to_wal(&self, operation: Operation, plan: &RecordPlan, rows: Rows) {
        let written = guarded(plan, || self.message(operation, plan, rows));
        match written {
            Ok(written) => sink::to_wal(&self.change(operation, &written)),
            Err(raised) => undelivered::fail(self.table.oid, Failure::Wal, &raised),
        }
    }

    /// A row that changes its topic leaves the one and enters the other, as the delta rule has it.
    fn broadcast(&self, template: &str, operation: Operation, [new, old]: Rows) {
        let topic = |row: &Option<Decoded>| self.topic(template, row);
        let topics = match operation {
            Operation::Insert => guarded(&self.topic_plan, || (None, topic(new))),
            Operation::Delete | Operation::Truncate => {
                guarded(&self.topic_plan, || (topic(old), None))
            }
            Operation::Update => guarded(&self.topic_plan, || (topic(old), topic(new))),
        };
        match topics {
            Err(raised) => undelivered::fail(self.table.oid, Failure::Broadcast, &raised),
            Ok((before, after)) if before == after => self.send(operation, after, [new, old]),
            Ok((before, after)) => {
                self.send(removal(operation), before, [&None, old]);
                self.send(Operation::Insert, after, [new, &None]);
            }
        }
    }

    fn topic(&self, template: &str, row: &Option<Decoded>) -> Option<String> {
        match row {
            Some(row) => broadcast::topic_of(template, &self.topic_columns(row)),
            // A TRUNCATE has no row; a topic without columns is everybody's.
            None => broadcast::topic_of(template, b"{}"),
        }
    }

    fn send(&self, operation: Operation, topic: Option<String>, rows: Rows) {
        let Some(topic) = topic else {
            return;
        };
        let (plan, rows) = match self.is_seen_by_all(rows) {
            true => (&self.plan, rows),
            false => (&self.key_plan, self.keys_to_tell(rows)),
        };
        self.send_by(plan, operation, &topic, rows);
    }

    /// The rows of a message that tells keys; no row where somebody who may read it may not know them.
    fn keys_to_tell<'a>(&self, rows: Rows<'a>) -> Rows<'a> {
        match self.tells_key {
            true => rows,
            false => [&None, &None],
        }
    }

    fn send_by(&self, plan: &RecordPlan, operation: Operation, topic: &str, rows: Rows) {
        broadcast::deliver(self.table.oid, || {
            let message = self.message(operation, plan, rows);
            broadcast::send(&self.change(operation, &message), topic)
        });
    }

    /// Whether all who may read it see what the message would tell of these rows.
    fn is_seen_by_all(&self, rows: Rows) -> bool {
        match &self.access {
            Access::Never => false,
            Access::Always => true,
            Access::Where(condition) => {
                let mut rows = rows.into_iter().flatten();
                // Where a policy raises, nobody sees the row.
                attempt(|| Ok(rows.all(|row| condition.holds(row)))).unwrap_or(false)
            }
        }
    }

    /// The topic's columns of a row, as JSON.
    fn topic_columns(&self, row: &Decoded) -> Vec<u8> {
        let mut out = Vec::new();
        let header = self.header(Operation::Insert);
        let row = self.shape.row(row);
        let written = write_change(&mut out, &header, &self.topic_plan, Some(&row), None);
        written
            .record
            .map_or(Vec::new(), |range| out[range].to_vec())
    }

    fn message(&self, operation: Operation, plan: &RecordPlan, [new, old]: Rows) -> Message {
        let new = new.as_ref().map(|row| self.shape.row(row));
        let old = old.as_ref().map(|row| self.shape.row(row));
        let mut text = Vec::new();
        let header = self.header(operation);
        let rows = write_change(&mut text, &header, plan, new.as_ref(), old.as_ref());
        Message { text, rows }
    }

    fn change<'a>(&'a self, operation: Operation, message: &'a Message) -> Change<'a> {
        Change {
            operation,
            schema: &self.table.schema,
            table: &self.table.name,
            message: &message.text,
            rows: &message.rows,
        }
    }

    fn header(&self, operation: Operation) -> Header<'_> {
        Header {
            operation,
            schema: &self.table.schema,
            table: &self.table.name,
            commit_timestamp: xact::transaction_start(),
        }
    }
}

/// Why the arguments cannot be followed.
fn stale(
    relation: Oid,
    sinks: &Sinks,
    arguments: &Arguments,
    columns: &[Column],
) -> Option<Misfit> {
    let topic = topic::columns(sinks.topic.as_deref().unwrap_or_default());
    let named = topic.iter().chain(arguments.columns.iter().flatten());
    arguments.misfit(
        relation.to_u32(),
        |number| name_of(columns, number),
        |name| number_of(columns, name),
        named.map(String::as_str),
    )
}

/// A change without a topic of its new row takes the row away from that of the old one.
fn removal(operation: Operation) -> Operation {
    match operation {
        Operation::Truncate => Operation::Truncate,
        _ => Operation::Delete,
    }
}

/// Writes rows by a plan: in a subtransaction where it runs functions of others, which must not fail the write.
fn guarded<T>(plan: &RecordPlan, write: impl FnOnce() -> T) -> std::result::Result<T, Raised> {
    if plan.is_foreign() {
        attempt(|| Ok(write()))
    } else {
        Ok(write())
    }
}
