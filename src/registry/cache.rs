//! The table `pgrealtime.relation_cache`: facts about captured relations, stored so that effects of DDL can be found.
//! Errors of all functions: 42P01 when the extension does not exist in this database.

use super::settings::{named_columns, Settings};
use super::tables;
use crate::error::Result;
use crate::pg::backend::ddl;
use crate::pg::catalog::keys;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::by_key::MOST_LOOK_UPS;
use crate::pg::storage::column_value::Value;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use std::collections::HashMap;

const TABLE: &str = "relation_cache";
const BY_RELATION: &str = "relation_cache_relation_key";

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Invalid for a dropped relation whose settings still exist.
    pub relation: Oid,
    pub schema: String,
    pub name: String,
    /// The columns that the settings name, by number, so that RENAME COLUMN can be followed.
    pub columns: Vec<(i16, String)>,
    /// Whether the settings of this name belong to the relation. If not, a trigger that was created by hand captures
    /// it.
    pub enabled: bool,
    /// The result of `tables::of` after the last DDL.
    pub tables: Vec<String>,
    /// The owner when the entry was written.
    pub owner: Oid,
    /// The columns of the key.
    pub key: Vec<i16>,
    /// The names of dropped columns. The catalog forgets them, but copies of rows have the old values under these names.
    pub dropped: Vec<String>,
}

/// The relation and the owner that the settings of a name belong to.
#[derive(Clone, Copy)]
pub struct Known {
    /// Invalid if the relation was dropped.
    pub relation: Oid,
    pub owner: Oid,
}

impl Entry {
    /// The entry for the current state of a relation, with its settings if it is enabled, and with the names of dropped
    /// columns from its present entry. Errors: 42883 when the extension is incomplete.
    pub fn of(class: &Class, settings: Option<&Settings>) -> Result<Entry> {
        let named = settings.map_or(Vec::new(), named_columns).into_iter();
        Ok(Entry {
            relation: class.oid,
            schema: class.schema_name.clone(),
            name: class.name.clone(),
            columns: named
                .filter_map(|name| Some((relation::column_number(class.oid, &name)?, name)))
                .collect(),
            enabled: settings.is_some(),
            tables: tables::of(class.oid)?,
            owner: class.owner,
            key: keys::key_columns(class.oid),
            dropped: of(&[class.oid])?
                .into_iter()
                .flat_map(|entry| entry.dropped)
                .collect(),
        })
    }

    /// Whether these are the settings of the relation.
    pub fn is_of(&self, settings: &Settings) -> bool {
        self.enabled && self.schema == settings.schema && self.name == settings.relation
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
            enabled: row.get(4).unwrap_or_default(),
            tables: row.get(5).unwrap_or_default(),
            owner: row.get(6).unwrap_or(Oid::INVALID),
            key: row.get(7).unwrap_or_default(),
            dropped: row.get(8).unwrap_or_default(),
        }
    }
}

/// All entries, in their latest state.
pub fn all() -> Result<Vec<Entry>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    Ok(table.rows(View::Latest).iter().map(Entry::read).collect())
}

/// The entries of these relations, in their latest state.
pub fn of(relations: &[Oid]) -> Result<Vec<Entry>> {
    if relations.len() > MOST_LOOK_UPS {
        return which(|oid| relations.contains(&oid));
    }
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let mut found = Vec::new();
    for (place, oid) in relations.iter().enumerate() {
        if !relations.iter().take(place).any(|other| other == oid) {
            found.extend(of_relation(&table, *oid).iter().map(Entry::read));
        }
    }
    Ok(found)
}

fn of_relation(table: &Table, relation: Oid) -> Vec<Row<'_>> {
    table.rows_by(BY_RELATION, &[(0, Value::Oid(relation))], View::Latest)
}

/// The entries of the relations that are wanted. Nothing else is read of the others.
pub fn which(is_wanted: impl Fn(Oid) -> bool) -> Result<Vec<Entry>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let rows = table.rows_where(View::Latest, |row| row.get(0).is_some_and(&is_wanted));
    Ok(rows.iter().map(Entry::read).collect())
}

/// The entries that have names of dropped columns.
pub fn with_dropped() -> Result<Vec<Entry>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let has_some = |row: &Row| {
        let dropped = row.get::<pgrx::Array<&str>>(8);
        dropped.is_some_and(|dropped| !dropped.is_empty())
    };
    let rows = table.rows_where(View::Latest, has_some);
    Ok(rows.iter().map(Entry::read).collect())
}

/// The entries that list one of these tables. Most commands affect none, so only this column is read of all entries.
pub fn mentioning(these: &[Oid]) -> Result<Vec<Entry>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let mentions = |row: &Row| {
        let tables = row.get::<pgrx::Array<&str>>(5);
        let mut tables = tables.iter().flat_map(pgrx::Array::iter).flatten();
        tables.any(|one| these.contains(&tables::oid_of(one)))
    };
    let rows = table.rows_where(View::Latest, mentions);
    Ok(rows.iter().map(Entry::read).collect())
}

/// For each name (schema, relation): the relation and the owner that its settings belong to.
pub fn relations(view: View) -> Result<HashMap<(String, String), Known>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    let rows = table.rows(view);
    let one = |row: &Row| {
        let enabled = row.get::<bool>(4)?;
        let known = Known {
            relation: row.get(0).unwrap_or(Oid::INVALID),
            owner: row.get(6)?,
        };
        enabled.then_some(((row.get(1)?, row.get(2)?), known))
    };
    Ok(rows.iter().filter_map(one).collect())
}

/// Keeps other transactions from writing the entry of this relation until this transaction ends. An entry that is read
/// after this stays valid until then.
pub fn lock(relation: Oid) -> Result<()> {
    ddl::lock_entry(
        Table::open_member(TABLE, Lock::RowExclusive)?.oid(),
        relation,
    );
    Ok(())
}

fn is_of_name(row: &Row, schema: &str, name: &str) -> bool {
    row.get::<&str>(2) == Some(name) && row.get::<&str>(1) == Some(schema)
}

/// Stores an entry. It replaces those of the same relation or the same name. The entry of a dropped relation remains
/// until other settings take its name: it says who owned the settings.
pub fn save(entry: &Entry) -> Result<()> {
    lock(entry.relation)?;
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        let relation = row.get::<Oid>(0);
        let gives_way =
            is_of_name(&row, &entry.schema, &entry.name) && (entry.enabled || relation.is_some());
        if gives_way || relation == Some(entry.relation) {
            table.delete(row.id());
        }
    }
    insert(&table, entry);
    Ok(())
}

fn insert(table: &Table, entry: &Entry) {
    let columns: Vec<String> = entry
        .columns
        .iter()
        .map(|(n, name)| format!("{n}:{name}"))
        .collect();
    table.insert(&[
        (entry.relation != Oid::INVALID).then_some(Value::Oid(entry.relation)),
        Some(Value::Text(&entry.schema)),
        Some(Value::Text(&entry.name)),
        Some(Value::TextArray(&columns)),
        Some(Value::Bool(entry.enabled)),
        Some(Value::TextArray(&entry.tables)),
        Some(Value::Oid(entry.owner)),
        Some(Value::Int2Array(&entry.key)),
        Some(Value::TextArray(&entry.dropped)),
    ]);
}

/// Records that a relation was dropped. Only the owner of its settings is kept.
pub fn drop(entry: &Entry) -> Result<()> {
    remove(entry.relation)?;
    if entry.enabled {
        forget_dropped(&entry.schema, &entry.name)?;
        let gone = Entry {
            relation: Oid::INVALID,
            columns: Vec::new(),
            tables: Vec::new(),
            key: Vec::new(),
            dropped: Vec::new(),
            ..entry.clone()
        };
        insert(&Table::open_member(TABLE, Lock::RowExclusive)?, &gone);
    }
    Ok(())
}

/// Deletes the entry of a dropped relation whose settings no longer exist.
pub fn forget_dropped(schema: &str, name: &str) -> Result<()> {
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        if row.get::<Oid>(0).is_none() && is_of_name(&row, schema, name) {
            table.delete(row.id());
        }
    }
    Ok(())
}

/// Deletes the entry of a relation.
pub fn remove(relation: Oid) -> Result<()> {
    lock(relation)?;
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    for row in of_relation(&table, relation) {
        table.delete(row.id());
    }
    Ok(())
}
