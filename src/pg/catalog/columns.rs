//! A user's table as filters see it: its owner, its columns, and which columns the current user may read.

use super::catalog_scan::{scan, ByOid};
use super::privilege::{current_role, may_use_schema_of, selectable};
use super::relation::gone;
use crate::error::{report, Error, Result};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::{CStr, CString};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its number in the table, from 1.
    pub number: i16,
    /// Its name, unquoted.
    pub name: String,
    /// Its declared type.
    pub type_oid: Oid,
    /// Its collation; invalid where its type has none.
    pub collation: Oid,
}

/// A plain or partitioned table, open under a lock against changes of its definition. The lock lasts until the
/// transaction ends, or while this lives.
pub struct OpenTable {
    relation: pg_sys::Relation,
    /// The lock to release on closing, if any.
    given_back: pg_sys::LOCKMODE,
}

const NONE: pg_sys::LOCKMODE = pg_sys::NoLock as pg_sys::LOCKMODE;
const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

impl Drop for OpenTable {
    fn drop(&mut self) {
        // An abort closes relations by itself, and a second error while unwinding would end the server.
        if !std::thread::panicking() {
            // SAFETY: opened and locked once by `open`, closed once.
            unsafe { pg_sys::relation_close(self.relation, self.given_back) }
        }
    }
}

impl OpenTable {
    /// Opens a table. Privileges are checked before the lock is requested, so that a role without them cannot queue on
    /// the table. Errors: 42501 without the privilege; 42809 for other kinds of relations; 42P01 for a relation that
    /// does not exist.
    pub fn open(oid: Oid) -> Result<OpenTable> {
        let name = relation_name(oid).ok_or_else(|| gone(oid))?;
        check_kind(oid, &name)?;
        check_readable(oid, &name)?;
        OpenTable::open_unchecked(oid)
    }

    /// Opens a table without checking privileges. Errors: 42809 for other kinds of relations; 42P01 for a relation that
    /// does not exist.
    pub fn open_unchecked(oid: Oid) -> Result<OpenTable> {
        let name = relation_name(oid).ok_or_else(|| gone(oid))?;
        check_kind(oid, &name)?;
        crate::pg::backend::lock::take(oid, SHARE);
        // SAFETY: returns NULL for a relation that has gone in between.
        let relation = unsafe { pg_sys::try_relation_open(oid, NONE) };
        if relation.is_null() {
            return Err(gone(oid));
        }
        Ok(OpenTable {
            relation,
            given_back: NONE,
        })
    }

    /// Releases the lock on closing: for a caller that holds its own lock on the table.
    pub fn only_while_open(mut self) -> OpenTable {
        self.given_back = SHARE;
        self
    }

    /// OID of the table.
    pub fn oid(&self) -> Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_id }
    }

    /// The table's owner.
    pub fn owner(&self) -> Oid {
        // SAFETY: the relation is open.
        unsafe { (*(*self.relation).rd_rel).relowner }
    }

    /// The table's name, unqualified.
    pub fn name(&self) -> String {
        // SAFETY: the relation is open; the name is NUL-terminated.
        unsafe { text((*(*self.relation).rd_rel).relname.data.as_ptr()) }
    }

    /// The table's columns, without dropped columns and system columns.
    pub fn all(&self) -> Vec<Column> {
        // SAFETY: the relation and with it its descriptor is open.
        unsafe { attributes((*self.relation).rd_att) }
    }

    /// Whether the current user may SELECT a column.
    pub fn readable(&self, column: &Column) -> bool {
        selectable(self.oid(), current_role(), &[column.number]).is_some()
    }

    pub(in crate::pg) fn relation(&self) -> pg_sys::Relation {
        self.relation
    }
}

/// The columns of a row type, without dropped columns.
///
/// # Safety
/// `descriptor` is valid.
pub(in crate::pg) unsafe fn attributes(descriptor: pg_sys::TupleDesc) -> Vec<Column> {
    // SAFETY: as promised; PgTupleDesc copies the descriptor and knows each version's layout.
    let descriptor = unsafe { pgrx::PgTupleDesc::from_pg_copy(descriptor) };
    descriptor
        .iter()
        .filter(|attribute| !attribute.attisdropped)
        .map(|attribute| Column {
            number: attribute.attnum,
            // SAFETY: a name is NUL-terminated.
            name: unsafe { text(attribute.attname.data.as_ptr()) },
            type_oid: attribute.atttypid,
            collation: attribute.attcollation,
        })
        .collect()
}

/// A string of the server, whose encoding is UTF8.
///
/// # Safety
/// `string` is NUL-terminated.
pub(in crate::pg) unsafe fn text(string: *const std::ffi::c_char) -> String {
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(string) }
        .to_string_lossy()
        .into_owned()
}

/// An identifier as it is written in SQL, quoted if needed.
pub fn quote_identifier(name: &str) -> String {
    let Ok(name) = CString::new(name) else {
        return String::from("\"\"");
    };
    // SAFETY: the name is NUL-terminated; the result is it or a copy.
    unsafe { text(pg_sys::quote_identifier(name.as_ptr())) }
}

fn relation_name(oid: Oid) -> Option<String> {
    // SAFETY: a catalog look-up, NULL for no hit.
    unsafe {
        let name = pg_sys::get_rel_name(oid);
        (!name.is_null()).then(|| text(name))
    }
}

fn check_kind(oid: Oid, name: &str) -> Result<()> {
    // SAFETY: a catalog look-up.
    let kind = unsafe { pg_sys::get_rel_relkind(oid) } as u8;
    let what = match kind {
        pg_sys::RELKIND_RELATION | pg_sys::RELKIND_PARTITIONED_TABLE => return Ok(()),
        pg_sys::RELKIND_VIEW => "This is a view.",
        pg_sys::RELKIND_MATVIEW => "This is a materialized view.",
        pg_sys::RELKIND_FOREIGN_TABLE => "This is a foreign table.",
        pg_sys::RELKIND_SEQUENCE => "This is a sequence.",
        pg_sys::RELKIND_COMPOSITE_TYPE => "This is a composite type.",
        0 => return Err(gone(oid)),
        _ => "This is an index or another relation without rows of its own.",
    };
    Err(Error::wrong_object_type(
        report(format!("\"{name}\" is not a table"))
            .detail(what)
            .hint("Filters are for tables and partitioned tables."),
    ))
}

fn check_readable(oid: Oid, name: &str) -> Result<()> {
    let role = current_role();
    if !may_use_schema_of(oid, role) {
        return Err(denied(format!(
            "permission denied for schema {}",
            schema_name(oid)
        )));
    }
    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
    let any = pg_sys::AclMaskHow::ACLMASK_ANY;
    let ok = pg_sys::AclResult::ACLCHECK_OK;
    // SAFETY: syscache look-ups; for a relation that has gone since its name was read, Postgres's own 42P01.
    let readable = unsafe {
        pg_sys::pg_class_aclcheck(oid, role, select) == ok
            || pg_sys::pg_attribute_aclcheck_all(oid, role, select, any) == ok
    };
    match readable {
        true => Ok(()),
        false => Err(denied(format!("permission denied for table {name}"))),
    }
}

fn schema_name(relation: Oid) -> String {
    // SAFETY: syscache look-ups, NULL for no hit.
    unsafe {
        let name = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() {
            String::new()
        } else {
            text(name)
        }
    }
}

fn denied(message: String) -> Error {
    Error::insufficient_privilege(report(message))
}

// pg_enum and its pg_enum_typid_label_index (catalog/pg_enum.h): not bound by pgrx, the same since 15. The columns are
// oid, enumtypid, enumsortorder, enumlabel.
const LABELS: ByOid = ByOid {
    catalog: Oid::from_u32(3501),
    index: Oid::from_u32(3503),
    column: 2,
};

/// The labels of an enum type, with the OIDs of its values.
pub fn enum_labels(type_oid: Oid) -> Vec<(u32, String)> {
    let mut labels = Vec::new();
    scan(LABELS, type_oid, |row| {
        // SAFETY: the first column is an OID, the fourth a name.
        let (value, label) = unsafe { (row.column::<Oid>(1), row.column::<&CStr>(4)) };
        if let (Some(value), Some(label)) = (value, label) {
            labels.push((value.to_u32(), label.to_string_lossy().into_owned()));
        }
    });
    labels
}
