//! LIKE patterns and regular expressions that cannot fail for any row.

use super::operand::LeftSide;
use super::sql::Sql;
use super::{faults, Compiler, Purpose};
use crate::error::{Error, Result};
use crate::filter::parse::{Comparison, Operator};
use crate::pg::sql::literal::compile_regex;
use crate::pg::sql::literal::quote;
use crate::pg::sql::operators::named;
use crate::pg::sql::operators::BinaryOperator;
use crate::pg::sql::typeinfo::is_deterministic;
use crate::pg::sql::typeinfo::is_string;
use crate::pg::sql::typeinfo::qualified_name;
use crate::pg::sql::typeinfo::TEXT;
use crate::pg::sql::typeinfo::VARCHAR;
use crate::pg::Oid;

/// LIKE recurses once per wildcard; this many fit in any stack.
const MAX_WILDCARDS: usize = 250;

impl Compiler<'_> {
    /// `like`, `ilike`, `match` and `imatch`. Errors: an operator that the type lacks; an invalid pattern.
    pub(super) fn pattern(
        &self,
        comparison: &Comparison,
        side: &LeftSide,
        pattern: &str,
        operators: &mut Vec<Oid>,
    ) -> Result<Sql> {
        let operator = pattern_operator(comparison, side)?;
        if !is_deterministic(side.collation) {
            return Err(Error::feature_not_supported(
                faults::bad_value(
                    comparison,
                    format!(
                        "patterns cannot be matched under the collation of column \"{}\"",
                        comparison.column
                    ),
                )
                .hint("The collation is nondeterministic. Use eq, in or isdistinct, which work under it."),
            ));
        }
        match comparison.operator {
            Operator::Like | Operator::Ilike => check_like(comparison, pattern)?,
            _ => self.check_regex(comparison, side, pattern)?,
        }
        let mut sql = side.as_operand(&operator);
        sql.push(&format!(
            " {} {}::{}",
            operator.sql,
            quote(pattern),
            qualified_name(TEXT)
        ));
        operators.push(operator.oid);
        Ok(sql)
    }

    fn check_regex(&self, comparison: &Comparison, side: &LeftSide, pattern: &str) -> Result<()> {
        // An extension's text type may ignore case by itself, so both readings must compile.
        let both = side.base.to_u32() >= crate::pg::sql::typeinfo::FIRST_USER_OID;
        let ignore_case = comparison.operator == Operator::Imatch;
        let refuse = |refusal| faults::refused(comparison, refusal);
        let mut back_references =
            compile_regex(pattern, ignore_case, side.collation).map_err(refuse)?;
        if both {
            back_references |=
                compile_regex(pattern, !ignore_case, side.collation).map_err(refuse)?;
        }
        if back_references && self.purpose == Purpose::RowFilter {
            return Err(Error::feature_not_supported(
                faults::bad_value(comparison, "a table's row filter must not contain back-references")
                    .hint("Matching them can take exponential time, in every session that writes the table."),
            ));
        }
        Ok(())
    }
}

fn pattern_operator(comparison: &Comparison, side: &LeftSide) -> Result<BinaryOperator> {
    let name = match comparison.operator {
        Operator::Like => "~~",
        Operator::Ilike => "~~*",
        Operator::Match => "~",
        _ => "~*",
    };
    // varchar has no operators of its own, so text's are used.
    let left = if side.base == VARCHAR {
        TEXT
    } else {
        side.base
    };
    named(left, name, left, TEXT)
        .filter(|operator| operator.trusted && is_string(left))
        .ok_or_else(|| {
            let hint =
                "like, ilike, match and imatch are for text, varchar, char, name and citext.";
            faults::no_operator(comparison, side.base, "", hint)
        })
}

/// Errors: a pattern that matching may fail on, or that would take too deep a stack.
pub(super) fn check_like(comparison: &Comparison, pattern: &str) -> Result<()> {
    let mut wildcards = 0;
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => wildcards += 1,
            '\\' if characters.next().is_none() => {
                return Err(Error::invalid_escape_sequence(
                    faults::bad_value(
                        comparison,
                        "LIKE pattern must not end with escape character",
                    )
                    .hint("Write a backslash itself as two backslashes."),
                ));
            }
            // `*` is a wildcard to PostgREST, but a plain character to Supabase's Realtime server and to LIKE. It is
            // refused, so that nobody has to guess.
            '*' => {
                return Err(Error::invalid_parameter_value(
                    faults::bad_value(comparison, "`*` is no wildcard of a LIKE pattern")
                        .hint("Write % for any text. Write an asterisk itself as \\*, within quotes as \\\\*."),
                ));
            }
            _ => {}
        }
    }
    if wildcards > MAX_WILDCARDS {
        return Err(Error::program_limit_exceeded(faults::bad_value(
            comparison,
            format!("LIKE pattern has {wildcards} wildcards %, the limit is {MAX_WILDCARDS}"),
        )));
    }
    Ok(())
}
