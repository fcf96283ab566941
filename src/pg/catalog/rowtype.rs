//! The table that a row type belongs to, and its key.

use crate::pg::backend::opened::Opened;
use crate::pg::row::types::Type;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::{c_char, CStr};

/// A table, as its rows' type leads to it.
#[derive(Clone, Debug)]
pub struct Table {
    pub oid: Oid,
    pub schema: String,
    pub name: String,
    /// Attribute numbers of the primary key, else of the replica identity index, else none.
    pub key: Vec<i16>,
}

/// OID of the relation whose rows are of this type.
pub fn relation_of(row_type: Oid) -> Option<Oid> {
    Type::base_of(row_type).relation()
}

/// The row type of a relation; `None` for one that does not exist or has none.
pub fn row_type_of_relation(relation: Oid) -> Option<Oid> {
    // SAFETY: a syscache look-up; InvalidOid for no such relation.
    let row_type = unsafe { pg_sys::get_rel_type_id(relation) };
    (row_type != Oid::INVALID).then_some(row_type)
}

/// Schema and name of a table, as SQL would have to write them.
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

/// The type itself, or what a domain is over, if its values are a relation's rows.
pub fn row_type_of(type_oid: Oid) -> Option<Oid> {
    let base = Type::base_of(type_oid);
    base.relation().map(|_| base.oid())
}

/// A relation held against changes for as long as this lives: it may have gone, but goes no further meanwhile.
pub struct Held(Oid);

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

impl Held {
    /// Waits for who changes the relation.
    pub fn new(relation: Oid) -> Held {
        crate::pg::backend::lock::take(relation, SHARE);
        Held(relation)
    }

    /// Holds all of them. It waits for one while it holds none of the others: who changes two of them, in whatever order,
    /// never waits for somebody who waits for him.
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

    fn at_once(relation: Oid) -> Option<Held> {
        // SAFETY: the lock manager takes any OID.
        let taken = unsafe { pg_sys::ConditionalLockRelationOid(relation, SHARE) };
        // Made only when it is held: what is made also lets go.
        taken.then(|| Held(relation))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // An abort lets go of every lock by itself.
        if !std::thread::panicking() {
            // SAFETY: taken once by this value.
            unsafe { pg_sys::UnlockRelationOid(self.0, SHARE) }
        }
    }
}

impl Table {
    /// `None` when the relation is no table (a view, a composite type by itself), or no longer.
    pub fn by_oid(oid: Oid) -> Option<Table> {
        // Opening locks the relation against changes while it is read.
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
