//! A value with its type; it can only be read as that type.

use super::types::Type;
use pgrx::{pg_sys, varlena};
use std::marker::PhantomData;

/// A value that is not NULL, with its type, domains resolved. A reader states the type that it expects, so that a value
/// is never read as another type.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    datum: pg_sys::Datum,
    base: Type,
    _lent: PhantomData<&'a ()>,
}

impl<'a> Value<'a> {
    /// # Safety
    /// The datum is not NULL, of the type, and lives as long as `'a`.
    pub(in crate::pg) unsafe fn new(datum: pg_sys::Datum, base: Type) -> Value<'a> {
        Value {
            datum,
            base,
            _lent: PhantomData,
        }
    }

    /// The datum, if the value has this type.
    pub(in crate::pg) fn datum_of(self, base: Type) -> Option<pg_sys::Datum> {
        (self.base.oid() == base.oid()).then_some(self.datum)
    }

    /// Size of the value without its length header, after fetching and decompressing; 0 for types of fixed length.
    /// Reads only the value's header.
    pub fn stored_bytes(self) -> usize {
        if !self.base.is_varlena() {
            return 0;
        }
        // SAFETY: the type is stored as a varlena, so the datum points to one.
        unsafe {
            let pointer = self.datum.cast_mut_ptr::<pg_sys::varlena>();
            if varlena::varatt_is_1b_e(pointer) || varlena::varatt_is_4b_c(pointer) {
                pg_sys::toast_raw_datum_size(self.datum).saturating_sub(pg_sys::VARHDRSZ)
            } else {
                varlena::varsize_any_exhdr(pointer)
            }
        }
    }
}

/// A detoasted and aligned varlena; the value itself if it already is both.
///
/// # Safety
/// The datum points to a varlena.
pub(in crate::pg) unsafe fn detoasted(datum: pg_sys::Datum) -> *mut pg_sys::varlena {
    // SAFETY: as the caller says.
    unsafe {
        let pointer = datum.cast_mut_ptr::<pg_sys::varlena>();
        if varlena::varatt_is_4b_u(pointer) {
            pointer
        } else {
            pg_sys::pg_detoast_datum(pointer)
        }
    }
}
