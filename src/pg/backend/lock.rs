//! Locks on users' relations: an error from a lock timeout names the relation. Also waits that lock_timeout does not end.

use super::subtransaction::Raised;
use crate::error::{report, Error, ErrorReport};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, PgLogLevel, PgSqlErrorCode, PgTryBuilder};
use std::cell::Cell;
use std::ffi::{c_char, c_int, CStr};

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

/// How long waits for locks last at most, in milliseconds, once one has lasted for lock_timeout. Work that is done for many must
/// not wait as long for each.
const HURRY: c_int = 1;

/// Waits that last for that long.
const TRIES: u32 = 50;

/// Within the life of this, lock_timeout can be made short.
#[derive(Default)]
pub struct Haste {
    session: Cell<Option<c_int>>,
    timeouts: Cell<u32>,
}

impl Haste {
    /// Takes note of an error. After the first one of lock_timeout, nobody waits long for a lock any more.
    pub fn note(&self, raised: &Raised) {
        if !raised.is_lock_timeout() {
            return;
        }
        self.timeouts.set(self.timeouts.get() + 1);
        // SAFETY: as above.
        unsafe {
            if pg_sys::LockTimeout > HURRY {
                self.session.set(Some(pg_sys::LockTimeout));
                pg_sys::LockTimeout = HURRY;
            }
        }
    }

    /// Whether so many waits have ended without the lock that it is not worth while to try again.
    pub fn gives_up(&self) -> bool {
        self.timeouts.get() >= TRIES
    }
}

impl Drop for Haste {
    fn drop(&mut self) {
        if let Some(session) = self.session.get() {
            // SAFETY: as above; an error comes by here, too.
            unsafe { pg_sys::LockTimeout = session }
        }
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
    PgTryBuilder::new(|| {
        // SAFETY: as above.
        unsafe { pg_sys::LockRelationOid(relation, mode) }
    })
    .catch_when(
        PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        |error| match &error {
            CaughtError::PostgresError(timeout) => ErrorReport::from(Error::new(
                PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                report(timeout.message())
                    .detail(format!("pgrealtime waited for a lock on table {name}.")),
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
