//! The current user and privileges. Never raises an error for an object that has been dropped meanwhile.

use super::catalog_scan::{scan, ByOid};
use super::relation::Class;
use crate::pg::backend::setting_level::value_of;
use crate::pg::backend::syscache::Cached;
use crate::pg::sys::compat;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// The name of a role; its OID if the role was dropped.
pub fn role_name(role: Oid) -> String {
    existing_role_name(role).unwrap_or_else(|| role.to_u32().to_string())
}

/// The name of a role; `None` if the role was dropped.
pub fn existing_role_name(role: Oid) -> Option<String> {
    // SAFETY: noerr: NULL for a missing role, else a palloc'd string.
    let name = unsafe { pg_sys::GetUserNameFromId(role, true) };
    if name.is_null() {
        return None;
    }
    // SAFETY: checked for NULL above.
    let name = unsafe { std::ffi::CStr::from_ptr(name) };
    Some(name.to_string_lossy().into_owned())
}

/// Whether the current user has the rights of a role; true for superusers.
pub fn acts_as(role: Oid) -> bool {
    // SAFETY: both are role OIDs; a role that has gone has no members.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), role) }
}

/// Whether there is such a role, and the session's user may SET ROLE to it.
pub fn session_may_become(role: Oid) -> bool {
    // SAFETY: noerr: NULL for a missing role, else a palloc'd string; membership is a look-up.
    unsafe {
        !pg_sys::GetUserNameFromId(role, true).is_null()
            && compat::may_set_role(pg_sys::GetSessionUserId(), role)
    }
}

/// Whether the current user could do all that a role may do.
pub fn may_stand_for(role: Oid) -> bool {
    // SAFETY: reads a variable of the backend.
    stands_for(unsafe { pg_sys::GetUserId() }, role)
}

/// Whether a role could do all that another may do: it has its rights, and may SET ROLE to it. What members never inherit,
/// such as BYPASSRLS and SUPERUSER, is not among the rights.
pub fn stands_for(role: Oid, other: Oid) -> bool {
    // SAFETY: both are role OIDs; a role that has gone has no members.
    unsafe { pg_sys::has_privs_of_role(role, other) && compat::may_set_role(role, other) }
}

/// Whether the current user owns a relation, as DDL commands check it.
pub fn owns(class: &Class) -> bool {
    acts_as(class.owner)
}

/// Whether the current user has USAGE on a schema.
pub fn may_use_schema(schema: Oid) -> bool {
    schema_exists(schema) && schema_usage(schema)
}

/// Whether the current user may SELECT the relation or a column of it.
pub fn may_select_some(relation: Oid) -> bool {
    let mut missing = false;
    // SAFETY: the _ext variant reports a missing relation instead of raising; the column check says no for it.
    unsafe {
        let user = pg_sys::GetUserId();
        let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
        let table = pg_sys::pg_class_aclcheck_ext(relation, user, select, &mut missing);
        let any = pg_sys::AclMaskHow::ACLMASK_ANY;
        !missing
            && (table == pg_sys::AclResult::ACLCHECK_OK
                || pg_sys::pg_attribute_aclcheck_all(relation, user, select, any)
                    == pg_sys::AclResult::ACLCHECK_OK)
    }
}

/// The owner of a function; `None` when it has gone.
pub fn function_owner(function: Oid) -> Option<Oid> {
    Cached::<pg_sys::FormData_pg_proc>::by_oid(function).map(|form| form.proowner)
}

/// Whether the current user may EXECUTE a function that was just looked up.
pub fn may_execute(function: Oid) -> bool {
    // SAFETY: reads a variable of the backend.
    role_may_execute(function, unsafe { pg_sys::GetUserId() })
}

/// Whether a role may EXECUTE a function that the caller has just looked up.
pub fn role_may_execute(function: Oid, role: Oid) -> bool {
    let execute = pg_sys::ACL_EXECUTE as pg_sys::AclMode;
    // SAFETY: a function that has gone meanwhile raises Postgres's own error.
    unsafe { compat::may(pg_sys::ProcedureRelationId, function, role, execute) }
}

/// Whether the current user may create schemas and publications in this database.
pub fn may_create_in_database() -> bool {
    let create = pg_sys::ACL_CREATE as pg_sys::AclMode;
    // SAFETY: the current database exists.
    unsafe {
        compat::may(
            pg_sys::DatabaseRelationId,
            pg_sys::MyDatabaseId,
            pg_sys::GetUserId(),
            create,
        )
    }
}

/// Name of the current database.
pub fn database_name() -> String {
    // SAFETY: the current database exists, its name is a palloc'd string.
    let name = unsafe { pg_sys::get_database_name(pg_sys::MyDatabaseId) };
    // SAFETY: as above.
    unsafe { std::ffi::CStr::from_ptr(name) }
        .to_string_lossy()
        .into_owned()
}

/// Name of the current user.
pub fn current_user_name() -> String {
    // SAFETY: reads a variable of the backend.
    role_name(unsafe { pg_sys::GetUserId() })
}

fn schema_exists(schema: Oid) -> bool {
    let cache = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
    let none = pg_sys::Datum::null();
    // SAFETY: a plain look-up in the syscache.
    unsafe { pg_sys::SearchSysCacheExists(cache, schema.into(), none, none, none) }
}

fn schema_usage(schema: Oid) -> bool {
    let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
    // SAFETY: the schema has just been seen.
    unsafe {
        compat::may(
            pg_sys::NamespaceRelationId,
            schema,
            pg_sys::GetUserId(),
            usage,
        )
    }
}

const EXTENSIONS: ByOid = ByOid {
    catalog: pg_sys::ExtensionRelationId,
    index: Oid::from_u32(pg_sys::ExtensionOidIndexId),
    column: pg_sys::Anum_pg_extension_oid,
};

/// Whether the current user has the privileges of the role that installed the extension.
pub fn runs_extension() -> bool {
    // SAFETY: reads a variable of the backend.
    role_runs_extension(unsafe { pg_sys::GetUserId() })
}

/// Whether a role has the privileges of the role that installed the extension.
pub fn role_runs_extension(role: Oid) -> bool {
    let mut owner = None;
    // SAFETY: the name is NUL-terminated, a missing extension is InvalidOid; the scan is over pg_extension.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"pgrealtime".as_ptr(), true);
        scan(EXTENSIONS, extension, |row| {
            owner = Some(row.form::<pg_sys::FormData_pg_extension>().extowner);
        });
    }
    // SAFETY: both are role OIDs.
    owner.is_some_and(|owner| unsafe { pg_sys::has_privs_of_role(role, owner) })
}

/// The value of a session setting; `None` if it is not set.
pub fn setting(name: &std::ffi::CStr) -> Option<String> {
    value_of(name).map(|value| value.to_string_lossy().into_owned())
}
