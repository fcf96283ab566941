//! Partitions and inheritance: the relations above and below a relation, and its size with them.

use super::catalog_scan::{scan, ByOid};
use super::relation::{oids, Class};
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::Oid;

/// The partitioned tables above a partition, the nearest first; empty for other relations.
pub fn ancestors(class: &Class) -> Vec<Oid> {
    match class.is_partition {
        true => ancestors_of(class.oid),
        false => Vec::new(),
    }
}

/// [`ancestors`] of a relation of which only the OID is known.
pub(in crate::pg) fn ancestors_of(relation: Oid) -> Vec<Oid> {
    // SAFETY: the function reads pg_inherits and returns a palloc'd list; it raises for what is no partition, which is
    // looked at first; nothing in the closure has a destructor.
    unsafe {
        match pg_sys::get_rel_relispartition(relation) {
            true => oids(pg_guard_ffi_boundary(|| {
                raw::get_partition_ancestors(relation)
            })),
            false => Vec::new(),
        }
    }
}

/// Whether a partition belongs to a partitioned table, at any distance. Where a DETACH CONCURRENTLY has not ended, it does not
/// any more.
pub fn is_below(partition: Oid, table: Oid) -> bool {
    ancestors_of(partition).contains(&table)
}

/// Everything that inherits from a relation, partitions included, without the relation itself. Takes no locks, so the
/// result may contain relations that are dropped meanwhile.
pub fn descendants(relation: Oid) -> Vec<Oid> {
    let no_lock = pg_sys::NoLock as pg_sys::LOCKMODE;
    // SAFETY: the function takes any OID and returns a palloc'd list; nothing in the closure has a destructor.
    let mut all = unsafe {
        oids(pg_guard_ffi_boundary(|| {
            raw::find_all_inheritors(relation, no_lock, std::ptr::null_mut())
        }))
    };
    all.retain(|oid| *oid != relation);
    all
}

/// The relations whose rows a SELECT of the relation returns for every session, besides its own: [`descendants`] that
/// are not temporary.
pub fn lasting_descendants(relation: Oid) -> Vec<Oid> {
    let mut all = descendants(relation);
    all.retain(|oid| Class::by_oid(*oid).is_some_and(|class| !class.is_temporary()));
    all
}

// pg_inherits with its pg_inherits_relid_seqno_index and pg_inherits_parent_index (catalog/pg_inherits.h): not bound by
// pgrx, the same since 15. The columns are inhrelid, inhparent, inhseqno, inhdetachpending.
const CHILDREN: ByOid = ByOid {
    catalog: Oid::from_u32(2611),
    index: Oid::from_u32(2187),
    column: 2,
};
const PARENTS: ByOid = ByOid {
    catalog: Oid::from_u32(2611),
    index: Oid::from_u32(2680),
    column: 1,
};

/// The relations that a relation is a partition of or inherits from, at any distance.
pub fn above(relation: Oid) -> Vec<Oid> {
    let mut all = vec![relation];
    let mut next = 0;
    while let Some(one) = all.get(next).copied() {
        next += 1;
        scan(PARENTS, one, |row| {
            // SAFETY: the second column of pg_inherits is an OID.
            let parent = unsafe { row.column::<Oid>(2) };
            all.extend(parent.filter(|oid| !all.contains(oid)));
        });
    }
    all.swap_remove(0);
    all
}

/// Whether a DETACH CONCURRENTLY of one of a table's partitions, at any distance, has not ended.
pub fn has_detach_pending(table: Oid) -> bool {
    let mut tables = vec![table];
    let mut pending = false;
    while let Some(one) = tables.pop() {
        scan(CHILDREN, one, |row| {
            // SAFETY: the columns of pg_inherits are an OID and, the fourth, a boolean.
            let (child, is_pending) = unsafe { (row.column::<Oid>(1), row.column::<bool>(4)) };
            pending |= is_pending == Some(true);
            tables
                .extend(child.filter(|child| kind_of(*child) == pg_sys::RELKIND_PARTITIONED_TABLE));
        });
    }
    pending
}

/// No kind for a relation that has gone.
fn kind_of(relation: Oid) -> u8 {
    // SAFETY: a plain look-up in the syscache.
    unsafe { pg_sys::get_rel_relkind(relation) as u8 }
}

/// The partitions of a partitioned table that hold rows, foreign tables included.
pub fn leaves(relation: Oid) -> Vec<Class> {
    let classes = descendants(relation).into_iter().filter_map(Class::by_oid);
    classes
        .filter(|class| class.kind == pg_sys::RELKIND_RELATION || class.is_foreign())
        .collect()
}

/// Size of a relation in bytes with its indexes and TOAST; for a partitioned table, of its leaves. `None` if it was
/// dropped.
pub fn total_size(relation: Oid) -> Option<i64> {
    if kind_of(relation) == pg_sys::RELKIND_PARTITIONED_TABLE {
        return Some(
            leaves(relation)
                .iter()
                .filter(|leaf| !leaf.is_foreign())
                .filter_map(|leaf| total_size(leaf.oid))
                .sum(),
        );
    }
    // SAFETY: the function takes an OID, and returns NULL for a relation that has gone.
    unsafe { pgrx::direct_function_call(pg_sys::pg_total_relation_size, &[Some(relation.into())]) }
}
