//! Arrays taken apart.

use super::memory::Scratch;
use super::row::Value;
use super::types::Type;
use pgrx::pg_sys;
use std::ffi::c_char;

/// An array type.
pub struct ArrayType {
    base: Type,
    /// As declared, domains kept: what the arrays' heads say.
    declared: pg_sys::Oid,
    element: Type,
    length: i16,
    by_value: bool,
    align: c_char,
}

/// An array: how many elements there are in each dimension, outermost first, and the elements.
pub struct Elements<'s> {
    pub dimensions: &'s [i32],
    values: &'s [pg_sys::Datum],
    nulls: &'s [bool],
    element: Type,
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

    /// Type of the elements, below domains.
    pub fn element(&self) -> Type {
        self.element
    }

    /// Takes an array apart; `None` when the value is of another type.
    pub fn open<'s>(&self, value: Value<'s>, _scratch: &'s Scratch) -> Option<Elements<'s>> {
        let datum = value.datum_of(self.base)?;
        // SAFETY: the value is an array; detoasted it is whole and aligned, in the scratch context if it is a copy.
        // Its head is followed by the lengths of its dimensions (array.h, ARR_DIMS).
        unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            if (*array).elemtype != self.declared {
                return None;
            }
            let mut values = std::ptr::null_mut();
            let mut nulls = std::ptr::null_mut();
            let mut count = 0;
            pg_sys::deconstruct_array(
                array,
                self.declared,
                self.length.into(),
                self.by_value,
                self.align,
                &mut values,
                &mut nulls,
                &mut count,
            );
            let dimensions = array.add(1).cast::<i32>();
            Some(Elements {
                dimensions: std::slice::from_raw_parts(dimensions, (*array).ndim as usize),
                values: slice(values, count),
                nulls: slice(nulls, count),
                element: self.element,
            })
        }
    }
}

/// # Safety
/// The pointer holds `count` entries that live as long as `'s`, or `count` is 0.
unsafe fn slice<'s, T>(pointer: *const T, count: i32) -> &'s [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(pointer, count as usize) }
}

impl<'s> Elements<'s> {
    /// All elements in storage order, the last dimension running fastest; `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<Value<'s>>> + '_ {
        self.values.iter().zip(self.nulls).map(|(datum, null)| {
            // SAFETY: deconstructed from an array of this element type, which lives as long as the scratch is lent.
            (!null).then(|| unsafe { Value::new(*datum, self.element) })
        })
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
