//! Keys of relations: what tells their rows apart.

use super::catalog::Class;
use super::catalog_scan::{scan, ByOid};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// What of pg_index decides on keys.
struct Index {
    primary: bool,
    replica_identity: bool,
    immediate: bool,
    columns: Vec<i16>,
}

const INDEXES: ByOid = ByOid {
    catalog: pg_sys::IndexRelationId,
    index: Oid::from_u32(pg_sys::IndexIndrelidIndexId),
    column: pg_sys::Anum_pg_index_indrelid,
};

fn unique_indexes(relation: Oid) -> Vec<Index> {
    let mut found = Vec::new();
    scan(INDEXES, relation, |row| {
        // SAFETY: the scan is over pg_index; indkey holds indnatts entries.
        unsafe {
            let form = row.form::<pg_sys::FormData_pg_index>();
            if form.indislive && form.indisvalid && form.indisunique {
                let columns = form.indkey.values.as_slice(form.indnkeyatts as usize);
                found.push(Index {
                    primary: form.indisprimary,
                    replica_identity: form.indisreplident,
                    immediate: form.indimmediate,
                    columns: columns.to_vec(),
                });
            }
        }
    });
    found
}

/// Columns of the key that changes are told apart by: the primary key, else the replica identity index, else none. Under
/// a deferrable primary key two rows may have one key until the statement or the transaction ends, as when rows swap
/// theirs: row by row it tells nothing apart.
pub fn key_columns(relation: Oid) -> Vec<i16> {
    let indexes = unique_indexes(relation);
    let primary = indexes
        .iter()
        .find(|index| index.primary && index.immediate);
    let identity = || indexes.iter().find(|index| index.replica_identity);
    primary
        .or_else(identity)
        .map_or(Vec::new(), |index| index.columns.clone())
}

/// Whether UPDATE and DELETE go on working once the relation is published (relcache.c, RelationGetIndexList: a
/// deferrable primary key does not count).
pub fn has_replica_identity(class: &Class) -> bool {
    let usable = |wanted: fn(&Index) -> bool| {
        unique_indexes(class.oid)
            .iter()
            .any(|index| wanted(index) && index.immediate)
    };
    match class.replica_identity {
        b'f' => true,
        b'i' => usable(|index| index.replica_identity),
        b'd' => usable(|index| index.primary),
        _ => false,
    }
}
