//! Relations that are open for as long as somebody looks at them.

use pgrx::pg_sys;

/// An open relation under a lock. It is closed, and the lock given back, when this is dropped; on the way of an error the
/// resource owner of the (sub)transaction that the error ends does so.
pub struct Opened {
    relation: pg_sys::Relation,
    lock: pg_sys::LOCKMODE,
}

impl Opened {
    /// Opens a relation under ACCESS SHARE; `None` for one that has gone.
    pub fn shared(oid: pg_sys::Oid) -> Option<Opened> {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        // SAFETY: called in a transaction; the function returns null for a relation that does not exist.
        let relation = unsafe { pg_sys::try_relation_open(oid, lock) };
        // Made only when it is open: what is made also closes.
        (!relation.is_null()).then(|| Opened { relation, lock })
    }

    /// For functions that take a relation; valid as long as this is.
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
