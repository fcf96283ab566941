//! The capture triggers of a relation: compares the existing triggers with the required ones, and runs the DDL that is
//! needed.

use super::settings::Settings;
use super::taken;
use super::wanted::{arguments, truncate_of_leaf, wanted, Wanted};
use crate::capture_trigger::{is_named, name_for};
use crate::change::Operation;
use crate::error::{report, Error, Report, Result};
use crate::pg::backend::ddl;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::captures;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;
use pgrx::spi::{quote_identifier, quote_literal};

/// OID of the capture function. Errors: 42883 if it does not exist.
pub fn capture_function() -> Result<Oid> {
    triggers::member_function("capture_change").ok_or_else(|| {
        Error::undefined_function(
            report("function pgrealtime.capture_change() does not exist")
                .detail("The extension in this database is incomplete.")
                .hint("Run ALTER EXTENSION pgrealtime UPDATE."),
        )
    })
}

/// Creates and drops triggers until the relation has exactly those that the settings require. `old`: the settings that
/// the existing triggers were created with. Returns whether a trigger was created. Errors: 42501 if the caller or the
/// table's owner may not execute the capture function; 42883 if it does not exist; faults in the row filter.
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
        let cloned = |leaf: &Class| captures(&triggers::firing(leaf.oid), function, one.operation);
        let kept = present.iter().any(|trigger| one.is(trigger, function))
            && (one.operation == Operation::Truncate || leaves.iter().all(cloned));
        if !kept {
            taken::check_free(class, one.operation, function)?;
            create(class, &name_for(one.operation), one);
            made = true;
        }
    }
    Ok(attach_leaves(&leaves, settings, function)? || made)
}

/// TRUNCATE triggers are statement-level triggers, which Postgres does not clone for partitions. So each leaf gets its
/// own.
fn attach_leaves(leaves: &[Class], settings: &Settings, function: Oid) -> Result<bool> {
    let wanted = truncate_of_leaf(settings);
    let mut made = false;
    for leaf in leaves.iter().filter(|leaf| leaf.has_truncate_triggers()) {
        let present = triggers::of_relation(leaf.oid);
        match &wanted {
            Some(one) if present.iter().any(|trigger| one.is(trigger, function)) => {}
            Some(one) => {
                taken::check_free(leaf, one.operation, function)?;
                create(leaf, &name_for(one.operation), one);
                made = true;
            }
            None => drop_trigger_if_there(leaf, &present, Operation::Truncate, function),
        }
    }
    Ok(made)
}

/// Creates the TRUNCATE trigger of a leaf that was added to an enabled relation. Errors: 42501, 42883.
pub fn attach_new_leaf(leaf: &Class, settings: &Settings) -> Result<()> {
    let function = capture_function()?;
    check_may_capture(function)?;
    attach_leaves(std::slice::from_ref(leaf), settings, function)?;
    Ok(())
}

/// Drops all triggers that `enable` created on the relation and its leaves. Returns whether there was one. Errors:
/// 42883.
pub fn detach(class: &Class, settings: &Settings) -> Result<bool> {
    let function = capture_function()?;
    let mut present = triggers::of_relation(class.oid);
    present.retain(|trigger| is_ours(trigger, function));
    drop_unwanted(class, &present, &[], function);
    let leaves = leaves_of(class);
    detach_leaves(&leaves)?;
    Ok(drop_renamed(class, &leaves, settings, function) || !present.is_empty())
}

/// Drops the TRUNCATE triggers of tables that are no longer leaves of an enabled relation. Errors: 42883.
pub fn detach_leaves(leaves: &[Class]) -> Result<()> {
    let function = capture_function()?;
    for leaf in leaves {
        let present = triggers::of_relation(leaf.oid);
        drop_trigger_if_there(leaf, &present, Operation::Truncate, function);
    }
    Ok(())
}

/// Whether `enable` created the trigger: it calls the capture function, and has a name that `enable` gives. The name
/// alone proves nothing.
pub fn is_ours(trigger: &Trigger, function: Oid) -> bool {
    trigger.firing.function == function && is_named(&trigger.name)
}

pub(super) fn leaves_of(class: &Class) -> Vec<Class> {
    match class.is_partitioned() {
        true => inheritance::leaves(class.oid),
        false => Vec::new(),
    }
}

/// Checks EXECUTE on the function, as CREATE TRIGGER does too, but with a hint. Errors: 42501.
pub(super) fn check_may_capture(function: Oid) -> Result<()> {
    if acl::may_execute(function) {
        return Ok(());
    }
    Err(Error::insufficient_privilege(
        report("permission denied for function pgrealtime.capture_change")
            .detail("Only roles that may EXECUTE it can create triggers that call it.")
            .hint(ask_for_execute(&acl::current_user_name())),
    ))
}

/// Checks EXECUTE for the table's owner. Postgres needs it when it clones the triggers for a new partition, and this
/// extension when a column is renamed. Errors: 42501.
fn check_owner_may_capture(class: &Class, function: Oid) -> Result<()> {
    if acl::role_may_execute(function, class.owner) {
        return Ok(());
    }
    Err(Error::insufficient_privilege(owner_lacks_execute(class)))
}

/// The report for a table whose owner may not EXECUTE the function that its triggers call.
pub fn owner_lacks_execute(class: &Class) -> Report {
    let owner = acl::role_name(class.owner);
    report(format!(
        "permission denied for function pgrealtime.capture_change for the owner of table \"{}\"",
        class.name
    ))
    .detail(format!(
        "Role \"{owner}\" could not create partitions of the table, and could not rename columns that the capture triggers name."
    ))
    .hint(ask_for_execute(&owner))
}

fn ask_for_execute(role: &str) -> String {
    format!(
        "Ask the role that installed the extension to run GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO {}.",
        quote_identifier(role)
    )
}

pub(super) fn create(class: &Class, name: &str, wanted: &Wanted) {
    let trigger = quote_identifier(name);
    let level = match wanted.operation {
        Operation::Truncate => "STATEMENT",
        _ => "ROW",
    };
    let when = wanted
        .condition
        .as_ref()
        .map_or(String::new(), |when| format!(" WHEN ({})", when.sql()));
    let arguments = wanted.arguments.encode();
    let arguments: Vec<String> = arguments.iter().map(quote_literal).collect();
    ddl::execute(&format!(
        "CREATE OR REPLACE TRIGGER {trigger} AFTER {} ON {} FOR EACH {level}{when} \
         EXECUTE FUNCTION pgrealtime.capture_change({})",
        wanted.operation.name(),
        class.quoted(),
        arguments.join(", ")
    ));
    // This makes DROP EXTENSION drop the triggers too, instead of failing because of them. CREATE OR REPLACE removes
    // the dependency, so it is declared again each time.
    ddl::depend_on_extension(class.oid, name);
}

fn drop_unwanted(class: &Class, present: &[Trigger], wanted: &[Wanted], function: Oid) {
    for operation in Operation::ALL {
        if !wanted.iter().any(|one| one.operation == operation) {
            drop_trigger_if_there(class, present, operation, function);
        }
    }
}

/// Drops triggers that `enable` created with these settings and that were renamed since. Returns whether there was one.
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
                .find(|operation| firing.is_exactly(*operation));
            if shape.is_some_and(|operation| trigger.name != name_for(operation))
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

fn drop_trigger_if_there(class: &Class, present: &[Trigger], operation: Operation, function: Oid) {
    let name = name_for(operation);
    let is_it = |one: &Trigger| one.name == name && is_ours(one, function) && !one.is_clone;
    if present.iter().any(is_it) {
        drop_trigger(class, &name);
    }
}
