//! `pgrealtime.capture_change()`.

use crate::error::ErrorReport;
use crate::pg::CallInfo;
use pgrx::prelude::*;

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.capture_change() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.capture_change() IS
  'Trigger function: appends each change to the change log, or sends it to the sinks that the trigger names';
"#, requires = ["log"])]
fn capture_change(call: CallInfo) -> Result<(), ErrorReport> {
    Ok(crate::capture::capture_change(call)?)
}
