//! A role and its claims, as which changes are judged for a subscription.

use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::is_confined;
use crate::pg::backend::setting_level::Setting;
use crate::pg::catalog::acl;
use crate::pg::catalog::acting::act_as;
use crate::pg::Oid;
use std::ffi::{CStr, CString};

/// A role and its claims, if it has any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    pub role: Oid,
    pub claims: Option<Box<CStr>>,
}

const CLAIMS: &CStr = c"request.jwt.claims";
const SEARCH_PATH: &CStr = c"search_path";

/// What work as another role takes from the session: its search_path. Functions of policies find their tables by it, as
/// they would if the session set the role.
pub struct Session {
    path: CString,
}

impl Session {
    pub fn now() -> Session {
        let path = acl::setting(SEARCH_PATH).unwrap_or_default();
        Session {
            path: CString::new(path).unwrap_or_default(),
        }
    }

    /// Does work that runs code of users, as a role with its claims and no other settings. Without claims their setting is
    /// empty, whether or not the session has set it before. Errors: those of the work;
    /// 55000.
    pub fn act_as<T>(&self, who: &Who, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let claims = who.claims.as_deref().unwrap_or_default();
        let settings: [Setting; 2] = [(SEARCH_PATH, &self.path), (CLAIMS, claims)];
        act_as(who.role, &settings, work)
    }
}

/// Checks that a call that uses the rights of the session's user is made by this user. Code of others that Postgres
/// confines could use them otherwise: a SECURITY DEFINER function, an index function during ANALYZE. Errors: 42501.
pub fn check_unconfined(function: &str) -> Result<()> {
    if !is_confined() {
        return Ok(());
    }
    Err(Error::insufficient_privilege(
        report(format!(
            "{function} cannot be called within a security-definer function or a security-restricted operation"
        ))
        .detail("It acts as roles that the session's user may become, as SET ROLE does.")
        .hint("Call it from the session itself."),
    ))
}

/// Checks that the session's user may become the role. Errors: 42501 if not.
pub fn check_role(role: Oid) -> Result<()> {
    if acl::session_may_become(role) {
        return Ok(());
    }
    Err(Error::insufficient_privilege(
        report(format!(
            "permission denied to set role \"{}\"",
            acl::role_name(role)
        ))
        .hint("Name a role that the session's user may SET ROLE to."),
    ))
}
