//! The errors of conditions: what is wrong, where in the filter, and how to correct it.

use crate::error::{report, Error, Report};
use crate::filter::parse::{Comparison, ParseError};
use crate::pg::catalog::columns::Column;
use crate::pg::sql::literal::Refusal;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::Oid;

/// The place in the filter, as a sentence. A stored filter has no positions.
pub fn place(position: usize) -> String {
    match position {
        0 => String::from("In a stored filter."),
        _ => format!("At character {position} of the filter."),
    }
}

/// An error of the parser.
pub fn syntax(error: ParseError) -> Error {
    let told = report(format!("invalid filter: {}", error.message)).detail(place(error.position));
    Error::syntax_error(match error.hint {
        Some(hint) => told.hint(sentence(&hint)),
        None => told,
    })
}

/// Error for a column that the table does not have.
pub fn no_column(comparison: &Comparison, table: &str, columns: &[Column]) -> Error {
    let name = &comparison.column;
    let told = report(format!(
        "column \"{name}\" of relation \"{table}\" does not exist"
    ))
    .detail(place(comparison.position));
    let near = columns
        .iter()
        .find(|column| column.name.to_lowercase() == name.to_lowercase());
    Error::undefined_column(match near {
        Some(column) => told.hint(format!("There is a column \"{}\".", column.name)),
        None if is_system_column(name) => told.hint("Filters cannot use system columns."),
        None => told.hint(format!("The columns are {}.", listed(columns))),
    })
}

/// The names of columns; of many, only the first few.
fn listed(columns: &[Column]) -> String {
    const SHOWN: usize = 30;
    let names: Vec<String> = columns
        .iter()
        .take(SHOWN)
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    match columns.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names.join(", ")),
    }
}

fn is_system_column(name: &str) -> bool {
    ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"].contains(&name)
}

/// Error for an operator that the type lacks, or whose code is not trusted.
pub fn no_operator(comparison: &Comparison, type_oid: Oid, why: &str, hint: &str) -> Error {
    Error::undefined_function(
        report(format!(
            "operator {} cannot be used on column \"{}\" of type {}",
            comparison.operator.name(),
            comparison.column,
            display_name(type_oid)
        ))
        .detail(
            format!("{why} {}", place(comparison.position))
                .trim_start()
                .to_owned(),
        )
        .hint(hint),
    )
}

/// The report for an invalid value, with the value's place.
pub fn bad_value(comparison: &Comparison, message: impl Into<String>) -> Report {
    report(message).detail(place(comparison.value_position))
}

/// Postgres's own error about a value, with the value's place.
pub fn refused(comparison: &Comparison, refusal: Refusal) -> Error {
    let mut detail = format!(
        "For column \"{}\". {}",
        comparison.column,
        place(comparison.value_position)
    );
    if refusal.is_too_deep() {
        // Postgres would advise a larger stack, but we made it smaller ourselves.
        return Error::program_limit_exceeded(report("value is nested too deeply").detail(detail));
    }
    if let Some(more) = refusal.detail {
        detail = format!("{more}\n{detail}");
    }
    let told = report(refusal.message).detail(detail);
    Error::new(
        refusal.code,
        match refusal.hint {
            Some(hint) => told.hint(hint),
            None if comparison.path.is_empty() => told,
            None => {
                told.hint("After ->, write the value as JSON, with strings in double quotes. Use ->> to compare text.")
            }
        },
    )
}

/// A phrase as a sentence.
fn sentence(phrase: &str) -> String {
    let mut characters = phrase.chars();
    let mut text: String = characters
        .next()
        .map(|first| first.to_uppercase().collect())
        .unwrap_or_default();
    text.extend(characters);
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}
