//! The change log's own functions.

use crate::error::ErrorReport;
use crate::log::state::State;
use crate::pg::xact;
use pgrx::prelude::*;

/// Writes the first state of a new log; exists only while the install script runs.
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
