//! Whether a role's policies admit a row that is not there.

use super::nested;
use super::relation::Relation;
use super::who::{check_role, check_unconfined, Session, Who};
use crate::error::{report, Error, Result};
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::{attempt, Raised};
use crate::pg::catalog::keys;
use crate::pg::catalog::privilege;
use crate::pg::catalog::rowtype::Held;
use crate::pg::judge::policy::{Compiled, Verdict};
use crate::pg::row::from_json::Json;
use crate::pg::row::record::{name_of, number_of};
use crate::pg::Oid;

/// What the role would do with the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Select,
    Insert,
}

impl Command {
    /// In any case. Errors: 22023.
    pub fn from_name(name: &str) -> Result<Command> {
        match name.to_ascii_uppercase().as_str() {
            "SELECT" => Ok(Command::Select),
            "INSERT" => Ok(Command::Insert),
            _ => Err(Error::invalid_parameter_value(
                report(format!("unknown command \"{name}\""))
                    .hint("Commands are SELECT and INSERT."),
            )),
        }
    }

    /// The policies that apply to the current role. Errors: as [`Compiled::new`].
    fn policies(self, relation: Oid, name: &str) -> Result<Option<Compiled>> {
        match self {
            Command::Select => Compiled::new(relation, name, None),
            Command::Insert => Compiled::of_insert(relation, name),
        }
    }
}

/// Whether the role has the privilege, and its policies would admit the row: those for SELECT would show it, or those
/// for INSERT would let it in. Nothing is written. Columns that are not in the record are NULL: no default is computed
/// and no trigger runs.
///
/// Errors: 0A000 for a policy that reads a generated column that the record lacks; 54001 within a call that reads changes; 42501 for a role that the session's user may not become; 42703 for a
/// key that is no column; Postgres's own for a value; those of a policy, with its SQLSTATE alone.
pub fn is_row_allowed(relation: Oid, command: Command, record: &Json, who: &Who) -> Result<bool> {
    let _reading = nested::begin("is_row_allowed")?;
    check_unconfined("is_row_allowed")?;
    check_role(who.role)?;
    let _held = Held::new(relation);
    let relation = Relation::open(relation)?;
    let columns = columns(&relation, record)?;
    if !is_privileged(&relation, command, &columns, who.role) {
        return Ok(false);
    }
    let memory = Memory::new();
    let (oid, name) = (relation.table.oid, relation.name());
    let verdict = Session::now().act_as(who, || {
        let row = relation.shape.row_from(record, memory.arena());
        // Planning runs functions of the policies, too.
        let policies = match attempt(|| Ok(command.policies(oid, &name))) {
            Ok(policies) => policies?,
            Err(raised) => return Ok(Err(raised)),
        };
        if let Some(policies) = &policies {
            check_generated(&relation, policies, &columns)?;
        }
        Ok(policies.map_or(Ok(Verdict::Seen), |policies| {
            let verdict = policies.verdicts(&relation.shape, &[&row]).next();
            verdict.unwrap_or(Ok(Verdict::Hidden))
        }))
    })?;
    match verdict {
        Ok(verdict) => Ok(verdict == Verdict::Seen),
        Err(raised) => Err(failed(raised, &name)),
    }
}

/// The columns that a record has values for. Errors: 22023 unless it is an object, 42703.
fn columns(relation: &Relation, record: &Json) -> Result<Vec<i16>> {
    let keys = record.keys().ok_or_else(|| {
        Error::invalid_parameter_value(
            report("record must be a JSON object").hint("Its keys are the columns of the table."),
        )
    })?;
    let number = |key: &String| {
        number_of(relation.shape.columns(), key).ok_or_else(|| {
            Error::undefined_column(report(format!(
                "column \"{key}\" of table {} does not exist",
                relation.name()
            )))
        })
    };
    keys.iter().map(number).collect()
}

/// A generated column is never NULL by omission, and its expression is not evaluated here. Errors: 0A000.
fn check_generated(relation: &Relation, policies: &Compiled, given: &[i16]) -> Result<()> {
    let uses = &policies.policy_uses;
    let is_read = |number: &i16| uses.all || uses.columns.contains(number);
    let generated = keys::generated(relation.table.oid).into_iter();
    let mut lacking = generated.filter(|number| is_read(number) && !given.contains(number));
    let Some(number) = lacking.next() else {
        return Ok(());
    };
    let column = name_of(relation.shape.columns(), number).unwrap_or_default();
    Err(Error::feature_not_supported(
        report(format!(
            "the policies of table {} read generated column \"{column}\", and the record has no value for it",
            relation.name()
        ))
        .detail("Generated columns are not computed for a row that is not there.")
        .hint("Give the column's value in the record."),
    ))
}

/// As for a statement that names these columns.
fn is_privileged(relation: &Relation, command: Command, columns: &[i16], role: Oid) -> bool {
    let oid = relation.table.oid;
    privilege::may_use_schema_of(oid, role)
        && match command {
            Command::Select => privilege::selectable(oid, role, &relation.columns).is_some(),
            Command::Insert => {
                // No statement can name a generated column, so nobody needs the privilege on one.
                let generated = keys::generated(oid);
                let named: Vec<i16> = columns
                    .iter()
                    .copied()
                    .filter(|one| !generated.contains(one))
                    .collect();
                privilege::may_insert(oid, role, &named)
            }
        }
}

/// The error of a policy. Its message may hold values of rows, so it is for callers who see all rows anyway.
fn failed(raised: Raised, relation: &str) -> Error {
    let detail = match privilege::bypasses_row_security(privilege::current_role()) {
        true => raised.message.clone(),
        false => "Its message is not shown, since it may hold values of rows.".to_string(),
    };
    raised.into_error(
        format!("a policy failed for a row of table {relation}"),
        detail,
        "Mend the policy.",
    )
}
