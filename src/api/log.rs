//! The change log's own functions.

use crate::error::ErrorReport;
use crate::feed::reader;
use crate::feed::request::Unchecked;
use crate::gucs;
use crate::log::janitor;
use crate::log::state::State;
use crate::log::watermark;
use crate::pg::backend::sqlstate::keeping;
use crate::pg::backend::xact;
use crate::pg::call::srf::Arguments;
use crate::pg::call::srf::Cell;
use crate::pg::call::srf::Rows;
use crate::pg::storage::heap;
use crate::pg::CallInfo;
use pgrx::prelude::*;

/// Writes the first state of a new log; the function exists only while the install script runs.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.initialise_log(log_id bigint) RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
SELECT pgrealtime.initialise_log(
    ('x' OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 1, 16))
    ::bit(64)::bigint);
DROP FUNCTION pgrealtime.initialise_log(bigint);
"#, requires = ["log"])]
fn initialise_log(log_id: i64) -> Result<(), ErrorReport> {
    Ok(State::initialise(log_id, xact::now())?)
}

/// A cursor for the end of the change log in the statement's snapshot.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.current_cursor() RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.current_cursor() IS
  'Returns a cursor for the end of the change log. Changes that the statement does not see yet come after it';
"#, requires = ["log"])]
fn current_cursor() -> Result<String, ErrorReport> {
    Ok(watermark::current_cursor()?)
}

/// The changes after a cursor that the caller receives. With `net`, `max_changes` limits the changes that are reduced.
/// A change of a key is then two rows, which must be in one batch, so up to twice as many rows may come.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.changes_since(
    cursor text, relations regclass[], filter text = NULL, events text[] = NULL, columns text[] = NULL,
    max_changes integer = 1000, net boolean = false, until text = NULL
) RETURNS TABLE (cursor text, change json)
    LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.changes_since(text, regclass[], text, text[], text[], integer, boolean, text) IS
  'Returns the changes after a cursor that the caller may see. The last row has no change: pass its cursor to the next call. With until, they end with those that this cursor includes. With net, a change of a key is two rows, so up to 2 * max_changes rows may come';
"#, requires = ["log"])]
fn changes_since(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let request = Unchecked {
        cursor: arguments.get(0),
        relations: arguments.get(1),
        filter: arguments.get(2),
        events: arguments.get(3),
        columns: arguments.get(4),
        max_changes: arguments.get(5),
        net: arguments.get(6),
        until: arguments.get(7),
    }
    .check()?;
    janitor::start_if_due()?;
    let rows = Rows::begin(call);
    keeping(|| {
        let read = reader::changes_since(&request, |cursor, change| {
            let change = change.map_or(Cell::Null, Cell::Text);
            rows.add([Cell::Text(cursor.as_bytes()), change]);
        });
        if let Err(error) = read {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
        }
    });
    Ok(())
}

/// Applies the retention now: seals and empties the segments that are due. Returns how many segments were emptied.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.prune() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.prune() IS
  'Applies the retention of the change log now. Returns the number of segments that were emptied';
"#, requires = ["log"])]
fn prune() -> Result<i32, ErrorReport> {
    Ok(janitor::prune()? as i32)
}

/// Makes all existing cursors invalid, as is necessary after an older copy of the volume was restored. Consumers were
/// restored with it.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.invalidate_cursors() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.invalidate_cursors() IS
  'Makes all existing cursors invalid, except those of consumers. Call it after restoring a backup or a volume snapshot';
"#, requires = ["log"])]
fn invalidate_cursors() -> Result<(), ErrorReport> {
    heap::refuse_read_only(c"invalidate_cursors()");
    Ok(State::begin_epoch()?)
}

/// Seconds of `pgrealtime.retention`, for the view log_status. A session that has not loaded the library yet does not
/// know the setting by name.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.log_retention() RETURNS double precision
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.log_retention() IS
  'Returns the setting pgrealtime.retention in seconds, for the view log_status';
"#, requires = ["log"])]
fn log_retention() -> f64 {
    gucs::retention_seconds() as f64
}
