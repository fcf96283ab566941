//! The settings of relations, in the table `pgrealtime.settings`. Errors of all functions: 42P01 when the extension
//! does not exist in this database.

use super::filter_rule;
use crate::capture_trigger::Sink;
use crate::change::Operation;
use crate::error::Result;
use crate::pg::backend::ddl;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::by_key::MOST_LOOK_UPS;
use crate::pg::storage::column_value::Value;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use crate::sink::topic;

const TABLE: &str = "settings";
const BY_NAME: &str = "settings_pkey";

/// One row of the table. The texts were checked when they were given (`merge`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub schema: String,
    pub relation: String,
    pub priority: String,
    pub operations: Vec<Operation>,
    pub row_filter: Option<String>,
    pub columns: Option<Vec<String>>,
    pub payload: String,
    pub deletes: String,
    pub sinks: Vec<Sink>,
    pub broadcast_topic: Option<String>,
    /// Name of the role that owned the relation when it was enabled.
    pub owner: String,
    /// Whether `enable` added the relation to the publication, so that `disable` removes it.
    pub published: bool,
}

impl Settings {
    /// The standard values of a relation that is enabled for the first time.
    pub fn standard(class: &Class) -> Settings {
        Settings {
            schema: class.schema_name.clone(),
            relation: class.name.clone(),
            priority: "medium".to_owned(),
            operations: Operation::ALL.to_vec(),
            row_filter: None,
            columns: None,
            payload: "full".to_owned(),
            deletes: "policy".to_owned(),
            sinks: vec![Sink::Log],
            broadcast_topic: None,
            owner: acl::role_name(class.owner),
            published: false,
        }
    }

    pub fn has_sink(&self, sink: Sink) -> bool {
        self.sinks.contains(&sink)
    }

    fn read(row: &Row) -> Settings {
        let text = |column| row.get::<String>(column).unwrap_or_default();
        let list = |column| row.get::<Vec<String>>(column);
        Settings {
            schema: text(0),
            relation: text(1),
            priority: text(2),
            operations: operations(row),
            row_filter: row.get(4),
            columns: list(5),
            payload: text(6),
            deletes: text(7),
            sinks: sinks(row),
            broadcast_topic: row.get(9),
            owner: text(10),
            published: row.get(11).unwrap_or_default(),
        }
    }

    fn insert_into(&self, table: &Table) {
        let operations = names(&self.operations);
        let sinks: Vec<String> = self
            .sinks
            .iter()
            .map(|sink| sink.name().to_owned())
            .collect();
        table.insert(&[
            Some(Value::Text(&self.schema)),
            Some(Value::Text(&self.relation)),
            Some(Value::Text(&self.priority)),
            Some(Value::TextArray(&operations)),
            self.row_filter.as_deref().map(Value::Text),
            self.columns.as_deref().map(Value::TextArray),
            Some(Value::Text(&self.payload)),
            Some(Value::Text(&self.deletes)),
            Some(Value::TextArray(&sinks)),
            self.broadcast_topic.as_deref().map(Value::Text),
            Some(Value::Text(&self.owner)),
            Some(Value::Bool(self.published)),
        ]);
    }
}

/// The columns that the settings name, without duplicates.
pub fn named_columns(settings: &Settings) -> Vec<String> {
    let mut names = settings.columns.clone().unwrap_or_default();
    if let Some(template) = &settings.broadcast_topic {
        names.extend(topic::columns(template));
    }
    if let Some(filter) = &settings.row_filter {
        names.extend(filter_rule::columns(filter));
    }
    names.sort();
    names.dedup();
    names
}

/// The part of the settings that the view shows. To read the rest of 1,000 rows too would take a tenth of the view's
/// time.
pub struct Overview {
    pub schema: String,
    pub relation: String,
    pub priority: String,
    pub operations: Vec<Operation>,
    pub row_filter: Option<String>,
    /// Whether there is a sink, so that changes are captured.
    pub captures: bool,
    pub columns: Option<Vec<String>>,
    /// The topic of broadcasts, if there are any.
    pub topic: Option<String>,
    pub owner: String,
}

impl Overview {
    fn read(row: &Row) -> Overview {
        let text = |column| row.get::<String>(column).unwrap_or_default();
        let sinks = sinks(row);
        Overview {
            schema: text(0),
            relation: text(1),
            priority: text(2),
            operations: operations(row),
            row_filter: row.get(4),
            captures: !sinks.is_empty(),
            columns: row.get(5),
            topic: sinks
                .contains(&Sink::Broadcast)
                .then(|| row.get(9))
                .flatten(),
            owner: text(10),
        }
    }
}

fn operations(row: &Row) -> Vec<Operation> {
    let names = row.get::<pgrx::Array<&str>>(3);
    let names = names.iter().flat_map(pgrx::Array::iter).flatten();
    names.filter_map(Operation::from_name_in_any_case).collect()
}

fn sinks(row: &Row) -> Vec<Sink> {
    let names = row.get::<pgrx::Array<&str>>(8);
    let names = names.iter().flat_map(pgrx::Array::iter).flatten();
    names.filter_map(Sink::by_name).collect()
}

/// The names of operations, as SQL writes them.
pub fn names(operations: &[Operation]) -> Vec<String> {
    operations
        .iter()
        .map(|operation| operation.name().to_owned())
        .collect()
}

/// The shown part of all settings.
pub fn overviews(view: View) -> Result<Vec<Overview>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    Ok(table.rows(view).iter().map(Overview::read).collect())
}

/// All settings.
pub fn all(view: View) -> Result<Vec<Settings>> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    Ok(table.rows(view).iter().map(Settings::read).collect())
}

/// Whether there are settings under the name of one of these relations, whoever they belong to.
pub fn has_name_of(these: &[Class]) -> Result<bool> {
    let table = Table::open_member(TABLE, Lock::AccessShare)?;
    if these.len() > MOST_LOOK_UPS {
        let is_of_one = |row: &Row| {
            let mut these = these.iter();
            these.any(|one| is_of(row, &one.schema_name, &one.name))
        };
        return Ok(!table.rows_where(View::Latest, is_of_one).is_empty());
    }
    let has_some = |one: &Class| !of_name(&table, &one.schema_name, &one.name).is_empty();
    Ok(these.iter().any(has_some))
}

/// Stores settings, and replaces those of the same name. The caller holds a lock on the relation.
pub fn save(settings: &Settings) -> Result<()> {
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    delete_from(&table, &settings.schema, &settings.relation);
    settings.insert_into(&table);
    Ok(())
}

/// Deletes the settings of a relation. The caller holds a lock on it.
pub fn remove(schema: &str, relation: &str) -> Result<()> {
    let table = Table::open_member(TABLE, Lock::RowExclusive)?;
    delete_from(&table, schema, relation);
    Ok(())
}

/// Locks the name of a schema in the settings until the transaction ends, against [`share_names`]. ALTER SCHEMA RENAME
/// locks no tables. So whoever stores the name of a schema takes the lock in shared mode, and whoever moves settings to
/// another schema name takes it exclusively.
pub fn lock_names(schema: Oid) -> Result<()> {
    ddl::lock_entry(Table::open_member(TABLE, Lock::AccessShare)?.oid(), schema);
    Ok(())
}

/// The shared mode of [`lock_names`].
pub fn share_names(schema: Oid) -> Result<()> {
    ddl::share_entry(Table::open_member(TABLE, Lock::AccessShare)?.oid(), schema);
    Ok(())
}

fn of_name<'a>(table: &'a Table, schema: &str, relation: &str) -> Vec<Row<'a>> {
    let keys = [(0, Value::Text(schema)), (1, Value::Text(relation))];
    table.rows_by(BY_NAME, &keys, View::Latest)
}

fn is_of(row: &Row, schema: &str, relation: &str) -> bool {
    row.get::<&str>(1) == Some(relation) && row.get::<&str>(0) == Some(schema)
}

fn delete_from(table: &Table, schema: &str, relation: &str) {
    for row in of_name(table, schema, relation) {
        table.delete(row.id());
    }
}
