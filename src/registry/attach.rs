//! The capture triggers of a relation: what there should be, what there is, and the DDL between the two.

use super::filter_rule;
use super::settings::{named_columns, Settings};
use super::taken;
use crate::capture_trigger::{is_named, name_for, Arguments, Numbers, Sink};
use crate::change::Operation;
use crate::error::{report, Error, Report, Result};
use crate::pg::backend::ddl;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::captures;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;
use pgrx::spi::{quote_identifier, quote_literal};

/// A trigger as it should be.
pub(super) struct Wanted {
    pub event: Operation,
    pub arguments: Arguments,
    pub condition: Option<String>,
}

impl Wanted {
    fn is(&self, trigger: &Trigger, function: Oid) -> bool {
        trigger.name == name_for(self.event)
            && trigger.firing.function == function
            && trigger.firing.enabled
            && trigger.firing.is_exactly(self.event)
            && trigger.firing.has_condition == self.condition.is_some()
            && trigger.has_arguments(&self.arguments)
    }
}

/// OID of the function that captures.
pub fn capture_function() -> Result<Oid> {
    triggers::member_function("capture_change").ok_or_else(|| {
        Error::undefined_function(
            report("function pgrealtime.capture_change() does not exist")
                .detail("The extension in this database is incomplete.")
                .hint("Run ALTER EXTENSION pgrealtime UPDATE."),
        )
    })
}

/// Makes the relation's triggers what the settings say. `old` are those that made the ones that are there. Returns
/// whether anything had to be made.
pub fn attach(class: &Class, settings: &Settings, old: Option<&Settings>) -> Result<bool> {
    let function = capture_function()?;
    let wanted = wanted(class, settings)?;
    if !wanted.is_empty() {
        check_may_capture(function)?;
        check_owner_may_capture(class, function)?;
    }
    let leaves = leaves_of(class);
    let present = triggers::of_relation(class.oid);
    drop_unwanted(class, &present, &wanted, function);
    for one in [Some(settings), old].into_iter().flatten() {
        drop_renamed(class, &leaves, one, function);
    }
    let mut made = false;
    for one in &wanted {
        let cloned = |leaf: &Class| captures(&triggers::firing(leaf.oid), function, one.event);
        let kept = present.iter().any(|trigger| one.is(trigger, function))
            && (one.event == Operation::Truncate || leaves.iter().all(cloned));
        if !kept {
            taken::check_free(class, one.event, function)?;
            create(class, &name_for(one.event), one);
            made = true;
        }
    }
    Ok(attach_leaves(&leaves, settings, function)? || made)
}

/// TRUNCATE triggers are by statement, which Postgres does not clone: every leaf gets its own.
fn attach_leaves(leaves: &[Class], settings: &Settings, function: Oid) -> Result<bool> {
    let wanted = truncate_of_leaf(settings);
    let mut made = false;
    for leaf in leaves.iter().filter(|leaf| leaf.has_truncate_triggers()) {
        let present = triggers::of_relation(leaf.oid);
        match &wanted {
            Some(one) if present.iter().any(|trigger| one.is(trigger, function)) => {}
            Some(one) => {
                taken::check_free(leaf, one.event, function)?;
                create(leaf, &name_for(one.event), one);
                made = true;
            }
            None => drop_trigger_if_there(leaf, &present, Operation::Truncate, function),
        }
    }
    Ok(made)
}

/// Gives a leaf that was added to an enabled relation its TRUNCATE trigger.
pub fn attach_new_leaf(leaf: &Class, settings: &Settings) -> Result<()> {
    let function = capture_function()?;
    check_may_capture(function)?;
    attach_leaves(std::slice::from_ref(leaf), settings, function)?;
    Ok(())
}

/// Takes every trigger of ours off the relation and its leaves. Returns whether there was one.
pub fn detach(class: &Class, settings: &Settings) -> Result<bool> {
    let function = capture_function()?;
    let mut present = triggers::of_relation(class.oid);
    present.retain(|trigger| is_ours(trigger, function));
    drop_unwanted(class, &present, &[], function);
    let leaves = leaves_of(class);
    detach_leaves(&leaves)?;
    Ok(drop_renamed(class, &leaves, settings, function) || !present.is_empty())
}

/// Takes the TRUNCATE triggers off tables that are no longer leaves of an enabled relation.
pub fn detach_leaves(leaves: &[Class]) -> Result<()> {
    let function = capture_function()?;
    for leaf in leaves {
        let present = triggers::of_relation(leaf.oid);
        drop_trigger_if_there(leaf, &present, Operation::Truncate, function);
    }
    Ok(())
}

/// Whether `enable` made it: it captures, under one of our names. A name alone says nothing.
pub fn is_ours(trigger: &Trigger, function: Oid) -> bool {
    trigger.firing.function == function && is_named(&trigger.name)
}

pub(super) fn leaves_of(class: &Class) -> Vec<Class> {
    match class.is_partitioned() {
        true => inheritance::leaves(class.oid),
        false => Vec::new(),
    }
}

pub(super) fn arguments(settings: &Settings) -> Arguments {
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

/// The arguments with the numbers that the columns have in this relation.
pub(super) fn numbered(class: &Class, settings: &Settings) -> Arguments {
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

fn wanted(class: &Class, settings: &Settings) -> Result<Vec<Wanted>> {
    if settings.sinks.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for event in &settings.operations {
        all.push(Wanted {
            event: *event,
            arguments: numbered(class, settings),
            condition: match &settings.row_filter {
                Some(filter) => condition(class, *event, filter)?,
                None => None,
            },
        });
    }
    Ok(all)
}

fn truncate_of_leaf(settings: &Settings) -> Option<Wanted> {
    if settings.sinks.is_empty() || !settings.operations.contains(&Operation::Truncate) {
        return None;
    }
    Some(Wanted {
        event: Operation::Truncate,
        arguments: arguments(settings).of_leaf(),
        condition: None,
    })
}

/// An UPDATE concerns a reader when the row matched before or does now.
pub(super) fn condition(class: &Class, event: Operation, filter: &str) -> Result<Option<String>> {
    let of = |alias| filter_rule::condition(class.oid, filter, alias);
    Ok(match event {
        Operation::Insert => of("new")?,
        Operation::Delete => of("old")?,
        Operation::Update => match (of("old")?, of("new")?) {
            (Some(old), Some(new)) => Some(format!("({old}) OR ({new})")),
            _ => None,
        },
        Operation::Truncate => None,
    })
}

/// CREATE TRIGGER asks for EXECUTE on the function; here with a hint.
pub(super) fn check_may_capture(function: Oid) -> Result<()> {
    if acl::may_execute(function) {
        return Ok(());
    }
    Err(Error::insufficient_privilege(
        report("permission denied for function pgrealtime.capture_change")
            .detail("Triggers that call it can be made only by who may EXECUTE it.")
            .hint(ask_for_execute(&acl::current_user_name())),
    ))
}

/// Postgres asks the owner again whenever it clones the triggers for a new partition, and so do renames of columns.
fn check_owner_may_capture(class: &Class, function: Oid) -> Result<()> {
    if acl::role_may_execute(function, class.owner) {
        return Ok(());
    }
    Err(Error::insufficient_privilege(owner_lacks_execute(class)))
}

/// What to say of a table whose owner may not EXECUTE the function that its triggers call.
pub fn owner_lacks_execute(class: &Class) -> Report {
    let owner = acl::role_name(class.owner);
    report(format!(
        "permission denied for function pgrealtime.capture_change for the owner of table \"{}\"",
        class.name
    ))
    .detail(format!(
        "Role \"{owner}\" could neither create partitions of the table nor rename columns that the capture triggers name."
    ))
    .hint(ask_for_execute(&owner))
}

fn ask_for_execute(role: &str) -> String {
    format!(
        "Ask who installed the extension to run GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO {}.",
        quote_identifier(role)
    )
}

pub(super) fn create(class: &Class, name: &str, wanted: &Wanted) {
    let trigger = quote_identifier(name);
    let level = match wanted.event {
        Operation::Truncate => "STATEMENT",
        _ => "ROW",
    };
    let when = wanted
        .condition
        .as_ref()
        .map_or(String::new(), |text| format!(" WHEN ({text})"));
    let arguments = wanted.arguments.encode();
    let arguments: Vec<String> = arguments.iter().map(quote_literal).collect();
    ddl::execute(&format!(
        "CREATE OR REPLACE TRIGGER {trigger} AFTER {} ON {} FOR EACH {level}{when} \
         EXECUTE FUNCTION pgrealtime.capture_change({})",
        wanted.event.name(),
        class.quoted(),
        arguments.join(", ")
    ));
    // DROP EXTENSION takes the triggers along instead of refusing because of them. Replacing forgets it.
    ddl::execute(&format!(
        "ALTER TRIGGER {trigger} ON {} DEPENDS ON EXTENSION pgrealtime",
        class.quoted()
    ));
}

fn drop_unwanted(class: &Class, present: &[Trigger], wanted: &[Wanted], function: Oid) {
    for event in Operation::ALL {
        if !wanted.iter().any(|one| one.event == event) {
            drop_trigger_if_there(class, present, event, function);
        }
    }
}

/// Drops what `enable` made with these settings and somebody gave another name. Returns whether there was one.
fn drop_renamed(class: &Class, leaves: &[Class], settings: &Settings, function: Oid) -> bool {
    let itself = arguments(settings);
    let of_leaf = itself.of_leaf();
    let mut any = false;
    for (table, arguments) in
        std::iter::once((class, &itself)).chain(leaves.iter().map(|leaf| (leaf, &of_leaf)))
    {
        for trigger in triggers::of_relation(table.oid) {
            let firing = &trigger.firing;
            let shape = Operation::ALL
                .into_iter()
                .find(|event| firing.is_exactly(*event));
            if shape.is_some_and(|event| trigger.name != name_for(event))
                && firing.function == function
                && !trigger.is_clone
                && trigger.says(arguments)
                && trigger.goes_with_extension()
            {
                drop_trigger(table, &trigger.name);
                any = true;
            }
        }
    }
    any
}

fn drop_trigger(class: &Class, name: &str) {
    ddl::execute(&format!(
        "DROP TRIGGER {} ON {}",
        quote_identifier(name),
        class.quoted()
    ));
}

fn drop_trigger_if_there(class: &Class, present: &[Trigger], event: Operation, function: Oid) {
    let name = name_for(event);
    let is_it = |one: &Trigger| one.name == name && is_ours(one, function) && !one.is_clone;
    if present.iter().any(is_it) {
        drop_trigger(class, &name);
    }
}
