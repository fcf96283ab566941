//! Turns images back into rows, using the attributes of their layout.

use super::format::{Column, Image};
use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use pgrx::pg_sys;

/// Decodes images of one layout.
pub struct Decoder {
    descriptor: pg_sys::TupleDesc,
    attributes: usize,
    _memory: Memory,
}

impl Decoder {
    /// A decoder for the attributes of a layout. Their types may have been dropped.
    pub fn new(columns: &[Column]) -> Decoder {
        let memory = Memory::new();
        // SAFETY: the descriptor lives as long as `memory` and is filled completely, as far as heap_deform_tuple looks:
        // lengths, alignments, passing.
        let descriptor = memory.within(|| unsafe {
            let descriptor = pg_sys::CreateTemplateTupleDesc(columns.len() as i32);
            for (i, column) in columns.iter().enumerate() {
                crate::pg::sys::attributes::set_attribute(descriptor, i, column.storage());
            }
            descriptor
        });
        Decoder {
            descriptor,
            attributes: columns.len(),
            _memory: memory,
        }
    }

    /// The values of an image; they point into it.
    pub fn decode<'a>(&self, image: Image<'a>) -> Decoded<'a> {
        let mut values = vec![pg_sys::Datum::null(); self.attributes];
        let mut nulls = vec![true; self.attributes];
        // SAFETY: an image is a row that was formed with this layout's attributes, detoasted and aligned; the
        // descriptor has no values of its own for attributes that are missing.
        unsafe {
            let mut tuple = pg_sys::HeapTupleData {
                t_len: image.length as u32,
                t_data: image.header,
                ..Default::default()
            };
            pg_sys::heap_deform_tuple(
                &mut tuple,
                self.descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            Decoded::whole(values, nulls)
        }
    }
}
