//! Who was granted SELECT, as the ACLs of a relation and its columns say.

use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// A right to SELECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The invalid OID for PUBLIC.
    pub grantee: Oid,
    /// One column, or the whole relation.
    pub column: Option<i16>,
}

/// The rights to SELECT a relation or a column of it, its owner's among them where it has an ACL at all.
pub fn select_grants(relation: Oid) -> Vec<Grant> {
    let mut grants = Vec::new();
    // SAFETY: syscache look-ups; each tuple is checked, read while it is pinned, and released.
    unsafe {
        let id = pg_sys::SysCacheIdentifier::RELOID as i32;
        let tuple = pg_sys::SearchSysCache1(id, relation.into());
        if tuple.is_null() {
            return grants;
        }
        let last = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relnatts;
        add(&mut grants, id, tuple, pg_sys::Anum_pg_class_relacl, None);
        pg_sys::ReleaseSysCache(tuple);
        let id = pg_sys::SysCacheIdentifier::ATTNUM as i32;
        for column in 1..=last {
            let tuple = pg_sys::SearchSysCache2(id, relation.into(), column.into());
            if tuple.is_null() {
                continue;
            }
            let acl = pg_sys::Anum_pg_attribute_attacl;
            if !(*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>()).attisdropped {
                add(&mut grants, id, tuple, acl, Some(column));
            }
            pg_sys::ReleaseSysCache(tuple);
        }
    }
    grants
}

/// Adds what one ACL says.
///
/// # Safety
/// The tuple is of the cache, and its column an ACL.
unsafe fn add(
    grants: &mut Vec<Grant>,
    cache: i32,
    tuple: pg_sys::HeapTuple,
    column: u32,
    of: Option<i16>,
) {
    let mut null = false;
    // SAFETY: as promised. An ACL is an array of one dimension without nulls: its head, one length, one lower bound,
    // then the items, aligned as heads are (acl.h, array.h).
    unsafe {
        let acl = pg_sys::SysCacheGetAttr(cache, tuple, column as pg_sys::AttrNumber, &mut null);
        if null {
            return;
        }
        let acl: *mut pg_sys::Acl = pg_sys::pg_detoast_datum_copy(acl.cast_mut_ptr()).cast();
        let length = acl.add(1).cast::<i32>();
        if (*acl).ndim == 1 {
            let head = std::mem::size_of::<pg_sys::Acl>() + 2 * std::mem::size_of::<i32>();
            let align = pg_sys::MAXIMUM_ALIGNOF as usize;
            let items = acl.cast::<u8>().add(head.next_multiple_of(align));
            let items = items.cast::<pg_sys::AclItem>();
            for item in std::slice::from_raw_parts(items, *length as usize) {
                if item.ai_privs & pg_sys::ACL_SELECT as pg_sys::AclMode != 0 {
                    grants.push(Grant {
                        grantee: item.ai_grantee,
                        column: of,
                    });
                }
            }
        }
        pg_sys::pfree(acl.cast());
    }
}
