//! The janitor's process: started when it is needed, gone when it is done.

use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::prelude::*;
use pgrx::{pg_sys, IntoDatum, PgTryBuilder};
use std::sync::OnceLock;

static WORK: OnceLock<fn()> = OnceLock::new();

/// Says what a janitor does; called when the library is loaded, which the janitor's process does first.
pub fn set_work(work: fn()) {
    WORK.get_or_init(|| work);
}

/// Whether this process may start a worker that writes.
pub fn may_start() -> bool {
    // SAFETY: reads process and shared state.
    unsafe {
        !pg_sys::RecoveryInProgress()
            && !pg_sys::IsBinaryUpgrade
            && !pg_sys::IsInParallelMode()
            && pg_sys::IsUnderPostmaster
    }
}

/// Asks the postmaster for a janitor of this database; false when no worker slot is free.
pub fn start_janitor() -> bool {
    BackgroundWorkerBuilder::new("pgrealtime janitor")
        .set_type("pgrealtime janitor")
        .set_library("pgrealtime")
        .set_function("pgrealtime_janitor")
        .set_argument(super::database().into_datum())
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .enable_spi_access()
        .set_restart_time(None)
        .load_dynamic()
        .is_ok()
}

/// Runs a step in a transaction of its own; an error rolls it back and comes back as its message.
pub fn in_transaction<T>(step: impl FnOnce() -> T + std::panic::UnwindSafe) -> Result<T, String> {
    // SAFETY: the worker is connected and outside a transaction; the snapshot is popped, or dropped by the abort.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    let result = PgTryBuilder::new(move || Ok(step()))
        .catch_others(|error| Err(super::subtransaction::message_of(&error)))
        .execute();
    // SAFETY: as above.
    unsafe {
        if result.is_ok() {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        } else {
            pg_sys::AbortCurrentTransaction();
        }
    }
    result
}

/// The process's entry point. It is found by name in the library, hence unmangled and here.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgrealtime_janitor(database: pg_sys::Datum) {
    // SAFETY: what every worker does first; SIGTERM keeps Postgres's own handler, which ends the process; the connection has the bootstrap superuser's rights, which it uses on the
    // extension's own tables alone.
    unsafe {
        pg_sys::BackgroundWorkerUnblockSignals();
        let database = pg_sys::Oid::from(database.value() as u32);
        pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0);
    }
    if let Some(work) = WORK.get() {
        work();
    }
}
