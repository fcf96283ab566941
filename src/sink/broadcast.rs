//! The sink `broadcast`: inserts rows into Supabase's `realtime.messages`, in the form that its broadcast_changes()
//! uses.

use super::topic::{self, Part};
use super::{undelivered, Change, Failure};
use crate::error::{report, Error, Result};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::xact;
use crate::pg::storage::broadcast::insert;
pub use crate::pg::storage::broadcast::table;
use crate::pg::storage::broadcast::Message;
use crate::pg::Oid;
use serde_json::value::RawValue;
use std::cell::Cell;
use std::collections::HashMap;

/// After so many failures in a row, a transaction sends no more messages and only counts them. If today's partition is
/// missing, each row of a bulk load would otherwise cost a subtransaction for nothing.
const GIVE_UP_AFTER: u32 = 100;

/// Maximum depth of broadcasts within broadcasts. Triggers on realtime.messages may change tables that are broadcast
/// too, but not endlessly.
const MAX_DEPTH: u32 = 4;

thread_local! {
    /// The transaction, and how many messages in a row it could not send.
    static FAILURES: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// The topic of a row: each column in braces replaced by its value as text. `None` if one is NULL or absent: the row
/// then belongs to no topic. `row` is the row's JSON.
pub fn topic_of(template: &str, row: &[u8]) -> Option<String> {
    let values: HashMap<String, &RawValue> = serde_json::from_slice(row).ok()?;
    let mut out = String::new();
    for part in topic::parse(template).ok()? {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Column(column) => match values.get(column)?.get() {
                "null" => return None,
                text if text.starts_with('"') => {
                    out.push_str(&serde_json::from_str::<String>(text).ok()?);
                }
                text => out.push_str(text),
            },
        }
    }
    Some(out)
}

/// Runs the code that sends one message, in a subtransaction. A message that cannot be delivered is counted, and raises
/// one WARNING per transaction. It never fails the user's statement.
pub fn deliver(relation: Oid, message: impl FnOnce() -> Result<()>) {
    let xid = xact::top_xid();
    let failures = match FAILURES.get() {
        (of, failures) if of == xid => failures,
        _ => 0,
    };
    if failures >= GIVE_UP_AFTER {
        return undelivered::count(relation);
    }
    match attempt(message) {
        Ok(()) => FAILURES.set((xid, 0)),
        Err(raised) => {
            FAILURES.set((xid, failures + 1));
            undelivered::fail(relation, Failure::Broadcast, &raised);
        }
    }
}

/// Inserts the message of a change; called within [`deliver`]. Errors: 54000 if broadcasts are nested too deeply; those
/// of the INSERT.
pub fn send(change: &Change, topic: &str) -> Result<()> {
    let _nested = Nested::enter()?;
    insert(&Message {
        payload: &payload(change),
        event: change.operation.name(),
        topic,
    })
}

/// Counts the depth of nested broadcasts. Dropped after an error too.
struct Nested;

impl Nested {
    fn enter() -> Result<Nested> {
        if DEPTH.get() >= MAX_DEPTH {
            return Err(Error::program_limit_exceeded(
                report("triggers on realtime.messages change tables that are broadcast")
                    .hint("Let triggers on realtime.messages write only to tables that are not broadcast."),
            ));
        }
        DEPTH.set(DEPTH.get() + 1);
        Ok(Nested)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn payload(change: &Change) -> String {
    let row = |range: &Option<std::ops::Range<usize>>| {
        range
            .clone()
            .and_then(|range| change.message.get(range))
            .map_or("null".into(), |bytes| String::from_utf8_lossy(bytes))
    };
    format!(
        "{{\"schema\":{},\"table\":{},\"operation\":\"{}\",\"record\":{},\"old_record\":{}}}",
        serde_json::json!(change.schema),
        serde_json::json!(change.table),
        change.operation.name(),
        row(&change.rows.record),
        row(&change.rows.old_record),
    )
}

#[cfg(test)]
mod tests {
    use super::topic_of;

    #[test]
    fn a_topic_takes_values_as_text() {
        let row = br#"{"org":42,"name":"a \"b\"","big":12345678901234567890.10,"none":null}"#;
        let of = |template| topic_of(template, row);
        assert_eq!(of("org:{org}"), Some("org:42".into()));
        assert_eq!(
            of("{name}/{big}"),
            Some("a \"b\"/12345678901234567890.10".into())
        );
        assert_eq!(of("fixed"), Some("fixed".into()));
        assert_eq!(of("x:{none}"), None);
        assert_eq!(of("x:{gone}"), None);
    }
}
