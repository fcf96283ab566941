//! Rows of the system caches, pinned while this lives.

use pgrx::pg_sys;
use pgrx::pg_sys::SysCacheIdentifier as Cache;
use std::marker::PhantomData;
use std::ops::Deref;

/// The fixed-width columns of a catalog's row, and the cache that finds it.
pub trait Form {
    const CACHE: Cache::Type;
}

macro_rules! forms {
    ($($form:ty: $cache:ident,)*) => {
        $(impl Form for $form { const CACHE: Cache::Type = Cache::$cache; })*
    };
}

forms! {
    pg_sys::FormData_pg_attribute: ATTNUM,
    pg_sys::FormData_pg_class: RELOID,
    pg_sys::FormData_pg_collation: COLLOID,
    pg_sys::FormData_pg_operator: OPEROID,
    pg_sys::FormData_pg_proc: PROCOID,
    pg_sys::FormData_pg_publication: PUBLICATIONOID,
    pg_sys::FormData_pg_type: TYPEOID,
    PublicationMember: PUBLICATIONRELMAP,
}

/// A row of pg_publication_rel, which pgrx does not bind. Its columns are read by number.
pub struct PublicationMember(());

/// A row of a cache. Dropping it unpins the row. After an error, the resource owner of the aborted (sub)transaction
/// does so.
pub struct Cached<F: Form> {
    tuple: pg_sys::HeapTuple,
    _form: PhantomData<F>,
}

impl<F: Form> Cached<F> {
    /// The row of a cache by its only key; `None` if there is none.
    pub fn by_oid(key: pg_sys::Oid) -> Option<Cached<F>> {
        // SAFETY: called in a transaction; a server that checks its assertions refuses a cache with more keys.
        Cached::of(unsafe { pg_sys::SearchSysCache1(F::CACHE as i32, key.into()) })
    }

    /// The row of a cache by its two keys; `None` if there is none.
    pub fn by_pair(
        first: impl Into<pg_sys::Datum>,
        second: impl Into<pg_sys::Datum>,
    ) -> Option<Cached<F>> {
        // SAFETY: as above.
        Cached::of(unsafe { pg_sys::SearchSysCache2(F::CACHE as i32, first.into(), second.into()) })
    }

    fn of(tuple: pg_sys::HeapTuple) -> Option<Cached<F>> {
        // Built only for a hit, since dropping it unpins the row.
        (!tuple.is_null()).then(|| Cached {
            tuple,
            _form: PhantomData,
        })
    }

    /// The row, for functions that take one, as long as it is pinned.
    pub(in crate::pg) fn tuple(&self) -> pg_sys::HeapTuple {
        self.tuple
    }

    /// Whether the running transaction has written the row.
    pub fn is_written_now(&self) -> bool {
        // SAFETY: the row is pinned, and rows of a cache have the header of the catalog's.
        unsafe {
            let writer = (*(*self.tuple).t_data).t_choice.t_heap.t_xmin;
            pg_sys::TransactionIdIsCurrentTransactionId(writer)
        }
    }

    /// A column by its number, as long as the row is pinned; `None` for NULL.
    ///
    /// # Safety
    /// The catalog has such a column.
    pub unsafe fn column(&self, number: u32) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: as promised; the row is one of the cache.
        let value = unsafe {
            let number = number as pg_sys::AttrNumber;
            pg_sys::SysCacheGetAttr(F::CACHE as i32, self.tuple, number, &mut null)
        };
        (!null).then_some(value)
    }
}

impl<F: Form> Deref for Cached<F> {
    type Target = F;

    fn deref(&self) -> &F {
        // SAFETY: the cache holds rows of this form, and the row is pinned.
        unsafe { &*pg_sys::GETSTRUCT(self.tuple).cast::<F>() }
    }
}

impl<F: Form> Drop for Cached<F> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: pinned once by this value.
            unsafe { pg_sys::ReleaseSysCache(self.tuple) }
        }
    }
}
