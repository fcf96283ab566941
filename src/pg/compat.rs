//! Differences between Postgres versions, and functions of the server that pgrx does not bind.

use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;

unsafe extern "C-unwind" {
    fn get_partition_ancestors(relid: pg_sys::Oid) -> *mut pg_sys::List;
}

/// Ancestors of a partition, the nearest first; none for anything else.
pub fn partition_ancestors(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: the function reads pg_inherits and returns a list of OIDs in the current memory context; a relation that
    // is no partition must not be asked (partition.c raises), which relispartition tells.
    unsafe {
        if !pg_sys::get_rel_relispartition(relation) {
            return Vec::new();
        }
        let list = pg_guard_ffi_boundary(|| get_partition_ancestors(relation));
        let ancestors = pgrx::PgList::<pg_sys::Oid>::from_pg(list)
            .iter_oid()
            .collect();
        pg_sys::list_free(list);
        ancestors
    }
}

/// Subtransaction in which a relation first got a new file in this transaction.
#[cfg(feature = "pg15")]
pub fn first_relfilenumber_subid(relation: &pg_sys::RelationData) -> pg_sys::SubTransactionId {
    relation.rd_firstRelfilenodeSubid
}

/// Subtransaction in which a relation first got a new file in this transaction.
#[cfg(not(feature = "pg15"))]
pub fn first_relfilenumber_subid(relation: &pg_sys::RelationData) -> pg_sys::SubTransactionId {
    relation.rd_firstRelfilelocatorSubid
}

/// OID of a relation's primary key index, InvalidOid for none.
///
/// # Safety
/// `relation` is open.
#[cfg(not(feature = "pg18"))]
pub unsafe fn primary_key_index(relation: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: as promised.
    unsafe { pg_sys::RelationGetPrimaryKeyIndex(relation) }
}

/// OID of a relation's primary key index, InvalidOid for none; a deferrable one is no key here, as before version 18.
///
/// # Safety
/// `relation` is open.
#[cfg(feature = "pg18")]
pub unsafe fn primary_key_index(relation: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: as promised.
    unsafe { pg_sys::RelationGetPrimaryKeyIndex(relation, false) }
}

/// An attribute of a row type, counted from 0.
///
/// # Safety
/// `descriptor` is valid for as long as the result is used and has that attribute.
#[cfg(not(feature = "pg18"))]
pub unsafe fn attribute<'a>(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> &'a pg_sys::FormData_pg_attribute {
    // SAFETY: as promised.
    unsafe { &(&(*descriptor).attrs.as_slice((*descriptor).natts as usize))[index] }
}

/// An attribute of a row type, counted from 0.
///
/// # Safety
/// `descriptor` is valid for as long as the result is used and has that attribute.
#[cfg(feature = "pg18")]
pub unsafe fn attribute<'a>(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> &'a pg_sys::FormData_pg_attribute {
    // SAFETY: the attributes stand behind the compact ones (TupleDescAttr, tupdesc.h).
    unsafe {
        let descriptor = &*descriptor;
        let natts = descriptor.natts as usize;
        let after = descriptor.compact_attrs.as_ptr().add(natts);
        &*after.cast::<pg_sys::FormData_pg_attribute>().add(index)
    }
}
