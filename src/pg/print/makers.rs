//! Whether a cast to json may be run for the role that writes or reads.

use crate::error::{report, Error, Result};
use crate::pg::backend::lock;
use crate::pg::catalog::acl::function_owner;
use crate::pg::catalog::acl::role_may_execute;
use crate::pg::catalog::acl::role_name;
use crate::pg::catalog::privilege::current_role;
use crate::pg::row::types::type_name;
use crate::pg::row::types::Type;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// The owners behind a cast: the owner of the type, who may bind any callable function to it, and the owner of the
/// function.
pub(in crate::pg) struct Makers {
    pub base: Type,
    pub function: Oid,
}

impl Makers {
    /// Whether the cast is run. It is if superusers own both its type and its function, as in extensions. Code of other
    /// users could cancel the statement, end the session or never return, whichever role runs it. And trust would
    /// differ from reader to reader, but a message is the same for all of them. Errors: 42501 if the caller may not
    /// execute the function.
    ///
    /// Checked at each call: from then on the function keeps its owner until the transaction ends.
    pub fn are_trusted(&self) -> Result<bool> {
        lock::keep_function(self.function);
        let owners = [self.base.owner(), function_owner(self.function)];
        // SAFETY: a syscache look-up; a role that has gone is no superuser.
        let is_superuser = |role: Oid| unsafe { pg_sys::superuser_arg(role) };
        if !owners
            .into_iter()
            .all(|owner| owner.is_some_and(is_superuser))
        {
            return Ok(false);
        }
        let caller = current_role();
        if role_may_execute(self.function, caller) {
            return Ok(true);
        }
        Err(Error::insufficient_privilege(
            report(format!(
                "permission denied for the cast to json of type {}",
                type_name(self.base.oid()).unwrap_or_default()
            ))
            .detail(format!(
                "Role \"{}\" may not execute the cast's function.",
                role_name(caller)
            ))
            .hint("Grant EXECUTE on it to the role."),
        ))
    }
}
