//! What the capture triggers of a relation should be, by its settings.

use super::filter_rule;
use super::settings::{named_columns, Settings};
use crate::capture_trigger::{name_for, Arguments, Numbers, Sink};
use crate::change::Operation;
use crate::error::Result;
use crate::filter::condition::When;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;

/// A trigger that the settings require.
pub struct Wanted {
    pub operation: Operation,
    pub arguments: Arguments,
    pub condition: Option<When>,
}

impl Wanted {
    pub fn is(&self, trigger: &Trigger, function: Oid) -> bool {
        trigger.name == name_for(self.operation)
            && trigger.firing.function == function
            && trigger.firing.enabled
            && trigger.firing.is_exactly(self.operation)
            && self.fires_on(trigger)
            && trigger.has_arguments(&self.arguments)
    }

    /// Whether the trigger's WHEN is the required one.
    pub fn fires_on(&self, trigger: &Trigger) -> bool {
        match (&self.condition, &trigger.condition) {
            (None, None) => true,
            (Some(wanted), Some(condition)) => wanted.is(condition),
            _ => false,
        }
    }
}

pub fn arguments(settings: &Settings) -> Arguments {
    let topic = settings.broadcast_topic.clone();
    Arguments {
        sinks: settings.sinks.clone(),
        key_only: settings.payload == "key",
        deletes_by_key: settings.deletes == "key",
        columns: settings.columns.clone(),
        filter: settings.row_filter.clone(),
        topic: topic.filter(|_| settings.has_sink(Sink::Broadcast)),
        numbers: None,
        is_leaf: false,
    }
}

/// The arguments, with this relation's column numbers.
pub fn numbered(class: &Class, settings: &Settings) -> Arguments {
    let mut written = settings.clone();
    if !settings.has_sink(Sink::Broadcast) {
        written.broadcast_topic = None;
    }
    let columns: Vec<(i16, String)> = named_columns(&written)
        .into_iter()
        .filter_map(|name| Some((relation::column_number(class.oid, &name)?, name)))
        .collect();
    let table = class.oid.to_u32();
    Arguments {
        numbers: (!columns.is_empty()).then_some(Numbers { table, columns }),
        ..arguments(settings)
    }
}

pub fn wanted(class: &Class, settings: &Settings) -> Result<Vec<Wanted>> {
    if settings.sinks.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for operation in &settings.operations {
        all.push(Wanted {
            operation: *operation,
            arguments: numbered(class, settings),
            condition: match &settings.row_filter {
                Some(filter) => filter_rule::when(class.oid, filter, *operation)?,
                None => None,
            },
        });
    }
    Ok(all)
}

pub fn truncate_of_leaf(settings: &Settings) -> Option<Wanted> {
    if settings.sinks.is_empty() || !settings.operations.contains(&Operation::Truncate) {
        return None;
    }
    Some(Wanted {
        operation: Operation::Truncate,
        arguments: arguments(settings).of_leaf(),
        condition: None,
    })
}
