//! What a role may SELECT, and whether row level security applies to the role.

use crate::pg::sys::compat;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// The role that the statement runs as.
pub fn current_role() -> Oid {
    // SAFETY: reads backend state.
    unsafe { pg_sys::GetUserId() }
}

/// Whether a role may use the schema of a relation.
pub fn may_use_schema_of(relation: Oid, role: Oid) -> bool {
    // SAFETY: syscache look-ups; the relation exists, since the caller has opened it.
    unsafe {
        let schema = pg_sys::get_rel_namespace(relation);
        let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
        schema != Oid::INVALID && compat::may(pg_sys::NamespaceRelationId, schema, role, usage)
    }
}

/// Which of the columns a role may SELECT; `None` if it may SELECT nothing. A table without columns has rows, too.
pub fn selectable(relation: Oid, role: Oid, columns: &[i16]) -> Option<Vec<i16>> {
    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
    let ok = pg_sys::AclResult::ACLCHECK_OK;
    // SAFETY: the relation exists, since the caller has opened it, and so do its columns.
    unsafe {
        if pg_sys::pg_class_aclcheck(relation, role, select) == ok {
            return Some(columns.to_vec());
        }
        let may =
            |column: &i16| pg_sys::pg_attribute_aclcheck(relation, *column, role, select) == ok;
        let some: Vec<i16> = columns.iter().copied().filter(may).collect();
        (!some.is_empty()).then_some(some)
    }
}

/// Whether a role may INSERT rows with values for these columns.
pub fn may_insert(relation: Oid, role: Oid, columns: &[i16]) -> bool {
    let insert = pg_sys::ACL_INSERT as pg_sys::AclMode;
    let ok = pg_sys::AclResult::ACLCHECK_OK;
    let any = pg_sys::AclMaskHow::ACLMASK_ANY;
    // SAFETY: the relation exists, since the caller has opened it, and so do its columns.
    unsafe {
        let may =
            |column: &i16| pg_sys::pg_attribute_aclcheck(relation, *column, role, insert) == ok;
        pg_sys::pg_class_aclcheck(relation, role, insert) == ok
            || columns.iter().all(may)
                && pg_sys::pg_attribute_aclcheck_all(relation, role, insert, any) == ok
    }
}

/// The setting `row_security`.
pub fn row_security() -> bool {
    // SAFETY: reads a setting.
    unsafe { pg_sys::row_security }
}

/// Whether the role's own rights bypass every policy, so that it may see the messages of errors in policies.
pub fn bypasses_row_security(role: Oid) -> bool {
    // SAFETY: a syscache look-up; superusers pass.
    unsafe { pg_sys::has_bypassrls_privilege(role) }
}

/// Whether a role is a superuser by itself.
pub fn is_superuser(role: Oid) -> bool {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::superuser_arg(role) }
}

/// Whether the current role may see the statistics of all roles: it is a member of pg_read_all_stats, as pg_monitor is.
pub fn reads_all_stats() -> bool {
    let role = Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS);
    // SAFETY: both are role OIDs.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), role) }
}

/// Whether policies apply when the role reads a relation: row level security is enabled, and the role neither bypasses
/// it nor owns the relation without FORCE.
pub fn policies_apply(relation: Oid, role: Oid) -> bool {
    // SAFETY: a syscache look-up; no error for a relation that has gone, nor under `row_security = off`.
    let applies = unsafe { pg_sys::check_enable_rls(relation, role, true) };
    applies == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}

/// Whether a role may SELECT every column of every row, whatever the policies say.
pub fn sees_every_row(relation: Oid, role: Oid) -> bool {
    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
    // SAFETY: a syscache look-up of a relation that exists, since the caller has changed it.
    let may_select = unsafe { pg_sys::pg_class_aclcheck(relation, role, select) };
    may_select == pg_sys::AclResult::ACLCHECK_OK && !policies_apply(relation, role)
}
