//! Positions in the write-ahead log: where an entry stands, where a reader has read to, what a crash cannot undo.

use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::cell::Cell;

/// Whether the server is a standby or recovering.
pub fn in_recovery() -> bool {
    // SAFETY: reads shared state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Where the next record would start; on a standby, where replay has come to.
pub fn current() -> u64 {
    // SAFETY: both read shared state; the first is asked outside recovery only.
    unsafe {
        if pg_sys::RecoveryInProgress() {
            pg_sys::GetXLogReplayRecPtr(std::ptr::null_mut())
        } else {
            pg_sys::GetXLogInsertRecPtr()
        }
    }
}

/// The timeline that [`current`] is on.
pub fn timeline() -> u32 {
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

/// Whether what had been written before `position` on timeline `of` is part of this server's history.
pub fn is_in_history(of: u32, position: u64) -> bool {
    let now = timeline();
    of == now || (of < now && timeline_of(position.saturating_sub(1), now) == Some(of))
}

/// The timeline that a position belongs to in the history of `timeline`; `None` for one that never was or that the
/// history does not reach.
fn timeline_of(position: u64, timeline: u32) -> Option<u32> {
    // SAFETY: the history is read from the WAL directory into the current memory context; a timeline without a file is
    // its own history. tliOfPointInHistory covers every position (its last entry is open-ended).
    unsafe {
        let history = pg_guard_ffi_boundary(|| raw::readTimeLineHistory(timeline));
        Some(pg_guard_ffi_boundary(|| {
            raw::tliOfPointInHistory(position, history)
        }))
        .filter(|timeline| *timeline != 0)
    }
}

/// The cluster's system identifier.
pub fn system_identifier() -> u64 {
    // SAFETY: reads the control file's copy in shared memory.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// Makes everything before `lsn` durable. A standby has received only what its primary had flushed.
pub fn flush(lsn: u64) {
    if in_recovery() {
        return;
    }
    // SAFETY: reads a setting that is fixed when the cluster is made.
    let segment = unsafe { pg_sys::wal_segment_size } as u64;
    let lsn = end_of_inserted(lsn, segment);
    // SAFETY: reads shared state, then flushes up to a position that was inserted.
    unsafe {
        if lsn > pg_sys::GetFlushRecPtr(std::ptr::null_mut()) {
            pg_sys::XLogFlush(lsn);
        }
    }
}

/// Where what lies before a record's start ends: a record that would start right behind a page's header has the page's
/// beginning there, since the header is only written along with it, and cannot be flushed before
/// (xlog.c, XLogBytePosToRecPtr against XLogBytePosToEndRecPtr).
fn end_of_inserted(lsn: u64, segment: u64) -> u64 {
    let offset = lsn % pg_sys::XLOG_BLCKSZ as u64;
    let header = if (lsn - offset).is_multiple_of(segment) {
        std::mem::size_of::<pg_sys::XLogLongPageHeaderData>()
    } else {
        std::mem::size_of::<pg_sys::XLogPageHeaderData>()
    };
    if offset <= header as u64 {
        lsn - offset
    } else {
        lsn
    }
}

/// A position for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub at: u64,
    /// Whether it is within a record of the entry's own: the transaction has begun to write before the numbers in front
    /// of it, too.
    pub within_own: bool,
}

/// Where an entry's own record, empty but for a header and one byte, has its position: behind seven numbers that are
/// its own, and in front of at least as many.
const WITHIN: u64 = 8;

/// The position of an entry that is about to be appended for a change of a relation.
///
/// The start of this session's last WAL record: later than the row's change, hence later than any change of the same row
/// by transactions that ended before; and earlier than the entry's commit. A change that wrote no record after its
/// transaction got an id (`wal_written` false: a temporary or unlogged relation, or one made in this transaction under
/// wal_level = minimal) gets an empty record, else its position could lie before that of a cursor that does not know the
/// transaction. So does an entry whose predecessor wrote none, or the two would share a position: under wal_level =
/// minimal an append to a segment whose files this transaction has made, by CREATE EXTENSION.
pub fn entry_position(wal_written: bool) -> Position {
    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    // SAFETY: the transaction has an id, since it has changed a row; the record has one byte of data and no effect.
    unsafe {
        let within_own = !wal_written || pg_sys::ProcLastRecPtr <= LAST.get();
        if within_own {
            pg_sys::GetTopTransactionId();
            let mut nothing = 0u8;
            pg_sys::XLogBeginInsert();
            pg_sys::XLogRegisterData((&raw mut nothing).cast(), 1);
            pg_sys::XLogInsert(pg_sys::RmgrIds::RM_XLOG_ID as u8, pg_sys::XLOG_NOOP as u8);
        }
        LAST.set(pg_sys::ProcLastRecPtr);
        Position {
            at: pg_sys::ProcLastRecPtr + if within_own { WITHIN } else { 0 },
            within_own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::end_of_inserted;

    #[test]
    fn a_page_header_is_not_flushed_before_its_first_record() {
        let segment = 16 * 1024 * 1024;
        assert_eq!(end_of_inserted(segment + 40, segment), segment);
        assert_eq!(
            end_of_inserted(segment + 8192 + 24, segment),
            segment + 8192
        );
        assert_eq!(
            end_of_inserted(segment + 8192 + 32, segment),
            segment + 8192 + 32
        );
        assert_eq!(end_of_inserted(segment + 8192, segment), segment + 8192);
        assert_eq!(end_of_inserted(segment + 104, segment), segment + 104);
    }
}
