//! The only place where the registry deals with row filters.

use crate::change::Operation;
use crate::error::Result;
use crate::filter::condition::{self, compile, compile_own, Purpose, When};
use crate::filter::{elements, parse};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::call::event_trigger::ValueRenamed;
use crate::pg::catalog::columns::OpenTable;
use crate::pg::catalog::relation_triggers::capture_triggers;
use crate::pg::catalog::rowtype::Held;
use crate::pg::catalog::type_use;
use crate::pg::sql::typeinfo::base_type;
use crate::pg::Oid;

/// Checks that the filter is valid for the relation. Returns the numbers of the columns that it reads. Errors: every
/// fault in the filter.
pub fn check(relation: Oid, filter: &str) -> Result<Vec<i16>> {
    let condition = compile(relation, filter, Purpose::RowFilter)?;
    Ok(condition.map_or(Vec::new(), |condition| condition.columns().to_vec()))
}

/// The WHEN of a capture trigger; `None` for none. Errors: every fault in the filter.
pub fn when(relation: Oid, filter: &str, operation: Operation) -> Result<Option<When>> {
    let condition = compile(relation, filter, Purpose::RowFilter)?;
    let when = condition.map(|condition| condition.when(relation, operation));
    Ok(when.transpose()?.flatten())
}

/// What a relation's triggers make of its row filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They fire on it, or there are none.
    Same,
    /// They fire on another condition.
    Other,
    /// It is not valid any more.
    Invalid,
}

/// Compares the WHEN conditions of a relation's triggers with what its row filter means now, for a caller who need not
/// have any rights on the relation. A relation that another session has locked is not waited for, and counts as fitting.
pub fn fit(relation: Oid, filter: &str) -> Fit {
    let (_held, busy) = Held::at_once_of(&[relation]);
    if !busy.is_empty() {
        return Fit::Same;
    }
    match attempt(|| fires_on(relation, filter)) {
        Ok(true) => Fit::Same,
        Ok(false) => Fit::Other,
        Err(_) => Fit::Invalid,
    }
}

/// Whether a relation's triggers fire on what a filter means now. Errors: every fault in the filter.
pub fn fires_on(relation: Oid, filter: &str) -> Result<bool> {
    let condition = compile_own(relation, filter)?;
    condition::fires_on(relation, condition.as_ref(), &capture_triggers(relation))
}

/// The columns that the filter names.
pub fn columns(filter: &str) -> Vec<String> {
    match parse::parse(filter) {
        Ok(Some(expr)) => expr.columns().into_iter().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The filter with renamed columns. The pairs (old, new) are applied at once.
pub fn rename_columns(filter: &str, renamed: &[(String, String)]) -> String {
    let new_name = |name: String| {
        let found = renamed.iter().find(|(old, _)| *old == name);
        found.map_or(name, |(_, new)| new.clone())
    };
    match parse::parse(filter) {
        Ok(Some(expr)) => expr.map_columns(&new_name).to_string(),
        _ => filter.to_owned(),
    }
}

/// The filter with the new label of an enum value; `None` if it does not name the value. Within arrays, ranges and rows it
/// is replaced as far as their texts can be read: compare the result with the triggers.
pub fn relabel(relation: Oid, filter: &str, renamed: &ValueRenamed) -> Option<String> {
    let ValueRenamed { of, then, now } = renamed;
    let expr = parse::parse(filter).ok().flatten()?;
    let table = OpenTable::open_unchecked(relation).ok()?.only_while_open();
    let columns = table.all();
    let replace = |column: &str, value: String| {
        let column = columns.iter().find(|one| one.name == column);
        match column.map(|column| column.type_oid) {
            Some(column) if base_type(column) == *of => match value == *then {
                true => now.clone(),
                false => value,
            },
            Some(column) if type_use::is_made_of(column, *of) => {
                elements::replace(&value, then, now)
            }
            _ => value,
        }
    };
    let relabelled = expr.clone().map_values(&replace);
    (relabelled != expr).then(|| relabelled.to_string())
}
