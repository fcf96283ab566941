//! Which OID a remembered name stands for: the table `pgrealtime.relation_cache`, which DDL follows.

use super::filter_rule;
use super::settings::Settings;
use crate::error::Result;
use crate::pg::catalog;
use crate::pg::heap::{Lock, Row, Table, Value, View};
use crate::pg::Oid;
use crate::sink::topic;
use std::collections::HashMap;

const TABLE: &str = "relation_cache";

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub relation: Oid,
    pub schema: String,
    pub name: String,
    /// The columns that the settings name, by number, so that RENAME COLUMN can be followed.
    pub columns: Vec<(i16, String)>,
}

impl Entry {
    /// The entry that belongs to settings of an existing relation.
    pub fn of(relation: Oid, settings: &Settings) -> Entry {
        let mut names = settings.columns.clone().unwrap_or_default();
        if let Some(template) = &settings.broadcast_topic {
            names.extend(topic::columns(template));
        }
        if let Some(filter) = &settings.row_filter {
            names.extend(filter_rule::columns(filter));
        }
        names.sort();
        names.dedup();
        let numbered = names.into_iter();
        Entry {
            relation,
            schema: settings.schema.clone(),
            name: settings.relation.clone(),
            columns: numbered
                .filter_map(|name| Some((catalog::column_number(relation, &name)?, name)))
                .collect(),
        }
    }

    pub fn is_of(&self, settings: &Settings) -> bool {
        self.schema == settings.schema && self.name == settings.relation
    }

    fn read(row: &Row) -> Entry {
        let numbered = row.get::<Vec<String>>(3).unwrap_or_default();
        let split = |text: &String| {
            let (number, name) = text.split_once(':')?;
            Some((number.parse().ok()?, name.to_owned()))
        };
        Entry {
            relation: row.get(0).unwrap_or(Oid::INVALID),
            schema: row.get(1).unwrap_or_default(),
            name: row.get(2).unwrap_or_default(),
            columns: numbered.iter().filter_map(split).collect(),
        }
    }
}

/// All entries as of now.
pub fn all() -> Result<Vec<Entry>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    Ok(table.rows(View::Latest).iter().map(Entry::read).collect())
}

/// Which relation each name (schema, relation) stands for.
pub fn relations(view: View) -> Result<HashMap<(String, String), Oid>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let rows = table.rows(view);
    let one = |row: &Row| Some(((row.get(1)?, row.get(2)?), row.get(0)?));
    Ok(rows.iter().filter_map(one).collect())
}

/// Stores an entry in place of those of the same relation or the same name.
pub fn save(entry: &Entry) -> Result<()> {
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        let same_name =
            row.get::<&str>(2) == Some(&entry.name) && row.get::<&str>(1) == Some(&entry.schema);
        if same_name || row.get(0) == Some(entry.relation) {
            table.delete(row.id());
        }
    }
    let columns: Vec<String> = entry
        .columns
        .iter()
        .map(|(n, name)| format!("{n}:{name}"))
        .collect();
    table.insert(&[
        Some(Value::Oid(entry.relation)),
        Some(Value::Text(&entry.schema)),
        Some(Value::Text(&entry.name)),
        Some(Value::TextArray(&columns)),
    ]);
    Ok(())
}

/// Forgets a relation.
pub fn remove(relation: Oid) -> Result<()> {
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        if row.get(0) == Some(relation) {
            table.delete(row.id());
        }
    }
    Ok(())
}
