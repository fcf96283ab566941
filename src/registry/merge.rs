//! Combines the parameters of `enable` with the stored settings, and checks the result as a whole.

use super::filter_rule;
use super::settings::Settings;
use crate::capture_trigger::Sink;
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::keys;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::broadcast;
use crate::sink::topic::{self, Part};

/// The optional parameters of `enable`; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub priority: Option<String>,
    pub operations: Option<Vec<Option<String>>>,
    pub row_filter: Option<String>,
    pub columns: Option<Vec<Option<String>>>,
    pub payload: Option<String>,
    pub deletes: Option<String>,
    pub sinks: Option<Vec<Option<String>>>,
    pub broadcast_topic: Option<String>,
}

const PRIORITIES: [&str; 3] = ["high", "medium", "low"];
const PAYLOADS: [&str; 2] = ["full", "key"];
const DELETES: [&str; 2] = ["policy", "key"];

/// The settings after the request. Errors: 22004 and 22023 for invalid values; 42703 for an unknown column; 55000 if
/// 'key' is asked for and there is no key; 42P01 and 42809 if the broadcast table is missing or not a table; faults in
/// the row filter.
pub fn merge(class: &Class, old: Option<&Settings>, request: Request) -> Result<Settings> {
    let mut settings = old.cloned().unwrap_or_else(|| Settings::standard(class));
    settings.owner = acl::role_name(class.owner);
    let given = Given {
        columns: request.columns.is_some(),
        row_filter: request.row_filter.is_some(),
        topic: request.broadcast_topic.is_some(),
    };
    if let Some(operations) = request.operations {
        settings.operations = operations_of(operations)?;
    }
    if let Some(columns) = request.columns {
        let columns = without_nulls("columns", columns)?;
        settings.columns = (!columns.is_empty()).then_some(columns);
    }
    if let Some(sinks) = request.sinks {
        settings.sinks = sinks_of(sinks)?;
    }
    choose(
        &mut settings.priority,
        "priority",
        request.priority,
        &PRIORITIES,
    )?;
    choose(&mut settings.payload, "payload", request.payload, &PAYLOADS)?;
    choose(&mut settings.deletes, "deletes", request.deletes, &DELETES)?;
    set_or_clear(&mut settings.row_filter, request.row_filter);
    set_or_clear(&mut settings.broadcast_topic, request.broadcast_topic);
    check(class, &mut settings, given)?;
    Ok(settings)
}

fn choose(setting: &mut String, name: &str, value: Option<String>, allowed: &[&str]) -> Result<()> {
    if let Some(value) = value {
        *setting = one_of(name, &value, allowed)?;
    }
    Ok(())
}

/// A blank text clears the setting.
fn set_or_clear(setting: &mut Option<String>, value: Option<String>) {
    if let Some(value) = value {
        *setting = (!value.trim().is_empty()).then_some(value);
    }
}

/// Which of the settings that name columns the request gives.
#[derive(Clone, Copy)]
struct Given {
    columns: bool,
    row_filter: bool,
    topic: bool,
}

/// Rewrites the error of a setting that this request does not give: an earlier call stored it.
fn name_origin<T>(checked: Result<T>, given: bool, parameter: &str, nothing: &str) -> Result<T> {
    checked.map_err(|error| match given {
        true => error,
        false => Error::new(
            error.code(),
            report(format!(
                "the stored setting \"{parameter}\" no longer fits the table: {}",
                error.message()
            ))
            .detail("An earlier call of pgrealtime.enable() gave this setting. This call did not.")
            .hint(format!(
                "Add {parameter} => {nothing} to clear it, or give a new value."
            )),
        ),
    })
}

/// Checks the settings together, against the current state of the relation. Errors: as [`merge`].
fn check(class: &Class, settings: &mut Settings, given: Given) -> Result<()> {
    let key = keys::key_columns(class.oid);
    if key.is_empty() {
        check_keyless(class, settings)?;
    }
    if let Some(columns) = &settings.columns {
        let ordered = ordered_columns(class, columns, &key);
        settings.columns = Some(name_origin(ordered, given.columns, "columns", "'{}'")?);
    }
    if let Some(filter) = &settings.row_filter {
        let checked = filter_rule::check(class.oid, filter);
        name_origin(checked, given.row_filter, "row_filter", "''")?;
    }
    if let Some(template) = &settings.broadcast_topic {
        let checked = check_topic(class, template);
        name_origin(checked, given.topic, "broadcast_topic", "''")?;
    }
    if settings.has_sink(Sink::Broadcast) {
        check_broadcast(class, settings)?;
    }
    Ok(())
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

fn unrecognised(parameter: &str, value: &str, allowed: &[&str]) -> Error {
    Error::invalid_parameter_value(
        report(format!(
            "unrecognized value for parameter \"{parameter}\": \"{value}\""
        ))
        .detail(format!("The allowed values are {}.", quoted(allowed)))
        .hint(format!(
            "Call pgrealtime.enable() with one of them as {parameter}, or leave it out."
        )),
    )
}

fn one_of(parameter: &str, value: &str, allowed: &[&str]) -> Result<String> {
    let found = allowed.iter().find(|name| name.eq_ignore_ascii_case(value));
    found
        .map(|name| (*name).to_owned())
        .ok_or_else(|| unrecognised(parameter, value, allowed))
}

fn without_nulls(parameter: &str, values: Vec<Option<String>>) -> Result<Vec<String>> {
    values
        .into_iter()
        .collect::<Option<Vec<String>>>()
        .ok_or_else(|| {
            Error::null_value_not_allowed(
                report(format!("parameter \"{parameter}\" must not contain nulls"))
                    .detail("NULL means \"unchanged\" only in place of the whole array.")
                    .hint("Remove the null element."),
            )
        })
}

fn operations_of(values: Vec<Option<String>>) -> Result<Vec<Operation>> {
    let mut wanted = Vec::new();
    for value in without_nulls("operations", values)? {
        let names = Operation::ALL.map(Operation::name);
        wanted.push(
            Operation::from_name_in_any_case(&value)
                .ok_or_else(|| unrecognised("operations", &value, &names))?,
        );
    }
    if wanted.is_empty() {
        return Err(Error::invalid_parameter_value(
            report("parameter \"operations\" must not be empty")
                .detail("Without operations, no changes would be captured.")
                .hint("Use sinks => '{}' to only publish the table, or pgrealtime.disable() to end publishing too."),
        ));
    }
    Ok(Operation::ALL
        .into_iter()
        .filter(|operation| wanted.contains(operation))
        .collect())
}

fn sinks_of(values: Vec<Option<String>>) -> Result<Vec<Sink>> {
    let mut wanted = Vec::new();
    for value in without_nulls("sinks", values)? {
        wanted.push(one_of("sinks", &value, &Sink::ALL.map(Sink::name))?);
    }
    let is_wanted = |sink: &Sink| wanted.iter().any(|one| one == sink.name());
    Ok(Sink::ALL.into_iter().filter(is_wanted).collect())
}

/// The wanted columns and those of the key, in table order. Errors: 42703.
fn ordered_columns(class: &Class, wanted: &[String], key: &[i16]) -> Result<Vec<String>> {
    let existing = relation::columns(class.oid);
    for name in wanted {
        if !existing.iter().any(|column| column.name == *name) {
            return Err(no_column(class, name, "columns"));
        }
    }
    let chosen =
        |column: &relation::Column| key.contains(&column.number) || wanted.contains(&column.name);
    Ok(existing
        .into_iter()
        .filter(chosen)
        .map(|column| column.name)
        .collect())
}

fn no_column(class: &Class, name: &str, parameter: &str) -> Error {
    let existing = relation::columns(class.oid);
    let names: Vec<&str> = existing.iter().map(|column| column.name.as_str()).collect();
    Error::undefined_column(
        report(format!(
            "column \"{name}\" of relation \"{}\" does not exist",
            class.name
        ))
        .detail(format!(
            "The columns of the relation are {}.",
            quoted(&names)
        ))
        .hint(format!(
            "Correct the parameter \"{parameter}\", or clear it."
        )),
    )
}

fn check_keyless(class: &Class, settings: &Settings) -> Result<()> {
    let parameter = match (settings.payload.as_str(), settings.deletes.as_str()) {
        ("key", _) => "payload",
        (_, "key") => "deletes",
        _ => return Ok(()),
    };
    Err(Error::object_not_in_prerequisite_state(
        report(format!("relation \"{}\" has no key", class.name))
            .detail(format!(
                "With {parameter} => 'key', a change is reported by its key only. The key is the primary key, else that of the replica identity index."
            ))
            .hint(format!("Run ALTER TABLE {} ADD PRIMARY KEY (...) first.", class.quoted())),
    ))
}

fn check_topic(class: &Class, template: &str) -> Result<()> {
    let parts = topic::parse(template).map_err(|at| {
        Error::invalid_parameter_value(
            report(format!("malformed broadcast topic: \"{template}\""))
                .detail(format!(
                    "The brace at byte {} is not part of a {{column}}.",
                    at + 1
                ))
                .hint("Write columns in braces, as in org:{organization_id}."),
        )
    })?;
    for part in parts {
        if let Part::Column(name) = part {
            if relation::column_number(class.oid, name).is_none() {
                return Err(no_column(class, name, "broadcast_topic"));
            }
        }
    }
    Ok(())
}

fn check_broadcast(class: &Class, settings: &Settings) -> Result<()> {
    if settings.broadcast_topic.is_none() {
        return Err(Error::invalid_parameter_value(
            report("sink \"broadcast\" needs a topic")
                .detail("Every message of Supabase Realtime's broadcast belongs to a topic.")
                .hint("Add broadcast_topic => 'org:{organization_id}', with columns in braces."),
        ));
    }
    let table = broadcast::table().and_then(Class::by_oid).ok_or_else(|| {
        Error::undefined_table(
            report("relation \"realtime.messages\" does not exist")
                .detail(
                    "The sink \"broadcast\" writes into this table, which Supabase Realtime creates.",
                )
                .hint("Use another sink, or start the Realtime server on this database first."),
        )
    })?;
    if !table.is_table() {
        return Err(Error::wrong_object_type(
            report("\"realtime.messages\" is not a table")
                .detail("The sink \"broadcast\" writes into the table of this name that Supabase Realtime creates.")
                .hint("Use another sink."),
        ));
    }
    let contains =
        |outer: &Class, inner: &Class| inheritance::ancestors(inner).contains(&outer.oid);
    if class.oid == table.oid || contains(class, &table) || contains(&table, class) {
        return Err(Error::invalid_parameter_value(
            report(format!("changes of table \"{}\" cannot be broadcast", class.name))
                .detail("The sink \"broadcast\" writes into this table, so every message would be another change to broadcast.")
                .hint("Use another sink."),
        ));
    }
    Ok(())
}
