//! The WHEN of a capture trigger: the row filter as a condition over OLD and NEW.

use super::Condition;
use crate::change::Operation;
use crate::error::Result;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::act_as::CANONICAL;
use crate::pg::catalog::columns::OpenTable;
use crate::pg::catalog::relation_triggers::Capturing;
use crate::pg::sql::parse as analyser;
use crate::pg::Oid;

/// The WHEN of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    sql: String,
    /// The same, analysed.
    tree: String,
}

impl When {
    /// As CREATE TRIGGER takes it.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether it is the condition of a trigger, from pg_trigger.tgqual. That stays as it was when the trigger was
    /// created, whatever its text would mean now: an enum value counts there, not its label.
    pub fn is(&self, condition: &str) -> bool {
        analyser::are_same(&self.tree, condition)
    }
}

impl Condition {
    /// The WHEN of a relation's trigger; `None` for TRUNCATE. An UPDATE is captured if the old row or the new row matches.
    /// Errors: 42P01.
    pub fn when(&self, relation: Oid, operation: Operation) -> Result<Option<When>> {
        let of = |row| self.render(Some(row));
        let sql = match operation {
            Operation::Insert => of("new"),
            Operation::Delete => of("old"),
            Operation::Update => format!("({}) OR ({})", of("old"), of("new")),
            Operation::Truncate => return Ok(None),
        };
        let table = OpenTable::open_unchecked(relation)?.only_while_open();
        act_as_trusted(table.owner(), &CANONICAL, || {
            let tree = analyser::analyse_when(&table, &sql)?;
            Ok(Some(When { sql, tree }))
        })
    }
}

/// Whether the capture triggers that carry a row filter fire on what it means now: on this condition, or for every row if
/// there is none. Errors: 42P01.
pub fn fires_on(
    relation: Oid,
    condition: Option<&Condition>,
    triggers: &[Capturing],
) -> Result<bool> {
    for trigger in triggers.iter().filter(|one| one.arguments.filter.is_some()) {
        let Some(operation) = trigger.operation else {
            return Ok(false);
        };
        let wanted = condition.map(|condition| condition.when(relation, operation));
        let wanted = wanted.transpose()?.flatten();
        let is_it = match (&wanted, &trigger.condition) {
            (None, None) => true,
            // One that was created by hand may capture more: readers evaluate the row filter themselves.
            (Some(_), None) => !trigger.is_named,
            (Some(wanted), Some(condition)) => wanted.is(condition),
            (None, Some(_)) => false,
        };
        if !is_it {
            return Ok(false);
        }
    }
    Ok(true)
}
