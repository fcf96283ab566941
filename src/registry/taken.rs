//! Triggers of users that have names of capture triggers. They are left unchanged.

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

/// Locks the table, and the partitions for which CREATE TRIGGER clones the trigger of this operation. Errors: 42710 if
/// one of them has a trigger of this name that does not capture. CREATE OR REPLACE would silently replace it.
pub fn check_free(class: &Class, operation: Operation, function: Oid) -> Result<()> {
    let mut tables = vec![class.oid];
    if class.is_partitioned() && operation != Operation::Truncate {
        tables.extend(inheritance::descendants(class.oid));
    }
    let name = name_for(operation);
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
                "table \"{}\" has a trigger \"{name}\" that enable() did not create",
                table.name
            ))
            .detail("A capture trigger needs this name, but the existing trigger does not execute pgrealtime.capture_change().")
            .hint(format!(
                "Run ALTER TRIGGER {trigger} ON {} RENAME TO …, or DROP TRIGGER {trigger} ON {}.",
                table.quoted(),
                table.quoted()
            )),
        ));
    }
    Ok(())
}

/// The name of a trigger of a table to be attached, if a capture trigger that the table would get from its parent, or
/// as a leaf of the enabled root, has the same name.
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

/// The name, if a trigger of the table has this name and does not capture.
fn users(table: Oid, name: &str, function: Oid) -> Option<String> {
    let mut all = triggers::of_relation(table).into_iter();
    let found = all.find(|one| one.name == name && one.firing.function != function);
    found.map(|one| one.name)
}
