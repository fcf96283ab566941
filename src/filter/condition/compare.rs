//! Compiles one comparison to SQL.

use super::operand::LeftSide;
use super::sql::Sql;
use super::types::check_comparable;
use super::{faults, literal, Compiler};
use crate::error::{report, Error, Result};
use crate::filter::parse::{Comparison, IsTest, Operand, Operator};
use crate::pg::sql::operators::builtin;
use crate::pg::sql::operators::comparison as class_operator;
use crate::pg::sql::operators::negator;
use crate::pg::sql::operators::of_containers;
use crate::pg::sql::operators::BinaryOperator;
use crate::pg::sql::operators::Strategy;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::sql::typeinfo::qualified_name;
use crate::pg::sql::typeinfo::type_kind;
use crate::pg::sql::typeinfo::TypeKind;
use crate::pg::sql::typeinfo::BOOL;
use crate::pg::sql::typeinfo::JSON;
use crate::pg::sql::typeinfo::JSONB;
use crate::pg::Oid;

impl Compiler<'_> {
    /// A comparison as SQL. Errors: an unknown or unreadable column, an operator that the type lacks, an invalid value.
    pub(super) fn comparison(
        &self,
        comparison: &Comparison,
        operators: &mut Vec<Oid>,
    ) -> Result<Sql> {
        use Operator::{In, Is, IsDistinct};
        let side = self.left_side(comparison, operators)?;
        let sql = match (comparison.operator, &comparison.operand) {
            (Is, Operand::Is(test)) => return is_test(comparison, &side, *test),
            (IsDistinct, Operand::Text(value)) => {
                let equal = compared(comparison, &side, Strategy::Equal, value, operators)?;
                let test = if comparison.negated {
                    ") IS TRUE"
                } else {
                    ") IS NOT TRUE"
                };
                return Ok(equal.between("(", test));
            }
            (In, Operand::List(members)) => list(comparison, &side, members, operators)?,
            (_, Operand::Text(value)) => self.with_text(comparison, &side, value, operators)?,
            _ => {
                return Err(Error::invalid_parameter_value(faults::bad_value(
                    comparison,
                    format!(
                        "operator {} does not take this kind of value",
                        comparison.operator.name()
                    ),
                )))
            }
        };
        Ok(if comparison.negated {
            sql.negated()
        } else {
            sql
        })
    }

    fn with_text(
        &self,
        comparison: &Comparison,
        side: &LeftSide,
        value: &str,
        operators: &mut Vec<Oid>,
    ) -> Result<Sql> {
        let strategy = match comparison.operator {
            Operator::Eq => Strategy::Equal,
            Operator::Lt => Strategy::Less,
            Operator::Lte => Strategy::LessEqual,
            Operator::Gt => Strategy::Greater,
            Operator::Gte => Strategy::GreaterEqual,
            Operator::Neq => return unequal(comparison, side, value, operators),
            Operator::Contains | Operator::ContainedBy | Operator::Overlaps => {
                return containment(comparison, side, value, operators)
            }
            _ => return self.pattern(comparison, side, value, operators),
        };
        compared(comparison, side, strategy, value, operators)
    }
}

/// The type's own operator for a strategy, if comparing cannot fail for any value.
fn operator_for(
    comparison: &Comparison,
    side: &LeftSide,
    strategy: Strategy,
) -> Result<BinaryOperator> {
    let hint = match side.base {
        JSON => "Change the column's type to jsonb; is.null and is.not_null work on every type.",
        _ => "is.null and is.not_null work on every type.",
    };
    let refuse = |why: &str| faults::no_operator(comparison, side.base, why, hint);
    check_comparable(side.base, strategy != Strategy::Equal).map_err(|why| refuse(&why))?;
    class_operator(side.base, strategy)
        .filter(|operator| operator.trusted)
        .ok_or_else(|| refuse(""))
}

fn compared(
    comparison: &Comparison,
    side: &LeftSide,
    strategy: Strategy,
    value: &str,
    operators: &mut Vec<Oid>,
) -> Result<Sql> {
    let operator = operator_for(comparison, side, strategy)?;
    let sql = applied(comparison, side, &operator, value, operators)?;
    if !side.any_json || strategy == Strategy::Equal {
        return Ok(sql);
    }
    // Any JSON value has a place in the order of jsonb, but a number must not count as less than a string.
    let kind = json_kind(&literal::read(comparison, value, JSONB, JSONB)?);
    let guard = format!(") OPERATOR(pg_catalog.=) '{kind}'::pg_catalog.text THEN ");
    let equals_text = class_operator(crate::pg::sql::typeinfo::TEXT, Strategy::Equal);
    operators.extend(equals_text.map(|operator| operator.oid));
    let mut guarded = side
        .sql
        .clone()
        .between("CASE WHEN pg_catalog.jsonb_typeof(", &guard);
    guarded.append(sql);
    guarded.push(" END");
    Ok(guarded)
}

/// The jsonb_typeof name of a JSON value, by the first character of its canonical text.
fn json_kind(text: &str) -> &'static str {
    match text.chars().next() {
        Some('{') => "object",
        Some('[') => "array",
        Some('"') => "string",
        Some('t' | 'f') => "boolean",
        Some('n') => "null",
        _ => "number",
    }
}

fn applied(
    comparison: &Comparison,
    side: &LeftSide,
    operator: &BinaryOperator,
    value: &str,
    operators: &mut Vec<Oid>,
) -> Result<Sql> {
    let value = literal::write(comparison, value, side.base, side.operand_type(operator))?;
    let mut sql = side.as_operand(operator);
    sql.push(&format!(" {} {value}", operator.sql));
    operators.push(operator.oid);
    Ok(sql)
}

/// `neq`: the operator that negates equality; if there is none, equality negated.
fn unequal(
    comparison: &Comparison,
    side: &LeftSide,
    value: &str,
    operators: &mut Vec<Oid>,
) -> Result<Sql> {
    let equal = operator_for(comparison, side, Strategy::Equal)?;
    match negator(&equal).filter(|operator| operator.trusted) {
        Some(operator) => applied(comparison, side, &operator, value, operators),
        None => Ok(applied(comparison, side, &equal, value, operators)?.negated()),
    }
}

fn list(
    comparison: &Comparison,
    side: &LeftSide,
    members: &[Option<String>],
    operators: &mut Vec<Oid>,
) -> Result<Sql> {
    let operator = operator_for(comparison, side, Strategy::Equal)?;
    // No value is in an empty list, not even an unknown one. Only a list with members can give unknown.
    if members.is_empty() {
        return Ok(Sql::text("false"));
    }
    let operand_type = side.operand_type(&operator);
    let name = qualified_name(operand_type);
    let mut values = Vec::with_capacity(members.len());
    for member in members {
        values.push(match member {
            Some(value) => literal::write(comparison, value, side.base, operand_type)?,
            None => format!("NULL::{name}"),
        });
    }
    operators.push(operator.oid);
    let left = side.as_operand(&operator);
    // An array of arrays would be read as one array with their elements.
    if matches!(type_kind(operand_type), TypeKind::Array(_)) {
        let mut sql = Sql::default();
        for (i, value) in values.iter().enumerate() {
            sql.push(if i > 0 { " OR " } else { "" });
            sql.append(left.clone());
            sql.push(&format!(" {} {value}", operator.sql));
        }
        return Ok(sql.in_parentheses());
    }
    let mut sql = left;
    sql.push(&format!(
        " {} ANY (ARRAY[{}])",
        operator.sql,
        values.join(", ")
    ));
    Ok(sql)
}

/// `cs`, `cd` and `ov`.
fn containment(
    comparison: &Comparison,
    side: &LeftSide,
    value: &str,
    operators: &mut Vec<Oid>,
) -> Result<Sql> {
    let name = match comparison.operator {
        Operator::Contains => "@>",
        Operator::ContainedBy => "<@",
        _ => "&&",
    };
    let operator = match side.base {
        JSONB => builtin(name, JSONB, JSONB),
        _ => of_containers(name, &type_kind(side.base)),
    };
    let hint = "cs and cd are for arrays, ranges, multiranges and jsonb, ov for arrays, ranges and multiranges.";
    let operator = operator
        .filter(|operator| operator.trusted)
        .ok_or_else(|| faults::no_operator(comparison, side.base, "", hint))?;
    check_comparable(side.base, false)
        .map_err(|why| faults::no_operator(comparison, side.base, &why, hint))?;
    applied(comparison, side, &operator, value, operators)
}

/// `is`, which is never unknown.
fn is_test(comparison: &Comparison, side: &LeftSide, test: IsTest) -> Result<Sql> {
    let negated = comparison.negated;
    let (null, name) = match test {
        IsTest::Null => (Some(!negated), ""),
        IsTest::NotNull => (Some(negated), ""),
        IsTest::True => (None, "TRUE"),
        IsTest::False => (None, "FALSE"),
        IsTest::Unknown => (None, "UNKNOWN"),
    };
    if null.is_none() && side.base != BOOL {
        return Err(Error::datatype_mismatch(
            report(format!(
                "is.{} needs a boolean column, \"{}\" is of type {}",
                test.name(),
                comparison.column,
                display_name(side.base)
            ))
            .detail(faults::place(comparison.position))
            .hint(
                "is.null and is.not_null work on every type. Use eq.true to compare a JSON value.",
            ),
        ));
    }
    // A row whose fields are all NULL is not itself NULL. IS NOT DISTINCT FROM NULL asks about the row itself.
    let suffix = match null {
        Some(true) if side.is_row() => String::from(" IS NOT DISTINCT FROM NULL"),
        Some(false) if side.is_row() => String::from(" IS DISTINCT FROM NULL"),
        Some(true) => String::from(" IS NULL"),
        Some(false) => String::from(" IS NOT NULL"),
        None if negated => format!(" IS NOT {name}"),
        None => format!(" IS {name}"),
    };
    let mut sql = side.sql.clone();
    sql.push(&suffix);
    Ok(sql)
}
