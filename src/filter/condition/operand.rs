//! The left side of a comparison: a column at its base type, or a JSON path into a column.

use super::sql::Sql;
use super::{faults, Compiler};
use crate::error::{report, Error, Result};
use crate::filter::parse::{Comparison, PathKey, PathStep};
use crate::pg::sql::literal::quote;
use crate::pg::sql::operators::builtin;
use crate::pg::sql::operators::BinaryOperator;
use crate::pg::sql::typeinfo::base_type;
use crate::pg::sql::typeinfo::collation_name;
use crate::pg::sql::typeinfo::default_collation;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::sql::typeinfo::is_row;
use crate::pg::sql::typeinfo::qualified_name;
use crate::pg::sql::typeinfo::COLLATION_C;
use crate::pg::sql::typeinfo::JSON;
use crate::pg::sql::typeinfo::JSONB;
use crate::pg::sql::typeinfo::TEXT;
use crate::pg::Oid;

/// The left side of a comparison.
#[derive(Debug, Clone)]
pub struct LeftSide {
    /// The expression, of type `declared`.
    pub sql: Sql,
    declared: Oid,
    /// The type with all domains resolved.
    pub base: Oid,
    /// The collation of the column.
    pub collation: Oid,
    /// Whether the last step of the path is `->`, so that the value can be any JSON value.
    pub any_json: bool,
}

impl LeftSide {
    /// The expression as an operator's operand: cast if the operator is declared for another type of the same
    /// representation, and with the column's collation.
    pub fn as_operand(&self, operator: &BinaryOperator) -> Sql {
        self.cast(self.operand_type(operator))
    }

    /// The type of the column as an operator's operand.
    pub fn operand_type(&self, operator: &BinaryOperator) -> Oid {
        match operator.is_polymorphic() {
            true => self.base,
            false => operator.left,
        }
    }

    fn cast(&self, target: Oid) -> Sql {
        let mut sql = self.sql.clone();
        if self.declared != target {
            sql = sql.in_parentheses();
            sql.push(&format!("::{}", qualified_name(target)));
        }
        if self.collation != default_collation(target) {
            if let Some(name) = collation_name(self.collation) {
                sql.push(&format!(" COLLATE {name}"));
            }
        }
        sql
    }

    /// Whether `IS NULL` would test the fields of a row.
    pub fn is_row(&self) -> bool {
        is_row(self.declared)
    }
}

impl Compiler<'_> {
    /// Builds the left side of a comparison. Errors: a column that does not exist; a path into a column that is not
    /// JSON.
    pub(super) fn left_side(
        &self,
        comparison: &Comparison,
        operators: &mut Vec<Oid>,
    ) -> Result<LeftSide> {
        let column = self
            .columns
            .iter()
            .find(|column| column.name == comparison.column)
            .ok_or_else(|| faults::no_column(comparison, &self.table, self.columns))?;
        let side = LeftSide {
            sql: Sql::column(&column.name),
            declared: column.type_oid,
            base: base_type(column.type_oid),
            collation: column.collation,
            any_json: false,
        };
        if comparison.path.is_empty() {
            return Ok(side);
        }
        if side.base != JSONB {
            return Err(no_path(comparison, side.base));
        }
        path(comparison, side, operators)
    }
}

/// The longest path. Postgres's parser recurses once per step.
const MAX_STEPS: usize = 100;

fn path(comparison: &Comparison, column: LeftSide, operators: &mut Vec<Oid>) -> Result<LeftSide> {
    if comparison.path.len() > MAX_STEPS {
        return Err(Error::program_limit_exceeded(
            report(format!(
                "JSON path has {} steps, the limit is {MAX_STEPS}",
                comparison.path.len()
            ))
            .detail(faults::place(comparison.position)),
        ));
    }
    let mut sql = column.cast(JSONB);
    let mut as_text = false;
    for PathStep { key, as_text: text } in &comparison.path {
        as_text = *text;
        let (key, key_type) = match key {
            PathKey::Field(field) => (quote(field), TEXT),
            PathKey::Index(index) => (quote(&index.to_string()), crate::pg::sql::typeinfo::INT4),
        };
        let name = if as_text { "->>" } else { "->" };
        let arrow =
            builtin(name, JSONB, key_type).ok_or_else(|| no_path(comparison, column.base))?;
        sql.push(&format!(
            " {} {key}::{}",
            arrow.sql,
            qualified_name(key_type)
        ));
        operators.push(arrow.oid);
    }
    let result = if as_text { TEXT } else { JSONB };
    Ok(LeftSide {
        sql: sql.in_parentheses(),
        declared: result,
        base: result,
        collation: if as_text {
            COLLATION_C
        } else {
            default_collation(JSONB)
        },
        any_json: !as_text,
    })
}

fn no_path(comparison: &Comparison, type_oid: Oid) -> Error {
    let told = report(format!(
        "column \"{}\" of type {} has no JSON paths",
        comparison.column,
        display_name(type_oid)
    ))
    .detail(faults::place(comparison.position));
    Error::datatype_mismatch(if type_oid == JSON {
        told.hint("Paths into json can fail for some rows. Change the column's type to jsonb.")
    } else {
        told.hint("Paths with -> and ->> are for columns of type jsonb.")
    })
}
