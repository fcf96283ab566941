//! `enable`, `disable`, the functions that show realtime tables, and the event trigger that follows DDL.

use crate::error::ErrorReport;
use crate::pg::call::event_trigger;
use crate::pg::catalog::inheritance;
use crate::pg::CallInfo;
use crate::pg::Oid;
use crate::registry::{self, Mended, RealtimeTable, Request};
use pgrx::prelude::*;

type Texts = Option<Vec<Option<String>>>;

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.enable(
  relation        regclass,
  priority        text   DEFAULT NULL,
  operations      text[] DEFAULT NULL,
  row_filter      text   DEFAULT NULL,
  columns         text[] DEFAULT NULL,
  payload         text   DEFAULT NULL,
  deletes         text   DEFAULT NULL,
  sinks           text[] DEFAULT NULL,
  broadcast_topic text   DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.enable(regclass, text, text[], text, text[], text, text, text[], text) IS
  'Makes a table realtime: publishes it, creates the capture triggers, and stores the settings. A parameter that is NULL leaves its setting unchanged';
"#)]
#[allow(clippy::too_many_arguments)]
fn enable(
    relation: Option<Oid>,
    priority: Option<String>,
    operations: Texts,
    row_filter: Option<String>,
    columns: Texts,
    payload: Option<String>,
    deletes: Option<String>,
    sinks: Texts,
    broadcast_topic: Option<String>,
) -> Result<(), ErrorReport> {
    let request = Request {
        priority,
        operations,
        row_filter,
        columns,
        payload,
        deletes,
        sinks,
        broadcast_topic,
    };
    Ok(registry::enable(relation, request)?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.disable(relation regclass) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.disable(regclass) IS
  'Reverses enable: drops the capture triggers, removes the table from the publication, and deletes the settings';
"#)]
fn disable(relation: Option<Oid>) -> Result<(), ErrorReport> {
    Ok(registry::disable(relation)?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.repair() RETURNS TABLE (relation text, what text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.repair() IS
  'Mends realtime tables whose status in realtime_configuration is not ok, and enables published tables. Returns the tables that it has mended, and the status that they had';
"#)]
#[allow(clippy::type_complexity)] // pgrx reads the type here, and nowhere else
fn repair(
) -> Result<TableIterator<'static, (name!(relation, String), name!(what, &'static str))>, ErrorReport>
{
    let mended = registry::repair()?.into_iter();
    Ok(TableIterator::new(
        mended.map(|Mended { relation, what }| (relation, what)),
    ))
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.is_realtime_enabled(table_name_input text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.is_realtime_enabled(text) IS
  'Returns whether a table is published for realtime and the caller owns it or may SELECT one of its columns';
"#)]
fn is_realtime_enabled(table_name_input: &str) -> Result<bool, ErrorReport> {
    Ok(registry::is_enabled(table_name_input)?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.policies_over_other_rows(relation regclass) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.policies_over_other_rows(regclass) IS
  'Returns the SELECT policies of a table that read other rows. When those rows are gone, such a policy may hide a DELETE from everybody; see the parameter deletes of enable';
"#)]
fn policies_over_other_rows(relation: Oid) -> Result<Vec<String>, ErrorReport> {
    Ok(registry::over_other_rows(relation)?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.get_user_realtime_tables()
RETURNS TABLE (table_name text, operations text[], schema_name text, realtime_priority text, row_filter text)
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.get_user_realtime_tables() IS
  'Returns the realtime tables that the current user may SELECT from';
"#)]
#[allow(clippy::type_complexity)] // pgrx reads the type here, and nowhere else
fn get_user_realtime_tables() -> Result<
    TableIterator<
        'static,
        (
            name!(table_name, String),
            name!(operations, Vec<&'static str>),
            name!(schema_name, String),
            name!(realtime_priority, Option<String>),
            name!(row_filter, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let rows = registry::user_tables()?.into_iter().map(|table| {
        let operations = table.operation_names();
        (
            table.name,
            operations,
            table.schema,
            table.priority,
            table.row_filter,
        )
    });
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.realtime_tables()
RETURNS TABLE (
  relation oid, schemaname text, tablename text, partitioned boolean, estimated_row_count bigint,
  realtime_priority text, enabled_operations text, row_filter text, captured boolean, rls_enabled boolean,
  replica_identity text, status text)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.realtime_tables() IS
  'Supplies the rows of the view realtime_configuration';
"#)]
#[allow(clippy::type_complexity)] // as above
fn realtime_tables() -> Result<
    TableIterator<
        'static,
        (
            name!(relation, Option<Oid>),
            name!(schemaname, String),
            name!(tablename, String),
            name!(partitioned, Option<bool>),
            name!(estimated_row_count, Option<i64>),
            name!(realtime_priority, Option<String>),
            name!(enabled_operations, String),
            name!(row_filter, Option<String>),
            name!(captured, bool),
            name!(rls_enabled, Option<bool>),
            name!(replica_identity, Option<&'static str>),
            name!(status, &'static str),
        ),
    >,
    ErrorReport,
> {
    Ok(TableIterator::new(
        registry::realtime_tables()?.into_iter().map(|table| {
            let operations = table.operation_names().join(",");
            let RealtimeTable {
                relation,
                schema,
                name,
                partitioned,
                estimated_rows,
                priority,
                ..
            } = table;
            let (filter, captured, rls) = (table.row_filter, table.captured, table.rls);
            let (identity, status) = (table.replica_identity, table.status);
            (
                relation,
                schema,
                name,
                partitioned,
                estimated_rows,
                priority,
                operations,
                filter,
                captured,
                rls,
                identity,
                status,
            )
        }),
    ))
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.relation_size(relation oid) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.relation_size(oid) IS
  'Returns the bytes of a table with its indexes and TOAST; for a partitioned table, the sum of its leaf partitions';
"#)]
fn relation_size(relation: Oid) -> Option<i64> {
    inheritance::total_size(relation)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.follow_ddl() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.follow_ddl() IS
  'Event trigger function: keeps settings, triggers and readers up to date when DDL changes a captured table';
"#)]
fn follow_ddl(call: CallInfo) -> Result<(), ErrorReport> {
    Ok(registry::follow(event_trigger::command(call))?)
}

extension_sql_file!(
    "../../sql/30_registry.sql",
    name = "registry",
    requires = ["log"]
);
extension_sql_file!(
    "../../sql/40_introspection.sql",
    name = "introspection",
    requires = ["registry", realtime_tables, relation_size]
);
extension_sql_file!(
    "../../sql/50_event_triggers.sql",
    name = "event_triggers",
    requires = ["introspection", follow_ddl]
);
