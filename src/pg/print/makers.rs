//! The role whose rights a cast to json runs with.

use crate::error::{report, Error, Result};
use crate::pg::backend::lock;
use crate::pg::catalog::acl::acts_as;
use crate::pg::catalog::acl::function_owner;
use crate::pg::catalog::acl::role_may_execute;
use crate::pg::catalog::acl::role_name;
use crate::pg::catalog::privilege::current_role;
use crate::pg::row::types::type_name;
use crate::pg::row::types::Type;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// Who made a cast. An ordinary role can: it owns the type, or did when it made the cast.
pub(in crate::pg) struct Makers {
    pub base: Type,
    pub function: Oid,
}

/// With whose rights a cast runs.
pub(in crate::pg) enum Runs {
    /// As any function that the caller calls: superusers made it.
    Freely,
    /// Restricted, as this role.
    As(Oid),
}

impl Makers {
    /// As an ordinary owner of the type or the function runs what a caller reads or writes who has all the owner's rights:
    /// he lends none of his own. To any other caller the owner lends nothing either: it runs as the caller, as it does in
    /// `row_to_json`. Error: 42501 where caller or owner may not call the function.
    ///
    /// Asked at each call: who owns the function stays so until the transaction ends. A type's owner nothing keeps.
    pub fn runs(&self) -> Result<Runs> {
        lock::keep_function(self.function);
        let caller = current_role();
        self.check(caller)?;
        // SAFETY: syscache look-ups; a role that has gone is no superuser.
        let is_ordinary = |role: &Oid| unsafe { !pg_sys::superuser_arg(*role) };
        let owners = [self.base.owner(), function_owner(self.function)];
        let mut ordinary = owners.into_iter().flatten().filter(is_ordinary).peekable();
        if ordinary.peek().is_none() {
            return Ok(Runs::Freely);
        }
        let role = ordinary.find(|owner| acts_as(*owner)).unwrap_or(caller);
        self.check(role)?;
        Ok(Runs::As(role))
    }

    fn check(&self, role: Oid) -> Result<()> {
        if role_may_execute(self.function, role) {
            return Ok(());
        }
        Err(Error::insufficient_privilege(
            report(format!(
                "permission denied for the cast to json of type {}",
                type_name(self.base.oid()).unwrap_or_default()
            ))
            .detail(format!(
                "Role \"{}\" may not execute the cast's function.",
                role_name(role)
            )),
        ))
    }
}
