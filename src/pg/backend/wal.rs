//! Positions in the write-ahead log: of entries, of readers, and of the durable end.

use pgrx::pg_sys;
use std::cell::Cell;

/// Whether the server is a standby or recovering.
pub fn in_recovery() -> bool {
    // SAFETY: reads shared state.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// The end of what is written: the position of the next record, or of the page header in front of it. On a standby, the
/// replay position.
pub fn current() -> u64 {
    // SAFETY: both read shared state; the first is asked outside recovery only.
    unsafe {
        if pg_sys::RecoveryInProgress() {
            pg_sys::GetXLogReplayRecPtr(std::ptr::null_mut())
        } else {
            // A standby that has replayed all of it is at the end of what was inserted.
            end_of_inserted(pg_sys::GetXLogInsertRecPtr(), segment_size())
        }
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
    let lsn = end_of_inserted(lsn, segment_size());
    // SAFETY: reads shared state, then flushes up to a position that was inserted.
    unsafe {
        if lsn > pg_sys::GetFlushRecPtr(std::ptr::null_mut()) {
            pg_sys::XLogFlush(lsn);
        }
    }
}

fn segment_size() -> u64 {
    // SAFETY: reads a setting that is fixed when the cluster is made.
    unsafe { pg_sys::wal_segment_size as u64 }
}

/// The end of the WAL before a record's start. The start of a record can be right after a page header, which is written
/// only with the record and cannot be flushed earlier. The WAL before it then ends at the start of the page (xlog.c,
/// XLogBytePosToRecPtr against XLogBytePosToEndRecPtr).
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
    /// Whether the position is inside a record that was written for this entry. Then the transaction has also begun to
    /// write before the positions in front of it.
    pub within_own: bool,
}

/// The offset of an entry's position in its own record, which holds only a header and one byte. Seven free positions
/// are in front of it, and at least as many behind it.
const WITHIN: u64 = 8;

/// The position of an entry that is about to be appended for a change of a relation.
///
/// It is the start of this session's last WAL record. That is later than the row's change, and so later than any change
/// of the same row by transactions that ended before; and it is earlier than the entry's commit. A change may write no
/// record after its transaction got an id (`wal_written` is false: a temporary or unlogged relation, or one created in
/// this transaction under wal_level = minimal). It gets an empty record: otherwise its position could be before that of
/// a cursor that does not know the transaction. An entry whose predecessor wrote no record gets one too, or the two
/// would share a position. That happens under wal_level = minimal when the segment's files were made in this
/// transaction, by CREATE EXTENSION.
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
