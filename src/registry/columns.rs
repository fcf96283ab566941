//! Dropped columns whose names other columns get. Copies of rows have the values of the dropped column under the name.
//! Errors of all functions: 42P01 when the extension does not exist in this database.

use super::cache::{self, Entry};
use super::watch::Watched;
use crate::error::Result;
use crate::pg::catalog::relation;
use crate::pg::Oid;

/// Notes the names of dropped columns with their captured relations.
pub fn remember(dropped: &[(Oid, String)]) -> Result<()> {
    if dropped.is_empty() {
        return Ok(());
    }
    let relations: Vec<Oid> = dropped.iter().map(|(relation, _)| *relation).collect();
    for mut entry in cache::of(&relations)? {
        let of = |(relation, _): &&(Oid, String)| *relation == entry.relation;
        let mut names: Vec<String> = dropped
            .iter()
            .filter(of)
            .map(|(_, name)| name.clone())
            .collect();
        names.retain(|name| !entry.dropped.contains(name));
        entry.dropped.extend(names);
        cache::save(&entry)?;
    }
    Ok(())
}

/// The captured relations with a column that has the name of a dropped one, once: the names are forgotten. Every entry is
/// looked at, since ALTER TYPE adds columns to tables that it does not name.
pub fn returned() -> Result<Vec<Watched>> {
    let mut found = Vec::new();
    for entry in cache::with_dropped()? {
        let is_gone = |name: &String| relation::column_number(entry.relation, name).is_none();
        if entry.dropped.iter().all(is_gone) {
            continue;
        }
        let dropped = entry.dropped.iter().filter(|name| is_gone(name));
        cache::save(&Entry {
            dropped: dropped.cloned().collect(),
            ..entry.clone()
        })?;
        found.extend(Watched::of(entry));
    }
    Ok(found)
}
