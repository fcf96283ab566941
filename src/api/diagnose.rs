//! `pgrealtime.diagnose()`.

use crate::diagnose::{self, Question};
use crate::error::{report, Error, ErrorReport};
use crate::feed::nested;
use crate::pg::call::srf::Arguments;
use crate::pg::call::srf::Cell;
use crate::pg::call::srf::Rows;
use crate::pg::catalog::privilege;
use crate::pg::CallInfo;
use crate::pg::Oid;
use pgrx::prelude::*;
use pgrx::JsonB;

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.diagnose(
    relation regclass, role_name regrole = NULL, claims jsonb = NULL, filter text = NULL
) RETURNS TABLE (check_name text, status text, detail text, hint text)
    LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.diagnose(regclass, regrole, jsonb, text) IS
  'Explains why a role receives, or does not receive, the changes of a table: one row for each check';
"#, requires = ["log"])]
fn diagnose(call: CallInfo) -> Result<(), ErrorReport> {
    let arguments = Arguments::new(call);
    let relation: Oid = arguments
        .get(0)
        .ok_or_else(|| Error::null_value_not_allowed(report("relation must not be null")))?;
    let role = arguments.get(1).unwrap_or_else(privilege::current_role);
    let claims = arguments.get::<JsonB>(2).map(|claims| claims.0.to_string());
    let filter: Option<String> = arguments.get(3);
    let _reading = nested::begin("diagnose")?;
    let rows = Rows::begin(call);
    let question = Question {
        relation,
        role,
        claims: claims.as_deref(),
        filter: filter.as_deref(),
    };
    for found in diagnose::diagnose(&question)? {
        let text = |text: &'static str| Cell::Text(text.as_bytes());
        let hint = match found.hint.is_empty() {
            true => Cell::Null,
            false => Cell::Text(found.hint.as_bytes()),
        };
        rows.add([
            text(found.check),
            text(found.status),
            Cell::Text(found.detail.as_bytes()),
            hint,
        ]);
    }
    Ok(())
}
