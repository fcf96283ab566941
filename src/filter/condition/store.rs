//! Filters at rest: the tree, with the number of every column beside its name.
//!
//! A number survives RENAME COLUMN, a name survives dump and restore, which renumber columns where some were dropped.
//! The number is believed as long as the table is the one that it was taken from.

// For the registry, which stores settings.
#![allow(dead_code)]

use super::faults;
use crate::error::{report, Error, Result};
use crate::filter::parse::Expr;
use crate::pg::catalog::columns::OpenTable;
use crate::pg::Oid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Stored {
    relation: u32,
    columns: BTreeMap<String, i16>,
    filter: Expr,
}

/// The filter as text (JSON) to be stored; its columns must exist.
pub fn store(relation: Oid, expr: &Expr) -> Result<String> {
    let table = OpenTable::open(relation)?;
    let columns = table.all();
    let mut numbers = BTreeMap::new();
    for comparison in expr.comparisons() {
        let column = columns
            .iter()
            .find(|column| column.name == comparison.column)
            .ok_or_else(|| faults::no_column(comparison, &table.name(), &columns))?;
        numbers.insert(column.name.clone(), column.number);
    }
    let stored = Stored {
        relation: relation.to_u32(),
        columns: numbers,
        filter: expr.clone(),
    };
    serde_json::to_string(&stored).map_err(|error| unreadable(&error.to_string()))
}

/// A stored filter, its columns under their names of today.
pub fn load(relation: Oid, stored: &str) -> Result<Expr> {
    let Stored {
        relation: origin,
        columns: numbers,
        mut filter,
    } = serde_json::from_str(stored).map_err(|error| unreadable(&error.to_string()))?;
    if origin != relation.to_u32() {
        return Ok(filter);
    }
    let table = OpenTable::open(relation)?;
    let columns = table.all();
    let mut names = BTreeMap::new();
    for (name, number) in numbers {
        let column = columns
            .iter()
            .find(|column| column.number == number)
            .ok_or_else(|| {
                Error::UndefinedColumn(report(format!(
                    "column \"{name}\" of relation \"{}\", which a filter reads, was dropped",
                    table.name()
                )))
            })?;
        names.insert(name, column.name.clone());
    }
    rename(&mut filter, &names);
    Ok(filter)
}

fn rename(expr: &mut Expr, names: &BTreeMap<String, String>) {
    match expr {
        Expr::And(members) | Expr::Or(members) => {
            members.iter_mut().for_each(|member| rename(member, names));
        }
        Expr::Not(inner) => rename(inner, names),
        Expr::Compare(comparison) => {
            if let Some(name) = names.get(&comparison.column) {
                comparison.column.clone_from(name);
            }
        }
    }
}

fn unreadable(why: &str) -> Error {
    Error::InvalidObjectDefinition(report("stored filter cannot be read").detail(format!("{why}.")))
}
