//! Decodes rows: the shape of a row type, composite values, and the values of their columns with their types.

use super::key::KeyKind;
use super::types::Type;
use super::value::detoasted;
use super::value::Value;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::memory::Scratch;
use crate::pg::sys::attributes::attribute;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, varlena};
use std::cell::OnceCell;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::rc::Rc;

/// A live column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// pg_attribute.attnum: the place in the row is one less.
    pub number: i16,
    pub name: String,
    /// As declared, without resolving domains.
    pub type_oid: Oid,
    pub typmod: i32,
}

/// The attribute number of the column of this name.
pub fn number_of(columns: &[Column], name: &str) -> Option<i16> {
    let found = columns.iter().find(|column| column.name == name);
    found.map(|column| column.number)
}

/// The name of the column with this attribute number.
pub fn name_of(columns: &[Column], number: i16) -> Option<String> {
    let found = columns.iter().find(|column| column.number == number);
    found.map(|column| column.name.clone())
}

/// A column of a row.
pub enum Cell<'a> {
    /// The value is unknown: left out of its image, added later, or of another type then. Never the same as NULL.
    Absent,
    Null,
    Value(Value<'a>),
}

/// A row's values, in the order of attribute numbers.
#[derive(Clone, Copy)]
pub struct DeformedRow<'a> {
    types: &'a [Type],
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
    absent: &'a [bool],
}

impl<'a> DeformedRow<'a> {
    /// A column by its number less one; `base` is the type that the reader expects.
    #[inline]
    pub fn cell(&self, place: usize, base: Type) -> Cell<'a> {
        let (Some(own), Some(datum), Some(null)) = (
            self.types.get(place),
            self.values.get(place),
            self.nulls.get(place),
        ) else {
            return Cell::Absent;
        };
        if own.oid() != base.oid() || self.absent.get(place) == Some(&true) {
            Cell::Absent
        } else if *null {
            Cell::Null
        } else {
            // SAFETY: the row's constructors promise that each value is of its column's type and lives for 'a.
            Cell::Value(unsafe { Value::new(*datum, *own) })
        }
    }
}

/// Buffers for the columns of a row, reused from row to row.
#[derive(Default)]
pub struct RowBuffer {
    pub(super) values: Vec<pg_sys::Datum>,
    pub(super) nulls: Vec<bool>,
}

/// A composite value, detoasted in memory, where it stays for `'a`.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    header: pg_sys::HeapTupleHeader,
    _lent: PhantomData<&'a ()>,
}

impl<'a> Record<'a> {
    /// # Safety
    /// The datum is a composite value, not NULL; it, and the current memory context, live as long as `'a`.
    pub(in crate::pg) unsafe fn from_datum(datum: pg_sys::Datum) -> Record<'a> {
        Record {
            // SAFETY: as the caller says. This is DatumGetHeapTupleHeader: whole and aligned.
            header: unsafe { detoasted(datum).cast() },
            _lent: PhantomData,
        }
    }

    /// The row type; for anonymous records, that of records.
    pub fn row_type(&self) -> Oid {
        // SAFETY: the header of a composite value holds the datum fields.
        unsafe { (*self.header).t_choice.t_datum.datum_typeid }
    }
}

/// The columns of a row type, and how to deform its rows.
pub struct RowShape {
    descriptor: pg_sys::TupleDesc,
    row_type: Oid,
    columns: Vec<Column>,
    types: Vec<Type>,
    key_kinds: OnceCell<Vec<Option<KeyKind>>>,
    _memory: Rc<Memory>,
}

impl RowShape {
    /// The shape of a named composite type, in its current form.
    pub fn of_type(memory: &Rc<Memory>, row_type: Oid) -> RowShape {
        // SAFETY: the copy is made in the shape's memory, with the defaults of columns added later; it raises an
        // error for a type that is not composite.
        unsafe {
            let descriptor = memory.within(|| pg_sys::lookup_rowtype_tupdesc_copy(row_type, -1));
            RowShape::of_copy(memory, descriptor)
        }
    }

    /// # Safety
    /// The descriptor lives in the memory.
    unsafe fn of_copy(memory: &Rc<Memory>, descriptor: pg_sys::TupleDesc) -> RowShape {
        let mut columns = Vec::new();
        let mut types = Vec::new();
        // SAFETY: a descriptor has as many attributes as it says; names are NUL-terminated.
        unsafe {
            for i in 0..(*descriptor).natts as usize {
                let attribute = attribute(descriptor, i);
                if attribute.attisdropped {
                    types.push(Type::NONE);
                    continue;
                }
                types.push(Type::base_of(attribute.atttypid));
                columns.push(Column {
                    number: attribute.attnum,
                    name: CStr::from_ptr(attribute.attname.data.as_ptr())
                        .to_string_lossy()
                        .into_owned(),
                    type_oid: attribute.atttypid,
                    typmod: attribute.atttypmod,
                });
            }
            RowShape {
                descriptor,
                row_type: (*descriptor).tdtypeid,
                columns,
                types,
                key_kinds: OnceCell::new(),
                _memory: memory.clone(),
            }
        }
    }

    /// The types of the columns by attribute number less one, with domains resolved; [`Type::NONE`] for a dropped one.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// How the columns' values become keys, by attribute number less one; `None` for those that have none.
    pub fn key_kinds(&self) -> &[Option<KeyKind>] {
        let kind = |place| {
            // SAFETY: the descriptor is the shape's own copy, and has as many attributes as there are types.
            let attribute = unsafe { attribute(self.descriptor, place) };
            match attribute.attisdropped {
                true => None,
                false => KeyKind::of(attribute.atttypid, attribute.attcollation),
            }
        };
        self.key_kinds
            .get_or_init(|| (0..self.types.len()).map(kind).collect())
    }

    /// Length (pg_attribute.attlen) of a column's values, by attribute number less one, and whether they are passed by
    /// value.
    pub fn storage(&self, place: usize) -> (i16, bool) {
        // SAFETY: the descriptor is the shape's own copy; the place is asserted.
        unsafe {
            assert!(place < (*self.descriptor).natts as usize);
            let attribute = attribute(self.descriptor, place);
            (attribute.attlen, attribute.attbyval)
        }
    }

    /// The columns as Postgres describes them; valid as long as the shape.
    pub(super) fn descriptor(&self) -> pg_sys::TupleDesc {
        self.descriptor
    }

    /// A decoded image as a value of the row type, with NULL for absent columns.
    pub(in crate::pg) fn composite(&self, decoded: &super::decoded::Decoded) -> pg_sys::Datum {
        // SAFETY: the row has the descriptor's columns, each of its type or NULL; images hold nothing out of line.
        unsafe {
            assert_eq!(decoded.values.len(), (*self.descriptor).natts as usize);
            let tuple = pg_sys::heap_form_tuple(
                self.descriptor,
                decoded.values.as_ptr().cast_mut(),
                decoded.nulls.as_ptr().cast_mut(),
            );
            pg_sys::Datum::from((*tuple).t_data)
        }
    }

    /// A decoded image as a row of this shape. Columns that had another type then are absent.
    pub fn row<'s>(&'s self, decoded: &'s super::decoded::Decoded<'_>) -> DeformedRow<'s> {
        DeformedRow {
            types: &self.types,
            values: &decoded.values,
            nulls: &decoded.nulls,
            absent: decoded.absent(),
        }
    }

    /// The live columns, in the order of attribute numbers.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Deforms a composite value; `None` when it has another row type.
    pub fn deform<'s>(
        &'s self,
        record: Record<'s>,
        buffer: &'s mut RowBuffer,
    ) -> Option<DeformedRow<'s>> {
        if record.row_type() != self.row_type {
            return None;
        }
        // SAFETY: the record is of the shape's row type; it lives as long as the result.
        unsafe {
            let length = varlena::varsize_4b(record.header.cast());
            let mut tuple = pg_sys::HeapTupleData {
                t_len: length as u32,
                t_data: record.header,
                ..Default::default()
            };
            Some(self.deform_tuple(&mut tuple, buffer))
        }
    }

    /// Deforms a composite value inside a column.
    pub fn deform_value<'s>(
        &'s self,
        value: Value<'s>,
        base: Type,
        buffer: &'s mut RowBuffer,
        _scratch: &'s Scratch,
    ) -> Option<DeformedRow<'s>> {
        let datum = value.datum_of(base)?;
        // SAFETY: the shape is of a composite type, and `deform` checks that it is the value's; a detoasted copy is
        // allocated in the scratch context.
        let record = unsafe { Record::from_datum(datum) };
        self.deform(record, buffer)
    }

    /// Deforms a tuple.
    ///
    /// # Safety
    /// The tuple's row type is the shape's, and its data live as long as `'s`.
    pub(in crate::pg) unsafe fn deform_tuple<'s>(
        &'s self,
        tuple: pg_sys::HeapTuple,
        buffer: &'s mut RowBuffer,
    ) -> DeformedRow<'s> {
        buffer
            .values
            .resize(self.types.len(), pg_sys::Datum::null());
        buffer.nulls.resize(self.types.len(), true);
        // SAFETY: as the caller says; the buffers hold one entry per attribute.
        unsafe {
            pg_sys::heap_deform_tuple(
                tuple,
                self.descriptor,
                buffer.values.as_mut_ptr(),
                buffer.nulls.as_mut_ptr(),
            );
            self.row_of(&buffer.values, &buffer.nulls)
        }
    }

    /// A row that is already deformed: a slot's arrays.
    ///
    /// # Safety
    /// The slices hold one entry per attribute of the shape, each of its attribute's type, and live as long as `'s`.
    pub(in crate::pg) unsafe fn row_of<'s>(
        &'s self,
        values: &'s [pg_sys::Datum],
        nulls: &'s [bool],
    ) -> DeformedRow<'s> {
        DeformedRow {
            types: &self.types,
            values,
            nulls,
            absent: &[],
        }
    }
}
