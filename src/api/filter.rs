//! `check_filter`: a filter as SQL.

use crate::error::{report, Error, ErrorReport, Result};
use crate::filter::condition::{compile, Purpose};
use crate::pg::Oid;
use pgrx::prelude::*;

/// The maximum length of an identifier.
const MAX_NAME: usize = 63;

#[pg_extern(sql = r#"
CREATE FUNCTION pgrealtime.check_filter(relation regclass, filter text, row_alias text DEFAULT NULL) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
COMMENT ON FUNCTION pgrealtime.check_filter(regclass, text, text) IS
  'Returns the SQL condition that a filter means on a table. With row_alias, the rules of row filters apply, and columns are written with this alias, such as new or old in a trigger';
"#)]
fn check_filter(
    relation: Option<Oid>,
    filter: Option<&str>,
    row_alias: Option<&str>,
) -> std::result::Result<Option<String>, ErrorReport> {
    let (Some(relation), Some(filter)) = (relation, filter) else {
        return Ok(None);
    };
    Ok(Some(condition(relation, filter, row_alias)?))
}

/// With an alias, the condition is for a trigger, so the rules of row filters apply. A blank filter is the condition
/// `true`. Errors: 22023 for an invalid alias; every fault in the filter.
fn condition(relation: Oid, filter: &str, row_alias: Option<&str>) -> Result<String> {
    if row_alias.is_some_and(|alias| alias.is_empty() || alias.len() > MAX_NAME) {
        return Err(Error::invalid_parameter_value(
            report("row_alias is not a name").hint("Use new, old or the alias of the table."),
        ));
    }
    let purpose = match row_alias {
        Some(_) => Purpose::RowFilter,
        None => Purpose::Reader,
    };
    Ok(match compile(relation, filter, purpose)? {
        Some(condition) => condition.render(row_alias),
        None => String::from("true"),
    })
}
