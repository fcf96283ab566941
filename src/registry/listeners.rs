//! Broadcasts that a role would receive which may not SELECT what they tell.

use super::settings::Settings;
use crate::capture_trigger::Sink;
use crate::error::report;
use crate::pg::catalog::keys;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::judge::access::{reader_name, Readers};
use crate::pg::storage::broadcast;
use crate::sink::topic;

/// Warns if changes of a relation will not be broadcast, or only without their rows, because of one such role.
pub fn warn(class: &Class, settings: &Settings) {
    let template = settings.broadcast_topic.as_deref().unwrap_or_default();
    let Some(messages) = broadcast::table().filter(|_| settings.has_sink(Sink::Broadcast)) else {
        return;
    };
    let readers = Readers::of(class.oid, &broadcast::family(messages));
    let number = |name: &String| relation::column_number(class.oid, name);
    let topic: Vec<i16> = topic::columns(template).iter().filter_map(number).collect();
    let key = keys::key_columns(class.oid);
    let without = |columns: &[i16]| readers.without(columns).filter(|_| !columns.is_empty());
    let (reader, columns, effect) = match (without(&topic), without(&key)) {
        (Some(reader), _) => (reader, topic, "will not be broadcast"),
        (None, Some(reader)) => (reader, key, "will be broadcast without their rows"),
        (None, None) => return,
    };
    let names: Vec<String> = columns
        .iter()
        .filter_map(|number| relation::column_name(class.oid, *number))
        .map(|name| format!("\"{name}\""))
        .collect();
    report(format!("changes of table \"{}\" {effect}", class.name))
        .detail(format!(
            "The messages contain {}, and {} may receive them, but may not SELECT this.",
            names.join(", "),
            reader_name(reader)
        ))
        .hint("Grant SELECT on the table, and USAGE on its schema, to that role. Nothing is told to a reader that it may not SELECT.")
        .warning();
}
