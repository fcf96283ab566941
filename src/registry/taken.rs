//! Triggers of users that have the names which `enable` gives: they are left alone.

use crate::capture_trigger::name_for;
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::pg::backend::ddl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;
use pgrx::spi::quote_identifier;

/// Locks the table, and the partitions that CREATE TRIGGER gives the trigger of this operation, too. Errors: 42710 where
/// one of them has a trigger of this name that does not capture; CREATE OR REPLACE would make it ours without a word.
pub fn check_free(class: &Class, event: Operation, function: Oid) -> Result<()> {
    let mut tables = vec![class.oid];
    if class.is_partitioned() && event != Operation::Truncate {
        tables.extend(inheritance::descendants(class.oid));
    }
    let name = name_for(event);
    for table in tables {
        ddl::lock_relation(table);
        if users(table, &name, function).is_none() {
            continue;
        }
        let Some(table) = Class::by_oid(table) else {
            continue;
        };
        let trigger = quote_identifier(&name);
        return Err(Error::duplicate_object(
            report(format!(
                "table \"{}\" has a trigger \"{name}\" that enable() has not made",
                table.name
            ))
            .detail("The capture triggers have this name. The one that is there does not execute pgrealtime.capture_change().")
            .hint(format!(
                "Run ALTER TRIGGER {trigger} ON {} RENAME TO …, or DROP TRIGGER {trigger} ON {}.",
                table.quoted(),
                table.quoted()
            )),
        ));
    }
    Ok(())
}

/// A trigger of a table to attach that has the name of one which its parent passes on, or which the enabled root gives to
/// every leaf.
pub fn same_name(root: &Class, parent: &Class, table: &Class, function: Oid) -> Option<String> {
    let mut passed_on = triggers::of_relation(parent.oid);
    passed_on.retain(|one| one.firing.function == function && one.firing.is_for_each_row());
    let mut own = triggers::of_relation(table.oid).into_iter();
    let is_taken =
        |own: &Trigger| !own.is_clone && passed_on.iter().any(|one| one.name == own.name);
    if let Some(taken) = own.find(is_taken) {
        return Some(taken.name);
    }
    let truncate = Operation::Truncate;
    let given_to_leaves = triggers::captures(&triggers::firing(root.oid), function, truncate);
    let is_leaf = !table.is_partitioned() && table.has_truncate_triggers();
    users(table.oid, &name_for(truncate), function).filter(|_| given_to_leaves && is_leaf)
}

/// The name, if a trigger of the table has it that does not capture.
fn users(table: Oid, name: &str, function: Oid) -> Option<String> {
    let mut all = triggers::of_relation(table).into_iter();
    let found = all.find(|one| one.name == name && one.firing.function != function);
    found.map(|one| one.name)
}
