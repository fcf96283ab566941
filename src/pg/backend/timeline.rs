//! Timelines: the one that the server is on, and whether a position on another one is in its history.

use super::wal;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::cell::RefCell;

/// A timeline. Its number alone names none: two standbys that are promoted one after the other, and two restores of one
/// backup, take the same one where they do not know of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeline {
    pub number: u32,
    /// The position where it began; 0 for a cluster's first one.
    pub began: u64,
}

/// A timeline in the history of another one, as far as it belongs to it.
#[derive(Clone, Copy)]
struct Era {
    timeline: Timeline,
    /// `None`: it has not ended.
    end: Option<u64>,
}

/// The timeline that [`wal::current`] is on.
pub fn current() -> Timeline {
    let number = number();
    let began = with_history(number, |eras| began(eras, number));
    Timeline { number, began }
}

/// Whether the WAL before `position` on timeline `of` is part of this server's history. A standby that has not come to where a
/// later timeline began may still follow to it.
pub fn is_in_history(of: Timeline, position: u64) -> bool {
    let now = number();
    if of.number > now && wal::in_recovery() {
        return wal::current() <= of.began;
    }
    let is_of = |era: &Era| era.timeline == of && era.end.is_none_or(|end| position <= end);
    with_history(now, |eras| eras.iter().any(is_of))
}

fn number() -> u32 {
    // SAFETY: reads shared state; the insertion timeline is asserted to be asked outside recovery.
    unsafe {
        if pg_sys::RecoveryInProgress() {
            let mut timeline: pg_sys::TimeLineID = 0;
            pg_sys::GetXLogReplayRecPtr(&mut timeline);
            timeline
        } else {
            pg_sys::GetWALInsertionTimeLine()
        }
    }
}

fn began(eras: &[Era], number: u32) -> u64 {
    let mut eras = eras.iter().map(|era| era.timeline);
    eras.find(|one| one.number == number)
        .map_or(0, |one| one.began)
}

/// The history of a timeline, read once in a session: it never changes.
fn with_history<T>(number: u32, look: impl FnOnce(&[Era]) -> T) -> T {
    thread_local! {
        static KNOWN: RefCell<(u32, Vec<Era>)> = const { RefCell::new((0, Vec::new())) };
    }
    if KNOWN.with_borrow(|known| known.0) != number {
        let eras = read(number);
        // A later timeline without its file: the file may still come.
        if number > 1 && eras.len() < 2 {
            return look(&eras);
        }
        KNOWN.set((number, eras));
    }
    KNOWN.with_borrow(|known| look(&known.1))
}

/// The history in the WAL directory; a timeline without a file is its own history.
fn read(number: u32) -> Vec<Era> {
    let era = |entry: &raw::TimeLineHistoryEntry| Era {
        timeline: Timeline {
            number: entry.tli,
            began: entry.begin,
        },
        end: (entry.end != 0).then_some(entry.end),
    };
    // SAFETY: the history is a list of entries in the current memory context; nothing in the guarded closure has a
    // destructor.
    unsafe {
        let history = pg_guard_ffi_boundary(|| raw::readTimeLineHistory(number));
        let entries = pgrx::PgList::<raw::TimeLineHistoryEntry>::from_pg(history);
        let entries = entries.iter_ptr().map(|entry| era(&*entry));
        entries.collect()
    }
}
