//! The keys of a row's columns, made when they are asked for.

use super::decoded::Decoded;
use super::key::KeyKind;
use super::record::RowShape;
use crate::keyed::{Cell, Column, Key};
use std::cell::OnceCell;

/// A row as conditions by keys see it.
pub struct RowKeys<'a> {
    kinds: &'a [Option<KeyKind>],
    row: &'a Decoded<'a>,
    /// By attribute number less one.
    keys: Vec<OnceCell<Key>>,
}

impl<'a> RowKeys<'a> {
    /// The keys of a row of this shape.
    pub fn new(shape: &'a RowShape, row: &'a Decoded<'a>) -> RowKeys<'a> {
        let kinds = shape.key_kinds();
        RowKeys {
            kinds,
            row,
            keys: vec![OnceCell::new(); kinds.len()],
        }
    }

    /// A column by its number; `Unknown` also for one that the relation does not have.
    pub fn cell(&self, column: Column) -> Cell<'_> {
        let Some(place) = usize::try_from(i32::from(column) - 1).ok() else {
            return Cell::Unknown;
        };
        let (Some(kind), Some(key)) = (self.kinds.get(place), self.keys.get(place)) else {
            return Cell::Unknown;
        };
        match kind {
            _ if self.row.is_absent(place) => Cell::Unknown,
            _ if self.row.nulls[place] => Cell::Null,
            None => Cell::Value,
            // SAFETY: the row has the shape's columns, and the value is not NULL.
            Some(kind) => {
                Cell::Key(key.get_or_init(|| unsafe { kind.key(self.row.values[place]) }))
            }
        }
    }
}

#[cfg(any(test, feature = "pg_test"))]
impl RowShape {
    /// The rows of a query, which has one column of the row type, as if captured; they stay in memory.
    pub fn rows_of(&self, query: &str) -> Vec<Decoded<'static>> {
        pgrx::Spi::connect(|client| {
            let rows = client.select(query, None, &[]).into_iter().flatten();
            let decoded = |row: pgrx::spi::SpiHeapTupleData| {
                let value = row.get::<pgrx::AnyElement>(1).ok().flatten()?;
                let mut buffer = super::record::RowBuffer::default();
                // SAFETY: the value is a composite one, and the copy lives as long as the session.
                unsafe {
                    let previous =
                        pgrx::pg_sys::MemoryContextSwitchTo(pgrx::pg_sys::TopMemoryContext);
                    let copy = pgrx::pg_sys::pg_detoast_datum_copy(value.datum().cast_mut_ptr());
                    pgrx::pg_sys::MemoryContextSwitchTo(previous);
                    let record = super::record::Record::from_datum(pgrx::pg_sys::Datum::from(copy));
                    self.deform(record, &mut buffer)?;
                    Some(Decoded::whole(buffer.values, buffer.nulls))
                }
            };
            rows.filter_map(decoded).collect()
        })
    }
}
