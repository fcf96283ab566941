//! With whose rights a cast to json runs.

use crate::error::{report, Error, Result};
use crate::pg::catalog::acl::may_execute;
use crate::pg::catalog::acl::role_name;
use crate::pg::row::types::type_name;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// Who made a cast. An ordinary role can: it owns the type, or did when it made the cast.
pub(in crate::pg) struct Makers {
    pub base: Oid,
    pub function: Oid,
    pub function_owner: Oid,
    pub type_owner: Oid,
}

impl Makers {
    /// The role with whose rights the cast runs, where they are fewer than a superuser's: whoever reads or writes a row
    /// lends it none of his own.
    pub fn restricted(&self) -> Option<Oid> {
        // SAFETY: syscache look-ups; a role that has gone is no superuser.
        let is_ordinary = |role: &Oid| unsafe { !pg_sys::superuser_arg(*role) };
        [self.type_owner, self.function_owner]
            .into_iter()
            .find(is_ordinary)
    }

    /// Whether the role may call the function at all; called as the role.
    pub fn check(&self, role: Oid) -> Result<()> {
        if may_execute(self.function) {
            return Ok(());
        }
        Err(Error::insufficient_privilege(
            report(format!(
                "permission denied for the cast to json of type {}",
                type_name(self.base).unwrap_or_default()
            ))
            .detail(format!("It runs with the rights of {}.", role_name(role))),
        ))
    }
}
