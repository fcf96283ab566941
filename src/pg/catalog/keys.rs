//! Keys of relations, which identify their rows.

use super::catalog_scan::{scan, ByOid};
use super::relation::Class;
use crate::pg::backend::opened::Opened;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// The columns of pg_index that decide which key is used.
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

/// The columns that identify a row in changes: the primary key, else the replica identity index, else none. Deferrable
/// primary keys are not used: two rows may share one until the statement or transaction ends, as when rows swap their
/// keys.
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

/// The table of an index; `None` if this is no index.
pub fn table_of_index(index: Oid) -> Option<Oid> {
    // SAFETY: missing_ok: the function returns InvalidOid for no hit.
    let table = unsafe { pg_sys::IndexGetRelation(index, true) };
    (table != Oid::INVALID).then_some(table)
}

/// Whether UPDATE and DELETE still work after the relation is published (relcache.c, RelationGetIndexList: a deferrable
/// primary key does not count).
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

/// Whether a replica identity has a generated column that is not published: UPDATE and DELETE then fail, from version
/// 18 on. `stored` says whether the publication includes stored generated columns; `None` means a publication that is
/// not created yet. Virtual columns are never published.
pub fn identity_is_unpublished(class: &Class, stored: Option<bool>) -> bool {
    let stored = stored.unwrap_or(crate::pg::sys::compat::NEW_PUBLICATION_TAKES_GENERATED);
    let of = |wanted: fn(&Index) -> bool| {
        let indexes = unique_indexes(class.oid);
        let index = indexes.into_iter().find(wanted);
        index.map_or(Vec::new(), |index| index.columns)
    };
    let identity = match class.replica_identity {
        b'i' => of(|index| index.replica_identity),
        b'd' => of(|index| index.primary),
        _ => Vec::new(),
    };
    generated_columns(class.oid).iter().any(|(number, kind)| {
        (*kind == GENERATED_VIRTUAL || !stored)
            && (class.replica_identity == b'f' || identity.contains(number))
    })
}

/// pg_attribute.attgenerated of virtual columns.
const GENERATED_VIRTUAL: u8 = b'v';

/// The attribute numbers of a relation's generated columns.
pub fn generated(relation: Oid) -> Vec<i16> {
    let columns = generated_columns(relation).into_iter();
    columns.map(|(number, _)| number).collect()
}

/// The numbers and kinds of a relation's generated columns.
fn generated_columns(relation: Oid) -> Vec<(i16, u8)> {
    let Some(opened) = Opened::shared(relation) else {
        return Vec::new();
    };
    // SAFETY: the relation is open while its descriptor is read.
    unsafe {
        let descriptor = (*opened.relation()).rd_att;
        (0..(*descriptor).natts as usize)
            .map(|place| crate::pg::sys::attributes::attribute(descriptor, place))
            .filter(|attribute| attribute.attgenerated != 0 && !attribute.attisdropped)
            .map(|attribute| (attribute.attnum, attribute.attgenerated as u8))
            .collect()
    }
}
