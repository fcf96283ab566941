//! Builds images of a relation's rows, and finds what changed between two of them.

use super::attribute::{leave_out, Attribute};
use super::format::{Column, ColumnSet, Image};
use super::generated::Generated;
use crate::pg::backend::memory::Arena;
use crate::pg::backend::memory::Memory;
use crate::pg::call::trigger::Call;
use crate::pg::call::trigger::StoredRow;
use crate::pg::row::decoded::Decoded;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::cell::RefCell;

/// An image, and the columns that are missing because the row was too large.
pub struct Captured<'c> {
    pub image: Image<'c>,
    pub absent: Option<ColumnSet>,
}

impl Captured<'_> {
    /// The same image, missing more columns.
    fn without(mut self, more: Option<ColumnSet>) -> Self {
        self.absent = match (self.absent, more) {
            (Some(absent), Some(more)) => Some(absent.and(&more)),
            (absent, more) => absent.or(more),
        };
        self
    }
}

/// The changed columns of an UPDATE and their old values.
pub struct Difference<'c> {
    pub changed: ColumnSet,
    /// Old values of the changed columns, with NULL in the others; `None` when no column changed.
    pub old: Option<Captured<'c>>,
}

/// Turns rows of a relation into images of its root's row type. Made once per relation.
pub struct ImageBuilder {
    /// Owns the descriptor, the map and the expressions of virtual columns.
    _memory: Memory,
    descriptor: pg_sys::TupleDesc,
    map: *mut pg_sys::TupleConversionMap,
    generated: Option<Generated>,
    attributes: Vec<Attribute>,
    buffers: RefCell<Buffers>,
}

#[derive(Default)]
struct Buffers {
    new: (Vec<pg_sys::Datum>, Vec<bool>),
    old: (Vec<pg_sys::Datum>, Vec<bool>),
}

impl ImageBuilder {
    /// The builder for a trigger's rows as rows of `root`: the trigger's relation, or a partition root above it.
    pub fn new(call: &Call, root: pg_sys::Oid) -> ImageBuilder {
        // SAFETY: the relations are open and locked while their descriptors are copied; the copies live in a context
        // of their own that the builder owns.
        unsafe {
            let memory = Memory::new();
            let relation = call.raw_relation();
            let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
            // convert_tuples_by_name skips the conversion of rows that differ only in their row type.
            let (descriptor, map, generated) = memory.within(|| {
                if root == (*relation).rd_id {
                    let copy = pg_sys::CreateTupleDescCopyConstr((*relation).rd_att);
                    (copy, std::ptr::null_mut(), Generated::new(relation, copy))
                } else {
                    let opened = pg_sys::table_open(root, lock);
                    let copy = pg_sys::CreateTupleDescCopyConstr((*opened).rd_att);
                    let generated = Generated::new(opened, copy);
                    let leaf = pg_sys::CreateTupleDescCopyConstr((*relation).rd_att);
                    pg_sys::table_close(opened, lock);
                    (copy, pg_sys::convert_tuples_by_name(leaf, copy), generated)
                }
            });
            let keys = crate::pg::catalog::keys::key_columns(root);
            let attributes = (0..(*descriptor).natts as usize)
                .map(|i| {
                    let attribute = crate::pg::sys::attributes::attribute(descriptor, i);
                    Attribute {
                        by_value: attribute.attbyval,
                        length: attribute.attlen,
                        is_key: keys.contains(&attribute.attnum),
                    }
                })
                .collect();
            ImageBuilder {
                _memory: memory,
                descriptor,
                map,
                generated,
                attributes,
                buffers: RefCell::default(),
            }
        }
    }

    /// The attributes, in the order of their numbers, from 1 on without gaps.
    pub fn columns(&self) -> Vec<Column> {
        (0..self.attributes.len())
            // SAFETY: the descriptor is the builder's own copy.
            .map(|i| unsafe { crate::pg::sys::attributes::attribute(self.descriptor, i) })
            .map(|attribute| Column {
                name: if attribute.attisdropped {
                    String::new()
                } else {
                    crate::pg::name(&attribute.attname)
                },
                type_oid: attribute.atttypid,
                typmod: attribute.atttypmod,
                length: attribute.attlen,
                alignment: attribute.attalign as u8,
                by_value: attribute.attbyval,
            })
            .collect()
    }

    /// Attribute numbers of the key that identifies rows; empty if the root has no key.
    pub fn key(&self) -> Vec<i16> {
        let numbered = (1i16..).zip(&self.attributes);
        numbered
            .filter(|(_, attribute)| attribute.is_key)
            .map(|(number, _)| number)
            .collect()
    }

    /// The row as a row of the root, and the columns whose values are missing.
    #[inline(always)]
    fn root_row(&self, row: StoredRow) -> (pg_sys::HeapTuple, Option<ColumnSet>) {
        let tuple = if self.map.is_null() {
            row.tuple
        } else {
            // SAFETY: the row is one of the map's input type.
            unsafe { pg_sys::execute_attr_map_tuple(row.tuple, self.map) }
        };
        match &self.generated {
            None => (tuple, None),
            Some(generated) => {
                // SAFETY: the row is one of the root's.
                let filled = unsafe { generated.fill(tuple) };
                let failed = (!filled.failed.is_empty()).then(|| {
                    let mut columns = ColumnSet::none(self.attributes.len());
                    filled.failed.iter().for_each(|place| columns.add(*place));
                    columns
                });
                (filled.tuple, failed)
            }
        }
    }

    /// The values of a row as the root has it, by attribute number less one; they point into the row, into what is kept of
    /// columns that were added with a default, or into the arena.
    pub fn decode<'a>(&'a self, row: StoredRow<'a>, arena: Arena<'a>) -> Decoded<'a> {
        let (mut values, mut nulls) = (Vec::new(), Vec::new());
        let (tuple, failed) = arena.within(|| self.root_row(row));
        // SAFETY: a stored row of the builder's descriptor; what the values point to lives as long as 'a.
        let mut decoded = unsafe {
            self.deform(tuple, &mut values, &mut nulls);
            Decoded::whole(values, nulls)
        };
        if let Some(columns) = failed {
            columns.places().for_each(|place| decoded.leave_out(place));
        }
        decoded
    }

    /// The image of a row. Values that would make it larger than `limit` bytes are left out, the largest first, but
    /// never those of the key.
    #[inline(always)]
    pub fn image<'c>(&self, call: &Call<'c>, row: StoredRow<'c>, limit: usize) -> Captured<'c> {
        debug_assert!(call.arena().is_current());
        let (tuple, failed) = self.root_row(row);
        // SAFETY: the tuple is a stored row of the builder's descriptor, with at most as many attributes; what is missing
        // at its end is filled in by deforming it.
        unsafe {
            let header = (*tuple).t_data;
            let external = (*header).t_infomask & pg_sys::HEAP_HASEXTERNAL as u16 != 0;
            let stored = ((*header).t_infomask2 & pg_sys::HEAP_NATTS_MASK as u16) as usize;
            if !external && stored == self.attributes.len() && (*tuple).t_len as usize <= limit {
                return Captured {
                    image: Image::of(tuple),
                    absent: failed,
                };
            }
            let mut buffers = self.buffers.borrow_mut();
            let (values, nulls) = &mut buffers.new;
            self.deform(tuple, values, nulls);
            self.form(values, nulls, limit).without(failed)
        }
    }

    /// The columns that an UPDATE changed, found by comparing the stored bytes. An unchanged value keeps its TOAST
    /// pointer, so nothing is fetched for the comparison.
    pub fn difference<'c>(
        &self,
        call: &Call<'c>,
        [old, new]: [StoredRow<'c>; 2],
        limit: usize,
    ) -> Difference<'c> {
        debug_assert!(call.arena().is_current());
        let ((old, failed), (new, _)) = (self.root_row(old), self.root_row(new));
        let mut buffers = self.buffers.borrow_mut();
        let Buffers {
            new: new_buffer,
            old: old_buffer,
        } = &mut *buffers;
        // SAFETY: both are stored rows of the builder's descriptor; the deformed values point into them.
        unsafe {
            self.deform(new, &mut new_buffer.0, &mut new_buffer.1);
            self.deform(old, &mut old_buffer.0, &mut old_buffer.1);
        }
        let mut changed = ColumnSet::none(self.attributes.len());
        let mut any = false;
        for (i, attribute) in self.attributes.iter().enumerate() {
            let (old_null, new_null) = (old_buffer.1[i], new_buffer.1[i]);
            // SAFETY: both values are of this attribute's type.
            let same = old_null == new_null
                && (old_null || unsafe { attribute.same(old_buffer.0[i], new_buffer.0[i]) });
            if same {
                old_buffer.1[i] = true;
            } else {
                changed.add(i);
                any = true;
            }
        }
        // SAFETY: the arrays hold one value per attribute, the unchanged ones NULL.
        let old = any.then(|| unsafe { self.form(&mut old_buffer.0, &mut old_buffer.1, limit) });
        let old = old.map(|old| old.without(failed));
        Difference { changed, old }
    }

    /// # Safety
    /// `tuple` is a stored row of the descriptor.
    unsafe fn deform(
        &self,
        tuple: pg_sys::HeapTuple,
        values: &mut Vec<pg_sys::Datum>,
        nulls: &mut Vec<bool>,
    ) {
        values.resize(self.attributes.len(), pg_sys::Datum::null());
        nulls.resize(self.attributes.len(), true);
        // SAFETY: the arrays have room for every attribute.
        unsafe {
            pg_sys::heap_deform_tuple(
                tuple,
                self.descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            )
        }
    }

    /// # Safety
    /// The arrays hold a value of each attribute's type, or NULL. The current memory context lives as long as `'c`.
    unsafe fn form<'c>(
        &self,
        values: &mut [pg_sys::Datum],
        nulls: &mut [bool],
        limit: usize,
    ) -> Captured<'c> {
        // SAFETY: as promised; sizes are read from TOAST pointers and headers, so that nothing large is fetched before
        // it is known to fit.
        unsafe {
            let absent = leave_out(&self.attributes, values, nulls, limit);
            let mut tuple =
                pg_sys::heap_form_tuple(self.descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            if (*(*tuple).t_data).t_infomask & pg_sys::HEAP_HASEXTERNAL as u16 != 0 {
                // A compressed value stays compressed: unpacking it would help neither the writer nor the log.
                tuple = pg_guard_ffi_boundary(|| raw::toast_flatten_tuple(tuple, self.descriptor));
            }
            Captured {
                image: Image::of(tuple),
                absent,
            }
        }
    }
}
