//! Whether a cast to json is code to run for whoever writes or reads.

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

/// Who made a cast: the owner of the type, who binds any function to it that he may call, and that of the function.
pub(in crate::pg) struct Makers {
    pub base: Type,
    pub function: Oid,
}

impl Makers {
    /// Whether the cast runs: superusers own both its type and its function, as in extensions. Code of anybody else could
    /// cancel the statement, end the session or never return, as whatever role it runs. And it would have to depend on
    /// who reads or writes whether he trusts it, while a message is the same for all. Errors: 42501 where the caller may
    /// not execute the function.
    ///
    /// Asked at each call: the function keeps its owner from then on until the transaction ends.
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
