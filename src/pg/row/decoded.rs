//! A captured row as values: those that the image holds, for each current column of the relation.

use super::key::KeyKind;
use pgrx::pg_sys;
use std::marker::PhantomData;

/// A row's values by attribute number less one. Absent values are NULL as well. The data that the values point to stays
/// in memory for `'a`.
#[derive(Clone)]
pub struct Decoded<'a> {
    pub(in crate::pg) values: Vec<pg_sys::Datum>,
    pub(in crate::pg) nulls: Vec<bool>,
    pub(in crate::pg) absent: Vec<bool>,
    _lent: PhantomData<&'a ()>,
}

impl<'a> Decoded<'a> {
    /// A row with all its columns.
    ///
    /// # Safety
    /// There is a NULL or not for each value; a value by reference lives as long as `'a`.
    pub(in crate::pg) unsafe fn whole(values: Vec<pg_sys::Datum>, nulls: Vec<bool>) -> Decoded<'a> {
        let absent = vec![false; values.len()];
        Decoded {
            values,
            nulls,
            absent,
            _lent: PhantomData,
        }
    }

    /// Columns by attribute number less one.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the row holds no value of a column, not even NULL.
    pub fn is_absent(&self, place: usize) -> bool {
        self.absent.get(place).copied().unwrap_or(true)
    }

    /// The columns that are absent.
    pub fn absent(&self) -> &[bool] {
        &self.absent
    }

    /// Removes a column: its value is unknown.
    pub fn leave_out(&mut self, place: usize) {
        if place < self.values.len() {
            self.nulls[place] = true;
            self.absent[place] = true;
        }
    }

    /// Copies a column from another row, even if it is absent there.
    pub fn take(&mut self, place: usize, from: &Decoded<'a>) {
        self.values[place] = from.values[place];
        self.nulls[place] = from.nulls[place];
        self.absent[place] = from.absent[place];
    }

    /// Extends the row to the columns that the relation has now. Columns that were added later are absent.
    pub fn resize(&mut self, columns: usize) {
        self.values.resize(columns, pg_sys::Datum::null());
        self.nulls.resize(columns, true);
        self.absent.resize(columns, true);
    }
}

impl Decoded<'_> {
    /// The identity of a row by these columns: their stored values, whole; `None` when one is absent. `storage` gives
    /// length and passing of a column.
    pub fn identity(&self, key: &[i16], storage: impl Fn(usize) -> (i16, bool)) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for number in key {
            let place = *number as usize - 1;
            if self.is_absent(place) {
                return None;
            }
            if self.nulls[place] {
                out.push(0);
                continue;
            }
            let (length, by_value) = storage(place);
            let value = self.values[place];
            out.push(1);
            if by_value {
                out.extend_from_slice(&value.value().to_ne_bytes());
                continue;
            }
            // SAFETY: a value by reference is `length` bytes, a varlena (-1), whose content is read whole, or a C string.
            let bytes = unsafe {
                match length {
                    -1 => {
                        let whole = pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr());
                        let length = pgrx::varsize_any_exhdr(whole);
                        std::slice::from_raw_parts(pgrx::vardata_any(whole).cast::<u8>(), length)
                    }
                    -2 => std::ffi::CStr::from_ptr(value.cast_mut_ptr()).to_bytes(),
                    fixed => std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), fixed as usize),
                }
            };
            out.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
            out.extend_from_slice(bytes);
        }
        Some(out)
    }

    /// The identity of a row by the keys of these columns' values: rows have the same one whose values are equal, however
    /// these are stored (numeric 3.0 and 3.00). `None` if a value is absent.
    pub fn canonical_identity(&self, key: &[i16], kinds: &[KeyKind]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for (number, kind) in key.iter().zip(kinds) {
            let place = *number as usize - 1;
            if self.is_absent(place) {
                return None;
            }
            if self.nulls[place] {
                out.push(0);
                continue;
            }
            out.push(1);
            let begin = out.len();
            // SAFETY: not NULL, and of the column's type, for which the kind was made.
            unsafe { kind.write(self.values[place], &mut out) };
            // The length behind the bytes keeps those of two columns apart.
            out.extend_from_slice(&((out.len() - begin) as u32).to_ne_bytes());
        }
        Some(out)
    }
}
