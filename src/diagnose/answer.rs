//! Types that all checks share: the question, the caller's rights, a finding, and why a check failed.

use crate::error::{Error, Result};
use crate::feed::relation::Relation;
use crate::feed::shown::Shown;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::acl;
use crate::pg::catalog::privilege;
use crate::pg::catalog::relation;
use crate::pg::judge::visible::any_row;
use crate::pg::judge::visible::Look;
use crate::pg::Oid;
use std::ffi::CStr;

/// A row of the answer.
pub struct Finding {
    pub check: &'static str,
    /// `ok`, `note`, or `problem`.
    pub status: &'static str,
    pub detail: String,
    pub hint: String,
}

impl Finding {
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding {
            check,
            status: "ok",
            detail: detail.into(),
            hint: String::new(),
        }
    }

    pub fn note(
        check: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding {
            status: "note",
            hint: hint.into(),
            ..Finding::ok(check, detail)
        }
    }

    pub fn problem(
        check: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding {
            status: "problem",
            ..Finding::note(check, detail, hint)
        }
    }
}

/// The arguments of `diagnose()`.
pub struct Question<'a> {
    pub relation: Oid,
    pub role: Oid,
    pub claims: Option<&'a str>,
    pub filter: Option<&'a str>,
}

/// What the caller may learn beyond what the role sees. This depends on the caller's own rights, not on the role's.
pub struct Caller {
    /// No policy hides rows of the relation from the caller.
    pub sees_all: bool,
    /// The columns that the caller may SELECT.
    pub shown: Shown,
    /// Whether the caller may see the messages of errors. They may contain rows of any table.
    pub hears_errors: bool,
    pub reads_log_status: bool,
    /// Whether the relation has a row; known only if the caller sees all rows.
    pub has_rows: Option<bool>,
}

impl Caller {
    pub fn of(relation: &Relation) -> Caller {
        let caller = privilege::current_role();
        let sees_all = !privilege::policies_apply(relation.table.oid, caller);
        let selectable = privilege::selectable(relation.table.oid, caller, &relation.columns)
            .unwrap_or_default();
        // The caller may lack the privilege. Then the answer is not known.
        let look = || attempt(|| any_row(relation.table.oid, &relation.name())).ok();
        Caller {
            sees_all,
            shown: Shown::of(relation, &selectable),
            hears_errors: privilege::bypasses_row_security(caller),
            reads_log_status: relation::relation_by_name(crate::pg::SCHEMA, "log_status")
                .is_some_and(acl::may_select_some),
            has_rows: sees_all
                .then(look)
                .flatten()
                .map(|look| look != Look::Nothing),
        }
    }
}

/// The setting that carries a reader's claims.
pub const CLAIMS: &CStr = c"request.jwt.claims";

/// Why a check failed.
pub enum Failed {
    /// An error of this extension. Its message contains no values of rows.
    Refused(Error),
    /// An error that Postgres or a user's function raised.
    Raised(Raised),
}

/// Runs a check. If it fails, the other checks still run. Errors: those of the check.
pub fn checked<T>(check: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failed> {
    attempt(|| Ok(check()))
        .map_err(Failed::Raised)?
        .map_err(Failed::Refused)
}
