//! Index scans of the system catalogs by OID, for what the syscache does not hold.

use pgrx::{pg_sys, FromDatum};

/// A row of a catalog; valid while its scan stands on it.
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

/// What to scan: a catalog, one of its indexes, and the OID column that the index begins with.
#[derive(Clone, Copy)]
pub(in crate::pg) struct ByOid {
    pub catalog: pg_sys::Oid,
    pub index: pg_sys::Oid,
    pub column: u32,
}

/// Calls `each` for every row whose column equals `key`, in index order.
pub(in crate::pg) fn scan(what: ByOid, key: pg_sys::Oid, each: impl FnMut(&CatalogRow)) {
    let mut entry = pg_sys::ScanKeyData::default();
    // SAFETY: initialises the key, which outlives the scan.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut entry,
            what.column as pg_sys::AttrNumber,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::F_OIDEQ.into(),
            pg_sys::Datum::from(key),
        );
    }
    run(what.catalog, Some((what.index, &mut entry)), each);
}

/// Calls `each` for every row of a catalog, in no order.
pub(in crate::pg) fn scan_all(catalog: pg_sys::Oid, each: impl FnMut(&CatalogRow)) {
    run(catalog, None, each);
}

fn run(
    catalog: pg_sys::Oid,
    index: Option<(pg_sys::Oid, &mut pg_sys::ScanKeyData)>,
    mut each: impl FnMut(&CatalogRow),
) {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    let latest = std::ptr::null_mut();
    let (index, keys, key) = match index {
        Some((index, key)) => (index, 1, key as *mut pg_sys::ScanKeyData),
        None => (pg_sys::Oid::INVALID, 0, std::ptr::null_mut()),
    };
    // SAFETY: there are `keys` initialised keys; a NULL snapshot means the latest of the catalogs; an error unwinds, and
    // the abort of the transaction closes scan and catalog.
    unsafe {
        let catalog = pg_sys::table_open(catalog, lock);
        let scan = pg_sys::systable_beginscan(catalog, index, keys > 0, latest, keys, key);
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
