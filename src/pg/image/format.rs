//! Images: self-contained rows, in memory and as stored in the log.

use crate::pg::backend::memory::Arena;
use crate::pg::sys::attributes::Storage;
use pgrx::pg_sys;
use std::marker::PhantomData;

/// A set of a row's columns, one bit each, lowest attribute number and lowest bit first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnSet(Vec<u8>);

impl ColumnSet {
    pub(in crate::pg) fn none(count: usize) -> Self {
        ColumnSet(vec![0; count.div_ceil(8)])
    }

    pub(in crate::pg) fn add(&mut self, column: usize) {
        self.0[column / 8] |= 1 << (column % 8);
    }

    /// The union with other columns of the same row.
    pub(in crate::pg) fn and(mut self, others: &ColumnSet) -> ColumnSet {
        self.0.iter_mut().zip(&others.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// The columns, counted from 0.
    pub(in crate::pg) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let has = |place: &usize| self.0[place / 8] & (1 << (place % 8)) != 0;
        (0..self.0.len() * 8).filter(has)
    }

    /// The bits.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A row with every attribute of its layout and no value stored elsewhere. It stays in memory for `'a`: while the trigger
/// that captured it runs, or as long as the arena that it was read into.
///
/// The log holds two bytes, the number of attributes and whether any is NULL, then the bitmap of NULLs if so, then the
/// values as Postgres lays them out in a row; the rest of a row's header says nothing that is not known.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    pub(in crate::pg) header: pg_sys::HeapTupleHeader,
    pub(in crate::pg) length: usize,
    _lent: PhantomData<&'a ()>,
}

/// Set in the first two bytes when a bitmap of NULLs follows.
const HAS_NULLS: u16 = 0x8000;
/// SizeofHeapTupleHeader (htup_details.h): the bitmap of NULLs follows it.
const BITMAP: usize = 23;

impl<'a> Image<'a> {
    /// # Safety
    /// The tuple is valid for `'a`, whole, and has nothing stored elsewhere.
    pub(in crate::pg) unsafe fn of(tuple: pg_sys::HeapTuple) -> Image<'a> {
        // SAFETY: as promised.
        unsafe {
            Image {
                header: (*tuple).t_data,
                length: (*tuple).t_len as usize,
                _lent: PhantomData,
            }
        }
    }

    fn attributes(&self) -> u16 {
        // SAFETY: the header is valid for as long as the image is.
        unsafe { (*self.header).t_infomask2 & pg_sys::HEAP_NATTS_MASK as u16 }
    }

    fn has_nulls(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.header).t_infomask & pg_sys::HEAP_HASNULL as u16 != 0 }
    }

    /// The offset at which the values begin.
    fn values(&self) -> usize {
        // SAFETY: as above.
        usize::from(unsafe { (*self.header).t_hoff })
    }

    fn bitmap(&self) -> usize {
        if self.has_nulls() {
            usize::from(self.attributes()).div_ceil(8)
        } else {
            0
        }
    }

    /// Size of the image in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.length
    }

    /// Size of its stored form, in bytes.
    pub(in crate::pg) fn stored_bytes(&self) -> usize {
        2 + self.bitmap() + self.length - self.values()
    }

    /// Writes the stored form.
    ///
    /// # Safety
    /// `to` has room for [`Image::stored_bytes`].
    pub(in crate::pg) unsafe fn store(&self, to: *mut u8) {
        let nulls = if self.has_nulls() { HAS_NULLS } else { 0 };
        let (from, bitmap) = (self.header.cast::<u8>(), self.bitmap());
        // SAFETY: as promised; the row is `length` bytes, of which its header says where bitmap and values are.
        unsafe {
            to.cast::<[u8; 2]>()
                .write((self.attributes() | nulls).to_le_bytes());
            if bitmap > 0 {
                to.add(2).copy_from_nonoverlapping(from.add(BITMAP), bitmap);
            }
            to.add(2 + bitmap)
                .copy_from_nonoverlapping(from.add(self.values()), self.length - self.values());
        }
    }

    /// Reads the stored form into an arena; `None` when it is damaged.
    pub(in crate::pg) fn restore(stored: &[u8], arena: Arena<'a>) -> Option<Image<'a>> {
        let (first, rest) = stored.split_first_chunk::<2>()?;
        let first = u16::from_le_bytes(*first);
        let attributes = first & !HAS_NULLS;
        let nulls = first & HAS_NULLS != 0;
        let bitmap = if nulls {
            usize::from(attributes).div_ceil(8)
        } else {
            0
        };
        let (bits, values) = rest.split_at_checked(bitmap)?;
        let before = (BITMAP + bitmap).next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize);
        let length = before + values.len();
        // SAFETY: the memory has room for header, bitmap and values, and is aligned as rows are.
        unsafe {
            let memory = arena.within(|| pg_sys::palloc(length)).cast::<u8>();
            memory.write_bytes(0, before);
            let header = memory.cast::<pg_sys::HeapTupleHeaderData>();
            (*header).t_infomask2 = attributes;
            // Always set: a row without it only allows an optimisation (nocachegetattr, heaptuple.c).
            (*header).t_infomask = pg_sys::HEAP_HASVARWIDTH as u16;
            if nulls {
                (*header).t_infomask |= pg_sys::HEAP_HASNULL as u16;
            }
            (*header).t_hoff = before as u8;
            memory
                .add(BITMAP)
                .copy_from_nonoverlapping(bits.as_ptr(), bitmap);
            memory
                .add(before)
                .copy_from_nonoverlapping(values.as_ptr(), values.len());
            Some(Image {
                header,
                length,
                _lent: PhantomData,
            })
        }
    }
}

/// An attribute of a row type, as stored in a layout: everything that is needed to read an image, even after the type
/// or the relation was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Empty for a dropped attribute, of which rows may still hold a value.
    pub name: String,
    /// InvalidOid for a dropped attribute.
    pub type_oid: pg_sys::Oid,
    pub typmod: i32,
    pub length: i16,
    pub alignment: u8,
    pub by_value: bool,
}

impl Column {
    /// The part that is needed to deform images.
    pub(in crate::pg) fn storage(&self) -> Storage {
        Storage {
            type_oid: self.type_oid,
            typmod: self.typmod,
            length: self.length,
            alignment: self.alignment,
            by_value: self.by_value,
        }
    }
}
