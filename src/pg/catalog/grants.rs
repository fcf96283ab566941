//! The roles that were granted SELECT, from the ACLs of a relation and its columns.

use crate::pg::backend::syscache::Cached;
use pgrx::pg_sys;
use pgrx::pg_sys::{FormData_pg_attribute, FormData_pg_class, Oid};

/// A grant of SELECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The invalid OID for PUBLIC.
    pub grantee: Oid,
    /// One column, or the whole relation.
    pub column: Option<i16>,
}

/// The grants of SELECT on a relation or a column of it. Includes the owner's own if the relation has an ACL.
pub fn select_grants(relation: Oid) -> Vec<Grant> {
    let Some(class) = Cached::<FormData_pg_class>::by_oid(relation) else {
        return Vec::new();
    };
    let mut grants = Vec::new();
    // SAFETY: both columns are ACLs.
    unsafe {
        add(
            &mut grants,
            class.column(pg_sys::Anum_pg_class_relacl),
            None,
        );
        for column in 1..=class.relnatts {
            let attribute = Cached::<FormData_pg_attribute>::by_pair(relation, column);
            if let Some(attribute) = attribute.filter(|attribute| !attribute.attisdropped) {
                let acl = attribute.column(pg_sys::Anum_pg_attribute_attacl);
                add(&mut grants, acl, Some(column));
            }
        }
    }
    grants
}

/// Adds the grants of one ACL.
///
/// # Safety
/// It is an ACL.
unsafe fn add(grants: &mut Vec<Grant>, acl: Option<pg_sys::Datum>, of: Option<i16>) {
    let Some(acl) = acl else { return };
    // SAFETY: as promised. An ACL is an array of one dimension without nulls: its head, one length, one lower bound,
    // then the items, aligned as heads are (acl.h, array.h).
    unsafe {
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
