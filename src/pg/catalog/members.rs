//! Members of roles, as pg_auth_members says.

use super::catalog_scan::{scan, ByOid};
use crate::pg::sys::compat;
use pgrx::pg_sys::Oid;

const ROLEID: u32 = compat::AUTH_MEMBERS_ROLEID;
const MEMBER: u32 = ROLEID + 1;

// pg_auth_members and its pg_auth_members_role_member_index (catalog/pg_auth_members.h): not bound by pgrx.
const MEMBERS: ByOid = ByOid {
    catalog: Oid::from_u32(1261),
    index: Oid::from_u32(2694),
    column: ROLEID,
};

/// The members of a role, and theirs, whether or not they inherit its rights.
pub fn members(role: Oid) -> Vec<Oid> {
    let mut all = vec![role];
    let mut next = 0;
    while let Some(one) = all.get(next).copied() {
        next += 1;
        scan(MEMBERS, one, |row| {
            // SAFETY: the column is an OID.
            let member = unsafe { row.column::<Oid>(MEMBER) };
            all.extend(member.filter(|oid| !all.contains(oid)));
        });
    }
    all.swap_remove(0);
    all
}
