//! Work as another role that runs code of others.

use super::acl::role_name;
use super::temporary;
use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::setting_level::Setting;
use pgrx::pg_sys;

/// Does `work` as `role`, as [`act_as_trusted`] does, where it runs code of others. Error: 55000 where that code could meet
/// temporary objects of the session whose owner lacks the role's rights.
///
/// No search_path keeps the temporary schema out: Postgres looks there first where the path does not name it, and a
/// function may have a path of its own. Nor can the schema be hidden for a while, since relations in it whose cache
/// entries are made anew meanwhile would be taken for those of another session.
pub fn act_as<T>(
    role: pg_sys::Oid,
    settings: &[Setting],
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    refuse_strangers(role)?;
    act_as_trusted(role, settings, work)
}

/// Error: 55000 where code that runs with the rights of `role`, by names that are not the caller's choice, could meet
/// temporary objects of somebody who lacks them.
pub fn refuse_strangers(role: pg_sys::Oid) -> Result<()> {
    let Some(stranger) = temporary::stranger_to(role) else {
        return Ok(());
    };
    let (role, stranger) = (role_name(role), role_name(stranger));
    Err(Error::object_not_in_prerequisite_state(
        report(format!(
            "code cannot run as role \"{role}\" in a session that has temporary objects of role \"{stranger}\""
        ))
        .detail("It could take a temporary table for the one that it names, and run what is tied to that.")
        .hint("Run DISCARD TEMP, or drop the temporary tables, views and types of the session."),
    ))
}
