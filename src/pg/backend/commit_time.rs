//! Commit times of transactions, if the server keeps them.

use super::subtransaction::attempt;
use crate::timestamp::Timestamp;
use pgrx::pg_sys;

/// Whether the server keeps commit times. On a standby the primary's setting decides, and only the error on asking
/// shows it (commit_ts.c, error_commit_ts_disabled).
pub fn are_kept() -> bool {
    // SAFETY: reads a setting, and shared state.
    let (wanted, recovering) =
        unsafe { (pg_sys::track_commit_timestamp, pg_sys::RecoveryInProgress()) };
    let ask = || {
        let (mut at, nothing) = (0, std::ptr::null_mut());
        // SAFETY: fills the time; the origin is not asked for. What it raises while it holds a lightweight lock is caught
        // by a subtransaction, which lets go of that.
        unsafe { pg_sys::GetLatestCommitTsData(&mut at, nothing) };
        Ok(())
    };
    wanted && (!recovering || attempt(ask).is_ok())
}

/// When a transaction committed; `None` if that is no longer known. Call it only where commit times are kept.
pub fn of(xid: u64) -> Option<Timestamp> {
    let mut at: pg_sys::TimestampTz = 0;
    let xid = pg_sys::TransactionId::from(xid as u32);
    // SAFETY: fills the time; an id that is no longer kept is answered with false.
    let known = unsafe { pg_sys::TransactionIdGetCommitTsData(xid, &mut at, std::ptr::null_mut()) };
    known.then(|| Timestamp::from_micros(at))
}
