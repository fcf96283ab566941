//! Locks on users' relations: an error from a lock timeout names the relation. Also waits that lock_timeout does not end.

use crate::error::{report, Error, ErrorReport, SqlState};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, PgLogLevel, PgSqlErrorCode, PgTryBuilder};
use std::cell::Cell;
use std::ffi::{c_char, c_int, CStr};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// While this lives, lock_timeout does not apply to the session. For work that must not be skipped because of a timeout.
pub struct Patience(c_int);

impl Patience {
    pub fn new() -> Patience {
        // SAFETY: a backend has one thread; the variable is read when a wait begins (proc.c, ProcSleep).
        unsafe {
            let session = Patience(pg_sys::LockTimeout);
            pg_sys::LockTimeout = 0;
            session
        }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        // SAFETY: as above; an error comes by here, too.
        unsafe { pg_sys::LockTimeout = self.0 }
    }
}

/// How long a wait for a lock lasts in haste, in milliseconds.
const HURRY: c_int = 1;

/// Work that is done for many and that waits for locks: once one of its waits has lasted for lock_timeout, the others
/// end soon.
pub struct Haste {
    /// Before code of users could set it.
    session: c_int,
    is_on: Cell<bool>,
}

impl Haste {
    /// lock_timeout is put back when this is dropped.
    pub fn new() -> Haste {
        Haste {
            // SAFETY: a backend has one thread.
            session: unsafe { pg_sys::LockTimeout },
            is_on: Cell::new(false),
        }
    }

    /// Takes note of an error of work that began at this time. Not within the work's own settings: they are undone when it
    /// ends. Returns whether a wait for a lock has ended without it; an error that comes sooner was raised by code of users.
    pub fn note(&self, raised: SqlState, began: Instant) -> bool {
        let lasted = match self.is_on.get() {
            false => Duration::from_millis(self.session.max(0) as u64),
            true => Duration::ZERO,
        };
        let waits = self.session > 0;
        let has_waited = waits && raised == SqlState::of(b"55P03") && began.elapsed() >= lasted;
        if has_waited && self.session > HURRY {
            self.is_on.set(true);
            // SAFETY: as above; the variable is read when a wait begins (proc.c, ProcSleep).
            unsafe { pg_sys::LockTimeout = HURRY }
        }
        has_waited
    }
}

impl Drop for Haste {
    fn drop(&mut self) {
        // SAFETY: as above; an error comes by here, too.
        unsafe { pg_sys::LockTimeout = self.session }
    }
}

/// Locks a relation until the transaction ends, or until the lock is released. The caller must check afterwards whether
/// the relation exists. Postgres's own error for a lock timeout does not say what it waited for.
pub(in crate::pg) fn take(relation: Oid, mode: pg_sys::LOCKMODE) {
    // SAFETY: the lock manager takes any OID.
    if unsafe { pg_sys::ConditionalLockRelationOid(relation, mode) } {
        return;
    }
    let name = name_of(relation);
    // SAFETY: as above.
    let lock = || unsafe { pg_sys::LockRelationOid(relation, mode) };
    explaining(
        lock,
        format!("pgrealtime waited for a lock on table {name}."),
    );
}

/// Locks something that a table of the extension stores, by a number of 48 bits, until the (sub)transaction ends. An error
/// of lock_timeout has this detail. Who can choose a number can make others wait.
pub fn take_numbered(table: Oid, number: u64, detail: String) {
    let mode = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: any numbers can be locked; nobody else locks objects of that class.
    let lock = || unsafe {
        let object = Oid::from((number >> 16) as u32);
        pg_sys::LockDatabaseObject(table, object, number as u16, mode);
    };
    explaining(lock, detail);
}

/// Waits for a lock. Adds a detail to Postgres's error for a lock timeout.
fn explaining(wait: impl FnOnce(), detail: String) {
    PgTryBuilder::new(AssertUnwindSafe(wait))
        .catch_when(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            move |error| match &error {
                CaughtError::PostgresError(timeout) => ErrorReport::from(Error::new(
                    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                    report(timeout.message()).detail(detail.as_str()),
                ))
                .report(PgLogLevel::ERROR),
                _ => error.rethrow(),
            },
        )
        .execute();
}

/// Keeps a function's owner from being changed until the transaction ends. Waits for a transaction that has changed it
/// and not committed.
pub(in crate::pg) fn keep_function(function: Oid) {
    let share = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: the lock manager takes any OID; what has changed is known when the call returns.
    unsafe { pg_sys::LockDatabaseObject(pg_sys::ProcedureRelationId, function, 0, share) }
}

/// Schema and name, for messages.
fn name_of(relation: Oid) -> String {
    let text = |name: *mut c_char| match name.is_null() {
        true => String::from("?"),
        // SAFETY: Postgres's names end with a NUL.
        false => unsafe { CStr::from_ptr(name) }
            .to_string_lossy()
            .into_owned(),
    };
    // SAFETY: catalog look-ups, which return palloc'd strings, or null for what has gone.
    let (schema, name) = unsafe {
        (
            pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation)),
            pg_sys::get_rel_name(relation),
        )
    };
    format!("{}.{}", text(schema), text(name))
}
