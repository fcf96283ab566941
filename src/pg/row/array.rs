//! Decodes arrays.

use super::types::Type;
use super::value::{detoasted, Value};
use crate::pg::backend::memory::Scratch;
use pgrx::{pg_sys, varlena};
use std::ffi::{c_char, CStr};
use std::marker::PhantomData;

/// An array type.
pub struct ArrayType {
    base: Type,
    /// The element type as declared, without resolving domains, as stored in the arrays' headers.
    declared: pg_sys::Oid,
    element: Type,
    length: i16,
    by_value: bool,
    align: c_char,
}

/// An array: the number of elements in each dimension, outermost first, and the elements in storage order (the last
/// dimension varies fastest); `None` for NULL.
pub struct Elements<'s> {
    pub dimensions: &'s [i32],
    left: i32,
    seen: usize,
    /// One bit per element, set if it is not NULL; a null pointer if no element is NULL.
    bitmap: *const u8,
    next: *const u8,
    array: &'s ArrayType,
    _lent: PhantomData<&'s Scratch>,
}

impl ArrayType {
    /// `None` when the type is not an array.
    pub fn of(base: Type) -> Option<ArrayType> {
        let declared = base.element()?;
        let (mut length, mut by_value, mut align) = (0, false, 0);
        // SAFETY: a syscache look-up of a type that exists.
        unsafe {
            pg_sys::get_typlenbyvalalign(declared, &mut length, &mut by_value, &mut align);
        }
        Some(ArrayType {
            base,
            declared,
            element: Type::base_of(declared),
            length,
            by_value,
            align,
        })
    }

    /// Type of the elements, with domains resolved.
    pub fn element(&self) -> Type {
        self.element
    }

    /// Decodes an array; `None` when the value has another type.
    pub fn open<'s>(&'s self, value: Value<'s>, _scratch: &'s Scratch) -> Option<Elements<'s>> {
        let datum = value.datum_of(self.base)?;
        // SAFETY: the value is an array; detoasted it is whole and aligned, in the scratch context if it is a copy.
        // The header is followed by the lengths of the dimensions, their lower bounds, the bitmap if there is one, and
        // the elements (array.h: ARR_DIMS, ARR_NULLBITMAP, ARR_DATA_PTR).
        unsafe {
            let array = detoasted(datum).cast::<pg_sys::ArrayType>();
            if (*array).elemtype != self.declared {
                return None;
            }
            let dimensions = array.add(1).cast::<i32>();
            let count = (*array).ndim as usize;
            let bitmap = dimensions.add(2 * count).cast::<u8>();
            let has_nulls = (*array).dataoffset != 0;
            let offset = if has_nulls {
                (*array).dataoffset as usize
            } else {
                let head = std::mem::size_of::<pg_sys::ArrayType>() + 8 * count;
                head.next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize)
            };
            let dimensions = std::slice::from_raw_parts(dimensions, count);
            Some(Elements {
                dimensions,
                // ArrayGetNItems checked the product when the array was made.
                left: if count == 0 {
                    0
                } else {
                    dimensions.iter().product()
                },
                seen: 0,
                bitmap: if has_nulls { bitmap } else { std::ptr::null() },
                next: array.cast::<u8>().add(offset),
                array: self,
                _lent: PhantomData,
            })
        }
    }

    /// # Safety
    /// The pointer is at an element.
    unsafe fn fetch(&self, at: *const u8) -> pg_sys::Datum {
        // SAFETY: as the caller says; this is fetch_att (tupmacs.h).
        unsafe {
            match (self.by_value, self.length) {
                (false, _) => pg_sys::Datum::from(at),
                (true, 1) => pg_sys::Datum::from(*at.cast::<i8>()),
                (true, 2) => pg_sys::Datum::from(*at.cast::<i16>()),
                (true, 4) => pg_sys::Datum::from(*at.cast::<i32>()),
                (true, _) => pg_sys::Datum::from(*at.cast::<i64>()),
            }
        }
    }

    /// # Safety
    /// The pointer is at an element.
    unsafe fn behind(&self, at: *const u8) -> *const u8 {
        // SAFETY: as the caller says; this is att_addlength_pointer and att_align_nominal (tupmacs.h).
        unsafe {
            let length = match self.length {
                -1 => varlena::varsize_any(at.cast()),
                -2 => CStr::from_ptr(at.cast()).to_bytes_with_nul().len(),
                length => length as usize,
            };
            let end = at.add(length);
            let align = match self.align as u8 {
                b'c' => 1,
                b's' => 2,
                b'i' => 4,
                _ => 8,
            };
            end.add(end.align_offset(align))
        }
    }
}

impl Elements<'_> {
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'s> Iterator for Elements<'s> {
    type Item = Option<Value<'s>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let place = self.seen;
        self.seen += 1;
        // SAFETY: there is an element left, or its bit in the bitmap is clear and nothing is stored for it. The
        // array, and so the element, lives as long as the scratch is lent.
        unsafe {
            if !self.bitmap.is_null() && *self.bitmap.add(place / 8) & (1 << (place % 8)) == 0 {
                return Some(None);
            }
            let value = Value::new(self.array.fetch(self.next), self.array.element);
            self.next = self.array.behind(self.next);
            Some(Some(value))
        }
    }
}
