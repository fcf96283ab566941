//! Index scans of the system catalogs by OID, for catalogs and keys that the syscache does not cover.

use pgrx::{pg_sys, FromDatum};

/// A row of a catalog; valid until its scan moves on.
pub(in crate::pg) struct CatalogRow {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl CatalogRow {
    /// The fixed part of the row. `T` is the catalog's `FormData_…`.
    ///
    /// # Safety
    /// `T` belongs to the scanned catalog, and the reference is not kept beyond the scan's next step.
    pub(in crate::pg) unsafe fn form<T>(&self) -> &T {
        // SAFETY: as promised by the caller; the fixed part is aligned as Postgres's own GETSTRUCT expects.
        unsafe { &*pg_sys::GETSTRUCT(self.tuple).cast::<T>() }
    }

    /// Whether a column, counted from 1, is not NULL.
    pub(in crate::pg) fn is_set(&self, number: u32) -> bool {
        let mut null = false;
        // SAFETY: the tuple is the scan's current one, the descriptor is its catalog's.
        unsafe { pg_sys::heap_getattr(self.tuple, number as i32, self.descriptor, &mut null) };
        !null
    }

    /// Whether the running transaction has replaced or deleted this version of the row.
    pub(in crate::pg) fn is_replaced_now(&self) -> bool {
        const NOT_REPLACED: u32 = pg_sys::HEAP_XMAX_INVALID | pg_sys::HEAP_XMAX_LOCK_ONLY;
        // SAFETY: the tuple is the scan's current one; a MultiXact of one that is not only locked has an updater.
        unsafe {
            let header = (*self.tuple).t_data;
            let mask = u32::from((*header).t_infomask);
            let by = match mask & pg_sys::HEAP_XMAX_IS_MULTI {
                _ if mask & NOT_REPLACED != 0 => return false,
                0 => (*header).t_choice.t_heap.t_xmax,
                _ => pg_sys::HeapTupleGetUpdateXid(header),
            };
            pg_sys::TransactionIdIsCurrentTransactionId(by)
        }
    }

    /// A column, counted from 1; `None` for NULL.
    ///
    /// # Safety
    /// `T` fits the column's type.
    pub(in crate::pg) unsafe fn column<T: FromDatum>(&self, number: u32) -> Option<T> {
        let mut null = false;
        // SAFETY: the tuple is the scan's current one, the descriptor is its catalog's.
        unsafe {
            let datum = pg_sys::heap_getattr(self.tuple, number as i32, self.descriptor, &mut null);
            T::from_datum(datum, null)
        }
    }
}

/// The scan: a catalog, one of its indexes, and the OID column that the index begins with.
#[derive(Clone, Copy)]
pub(in crate::pg) struct ByOid {
    pub catalog: pg_sys::Oid,
    pub index: pg_sys::Oid,
    pub column: u32,
}

/// Calls `each` for every row whose column equals `key`, in index order.
pub(in crate::pg) fn scan(what: ByOid, key: pg_sys::Oid, each: impl FnMut(&CatalogRow)) {
    run(
        what.catalog,
        Some(what.index),
        &mut [equals(what.column, key)],
        LATEST,
        each,
    );
}

/// As [`scan`], also for the versions of rows that were replaced or deleted and are still stored. Those of the running
/// transaction are.
pub(in crate::pg) fn scan_versions(what: ByOid, key: pg_sys::Oid, each: impl FnMut(&CatalogRow)) {
    run(
        what.catalog,
        Some(what.index),
        &mut [equals(what.column, key)],
        &raw mut pg_sys::SnapshotAnyData,
        each,
    );
}

/// Calls `each` for every row whose column equals `key` and whose next index column, also an OID, equals the second
/// key.
pub(in crate::pg) fn scan_pair(
    what: ByOid,
    key: pg_sys::Oid,
    (column, next): (u32, pg_sys::Oid),
    each: impl FnMut(&CatalogRow),
) {
    run(
        what.catalog,
        Some(what.index),
        &mut [equals(what.column, key), equals(column, next)],
        LATEST,
        each,
    );
}

/// Calls `each` for every row of a catalog, in no order.
pub(in crate::pg) fn scan_all(catalog: pg_sys::Oid, each: impl FnMut(&CatalogRow)) {
    run(catalog, None, &mut [], LATEST, each);
}

fn equals(column: u32, value: pg_sys::Oid) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: initialises the key.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut key,
            column as pg_sys::AttrNumber,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::F_OIDEQ.into(),
            pg_sys::Datum::from(value),
        );
    }
    key
}

/// The latest snapshot of the catalogs.
const LATEST: pg_sys::Snapshot = std::ptr::null_mut();

fn run(
    catalog: pg_sys::Oid,
    index: Option<pg_sys::Oid>,
    keys: &mut [pg_sys::ScanKeyData],
    snapshot: pg_sys::Snapshot,
    mut each: impl FnMut(&CatalogRow),
) {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: the keys are initialised and outlive the scan; the snapshot is none or the server's own; an error unwinds,
    // and the abort of the transaction closes scan and catalog.
    unsafe {
        let catalog = pg_sys::table_open(catalog, lock);
        let scan = pg_sys::systable_beginscan(
            catalog,
            index.unwrap_or(pg_sys::Oid::INVALID),
            index.is_some(),
            snapshot,
            keys.len() as i32,
            keys.as_mut_ptr(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            each(&CatalogRow {
                tuple,
                descriptor: (*catalog).rd_att,
            });
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, lock);
    }
}
