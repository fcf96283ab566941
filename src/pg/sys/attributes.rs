//! The attributes of row types, which Postgres 18 stores differently.

use pgrx::pg_sys;
use std::ffi::c_char;

/// An attribute of a row type, counted from 0.
///
/// # Safety
/// `descriptor` is valid for as long as the result is used and has that attribute.
#[cfg(not(feature = "pg18"))]
pub unsafe fn attribute<'a>(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> &'a pg_sys::FormData_pg_attribute {
    // SAFETY: as promised.
    unsafe { &(*descriptor).attrs.as_slice((*descriptor).natts as usize)[index] }
}

/// An attribute of a row type, counted from 0.
///
/// # Safety
/// `descriptor` is valid for as long as the result is used and has that attribute.
#[cfg(feature = "pg18")]
pub unsafe fn attribute<'a>(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> &'a pg_sys::FormData_pg_attribute {
    // SAFETY: the attributes follow the compact ones (TupleDescAttr, tupdesc.h).
    unsafe {
        let descriptor = &*descriptor;
        let natts = descriptor.natts as usize;
        let after = descriptor.compact_attrs.as_ptr().add(natts);
        &*after.cast::<pg_sys::FormData_pg_attribute>().add(index)
    }
}

/// The virtual generated columns of a relation, by number, with their expressions.
///
/// # Safety
/// The relation is open.
#[cfg(not(feature = "pg18"))]
pub unsafe fn virtual_columns(_relation: pg_sys::Relation) -> Vec<(usize, *mut pg_sys::Node)> {
    Vec::new()
}

/// The virtual generated columns of a relation, by number, with their expressions.
///
/// # Safety
/// The relation is open.
#[cfg(feature = "pg18")]
pub unsafe fn virtual_columns(relation: pg_sys::Relation) -> Vec<(usize, *mut pg_sys::Node)> {
    // SAFETY: as promised; a descriptor without constraints has no generated column.
    unsafe {
        let descriptor = (*relation).rd_att;
        let constraints = (*descriptor).constr;
        if constraints.is_null() || !(*constraints).has_generated_virtual {
            return Vec::new();
        }
        let places = (0..(*descriptor).natts as usize).filter(|place| {
            let attribute = attribute(descriptor, *place);
            attribute.attgenerated as u8 == pg_sys::ATTRIBUTE_GENERATED_VIRTUAL
                && !attribute.attisdropped
        });
        places
            .map(|place| {
                let expression = pg_sys::build_generation_expression(relation, place as i32 + 1);
                (place, expression)
            })
            .collect()
    }
}

/// An attribute with the columns of pg_attribute that are needed to deform rows.
#[derive(Debug, Clone, Copy)]
pub struct Storage {
    pub type_oid: pg_sys::Oid,
    pub typmod: i32,
    pub length: i16,
    pub alignment: u8,
    pub by_value: bool,
}

/// Fills an attribute of a template descriptor with what is needed to deform rows.
///
/// # Safety
/// `descriptor` was made by CreateTemplateTupleDesc and has that attribute.
pub unsafe fn set_attribute(descriptor: pg_sys::TupleDesc, index: usize, column: Storage) {
    // SAFETY: as promised; zeroes mean "not dropped, no default, may be NULL".
    unsafe {
        let attribute = std::ptr::from_ref(attribute(descriptor, index)).cast_mut();
        attribute.write_bytes(0, 1);
        (*attribute).attnum = index as i16 + 1;
        (*attribute).atttypid = column.type_oid;
        (*attribute).atttypmod = column.typmod;
        (*attribute).attlen = column.length;
        (*attribute).attalign = column.alignment as c_char;
        (*attribute).attbyval = column.by_value;
        (*attribute).attstorage = pg_sys::TYPSTORAGE_PLAIN as c_char;
        #[cfg(not(feature = "pg18"))]
        {
            (*attribute).attcacheoff = -1;
        }
        #[cfg(feature = "pg18")]
        pg_sys::populate_compact_attribute(descriptor, index as i32);
    }
}
