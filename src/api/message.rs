//! The serialiser as a function.

use crate::error::ErrorReport;
use crate::message::change;
use crate::pg::backend::sqlstate::keeping;
use crate::pg::call::values::JsonText;
use crate::pg::catalog::rowtype::row_type_of;
use crate::pg::row::record::Record;
use crate::pg::CallInfo;
use pgrx::prelude::*;

/// The message of a row change, for triggers that users write. STABLE, since it depends only on its arguments, the
/// transaction's start and the catalogs.
#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.change_message(operation text, new record, old record) RETURNS json
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.change_message(text, record, record) IS
  'Builds the JSON message of a row change, for your own triggers: change_message(TG_OP, NEW, OLD)';
"#)]
fn change_message<'a>(
    operation: Option<&'a str>,
    new: Option<Record<'a>>,
    old: Option<Record<'a>>,
    call: CallInfo<'a>,
) -> Result<JsonText, ErrorReport> {
    let declared = || {
        [1, 2]
            .into_iter()
            .find_map(|i| row_type_of(call.argument_type(i)?))
    };
    Ok(keeping(|| {
        change::change_message(operation, new, old, declared)
    })?)
}
