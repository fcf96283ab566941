//! Relations that stay open while this lives.

use pgrx::pg_sys;

/// An open relation under a lock. Dropping it closes the relation and releases the lock. After an error, the resource
/// owner of the aborted (sub)transaction does so.
pub struct Opened {
    relation: pg_sys::Relation,
    lock: pg_sys::LOCKMODE,
}

impl Opened {
    /// Opens a relation under ACCESS SHARE; `None` if it was dropped.
    pub fn shared(oid: pg_sys::Oid) -> Option<Opened> {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        // SAFETY: called in a transaction; the function returns null for a relation that does not exist.
        let relation = unsafe { pg_sys::try_relation_open(oid, lock) };
        // Built only after the relation is open, since dropping it closes the relation.
        (!relation.is_null()).then(|| Opened { relation, lock })
    }

    /// The pointer for functions that take a relation; valid while this lives.
    pub fn relation(&self) -> pg_sys::Relation {
        self.relation
    }

    /// Its row of pg_class.
    pub fn class(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: an open relation has one.
        unsafe { &*(*self.relation).rd_rel }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened once by this value.
            unsafe { pg_sys::relation_close(self.relation, self.lock) }
        }
    }
}
