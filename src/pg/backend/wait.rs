//! Waiting without holding anything: short sleeps and fresh snapshots.

use pgrx::pg_sys;

/// How many transactions have completed since the server started, as counted for snapshots.
pub fn completed_transactions() -> u64 {
    crate::pg::sys::compat::completed_transactions()
}

/// Sleeps for this long, or less when the session is woken. Raises the error of a cancelled query or a timeout.
pub fn nap(milliseconds: i64) {
    // SAFETY: waits for this process's own latch, then does what a waiting backend owes: reset it, look for interrupts.
    unsafe {
        let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as i32,
            milliseconds as std::ffi::c_long,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    pgrx::check_for_interrupts!();
}

/// Ends the statement if it was cancelled, or if the session is to end.
pub fn check_interrupts() {
    pgrx::check_for_interrupts!();
}

/// Runs a closure under a fresh snapshot, whatever the transaction's isolation level.
pub fn with_latest_snapshot<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: pushed and popped in pairs; an error drops the whole stack of the (sub)transaction.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        let result = body();
        pg_sys::PopActiveSnapshot();
        result
    }
}
