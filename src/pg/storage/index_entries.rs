//! Index entries of rows that are inserted into the extension's own tables.

use pgrx::pg_sys;

/// Inserts a tuple's entries into the plain indexes of a relation. Our indexes have no expressions and no predicates.
///
/// # Safety
/// `relation` is open for writing, `tuple` was just inserted into it, the slices hold its columns.
pub(super) unsafe fn insert_index_entries(
    relation: pg_sys::Relation,
    tuple: pg_sys::HeapTuple,
    datums: &[pg_sys::Datum],
    nulls: &[bool],
) {
    // SAFETY: as promised by the caller; each index is open while it is used.
    unsafe {
        let list = pg_sys::RelationGetIndexList(relation);
        for oid in pgrx::PgList::<pg_sys::Oid>::from_pg(list).iter_oid() {
            let lock = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
            let index = pg_sys::index_open(oid, lock);
            let form = (*index).rd_index;
            // REINDEX CONCURRENTLY has made it, and has not filled it yet (execIndexing.c, ExecInsertIndexTuples).
            if !(*form).indisready {
                pg_sys::index_close(index, pg_sys::NoLock as pg_sys::LOCKMODE);
                continue;
            }
            let mut values = [pg_sys::Datum::null(); pg_sys::INDEX_MAX_KEYS as usize];
            let mut isnull = [true; pg_sys::INDEX_MAX_KEYS as usize];
            let keys = (*form).indkey.values.as_slice((*form).indnkeyatts as usize);
            for (i, attnum) in keys.iter().enumerate() {
                values[i] = datums[*attnum as usize - 1];
                isnull[i] = nulls[*attnum as usize - 1];
            }
            let unique = if (*form).indisunique {
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES
            } else {
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO
            };
            let info = pg_sys::BuildIndexInfo(index);
            pg_sys::index_insert(
                index,
                values.as_mut_ptr(),
                isnull.as_mut_ptr(),
                &mut (*tuple).t_self,
                relation,
                unique,
                false,
                info,
            );
            pg_sys::index_close(index, pg_sys::NoLock as pg_sys::LOCKMODE);
        }
        pg_sys::list_free(list);
    }
}
