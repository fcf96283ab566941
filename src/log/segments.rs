//! The log's segments, as this session knows them until another one announces a change.

use super::state::{missing, table_name, State, SEGMENTS};
use crate::error::Result;
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::storage::heap;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::View;
use crate::pg::storage::segment::SegmentOids;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The segment to write.
#[derive(Debug)]
pub struct Current {
    pub number: u16,
    pub place: SegmentOids,
    /// Counts how often this session has read the state. While a session that holds the segment sees the same number,
    /// it knows of no segment that was switched, sealed or emptied.
    pub loaded: u64,
}

struct Known {
    fresh: Fresh,
    current: Rc<Current>,
    segments: Vec<SegmentOids>,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    static LOADED: Cell<u64> = const { Cell::new(0) };
}

/// The segment to write. It is read again only after a session has announced a change. Errors: as [`State::read`].
#[inline(always)]
pub fn current_segment() -> Result<Rc<Current>> {
    let known = KNOWN.with_borrow(|known| {
        known
            .as_ref()
            .filter(|known| known.fresh.get())
            .map(|known| known.current.clone())
    });
    match known {
        Some(known) => Ok(known),
        None => load(),
    }
}

/// The tables and indexes of every segment, in the order of their numbers. Errors: 42P01 when the extension has just
/// been dropped; 55000 when its tables do not match the library.
pub fn segments() -> Result<Vec<SegmentOids>> {
    current_segment()?;
    Ok(KNOWN.with_borrow(|known| {
        known
            .as_ref()
            .map(|known| known.segments.clone())
            .unwrap_or_default()
    }))
}

fn load() -> Result<Rc<Current>> {
    let table = Table::open_member("log_state", Lock::AccessShare)?;
    let tables = (0..SEGMENTS)
        .map(|segment| heap::member_oid(&table_name(segment)).ok_or_else(missing))
        .collect::<Result<Vec<_>>>()?;
    let fresh = invalidation::watch(table.oid());
    let state = State::of(&table.rows(View::Latest))?;
    let segments = tables
        .into_iter()
        .map(|table| SegmentOids::find(table, &fresh))
        .collect::<Result<Vec<_>>>()?;
    let number = state.current;
    LOADED.set(LOADED.get() + 1);
    let current = Rc::new(Current {
        number,
        place: segments[usize::from(number)].clone(),
        loaded: LOADED.get(),
    });
    KNOWN.set(Some(Known {
        fresh,
        current: current.clone(),
        segments,
    }));
    Ok(current)
}
