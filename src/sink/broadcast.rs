//! `broadcast`: rows in Supabase's `realtime.messages`, shaped as its broadcast_changes() shapes them.

use super::topic::{self, Part};
use super::{undelivered, Change};
use crate::pg::broadcast::{insert, Message};
use crate::pg::subtransaction::attempt;
use crate::pg::{xact, Oid};
use serde_json::value::RawValue;
use std::cell::Cell;
use std::collections::HashMap;

/// How the inserts of this transaction have gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not tried in this transaction and subtransaction yet.
    Untried,
    /// One was made: the partition of today is there and, by our own lock, stays.
    Works(u64, u32),
    /// One failed, and the WARNING was given.
    Failed(u64),
}

thread_local! {
    static STANDING: Cell<Standing> = const { Cell::new(Standing::Untried) };
}

/// The topic of a row: each column in braces replaced by its value as text. `None` when one is NULL, or absent: then the
/// row belongs to no topic. `row` is the row's JSON.
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

/// Sends a change to a topic. What cannot be delivered is one WARNING per transaction and a count, never a failed write:
/// the first insert of a transaction is made in a subtransaction, the others know that it worked.
pub fn send(change: &Change, topic: &str, function: Oid) {
    let payload = payload(change);
    let message = Message {
        payload: &payload,
        event: change.operation.name(),
        topic,
    };
    let (xid, subtransaction) = (xact::top_xid(), xact::subtransaction());
    match STANDING.get() {
        Standing::Failed(of) if of == xid => undelivered::count(change.relation),
        Standing::Works(of, within) if (of, within) == (xid, subtransaction) => {
            insert(&message, function);
        }
        _ => match attempt(|| {
            insert(&message, function);
            Ok(())
        }) {
            Ok(()) => STANDING.set(Standing::Works(xid, subtransaction)),
            Err(reason) => {
                STANDING.set(Standing::Failed(xid));
                undelivered::count(change.relation);
                crate::error::report("changes of this transaction are not broadcast")
                    .detail(format!("The reason was: {}.", reason.message))
                    .hint("Is the Realtime server running? It makes the partitions of realtime.messages.")
                    .warning();
            }
        },
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
