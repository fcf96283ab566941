//! Running work that calls users' code as another role.

use super::acl::role_name;
use super::temporary;
use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::setting_level::Setting;
use pgrx::pg_sys;

/// Does `work` as `role`, as [`act_as_trusted`] does, for work that runs code of users. Errors: 55000 when that code
/// could find temporary objects of the session whose owner lacks the role's rights.
///
/// No search_path hides the temporary schema: Postgres searches it first when the path does not name it, and a function
/// may set a path of its own. The schema cannot be hidden for a while either: relations in it whose cache entries are
/// rebuilt meanwhile would be taken for those of another session.
pub fn act_as<T>(
    role: pg_sys::Oid,
    settings: &[Setting],
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    refuse_strangers(role)?;
    act_as_trusted(role, settings, work)
}

/// Errors: 55000 when code that runs with the rights of `role`, and resolves names that the caller did not choose,
/// could find temporary objects of an owner who lacks these rights.
pub fn refuse_strangers(role: pg_sys::Oid) -> Result<()> {
    let Some(stranger) = temporary::stranger_to(role) else {
        return Ok(());
    };
    let (role, stranger) = (role_name(role), role_name(stranger));
    Err(Error::object_not_in_prerequisite_state(
        report(format!(
            "code cannot run as role \"{role}\" in a session that has temporary objects of role \"{stranger}\""
        ))
        .detail("The code could use a temporary table instead of the table that it names, and run that table's triggers and other code.")
        .hint("Run DISCARD TEMP, or drop the temporary tables, views and types of the session."),
    ))
}
