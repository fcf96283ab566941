//! Questions about the capture triggers that a relation has. Errors: 42883 when the capture function does not exist.

use super::attach::{capture_function, is_ours};
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

/// What the triggers that `enable` created on the relation say where no settings are stored: the operations, and what all
/// of them have as arguments. `None` when there are none, or when they differ.
pub fn said(class: &Class, function: Oid) -> Option<(Vec<Operation>, Arguments)> {
    let mut ours = triggers::of_relation(class.oid);
    ours.retain(|one| is_ours(one, function) && !one.is_clone && !one.arguments().is_leaf);
    let arguments = ours.first()?.arguments().by_name();
    let operations = |one: &Trigger| {
        let mut all = Operation::ALL.into_iter();
        all.find(|operation| one.name == name_for(*operation) && one.firing.is_exactly(*operation))
    };
    let all: Option<Vec<Operation>> = ours.iter().map(operations).collect();
    let alike = ours.iter().all(|one| one.says(&arguments));
    all.filter(|_| alike)
        .map(|operations| (operations, arguments))
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
