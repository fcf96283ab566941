//! The janitor's process, which starts when it is needed and ends when its work is done.

use super::mailbox::{Failure, Mailbox, Outcome};
use crate::error::{self, report, Error, ErrorReport};
use crate::pg::sys::compat::TIMEOUTS_OFF;
use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::prelude::*;
use pgrx::{pg_sys, IntoDatum, PgTryBuilder};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

/// The function that a janitor runs. Gets the log of a waiting `prune()`, if that started it.
type Work = fn(Option<pg_sys::Oid>) -> Outcome;

static WORK: OnceLock<Work> = OnceLock::new();

/// Sets the function that a janitor runs. Called when the library is loaded, which the janitor's process does first.
pub fn set_work(work: Work) {
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

fn builder() -> BackgroundWorkerBuilder {
    BackgroundWorkerBuilder::new("pgrealtime janitor")
        .set_type("pgrealtime janitor")
        .set_library("pgrealtime")
        .set_function("pgrealtime_janitor")
        .set_argument(crate::pg::database().into_datum())
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .enable_spi_access()
        .set_restart_time(None)
}

thread_local! {
    /// The last janitor that this session started without waiting for it.
    static STARTED: Cell<*mut pg_sys::BackgroundWorkerHandle> = const { Cell::new(std::ptr::null_mut()) };
}

/// Starts a janitor for this database; false when no worker slot is free.
pub fn start_janitor() -> bool {
    let mut worker = pg_sys::BackgroundWorker::from(&builder());
    let mut handle = std::ptr::null_mut();
    // SAFETY: both are filled; the handles are allocated for the session's life, and the last one is not used again.
    unsafe {
        let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
        pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle);
        pg_sys::MemoryContextSwitchTo(before);
        let last = STARTED.replace(handle);
        if !last.is_null() {
            pg_sys::pfree(last.cast());
        }
    }
    !handle.is_null()
}

/// Whether the janitor that this session started last has no process yet.
pub fn is_starting() -> bool {
    let (handle, mut pid) = (STARTED.get(), 0);
    // SAFETY: the handle is one of the server's, also when the worker has ended.
    !handle.is_null()
        && unsafe { pg_sys::GetBackgroundWorkerPid(handle, &mut pid) }
            == pg_sys::BgwHandleStatus::BGWH_NOT_YET_STARTED
}

/// Runs a janitor on a log and waits for it. Cancelling the query also ends the janitor. Sessions that call this at the
/// same time take turns on a lock of Postgres, so `lock_timeout` and deadlock detection apply. Errors: 53000 when no
/// worker slot is free; 55000 when the janitor ended before it was done.
pub fn run_janitor(log: pg_sys::Oid) -> error::Result<Outcome> {
    let turn = pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: a lock on the object, which those on the relation have nothing to do with; an error gives it back.
    unsafe { pg_sys::LockDatabaseObject(pg_sys::RelationRelationId, log, 0, turn) }
    let mailbox = Mailbox::create();
    let handle = register(&mailbox, log)?;
    // SAFETY: the handle is of a worker that notifies this process.
    unsafe {
        PgTryBuilder::new(AssertUnwindSafe(|| {
            pg_sys::WaitForBackgroundWorkerShutdown(handle);
        }))
        .catch_others(|error| {
            pg_sys::TerminateBackgroundWorker(handle);
            error.rethrow()
        })
        .execute();
    }
    let outcome = mailbox.take();
    // SAFETY: taken above.
    unsafe { pg_sys::UnlockDatabaseObject(pg_sys::RelationRelationId, log, 0, turn) }
    outcome.ok_or_else(|| {
        Error::object_not_in_prerequisite_state(
            report("the change log was not pruned")
                .detail("The background worker ended before it was done.")
                .hint("See the server's log for the reason."),
        )
    })
}

fn register(
    mailbox: &Mailbox,
    log: pg_sys::Oid,
) -> error::Result<*mut pg_sys::BackgroundWorkerHandle> {
    // SAFETY: reads process state.
    let here = unsafe { pg_sys::MyProcPid };
    let builder = builder()
        .set_extra(&format!("{} {}", mailbox.handle(), log.to_u32()))
        .set_notify_pid(here);
    let mut worker = pg_sys::BackgroundWorker::from(&builder);
    let mut handle = std::ptr::null_mut();
    // SAFETY: both are filled; the handle is allocated in the current memory context.
    if unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle) } {
        return Ok(handle);
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_RESOURCES,
        report("no background worker is free to prune the change log")
            .hint("Try again later, or raise max_worker_processes."),
    ))
}

/// Runs a step in a transaction of its own. Errors: those of the step, which roll it back.
pub fn in_transaction<T>(step: impl FnOnce() -> error::Result<T>) -> Result<T, Failure> {
    wait_for_locks(PATIENCE);
    // SAFETY: the worker is connected and outside a transaction; the snapshot is popped, or dropped by the abort.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    // Nothing of a failed step is used afterwards.
    let result = PgTryBuilder::new(AssertUnwindSafe(|| match step() {
        Ok(done) => Ok(done),
        Err(error) => {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            unreachable!("an error was reported")
        }
    }))
    .catch_others(|error| {
        let (code, message) = super::sqlstate::parts_of(&error);
        Err(Failure { code, message })
    })
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

/// Settings that must not be overridden for a janitor by the database, its roles or the server. It waits only briefly
/// for locks, so that a session that waits for a janitor cannot deadlock with it. Its commits do not wait for a
/// synchronous standby, since they hold locks, and a lost step of the janitor is simply repeated.
const PINNED: &[(&CStr, &CStr)] = &[
    (c"search_path", c""),
    (c"default_transaction_isolation", c"read committed"),
    (c"default_transaction_read_only", c"off"),
    (c"default_transaction_deferrable", c"off"),
    (c"synchronous_commit", c"local"),
];

/// Milliseconds that a janitor waits for a lock by default.
pub const PATIENCE: u32 = 500;

/// Sets how long this process, a janitor's, waits for a lock, until the end of its step.
pub fn wait_for_locks(milliseconds: u32) {
    let text = CString::new(milliseconds.to_string()).unwrap_or_default();
    set(c"lock_timeout", &text);
}

fn set(name: &CStr, value: &CStr) {
    let (context, source) = (
        pg_sys::GucContext::PGC_SUSET,
        pg_sys::GucSource::PGC_S_OVERRIDE,
    );
    // SAFETY: both end with a NUL and are copied.
    unsafe { pg_sys::SetConfigOption(name.as_ptr(), value.as_ptr(), context, source) }
}

/// The process's entry point. The server finds it by name in the library, so it is unmangled and defined here.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgrealtime_janitor(database: pg_sys::Datum) {
    crate::pg::sys::compat::end_by_interrupt();
    // SAFETY: what every worker does first, in this order.
    unsafe { pg_sys::BackgroundWorkerUnblockSignals() };
    let order = BackgroundWorker::get_extra()
        .split_once(' ')
        .and_then(|(mailbox, log)| Some((mailbox.parse().ok()?, log.parse::<u32>().ok()?)));
    let mailbox = match order {
        None => None,
        Some((handle, _)) => match Mailbox::attach(handle) {
            None => return,
            attached => attached,
        },
    };
    // SAFETY: the settings are set before the connection, over what it brings along (autovacuum.c does the same). It has
    // the bootstrap superuser's rights, which it uses on the extension's own tables alone.
    let pinned = PINNED.iter().chain(TIMEOUTS_OFF);
    pinned.for_each(|(name, value)| set(name, value));
    wait_for_locks(PATIENCE);
    unsafe {
        let database = pg_sys::Oid::from(database.value() as u32);
        pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0);
    }
    if let Some(work) = WORK.get() {
        let outcome = work(order.map(|(_, log)| pg_sys::Oid::from(log)));
        if let Some(mailbox) = mailbox {
            mailbox.put(&outcome);
        }
    }
}
