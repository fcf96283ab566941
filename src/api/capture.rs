//! `pgrealtime.capture_change()`.

use crate::error::ErrorReport;
use crate::pg::CallInfo;
use pgrx::prelude::*;

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.capture_change() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#, requires = ["log"])]
fn capture_change(call: CallInfo) -> Result<(), ErrorReport> {
    Ok(crate::capture::capture_change(call)?)
}
