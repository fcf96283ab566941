//! The only place where the registry deals with row filters.

use crate::error::Result;
use crate::filter::condition::{compile, Purpose};
use crate::filter::parse;
use crate::pg::Oid;

/// Checks that the filter is valid for the relation. Returns the numbers of the columns that it reads. Errors: every
/// fault in the filter.
pub fn check(relation: Oid, filter: &str) -> Result<Vec<i16>> {
    let condition = compile(relation, filter, Purpose::RowFilter)?;
    Ok(condition.map_or(Vec::new(), |condition| condition.columns().to_vec()))
}

/// The filter as an SQL condition over a row called `alias`, for the WHEN of a capture trigger; with `None` the trigger
/// has no WHEN. Errors: every fault in the filter.
pub fn condition(relation: Oid, filter: &str, alias: &str) -> Result<Option<String>> {
    let condition = compile(relation, filter, Purpose::RowFilter)?;
    Ok(condition.map(|condition| condition.render(Some(alias))))
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
