//! Questions about the capture triggers that a relation has. Errors: 42883 when the capture function does not exist.

use super::attach::{capture_function, is_ours};
use super::filter_rule::{self, Fit};
use super::settings::Settings;
use super::wanted::arguments;
use crate::capture_trigger::{name_for, Arguments};
use crate::change::Operation;
use crate::error::Result;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;

/// Whether a relation has its own capture triggers, created by `enable` or by hand, and not only those of a table above
/// it.
pub fn captures_itself(class: &Class) -> Result<bool> {
    let function = capture_function()?;
    let own = |trigger: &Trigger| {
        trigger.firing.function == function && !trigger.is_clone && !trigger.arguments().is_leaf
    };
    Ok(triggers::of_relation(class.oid).iter().any(own))
}

/// Whether capture triggers that a new partition gets from its parent have the names of its own capture triggers.
pub fn would_clash(parent: &Class, partition: &Class) -> Result<bool> {
    let function = capture_function()?;
    let ours = |class: &Class| {
        let mut all = triggers::of_relation(class.oid);
        all.retain(|one| one.firing.function == function && one.firing.is_for_each_row());
        all
    };
    let own = ours(partition);
    let taken = |name: &str| own.iter().any(|one| one.name == name && !one.is_clone);
    Ok(ours(parent).iter().any(|one| taken(&one.name)))
}

/// Whether the table has the TRUNCATE trigger of a leaf.
pub fn has_leaf_trigger(table: &Class) -> Result<bool> {
    let function = capture_function()?;
    let is_one =
        |trigger: &Trigger| trigger.firing.function == function && trigger.arguments().is_leaf;
    Ok(triggers::of_relation(table.oid).iter().any(is_one))
}

/// Whether `enable` created triggers on the relation, and all of them have the arguments of these settings.
pub fn is_attached(class: &Class, settings: &Settings) -> Result<bool> {
    let function = capture_function()?;
    let wanted = arguments(settings);
    let mut ours = triggers::of_relation(class.oid);
    ours.retain(|trigger| is_ours(trigger, function));
    Ok(!ours.is_empty() && ours.iter().all(|trigger| trigger.says(&wanted)))
}

/// What the triggers that `enable` created on a relation say about its settings, where none are stored.
pub enum Said {
    /// There are none: `enable` never ran, or others created the triggers by hand.
    Nothing,
    /// They differ, somebody else has added some, or they do not fit the table as it is now.
    Unclear,
    /// The operations, and the arguments of all of them.
    Settings(Vec<Operation>, Arguments),
}

/// What the relation's triggers say. Only the table's owner can make a trigger go with the extension: so what a role with
/// the privilege TRIGGER creates under the same names does not count.
pub fn said(class: &Class, function: Oid) -> Said {
    let mut ours = triggers::of_relation(class.oid);
    ours.retain(|one| is_ours(one, function) && !one.is_clone && !one.arguments().is_leaf);
    let first = ours.iter().find(|one| one.goes_with_extension());
    let Some(arguments) = first.map(|one| one.arguments().by_name()) else {
        return Said::Nothing;
    };
    let operations = ours.iter().map(|one| operation_of(one, &arguments));
    let operations: Option<Vec<Operation>> = operations.collect();
    let filter_fits = || match &arguments.filter {
        Some(filter) => filter_rule::fit(class.oid, filter) == Fit::Same,
        None => ours.iter().all(|one| one.condition.is_none()),
    };
    match operations {
        Some(operations) if !is_stale(class, |_| true, function) && filter_fits() => {
            Said::Settings(operations, arguments)
        }
        _ => Said::Unclear,
    }
}

/// The operation of a trigger that `enable` created with these arguments; `None` for another one.
fn operation_of(trigger: &Trigger, arguments: &Arguments) -> Option<Operation> {
    let mut all = Operation::ALL.into_iter();
    let found = all.find(|one| trigger.name == name_for(*one) && trigger.firing.is_exactly(*one));
    found.filter(|_| trigger.says(arguments) && trigger.goes_with_extension())
}

/// Whether a trigger of the relation has other arguments than its settings require, or arguments whose names mean other
/// columns now.
pub fn is_stale(class: &Class, of_settings: impl Fn(&Arguments) -> bool, function: Oid) -> bool {
    let means_others = |arguments: &Arguments| {
        let of = class.oid;
        let name_of = |number| relation::column_name(of, number);
        let number_of = |name: &str| relation::column_number(of, name);
        arguments
            .misfit(of.to_u32(), name_of, number_of, [])
            .is_some()
    };
    let mut ours = triggers::of_relation(class.oid).into_iter();
    ours.any(|trigger| {
        let arguments = trigger.arguments();
        is_ours(&trigger, function)
            && !trigger.is_clone
            && !arguments.is_leaf
            && (!of_settings(&arguments) || means_others(&arguments))
    })
}
