//! Attributes of a relation's rows: which values are stored alike, and which are left out of an image that is too
//! large.

use super::format::ColumnSet;
use pgrx::pg_sys;

/// How an attribute's values are stored.
pub struct Attribute {
    pub by_value: bool,
    pub length: i16,
    pub is_key: bool,
}

impl Attribute {
    /// Whether two values are stored alike.
    ///
    /// # Safety
    /// Both are values of this attribute.
    pub unsafe fn same(&self, a: pg_sys::Datum, b: pg_sys::Datum) -> bool {
        if self.by_value {
            return a == b;
        }
        // SAFETY: a value by reference is `length` bytes, a varlena (-1) or a C string (-2).
        unsafe {
            let (a, b) = (a.cast_mut_ptr::<u8>(), b.cast_mut_ptr::<u8>());
            let length = |value: *mut u8| match self.length {
                -1 => pgrx::varsize_any(value.cast()),
                -2 => std::ffi::CStr::from_ptr(value.cast()).count_bytes(),
                fixed => fixed as usize,
            };
            let (length_a, length_b) = (length(a), length(b));
            length_a == length_b
                && std::slice::from_raw_parts(a, length_a)
                    == std::slice::from_raw_parts(b, length_b)
        }
    }
}

/// Sets the largest values to NULL until the rest fits, and returns which.
///
/// # Safety
/// The arrays hold a value of each attribute's type, or NULL.
pub unsafe fn leave_out(
    attributes: &[Attribute],
    values: &[pg_sys::Datum],
    nulls: &mut [bool],
    limit: usize,
) -> Option<ColumnSet> {
    let mut sizes: Vec<(usize, usize)> = Vec::new();
    let mut total = 0usize;
    for (i, attribute) in attributes.iter().enumerate() {
        if attribute.length == -1 && !nulls[i] {
            // SAFETY: a varlena; the function reads its header or its TOAST pointer alone.
            let size = unsafe { pg_sys::toast_raw_datum_size(values[i]) };
            total += size;
            if !attribute.is_key {
                sizes.push((size, i));
            }
        }
    }
    if total <= limit {
        return None;
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut absent = ColumnSet::none(attributes.len());
    for (size, i) in sizes {
        if total <= limit {
            break;
        }
        total -= size;
        nulls[i] = true;
        absent.add(i);
    }
    Some(absent)
}
