//! The stored form of an entry: a heap tuple laid out by hand, so that an image is copied only once, from the row to
//! its final place.
//!
//! heap_form_tuple (heaptuple.c) would make the same tuple from a copy of the row, with one difference: columns after
//! the last one that has a value are left out here. Postgres takes them for NULL, and most entries need no bitmap of
//! NULLs.

use crate::pg::image::format::Image;
use crate::pg::sys::raw;
use crate::timestamp::Timestamp;
use pgrx::pg_sys;

/// The entry to append.
pub struct NewEntry<'a> {
    pub position: u64,
    pub xid: u64,
    pub changed_at: Timestamp,
    pub layout: i64,
    pub relation: pg_sys::Oid,
    pub operation: u8,
    pub image: Option<Image<'a>>,
    pub old: Option<Image<'a>>,
    pub marks: Option<&'a [u8]>,
    /// Whether it goes into the index of first entries.
    pub first: bool,
    /// Whether it goes into the index of the entries that `log_status` counts.
    pub remarkable: bool,
}

/// Columns of a segment (`sql/20_log.sql`): six of fixed size that every entry has, then image, old and marks.
pub const COLUMNS: usize = 9;
const FIXED_COLUMNS: usize = 6;
/// Size of the first six columns, which need no padding in between.
const FIXED: usize = 8 + 8 + 8 + 8 + 4 + 1;
/// Size of the header in front of the columns, without and with a bitmap of NULLs: SizeofHeapTupleHeader is 23, and the
/// bitmap of up to nine columns needs two bytes; MAXALIGN rounds the sums up.
const HEADER: usize = 24;
const HEADER_WITH_NULLS: usize = 32;
/// Offset of the bitmap.
const BITMAP: usize = 23;
const TUPLE: usize = std::mem::size_of::<pg_sys::HeapTupleData>().next_multiple_of(8);

/// A varlena of the entry: its offset from the first column, and its size with its header.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    size: usize,
    short: bool,
}

impl Place {
    /// The place of `bytes` after `end`. Short values have a header of one byte and no padding (VARATT_SHORT_MAX,
    /// postgres.h).
    fn behind(end: usize, bytes: usize) -> Place {
        let short = bytes < 0x7f;
        Place {
            at: if short { end } else { end.next_multiple_of(4) },
            size: bytes + if short { 1 } else { 4 },
            short,
        }
    }

    fn end(&self) -> usize {
        self.at + self.size
    }

    /// Writes zeroes between what ends there and the place.
    ///
    /// # Safety
    /// `columns` is where the first column is, with room for the place.
    unsafe fn pad(&self, columns: *mut u8, end: usize) {
        if self.at != end {
            // SAFETY: at most three bytes of padding; a value behind padding has a header of four bytes.
            unsafe { columns.add(end).cast::<[u8; 4]>().write([0; 4]) }
        }
    }

    /// Writes the header and returns where to write the bytes.
    ///
    /// # Safety
    /// `columns` is where the first column is, with room for the place.
    unsafe fn start(&self, columns: *mut u8) -> *mut u8 {
        // SAFETY: as promised.
        unsafe {
            let varlena = columns.add(self.at);
            if self.short {
                pgrx::set_varsize_short(varlena.cast(), self.size as i32);
                varlena.add(1)
            } else {
                pgrx::set_varsize_4b(varlena.cast(), self.size as i32);
                varlena.add(4)
            }
        }
    }
}

/// Makes the tuple of an entry in the current memory context. It is one allocation.
///
/// # Safety
/// Called within a guard, see [`raw`]; the entry's rows are valid.
pub unsafe fn form(entry: &NewEntry) -> pg_sys::HeapTuple {
    let sizes = [
        entry.image.as_ref().map(Image::stored_bytes),
        entry.old.as_ref().map(Image::stored_bytes),
        entry.marks.map(<[u8]>::len),
    ];
    let mut places = [None; 3];
    let mut end = FIXED;
    let (mut columns, mut present) = (FIXED_COLUMNS, FIXED_COLUMNS);
    for (i, (size, place)) in sizes.iter().zip(&mut places).enumerate() {
        if let Some(bytes) = size {
            let here = Place::behind(end, *bytes);
            end = here.end();
            *place = Some(here);
            columns = FIXED_COLUMNS + i + 1;
            present += 1;
        }
    }
    let nulls = present < columns;
    let header = if nulls { HEADER_WITH_NULLS } else { HEADER };
    // SAFETY: everything that is written lies within the allocation: the struct, the header, the columns up to `end`.
    unsafe {
        let memory = raw::palloc(TUPLE + header + end).cast::<u8>();
        let tuple = memory.cast::<pg_sys::HeapTupleData>();
        let data = memory.add(TUPLE);
        // The longer one, so that the length is known here; the columns come over what is too much.
        data.write_bytes(0, HEADER_WITH_NULLS);
        tuple.write(pg_sys::HeapTupleData {
            t_len: (header + end) as u32,
            t_data: data.cast(),
            ..Default::default()
        });
        let stored = &mut *(*tuple).t_data;
        stored.t_hoff = header as u8;
        stored.t_infomask2 = columns as u16;
        stored.t_infomask = pg_sys::HEAP_HASVARWIDTH as u16;
        if nulls {
            stored.t_infomask |= pg_sys::HEAP_HASNULL as u16;
            let mut bits = (1u16 << FIXED_COLUMNS) - 1;
            for (i, place) in places.iter().enumerate() {
                bits |= u16::from(place.is_some()) << (FIXED_COLUMNS + i);
            }
            data.add(BITMAP).cast::<[u8; 2]>().write(bits.to_le_bytes());
        }
        let at = data.add(header);
        at.cast::<u64>().write(entry.position);
        at.add(8).cast::<u64>().write(entry.xid);
        at.add(16).cast::<i64>().write(entry.changed_at.micros());
        at.add(24).cast::<i64>().write(entry.layout);
        at.add(32).cast::<pg_sys::Oid>().write(entry.relation);
        at.add(36).write(entry.operation);
        let mut end = FIXED;
        for (image, place) in [&entry.image, &entry.old].into_iter().zip(&places) {
            if let (Some(image), Some(place)) = (image, place) {
                place.pad(at, end);
                image.store(place.start(at));
                end = place.end();
            }
        }
        if let (Some(marks), Some(place)) = (entry.marks, places[2]) {
            place.pad(at, end);
            place
                .start(at)
                .copy_from_nonoverlapping(marks.as_ptr(), marks.len());
        }
        tuple
    }
}
