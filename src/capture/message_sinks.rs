//! Sends captured changes to the sinks that take messages. The trigger serialises each change once.

mod filter;
mod overtaken;

use crate::capture_trigger::{Arguments, Misfit};
use crate::change::Operation;
use crate::error::Result;
use crate::message::{write_change, Header, RecordPlan, Written};
use crate::pg::backend::cache::Kept;
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

/// A message, and the places of its rows in it.
struct Message {
    text: Vec<u8>,
    rows: Written,
}

/// What is known of a relation for its message sinks.
pub struct MessageSinks {
    table: Table,
    shape: RowShape,
    plan: RecordPlan,
    /// For broadcasts of rows that some reader may not see.
    key_plan: RecordPlan,
    access: Access,
    /// Whether every role that may read broadcasts may know keys.
    may_send_key: bool,
    /// A role that may read broadcasts, but may not know what their topics say.
    not_for_topic: Option<Oid>,
    /// Whether `broadcast` is one of the sinks.
    broadcasts: bool,
    /// The table realtime.messages. It matters which roles may read it.
    messages: Option<Oid>,
    /// The columns of the topic.
    topic_plan: RecordPlan,
    /// Why nothing can be sent.
    stale: Option<Misfit>,
    row_filter: filter::Compiled,
    /// Watches roles, memberships and functions, and the table of messages.
    fresh: Vec<Fresh>,
}

impl MessageSinks {
    /// The message sinks of a relation; `None` if it was just dropped.
    pub fn new(relation: Oid, sinks: &Sinks, arguments: &Arguments) -> Option<MessageSinks> {
        // Watch these before they are read, so that changes in between are noticed.
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
        let mut stale = stale(relation, sinks, arguments, shape.columns());
        let topic = named(&topic::columns(sinks.topic.as_deref().unwrap_or_default()));
        let of_key = || RecordPlan::of_key(shape.columns(), &table.key);
        let plan = match by_key {
            true => of_key(),
            false => RecordPlan::new(shape.columns(), columns.as_deref(), &table.key),
        };
        // Everyone who may join a topic receives its messages, and it is not known here who that is.
        let readers = sinks
            .topic
            .as_ref()
            .map(|_| Readers::of(relation, &all_messages));
        let access = match &readers {
            Some(readers) if !by_key => readers.access(row_type, &plan.numbers(), &topic),
            _ => Access::Never,
        };
        let key_plan = of_key();
        let may_send_key =
            (readers.as_ref()).is_some_and(|readers| readers.may_select(&key_plan.numbers()));
        let not_for_topic = readers.and_then(|readers| match topic.is_empty() {
            true => None,
            false => readers.without(&topic),
        });
        let filter = arguments.filter.as_deref();
        let filter = filter.filter(|_| sinks.want_messages() && stale.is_none());
        let row_filter = row_filter(relation, row_type, filter).unwrap_or_else(|misfit| {
            stale = Some(misfit);
            Ok(None)
        });
        Some(MessageSinks {
            plan,
            key_plan,
            access,
            may_send_key,
            not_for_topic,
            broadcasts: sinks.topic.is_some(),
            messages,
            fresh,
            stale,
            topic_plan: RecordPlan::new(shape.columns(), Some(&topic), &[]),
            row_filter,
            table,
            shape,
        })
    }

    /// Whether everything that does not depend on the relation itself is still valid.
    pub fn is_fresh(&self) -> bool {
        self.plan.is_fresh()
            && self.fresh.iter().all(Fresh::get)
            && (!self.broadcasts || broadcast::table() == self.messages)
    }

    /// Sends a change to the sinks. A sink that fails raises a WARNING, not an error.
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
        if overtaken && operation == Operation::Truncate {
            self.count_overtaken(sinks);
        } else if overtaken {
            self.ask_to_read_again(sinks, [&new, &old]);
            return Ok(());
        }
        if sinks.wal {
            self.to_wal(operation, &self.plan, [&new, &old]);
        }
        if let Some(template) = self.topic_template(sinks) {
            self.broadcast(template, operation, [&new, &old]);
        }
        Ok(())
    }

    /// The template of the topics. If some reader may not know what they say, the change counts as undelivered.
    fn topic_template<'s>(&self, sinks: &'s Sinks) -> Option<&'s str> {
        let template = sinks.topic.as_deref()?;
        match self.not_for_topic {
            None => Some(template),
            Some(reader) => {
                undelivered::withheld(self.table.oid, reader);
                None
            }
        }
    }

    /// The message is written in a subtransaction if it calls functions of users, which may raise errors. It is sent
    /// outside of that.
    fn to_wal(&self, operation: Operation, plan: &RecordPlan, rows: Rows) {
        let written = guarded(plan, || self.message(operation, plan, rows));
        match written {
            Ok(written) => sink::to_wal(&self.change(operation, &written)),
            Err(raised) => undelivered::fail(self.table.oid, Failure::Wal, &raised),
        }
    }

    /// A row that changes its topic is a DELETE in the old topic and an INSERT in the new one, as in the delta rule.
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
            // A TRUNCATE has no row, so it only goes to topics without columns.
            None => broadcast::topic_of(template, b"{}"),
        }
    }

    fn send(&self, operation: Operation, topic: Option<String>, rows: Rows) {
        let Some(topic) = topic else {
            return;
        };
        let (plan, rows) = match self.is_seen_by_all(rows) {
            true => (&self.plan, rows),
            false => (&self.key_plan, self.key_rows(rows)),
        };
        self.send_by(plan, operation, &topic, rows);
    }

    /// The rows of a message that carries only keys; none if some reader of it may not know keys.
    fn key_rows<'a>(&self, rows: Rows<'a>) -> Rows<'a> {
        match self.may_send_key {
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

    /// Whether every role that may read the message may see what it contains of these rows.
    fn is_seen_by_all(&self, rows: Rows) -> bool {
        match &self.access {
            Access::Never => false,
            Access::Always => true,
            Access::Where(condition) => {
                let mut rows = rows.into_iter().flatten();
                // If a policy raises an error, the row counts as hidden.
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

/// Why the arguments do not match the columns. They might mean another column, or none, so they are not used.
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

/// The operation that removes a row from its old topic.
fn removal(operation: Operation) -> Operation {
    match operation {
        Operation::Truncate => Operation::Truncate,
        _ => Operation::Delete,
    }
}

/// Writes rows by a plan. If that runs functions of users, it is done in a subtransaction, so that their errors do not
/// fail the user's statement.
fn guarded<T>(plan: &RecordPlan, write: impl FnOnce() -> T) -> std::result::Result<T, Raised> {
    if plan.is_foreign() {
        attempt(|| Ok(write()))
    } else {
        Ok(write())
    }
}
