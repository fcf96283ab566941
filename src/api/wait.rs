//! Waiting for changes.

use crate::error::ErrorReport;
use crate::feed::request;
use crate::feed::subscriptions;
use crate::feed::wait;
use crate::pg::call::procedure;
use crate::pg::call::procedure::Output;
use crate::pg::call::srf::Arguments;
use crate::pg::CallInfo;
use pgrx::prelude::*;

/// The long poll: returns true as soon as one of the relations has a newer committed entry.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.wait_for_changes(cursor text, relations regclass[], timeout interval = '30 s') RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.wait_for_changes(text, regclass[], interval) IS
  'Waits until one of the relations has changes after the cursor. Returns true if it has, and false after the timeout';
"#, requires = ["log"])]
fn wait_for_changes(call: CallInfo) -> Result<bool, ErrorReport> {
    let arguments = Arguments::new(call);
    let cursor: String = arguments.get(0).unwrap_or_default();
    let relations = request::relations(arguments.get(1))?;
    let timeout = arguments.get(2).map_or(0, milliseconds);
    Ok(wait::wait_for_changes(&cursor, &relations, timeout)?)
}

/// Returns when something is there for the session's subscriptions, or for the session to do.
#[pg_extern(sql = r#"
CREATE PROCEDURE pgrealtime.wait(INOUT cursor text, timeout interval = '5 s')
    LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON PROCEDURE pgrealtime.wait(text, interval) IS
  'Waits until fan_out() may return changes after the cursor, until the client has sent its next command, or until the time is over. Ends the transaction, as COMMIT does. Returns the cursor to go on from';
"#, requires = ["log"])]
fn wait_for_subscriptions(call: CallInfo) -> Result<Output, ErrorReport> {
    procedure::check_outside_transaction(call, "pgrealtime.wait")?;
    let arguments = Arguments::new(call);
    let cursor: String = arguments.get(0).ok_or_else(request::no_cursor)?;
    let timeout = arguments.get(1).ok_or_else(|| request::null("timeout"))?;
    let relations = subscriptions::relations();
    let cursor = wait::wait(
        &cursor,
        &relations,
        milliseconds(timeout),
        procedure::commit,
    )?;
    Ok(Output::text(call, &cursor))
}

/// Cut to what a wait can be; negative for a negative one.
fn milliseconds(interval: Interval) -> i64 {
    (interval.as_micros() / 1000).clamp(-1, i128::from(i64::MAX / 2000)) as i64
}
