//! Commands that run as the caller, with the locks and checks around them.

use super::setting_level::{pin, Level};
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, Spi};
use std::ffi::{CStr, CString};

/// Runs one utility command with the caller's rights. Postgres's own errors pass through unchanged. The effects are
/// visible to the next command.
pub fn execute(command: &str) {
    Spi::connect_mut(|client| {
        if let Err(error) = client.update(command, None, &[]) {
            // SPI status codes that one utility command cannot cause.
            pgrx::error!("could not run {command}: {error}");
        }
    });
    // SAFETY: between commands of a running transaction.
    unsafe { pg_sys::CommandCounterIncrement() }
}

/// Has DROP EXTENSION drop a trigger, too: ALTER TRIGGER … DEPENDS ON EXTENSION. That command would lock the extension against
/// everybody else who runs it, until the transaction ends: whoever makes a table realtime, or a partition of one, would wait for
/// all others who do. A shared lock is enough against DROP EXTENSION. Raises Postgres's own error if the extension or the
/// trigger does not exist.
pub fn depend_on_extension(relation: Oid, trigger: &str) {
    // A name from the catalog has no NUL.
    let trigger = CString::new(trigger).unwrap_or_default();
    let address = |class, object| pg_sys::ObjectAddress {
        classId: class,
        objectId: object,
        objectSubId: 0,
    };
    // SAFETY: names are NUL-terminated, and both addresses are of objects that exist: the trigger is this transaction's own, the
    // extension is locked.
    unsafe {
        let trigger = pg_sys::get_trigger_oid(relation, trigger.as_ptr(), false);
        let extension = share_extension();
        let depending = address(pg_sys::TriggerRelationId, trigger);
        let referenced = address(pg_sys::ExtensionRelationId, extension);
        let how = pg_sys::DependencyType::DEPENDENCY_AUTO_EXTENSION;
        pg_sys::recordDependencyOn(&depending, &referenced, how);
        pg_sys::CommandCounterIncrement();
    }
}

/// Locks the extension against DROP EXTENSION until the transaction ends. While this waits for the lock, the extension may go, and
/// another of its name come.
fn share_extension() -> Oid {
    // SAFETY: the name is NUL-terminated; a missing extension is an error.
    let find = || unsafe { pg_sys::get_extension_oid(c"pgrealtime".as_ptr(), false) };
    let mut found = find();
    loop {
        lock_object(pg_sys::ExtensionRelationId, found, pg_sys::AccessShareLock);
        let now = find();
        if now == found {
            return found;
        }
        found = now;
    }
}

/// Raises Postgres's own error in a read-only transaction and on a standby: writes to the extension's own tables are
/// made below SQL, where Postgres does not check this.
pub fn prevent_if_read_only(command: &CStr) {
    // SAFETY: the name is NUL-terminated; in recovery every transaction is read-only.
    unsafe { pg_sys::PreventCommandIfReadOnly(command.as_ptr()) }
}

/// Locks a relation against writers, DDL and other callers of this function until the transaction ends. The caller must
/// check afterwards whether the relation still exists.
pub fn lock_relation(relation: Oid) {
    super::lock::take(relation, pg_sys::ShareRowExclusiveLock as pg_sys::LOCKMODE);
}

/// Lets one transaction at a time write what a table of the extension stores about an object. Held until the
/// transaction ends.
pub fn lock_entry(table: Oid, object: Oid) {
    lock_object(table, object, pg_sys::ExclusiveLock);
}

/// Like [`lock_entry`], but shared: any number of transactions may hold it at once, and it conflicts with that lock.
pub fn share_entry(table: Oid, object: Oid) {
    lock_object(table, object, pg_sys::RowExclusiveLock);
}

fn lock_object(table: Oid, object: Oid, mode: u32) {
    // SAFETY: any pair of OIDs can be locked.
    unsafe { pg_sys::LockDatabaseObject(table, object, 0, mode as pg_sys::LOCKMODE) }
}

/// Lets one transaction at a time create publications through the extension. Held until the transaction ends.
pub fn lock_publication_creation() {
    // SAFETY: the lock is on the catalog's own class and no object, which nothing else takes.
    unsafe {
        let mode = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
        pg_sys::LockDatabaseObject(pg_sys::PublicationRelationId, Oid::INVALID, 0, mode);
        pg_sys::AcceptInvalidationMessages();
    }
}

/// Runs a closure while warnings go neither to the client nor to the server's log.
pub fn without_warnings(body: impl FnOnce()) {
    let _level = Level::open();
    for setting in [c"client_min_messages", c"log_min_messages"] {
        pin(setting, c"error");
    }
    body();
}
