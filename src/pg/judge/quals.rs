//! The conditions that row level security puts on rows that are read, and on new ones.

use crate::error::{report, Error, Result};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use pgrx::PgList;
use std::ffi::CString;

/// Analyses and rewrites one SELECT as the current role.
///
/// # Safety
/// Called in the memory context that the nodes shall live in.
pub(in crate::pg) unsafe fn analyze(text: &str, parameters: &[Oid]) -> Result<*mut pg_sys::Query> {
    let text = cstring(text)?;
    // SAFETY: the text is one SELECT of ours; the lists are checked to have one element.
    unsafe {
        let parsed = PgList::<pg_sys::RawStmt>::from_pg(pg_sys::pg_parse_query(text.as_ptr()));
        let statement = parsed.get_ptr(0).ok_or_else(unexpected)?;
        let rewritten = pg_sys::pg_analyze_and_rewrite_fixedparams(
            statement,
            text.as_ptr(),
            parameters.as_ptr(),
            parameters.len() as i32,
            std::ptr::null_mut(),
        );
        PgList::<pg_sys::Query>::from_pg(rewritten)
            .get_ptr(0)
            .ok_or_else(unexpected)
    }
}

/// The conditions that row level security adds to a SELECT of the relation by the current role, with policies of their
/// own sub-selects applied; null if there are none.
///
/// # Safety
/// As [`analyze`].
pub(super) unsafe fn security_quals(
    relation: Oid,
    qualified_name: &str,
) -> Result<*mut pg_sys::List> {
    // SAFETY: the entries of a query's range table are RangeTblEntry nodes.
    unsafe {
        let query = analyze(&format!("SELECT FROM {qualified_name}"), &[])?;
        let table = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable);
        let entry = table.get_ptr(0).ok_or_else(unexpected)?;
        if (*entry).relid != relation {
            return Err(Error::undefined_table(report(format!(
                "relation \"{qualified_name}\" was renamed in the meantime"
            ))));
        }
        // Analysing took a lock until the end of the transaction. On a standby, a reader that stays in its transaction
        // would stop replay with it. The reader holds its own lock while it reads.
        pg_sys::UnlockRelationOid(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        Ok((*entry).securityQuals)
    }
}

/// The conditions that row level security adds to an INSERT into the relation by the current role, with policies of
/// their own sub-selects applied; null if there are none. All of them must be true.
///
/// # Safety
/// As [`analyze`].
pub(super) unsafe fn insert_checks(
    relation: Oid,
    qualified_name: &str,
) -> Result<*mut pg_sys::List> {
    // SAFETY: a query's range table and its checks are nodes of these types; the relation that is inserted into is
    // checked to be entry 1, which the conditions are over.
    unsafe {
        let query = analyze(&format!("INSERT INTO {qualified_name} DEFAULT VALUES"), &[])?;
        let table = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable);
        let entry = table.get_ptr(0).ok_or_else(unexpected)?;
        if (*query).commandType != pg_sys::CmdType::CMD_INSERT || (*query).resultRelation != 1 {
            return Err(unexpected());
        }
        if (*entry).relid != relation {
            return Err(Error::undefined_table(report(format!(
                "relation \"{qualified_name}\" was renamed in the meantime"
            ))));
        }
        // As for a SELECT: the caller holds its own lock while it works.
        pg_sys::UnlockRelationOid(relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        let mut conditions = PgList::<pg_sys::Node>::new();
        let checks = PgList::<pg_sys::WithCheckOption>::from_pg((*query).withCheckOptions);
        for check in checks.iter_ptr() {
            conditions.push((*check).qual);
        }
        Ok(conditions.into_pg())
    }
}

pub(super) fn cstring(text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::syntax_error(report("a condition must not contain a NUL character")))
}

pub(super) fn unexpected() -> Error {
    Error::feature_not_supported(report("the policies of a relation could not be read"))
}
