//! What the capture triggers of a relation say to its readers.

use crate::capture_trigger::Misfit;
use crate::error::{report, Error, Result, SqlState};
use crate::filter::condition::{compile_own, fires_on, keyed};
use crate::filter::parse;
use crate::keyed::Condition;
use crate::pg::catalog::relation_triggers::Capturing;
use crate::pg::row::record::{name_of, number_of, Column};
use crate::pg::Oid;
use std::rc::Rc;

/// The row filter of a relation.
pub(super) struct RowFilter {
    /// As an analysed tree, and as far as keys of values can decide it; `None` for a blank filter.
    pub condition: Option<(Rc<str>, Condition)>,
    /// Whether the triggers fire on it.
    pub is_when: bool,
}

/// The row filter in the triggers' arguments. A trigger's WHEN is never used, only compared: whoever may create triggers
/// on the table can write any code there, and it would run with the reader's rights. Errors: 55000 for a filter that is not valid any more; 42P01.
pub(super) fn row_filter(
    relation: Oid,
    name: &str,
    triggers: &[Capturing],
) -> Result<Option<RowFilter>> {
    let mut filters = triggers
        .iter()
        .filter_map(|trigger| trigger.arguments.filter.as_ref());
    let Some(filter) = filters.next() else {
        return Ok(None);
    };
    let compiled = compile_own(relation, filter).map_err(|fault| invalid(name, &fault))?;
    let is_when = fires_on(relation, compiled.as_ref(), triggers)?;
    let condition = match compiled {
        None => None,
        Some(compiled) => {
            let keys = keyed::compile_own(relation, filter)?.unwrap_or(Condition::Other);
            Some((compiled.tree().into(), keys))
        }
    };
    Ok(Some(RowFilter { condition, is_when }))
}

/// The error for a row filter with a fault, which is not the reader's: a value that it names was renamed, say.
fn invalid(table: &str, fault: &Error) -> Error {
    if fault.code() == SqlState::of(b"42P01") {
        return fault.clone();
    }
    Error::object_not_in_prerequisite_state(
        report(format!(
            "the row filter of table {table} is not valid any more"
        ))
        .detail(format!("The error was: {}.", fault.message()))
        .hint("Run pgrealtime.enable() on the table with another row filter."),
    )
}

/// Whether these triggers miss changes. An UPDATE trigger of some columns misses none if another one takes all.
pub(super) fn is_partial<'a>(triggers: impl Iterator<Item = &'a Capturing> + Clone) -> bool {
    let mut updates = triggers.clone().filter(|one| one.updates);
    let some_updates = updates.clone().any(|one| one.has_columns);
    let all_updates = updates.any(|one| !one.has_columns && !one.has_other_condition);
    let mut triggers = triggers;
    (some_updates && !all_updates) || triggers.any(|one| one.has_other_condition)
}

/// Why the triggers' arguments cannot be followed.
pub(super) fn stale(relation: Oid, triggers: &[Capturing], columns: &[Column]) -> Option<Misfit> {
    let mut all = triggers.iter().map(|trigger| &trigger.arguments);
    all.find_map(|arguments| {
        let filter = arguments.filter.as_deref().unwrap_or_default();
        let filter = parse::parse(filter).ok().flatten();
        let filter = filter.iter().flat_map(|filter| filter.columns());
        let named = arguments.columns.iter().flatten().map(String::as_str);
        arguments.misfit(
            relation.to_u32(),
            |number| name_of(columns, number),
            |name| number_of(columns, name),
            named.chain(filter),
        )
    })
}

/// The columns that the triggers' arguments name.
pub(super) fn delivered(triggers: &[Capturing], columns: &[Column]) -> Option<Vec<i16>> {
    let mut named = triggers.iter();
    let names = named.find_map(|trigger| trigger.arguments.columns.as_ref())?;
    let number = |name: &String| columns.iter().find(|column| column.name == *name);
    Some(
        names
            .iter()
            .filter_map(number)
            .map(|column| column.number)
            .collect(),
    )
}
