//! Subscriptions of the session, and what they receive.

use crate::error::ErrorReport;
use crate::feed::allowed::{self, Command};
use crate::feed::fan_out;
use crate::feed::request;
use crate::feed::subscriptions::{self, Request};
use crate::feed::who::Who;
use crate::log::janitor;
use crate::pg::backend::sqlstate::keeping;
use crate::pg::call::srf::{Arguments, Cell, Column, Rows};
use crate::pg::catalog::privilege;
use crate::pg::row::from_json::Json;
use crate::pg::row::readable::JsonbText;
use crate::pg::CallInfo;
use crate::pg::Oid;
use pgrx::prelude::*;

/// A role and claims that the session may act with, from two arguments.
fn who(arguments: &Arguments, role: usize) -> Who {
    Who {
        role: arguments.get(role).unwrap_or_else(privilege::current_role),
        claims: arguments
            .get::<JsonbText>(role + 1)
            .map(|text| text.0.into_boxed_c_str()),
    }
}

/// A subscription, which lasts as long as the session.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.subscribe(
    relation regclass, filter text = NULL, events text[] = NULL, columns text[] = NULL,
    role_name regrole = NULL, claims jsonb = NULL
) RETURNS TABLE (subscription integer, cursor text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.subscribe(regclass, text, text[], text[], regrole, jsonb) IS
  'Subscribes this session to the changes of a table, as a role sees them with these claims. Returns the subscription and the cursor that it begins at; fan_out delivers what comes after';
"#, requires = ["log"])]
fn subscribe(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let relation: Oid = arguments.get(0).ok_or_else(|| request::null("relation"))?;
    let request = Request {
        relation,
        filter: request::filter(arguments.get(1)),
        events: request::events(arguments.get(2))?,
        columns: request::columns(arguments.get(3))?,
        who: who(&arguments, 4),
    };
    let rows = Rows::begin_with(call, [Column::Number, Column::Text]);
    let (id, cursor) = subscriptions::subscribe(request)?;
    rows.add([Cell::Number(id), Cell::Text(cursor.as_bytes())]);
    Ok(())
}

/// The same subscription as another role, or with other claims.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.resubscribe(subscription integer, role_name regrole = NULL, claims jsonb = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.resubscribe(integer, regrole, jsonb) IS
  'Gives a subscription of this session another role and claims. Changes that were not handed out yet are judged by these; none is lost or repeated';
"#, requires = ["log"])]
fn resubscribe(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let id: i32 = arguments
        .get(0)
        .ok_or_else(|| request::null("subscription"))?;
    Ok(subscriptions::resubscribe(id, who(&arguments, 1))?)
}

/// The end of some subscriptions.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.unsubscribe(subscriptions integer[]) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.unsubscribe(integer[]) IS
  'Ends subscriptions of this session. Numbers of subscriptions that have ended are ignored';
"#, requires = ["log"])]
fn unsubscribe(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let ids: Vec<Option<i32>> = arguments.get(0).unwrap_or_default();
    let ids: Vec<i32> = ids.into_iter().flatten().collect();
    Ok(subscriptions::unsubscribe(&ids)?)
}

/// What the session's subscriptions receive after a cursor.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.fan_out(cursor text, max_changes integer = 1000)
RETURNS TABLE (cursor text, change json, subscriptions integer[], error text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.fan_out(text, integer) IS
  'Returns the changes after a cursor for the subscriptions of this session, each with the subscriptions that receive it. The last row has neither change nor subscriptions: pass its cursor to the next call. Subscriptions in a row with an error miss the change';
"#, requires = ["log"])]
fn fan_out(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let cursor: String = arguments.get(0).ok_or_else(request::no_cursor)?;
    let max_changes = request::max_changes(arguments.get(1))?;
    janitor::start_if_due()?;
    let columns = [Column::Text, Column::Text, Column::Numbers, Column::Text];
    let rows = Rows::begin_with(call, columns);
    keeping(|| {
        let read = fan_out::fan_out(&cursor, max_changes, |row| {
            rows.add([
                Cell::Text(row.cursor.as_bytes()),
                row.change.map_or(Cell::Null, Cell::Text),
                row.subscriptions.map_or(Cell::Null, Cell::Numbers),
                row.error
                    .map_or(Cell::Null, |error| Cell::Text(error.as_bytes())),
            ]);
        });
        if let Err(error) = read {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
        }
    });
    Ok(())
}

/// Whether a role, with claims, could read such a row, or insert it.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.is_row_allowed(
    relation regclass, command text, record jsonb, role_name regrole = NULL, claims jsonb = NULL
) RETURNS boolean
    LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.is_row_allowed(regclass, text, jsonb, regrole, jsonb) IS
  'Returns whether the privileges and policies of a role, with these claims, would show such a row (SELECT), or let it in (INSERT). Nothing is written';
"#, requires = ["log"])]
fn is_row_allowed(call: CallInfo) -> Result<bool, ErrorReport> {
    let arguments = Arguments::new(call);
    let relation: Oid = arguments.get(0).ok_or_else(|| request::null("relation"))?;
    let command: String = arguments.get(1).ok_or_else(|| request::null("command"))?;
    let record: Json = arguments.get(2).ok_or_else(|| request::null("record"))?;
    let command = Command::from_name(&command)?;
    let who = who(&arguments, 3);
    Ok(keeping(|| {
        allowed::is_row_allowed(relation, command, &record, &who)
    })?)
}
