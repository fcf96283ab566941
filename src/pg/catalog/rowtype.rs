//! The table that a row type belongs to, and the table's key.

use crate::pg::backend::opened::Opened;
use crate::pg::row::types::Type;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::{c_char, CStr};

/// The table of a row type.
#[derive(Clone, Debug)]
pub struct Table {
    pub oid: Oid,
    pub schema: String,
    pub name: String,
    /// Attribute numbers of the primary key, else of the replica identity index, else empty.
    pub key: Vec<i16>,
}

/// OID of the relation whose rows are of this type.
pub fn relation_of(row_type: Oid) -> Option<Oid> {
    Type::base_of(row_type).relation()
}

/// The row type of a relation; `None` if the relation does not exist or has none.
pub fn row_type_of_relation(relation: Oid) -> Option<Oid> {
    // SAFETY: a syscache look-up; InvalidOid for no such relation.
    let row_type = unsafe { pg_sys::get_rel_type_id(relation) };
    (row_type != Oid::INVALID).then_some(row_type)
}

/// Schema and name of a table, quoted for SQL where needed.
pub fn qualified_name(table: &Table) -> String {
    let quoted = |name: &str| -> String {
        let Ok(name) = std::ffi::CString::new(name) else {
            return String::new();
        };
        // SAFETY: the name ends with a NUL; the result is the name itself or a palloc'd copy.
        unsafe { owned(pg_sys::quote_identifier(name.as_ptr())) }
    };
    format!("{}.{}", quoted(&table.schema), quoted(&table.name))
}

/// The table of a row type, or of the row type that a domain is based on.
pub fn row_type_of(type_oid: Oid) -> Option<Oid> {
    let base = Type::base_of(type_oid);
    base.relation().map(|_| base.oid())
}

/// A lock that keeps a relation from being changed while this lives. The relation may already have been dropped.
pub struct Held(Oid);

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

impl Held {
    /// Waits for transactions that are changing the relation.
    pub fn new(relation: Oid) -> Held {
        crate::pg::backend::lock::take(relation, SHARE);
        Held(relation)
    }

    /// Locks all of these relations. It never waits for one while it holds another, so that a transaction that changes
    /// two of them, in any order, does not deadlock with it.
    pub fn all(relations: &[Oid]) -> Vec<Held> {
        loop {
            let held: Vec<Held> = relations
                .iter()
                .map_while(|oid| Held::at_once(*oid))
                .collect();
            match relations.get(held.len()) {
                None => return held,
                Some(busy) => {
                    drop(held);
                    drop(Held::new(*busy));
                }
            }
        }
    }

    /// Locks those of these relations that can be locked without waiting; the others.
    pub fn at_once_of(relations: &[Oid]) -> (Vec<Held>, Vec<Oid>) {
        let mut busy = relations.to_vec();
        let mut held = Vec::with_capacity(relations.len());
        busy.retain(|relation| match Held::at_once(*relation) {
            Some(one) => {
                held.push(one);
                false
            }
            None => true,
        });
        (held, busy)
    }

    fn at_once(relation: Oid) -> Option<Held> {
        // SAFETY: the lock manager takes any OID.
        let taken = unsafe { pg_sys::ConditionalLockRelationOid(relation, SHARE) };
        // Built only after the lock is held, since dropping it releases the lock.
        taken.then(|| Held(relation))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // An abort releases every lock by itself.
        if !std::thread::panicking() {
            // SAFETY: taken once by this value.
            unsafe { pg_sys::UnlockRelationOid(self.0, SHARE) }
        }
    }
}

impl Table {
    /// `None` if the relation is not a table (a view, a standalone composite type), or was dropped.
    pub fn by_oid(oid: Oid) -> Option<Table> {
        // Opening takes a lock against changes while the relation is read.
        let opened = Opened::shared(oid)?;
        let class = opened.class();
        let is_table = matches!(class.relkind as u8, b'r' | b'p' | b'f');
        is_table.then(|| Table {
            oid,
            // SAFETY: a look-up that returns a string of its own, or null.
            schema: unsafe { owned(pg_sys::get_namespace_name(class.relnamespace)) },
            name: crate::pg::name(&class.relname),
            key: super::keys::key_columns(oid),
        })
    }
}

/// # Safety
/// The pointer is null or points to a NUL-terminated string.
unsafe fn owned(name: *const c_char) -> String {
    if name.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_string_lossy().into_owned()
}
