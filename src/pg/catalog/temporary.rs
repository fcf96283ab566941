//! Temporary objects of the session. Unqualified names find them before or after all others, whatever role resolves the
//! names.

use super::acl::stands_for;
use super::catalog_scan::{scan_pair, ByOid};
use crate::pg::backend::syscache::Cached;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

// pg_depend and its pg_depend_reference_index (catalog/pg_depend.h): not bound by pgrx, the same since 15.
const DEPENDENTS: ByOid = ByOid {
    catalog: Oid::from_u32(2608),
    index: Oid::from_u32(2674),
    column: REFCLASSID,
};
const CLASSID: u32 = 1;
const OBJID: u32 = 2;
const REFCLASSID: u32 = 4;
const REFOBJID: u32 = 5;

/// An owner of temporary relations or types of the session who could not do all that a role may do. If code that runs as the
/// role found these objects, their triggers, policies, views and CHECKs would run with the role's rights.
pub fn stranger_to(role: Oid) -> Option<Oid> {
    let (mut schema, mut toast) = (Oid::INVALID, Oid::INVALID);
    // SAFETY: reads two variables of the backend.
    unsafe { pg_sys::GetTempNamespaceState(&mut schema, &mut toast) };
    if schema == Oid::INVALID {
        return None;
    }
    let mut stranger = None;
    // Nothing else in the schema can be found by an unqualified name (namespace.c).
    scan_pair(
        DEPENDENTS,
        pg_sys::NamespaceRelationId,
        (REFOBJID, schema),
        |row| {
            // SAFETY: both columns are OIDs.
            let object = unsafe { (row.column::<Oid>(CLASSID), row.column::<Oid>(OBJID)) };
            let owner = match object {
                (Some(pg_sys::RelationRelationId), Some(relation)) => {
                    Cached::<pg_sys::FormData_pg_class>::by_oid(relation).map(|form| form.relowner)
                }
                (Some(pg_sys::TypeRelationId), Some(type_oid)) => {
                    Cached::<pg_sys::FormData_pg_type>::by_oid(type_oid).map(|form| form.typowner)
                }
                _ => None,
            };
            let lacks = |owner: &Oid| !stands_for(*owner, role);
            stranger = stranger.or(owner.filter(lacks));
        },
    );
    stranger
}
