//! Which cached facts are lost when a relation changes: flags that the relcache callback clears.

use pgrx::pg_sys;
use pgrx::pg_sys::SysCacheIdentifier as Cache;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// True until the relation that it watches changes in any way that the relcache is informed of.
#[derive(Clone, Debug)]
pub struct Fresh(Rc<Cell<bool>>);

impl Fresh {
    /// Whether everything derived from the relation still holds.
    pub fn get(&self) -> bool {
        self.0.get()
    }

    /// Watches another relation as well.
    pub fn also(&self, relation: pg_sys::Oid) {
        add(relation, &self.0);
    }
}

thread_local! {
    static WATCHED: RefCell<HashMap<u32, Vec<Weak<Cell<bool>>>>> = RefCell::new(HashMap::new());
    static CATALOGS: RefCell<Rc<Cell<bool>>> = RefCell::new(Rc::new(Cell::new(true)));
    static SCHEMAS: RefCell<Rc<Cell<bool>>> = RefCell::new(Rc::new(Cell::new(true)));
    static TYPES: RefCell<Rc<Cell<bool>>> = RefCell::new(Rc::new(Cell::new(true)));
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    /// The hash under which a change of the session's own database is announced.
    static OWN_DATABASE: Cell<u32> = const { Cell::new(0) };
}

/// The caches whose changes clear the flags of [`watch_catalogs`]: those that the plan cache (plancache.c) and the cache
/// of memberships (acl.c) watch, and those of objects that functions name, whose bodies become part of a plan. A policy
/// for pg_database_owner depends on who owns the database.
const FOR_CATALOGS: [Cache::Type; 17] = [
    Cache::PROCOID,
    Cache::OPEROID,
    Cache::AMOPOPID,
    Cache::TYPEOID,
    Cache::ENUMOID,
    Cache::CASTSOURCETARGET,
    Cache::COLLOID,
    Cache::TSCONFIGOID,
    Cache::TSCONFIGMAP,
    Cache::TSDICTOID,
    Cache::TSPARSEROID,
    Cache::NAMESPACEOID,
    Cache::FOREIGNSERVEROID,
    Cache::FOREIGNDATAWRAPPEROID,
    Cache::AUTHOID,
    Cache::AUTHMEMROLEMEM,
    Cache::DATABASEOID,
];
/// Those for [`watch_types`].
const FOR_TYPES: [Cache::Type; 5] = [
    Cache::TYPEOID,
    Cache::ENUMOID,
    Cache::NAMESPACEOID,
    Cache::CASTSOURCETARGET,
    Cache::PROCOID,
];

/// Watches a relation from now on. Call it before reading the catalogs, so that changes made while they are read are
/// noticed.
pub fn watch(relation: pg_sys::Oid) -> Fresh {
    register();
    let fresh = Fresh(Rc::new(Cell::new(true)));
    fresh.also(relation);
    fresh
}

fn add(relation: pg_sys::Oid, flag: &Rc<Cell<bool>>) {
    WATCHED.with_borrow_mut(|watched| {
        let flags = watched.entry(relation.to_u32()).or_default();
        // Flags that nobody owns any more would pile up for a relation that is planned often and never changed.
        flags.retain(|flag| flag.strong_count() > 0);
        flags.push(Rc::downgrade(flag));
    });
}

fn clear(flags: &[Weak<Cell<bool>>]) {
    for flag in flags.iter().filter_map(Weak::upgrade) {
        flag.set(false);
    }
}

/// Watches the objects, besides relations, that decide how an expression is planned and what a role may do: functions,
/// operators, types and the like, roles and their memberships, the database.
pub fn watch_catalogs() -> Fresh {
    register();
    CATALOGS.with_borrow_mut(renewed)
}

/// Watches the names of schemas: ALTER SCHEMA ... RENAME does not inform the relcache.
pub fn watch_schemas() -> Fresh {
    register();
    SCHEMAS.with_borrow_mut(renewed)
}

/// Watches the objects, besides relations, that decide how a value is printed: types, enum labels, schemas, casts,
/// functions.
pub fn watch_types() -> Fresh {
    register();
    TYPES.with_borrow_mut(renewed)
}

fn renewed(flag: &mut Rc<Cell<bool>>) -> Fresh {
    if !flag.get() {
        *flag = Rc::new(Cell::new(true));
    }
    Fresh(flag.clone())
}

#[pg_guard]
unsafe extern "C-unwind" fn catalog_changed(_argument: pg_sys::Datum, cache: i32, hash: u32) {
    // Every autovacuum of any database ends with a change of its row. Without a hash, all may have changed.
    let of_other = hash != 0 && hash != OWN_DATABASE.get();
    if cache == Cache::DATABASEOID as i32 && of_other {
        return;
    }
    let flags = [
        (&CATALOGS, FOR_CATALOGS.as_slice()),
        (&SCHEMAS, &[Cache::NAMESPACEOID]),
        (&TYPES, &FOR_TYPES),
    ];
    for (flag, caches) in flags {
        if caches.iter().any(|watched| *watched as i32 == cache) {
            flag.with_borrow(|flag| flag.set(false));
        }
    }
}

fn register() {
    if !REGISTERED.replace(true) {
        // SAFETY: called in a transaction. The callback lives as long as the process; Postgres keeps it for as long and
        // has no way to unregister.
        unsafe {
            let none = pg_sys::Datum::from(0);
            OWN_DATABASE.set(pg_sys::GetSysCacheHashValue(
                Cache::DATABASEOID as i32,
                pg_sys::MyDatabaseId.into(),
                none,
                none,
                none,
            ));
            pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), none);
            let mut caches = [FOR_CATALOGS.as_slice(), &FOR_TYPES].concat();
            caches.sort_unstable();
            caches.dedup();
            for cache in caches {
                pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(catalog_changed), none);
            }
        }
    }
}

/// Only clears flags, since it may be called while one of our caches is being built.
#[pg_guard]
unsafe extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    WATCHED.with_borrow_mut(|watched| {
        if relation == pg_sys::InvalidOid {
            for (_, flags) in watched.drain() {
                clear(&flags);
            }
        } else if let Some(flags) = watched.remove(&relation.to_u32()) {
            clear(&flags);
        }
    });
}

/// Informs every session, at commit, that a relation has changed.
pub fn invalidate(relation: pg_sys::Oid) {
    // SAFETY: called in a transaction; a relation that does not exist is ignored by the receivers.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) }
}
