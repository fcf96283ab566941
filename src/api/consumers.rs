//! Consumers: cursors that are stored under a name.

use crate::error::ErrorReport;
use crate::feed::consumer;
use crate::feed::consumer::status;
use crate::feed::request;
use crate::feed::request::Unchecked;
use crate::log::janitor;
use crate::pg::backend::sqlstate::keeping;
use crate::pg::call::srf::{Arguments, Cell, Rows};
use crate::pg::CallInfo;
use pgrx::prelude::*;
use std::time::Duration;

/// The name of a consumer, which is the first argument.
fn name(arguments: &Arguments) -> Result<String, ErrorReport> {
    Ok(arguments.get(0).ok_or_else(|| request::null("name"))?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.create_consumer(name text, cursor text = NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.create_consumer(text, text) IS
  'Stores a cursor under a name, for consume(). The consumer belongs to the current role. It begins at the cursor, or at the end of the change log. Returns where it begins';
"#, requires = ["log"])]
fn create_consumer(call: CallInfo) -> Result<String, ErrorReport> {
    let arguments = Arguments::new(call);
    let cursor: Option<String> = arguments.get(1);
    Ok(consumer::create(&name(&arguments)?, cursor.as_deref())?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.drop_consumer(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.drop_consumer(text) IS
  'Deletes a consumer. Waits for the transaction that uses it';
"#, requires = ["log"])]
fn drop_consumer(call: CallInfo) -> Result<(), ErrorReport> {
    Ok(consumer::remove(&name(&Arguments::new(call))?)?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.move_consumer(name text, cursor text = NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.move_consumer(text, text) IS
  'Moves a consumer to a cursor, or to the end of the change log. Waits for the transaction that uses it. Returns where the consumer stands then';
"#, requires = ["log"])]
fn move_consumer(call: CallInfo) -> Result<String, ErrorReport> {
    let arguments = Arguments::new(call);
    let cursor: Option<String> = arguments.get(1);
    Ok(consumer::move_to(&name(&arguments)?, cursor.as_deref())?)
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.consume(
    name text, relations regclass[], filter text = NULL, events text[] = NULL, columns text[] = NULL,
    max_changes integer = 1000, net boolean = false
) RETURNS TABLE (cursor text, change json)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.consume(text, regclass[], text, text[], text[], integer, boolean) IS
  'Returns the changes after the cursor of a consumer that the caller may see, and moves the consumer behind them when the transaction commits. Until it ends, others that use the consumer wait. The last row has no change';
"#, requires = ["log"])]
fn consume(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let name = name(&arguments)?;
    let request = Unchecked {
        relations: arguments.get(1),
        filter: arguments.get(2),
        events: arguments.get(3),
        columns: arguments.get(4),
        max_changes: arguments.get(5),
        net: arguments.get(6),
        ..Unchecked::default()
    };
    janitor::start_if_due()?;
    let rows = Rows::begin(call);
    keeping(|| {
        let read = consumer::consume(&name, request, |cursor, change| {
            let change = change.map_or(Cell::Null, Cell::Text);
            rows.add([Cell::Text(cursor.as_bytes()), change]);
        });
        if let Err(error) = read {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
        }
    });
    Ok(())
}

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.consumers(measured boolean)
RETURNS TABLE (
  name text, owner text, created_at timestamptz, last_used timestamptz, lag_changes bigint, lag_bytes bigint,
  lag double precision, kept_for double precision, problem text)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.consumers(boolean) IS
  'Supplies the rows of the view consumer_status; without measuring how far consumers are behind, what log_status warns of';
"#, requires = ["log"])]
#[allow(clippy::type_complexity)] // pgrx reads the type here, and nowhere else
fn consumers(
    measured: bool,
) -> Result<
    TableIterator<
        'static,
        (
            name!(name, String),
            name!(owner, String),
            name!(created_at, Option<TimestampWithTimeZone>),
            name!(last_used, Option<TimestampWithTimeZone>),
            name!(lag_changes, Option<i64>),
            name!(lag_bytes, Option<i64>),
            name!(lag, Option<f64>),
            name!(kept_for, f64),
            name!(problem, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let now = crate::pg::backend::xact::now();
    let rows = status::states(measured)?.into_iter().map(move |one| {
        let number = |of: fn(&crate::log::lag::Lag) -> u64| one.lag.as_ref().map(of);
        let (changes, bytes) = (number(|lag| lag.entries), number(|lag| lag.bytes));
        let age = one.lag.as_ref().map(|lag| {
            let oldest = lag.oldest.map(|oldest| now.since(oldest));
            oldest.unwrap_or(Duration::ZERO).as_secs_f64()
        });
        (
            one.name,
            one.owner,
            one.created_at,
            one.last_used.and_then(|at| at.micros().try_into().ok()),
            changes.map(|number| number as i64),
            bytes.map(|number| number as i64),
            age,
            one.kept_for.as_secs_f64(),
            one.problem,
        )
    });
    Ok(TableIterator::new(rows))
}

extension_sql_file!(
    "../../sql/25_consumers.sql",
    name = "consumer_tables",
    requires = ["log"]
);
extension_sql_file!(
    "../../sql/55_consumer_status.sql",
    name = "consumer_status",
    requires = ["event_triggers", "consumer_tables", consumers]
);
