//! Reads a relation's class, names and columns from the catalogs.

use super::catalog_scan::{scan_versions, ByOid};
use crate::error::{report, Error};
use crate::pg::backend::syscache::Cached;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::{CStr, CString};

/// The row of pg_class, with the schema's name.
#[derive(Clone, Debug)]
pub struct Class {
    pub oid: Oid,
    pub schema: Oid,
    pub schema_name: String,
    pub name: String,
    pub owner: Oid,
    /// pg_class.relkind
    pub kind: u8,
    /// pg_class.relpersistence
    pub persistence: u8,
    /// pg_class.relreplident
    pub replica_identity: u8,
    pub is_partition: bool,
    pub rls: bool,
    /// Other relations inherit from it, or did when VACUUM last ran.
    pub may_have_children: bool,
    /// The planner's estimate; `None` before the first ANALYZE.
    pub estimated_rows: Option<i64>,
}

/// A live user column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub number: i16,
    pub name: String,
}

impl Class {
    /// Reads the syscache; `None` if there is no such relation.
    pub fn by_oid(oid: Oid) -> Option<Class> {
        let form = form(oid)?;
        Some(Class {
            oid,
            schema: form.relnamespace,
            schema_name: schema_name(form.relnamespace)?,
            name: crate::pg::name(&form.relname),
            owner: form.relowner,
            kind: form.relkind as u8,
            persistence: form.relpersistence as u8,
            replica_identity: form.relreplident as u8,
            is_partition: form.relispartition,
            rls: form.relrowsecurity,
            may_have_children: form.relhassubclass,
            estimated_rows: (form.reltuples >= 0.0).then_some(form.reltuples as i64),
        })
    }

    pub fn is_partitioned(&self) -> bool {
        self.kind == pg_sys::RELKIND_PARTITIONED_TABLE
    }

    pub fn is_foreign(&self) -> bool {
        self.kind == pg_sys::RELKIND_FOREIGN_TABLE
    }

    /// Whether the relation may have TRUNCATE triggers.
    pub fn has_truncate_triggers(&self) -> bool {
        crate::pg::sys::compat::FOREIGN_TRUNCATE_TRIGGERS || !self.is_foreign()
    }

    /// An ordinary or partitioned table.
    pub fn is_table(&self) -> bool {
        self.kind == pg_sys::RELKIND_RELATION || self.is_partitioned()
    }

    pub fn is_permanent(&self) -> bool {
        self.persistence == pg_sys::RELPERSISTENCE_PERMANENT
    }

    /// A crash empties it.
    pub fn is_unlogged(&self) -> bool {
        self.persistence == pg_sys::RELPERSISTENCE_UNLOGGED
    }

    pub fn is_temporary(&self) -> bool {
        self.persistence == pg_sys::RELPERSISTENCE_TEMP
    }

    /// A relation of Postgres itself, created by initdb, including information_schema.
    pub fn is_system(&self) -> bool {
        self.oid.to_u32() < pg_sys::FirstNormalObjectId
    }

    /// Whether Postgres allows it in a publication (pg_publication.c, is_publishable_class).
    pub fn is_publishable(&self) -> bool {
        self.is_table() && self.is_permanent() && !self.is_system()
    }

    /// The qualified name, quoted where needed, ready to be used in SQL.
    pub fn quoted(&self) -> String {
        pgrx::spi::quote_qualified_identifier(&self.schema_name, &self.name)
    }
}

/// Error 42P01 for a relation of which only the OID is known.
pub fn gone(oid: Oid) -> Error {
    Error::undefined_table(
        report(format!("relation with OID {} does not exist", oid.to_u32()))
            .detail("It may have been dropped in the meantime.")
            .hint("Name the table as 'schema.table'."),
    )
}

/// The name of a schema; `None` if it was dropped.
fn schema_name(oid: Oid) -> Option<String> {
    // SAFETY: the function returns a palloc'd string or NULL.
    unsafe { owned(pg_sys::get_namespace_name(oid)) }
}

/// Copies a palloc'd string out of Postgres's memory; `None` for NULL.
///
/// # Safety
/// `text` is NULL or a NUL-terminated palloc'd string that nobody else uses.
unsafe fn owned(text: *mut std::ffi::c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as promised by the caller.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        pg_sys::pfree(text.cast());
        Some(copy)
    }
}

/// OID of a schema by name.
pub fn schema_by_name(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; a missing schema is InvalidOid.
    let oid = unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) };
    (oid != Oid::INVALID).then_some(oid)
}

/// OID of a relation by its schema and name.
pub fn relation_in(schema: Oid, name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; a missing relation is InvalidOid.
    let oid = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    (oid != Oid::INVALID).then_some(oid)
}

/// OID of a relation by its qualified name.
pub fn relation_by_name(schema: &str, name: &str) -> Option<Oid> {
    relation_in(schema_by_name(schema)?, name)
}

/// OID of the relation that an unqualified name finds on the search path.
pub fn relation_on_path(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; a missing relation is InvalidOid.
    let oid = unsafe { pg_sys::RelnameGetRelid(name.as_ptr()) };
    (oid != Oid::INVALID).then_some(oid)
}

/// The relations of this name in all schemas of the search path.
pub fn relations_on_path(name: &str) -> Vec<Oid> {
    // SAFETY: the function returns a copy of the list.
    let schemas = unsafe { oids(pg_sys::fetch_search_path(true)) };
    schemas
        .into_iter()
        .filter_map(|schema| relation_in(schema, name))
        .collect()
}

/// Number of a live user column.
pub fn column_number(relation: Oid, name: &str) -> Option<i16> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; the function ignores dropped columns and returns 0 for no hit.
    let number = unsafe { pg_sys::get_attnum(relation, name.as_ptr()) };
    (number > 0).then_some(number)
}

/// Whether this transaction has given the rows that a table has a value in a column without writing them: ADD COLUMN with
/// a constant default.
pub fn was_filled(relation: Oid, column: &str) -> bool {
    let number = column_number(relation, column);
    let row = number.and_then(|it| Cached::<pg_sys::FormData_pg_attribute>::by_pair(relation, it));
    row.is_some_and(|row| row.atthasmissing && row.is_written_now())
}

const ATTRIBUTES: ByOid = ByOid {
    catalog: pg_sys::AttributeRelationId,
    index: Oid::from_u32(pg_sys::AttributeRelidNumIndexId),
    column: pg_sys::Anum_pg_attribute_attrelid,
};

/// Whether this transaction has given a column another type. Postgres does so without writing the rows where both types
/// store values alike, although it may show them differently: int and oid, cidr and inet.
pub fn was_retyped(relation: Oid) -> bool {
    let mut retyped = false;
    scan_versions(ATTRIBUTES, relation, |row| {
        // SAFETY: the scan is over pg_attribute; the look-up gives InvalidOid for a column that was dropped.
        unsafe {
            let then = row.form::<pg_sys::FormData_pg_attribute>();
            if then.attnum > 0 && !then.attisdropped && row.is_replaced_now() {
                let now = pg_sys::get_atttype(relation, then.attnum);
                retyped |= now != Oid::INVALID && now != then.atttypid;
            }
        }
    });
    retyped
}

/// Name of a live user column.
pub fn column_name(relation: Oid, number: i16) -> Option<String> {
    // SAFETY: missing_ok: the function returns NULL for no hit.
    let name = unsafe { owned(pg_sys::get_attname(relation, number, true)) }?;
    // A dropped column also has a name, but must not be found by it.
    (column_number(relation, &name) == Some(number)).then_some(name)
}

/// The live user columns, in order.
pub fn columns(relation: Oid) -> Vec<Column> {
    let Some(last) = last_column(relation) else {
        return Vec::new();
    };
    (1..=last)
        .filter_map(|number| column_name(relation, number).map(|name| Column { number, name }))
        .collect()
}

pub(in crate::pg) fn last_column(relation: Oid) -> Option<i16> {
    form(relation).map(|form| form.relnatts)
}

/// The type of a relation's rows.
pub fn row_type(relation: Oid) -> Option<Oid> {
    let oid = form(relation)?.reltype;
    (oid != Oid::INVALID).then_some(oid)
}

/// The composite type of a typed table (CREATE TABLE OF).
pub fn of_type(relation: Oid) -> Option<Oid> {
    let oid = form(relation)?.reloftype;
    (oid != Oid::INVALID).then_some(oid)
}

/// Which replica identity a relation has, as in pg_class; `None` if it was dropped.
pub fn replica_identity(relation: Oid) -> Option<u8> {
    form(relation).map(|form| form.relreplident as u8)
}

fn form(relation: Oid) -> Option<Cached<pg_sys::FormData_pg_class>> {
    Cached::by_oid(relation)
}

/// Takes a list of OIDs out of Postgres's memory.
///
/// # Safety
/// `list` is NIL or a palloc'd list of OIDs that nobody else uses.
pub(in crate::pg) unsafe fn oids(list: *mut pg_sys::List) -> Vec<Oid> {
    // SAFETY: as promised by the caller.
    unsafe {
        let copy = pgrx::PgList::<Oid>::from_pg(list).iter_oid().collect();
        pg_sys::list_free(list);
        copy
    }
}
