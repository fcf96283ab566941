//! The objects that RENAME and SET SCHEMA name, before and after the command ran.

use crate::pg::catalog::relation;
use pgrx::pg_sys;
use pgrx::pg_sys::{ObjectType, Oid};
use std::ffi::{c_char, CStr};

/// The objects of a command that changes names or owners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The relation, or several relations of this name when the command does not say which one it means.
    pub relations: Vec<Oid>,
    /// Every object in this schema.
    pub schema: Option<Oid>,
    /// A column of the relation, of the relations that inherit from it, and of the tables of its type.
    pub column: bool,
}

/// # Safety
/// `statement` is a RENAME.
pub(super) unsafe fn before(statement: *mut pg_sys::RenameStmt) -> Named {
    // SAFETY: as promised by the caller.
    unsafe {
        match (*statement).renameType {
            ObjectType::OBJECT_SCHEMA => of_schema((*statement).subname),
            of if is_relation(of) || is_column(of) => Named {
                relations: of_relation((*statement).relation, None),
                column: is_column(of),
                ..Named::default()
            },
            _ => Named::default(),
        }
    }
}

/// # Safety
/// `statement` is a RENAME that has run.
pub(super) unsafe fn after(statement: *mut pg_sys::RenameStmt) -> Named {
    // SAFETY: as promised by the caller.
    unsafe {
        match (*statement).renameType {
            ObjectType::OBJECT_SCHEMA => of_schema((*statement).newname),
            of if is_relation(of) => Named {
                relations: of_relation((*statement).relation, text((*statement).newname)),
                ..Named::default()
            },
            _ => before(statement),
        }
    }
}

/// # Safety
/// `statement` is a SET SCHEMA.
pub(super) unsafe fn before_move(statement: *mut pg_sys::AlterObjectSchemaStmt) -> Named {
    // SAFETY: as promised by the caller.
    unsafe {
        match (*statement).objectType {
            of if is_relation(of) => Named {
                relations: of_relation((*statement).relation, None),
                ..Named::default()
            },
            _ => Named::default(),
        }
    }
}

/// # Safety
/// `statement` is a SET SCHEMA that has run.
pub(super) unsafe fn after_move(statement: *mut pg_sys::AlterObjectSchemaStmt) -> Named {
    // SAFETY: as promised by the caller; strings of the parse tree are NUL-terminated.
    unsafe {
        let schema = text((*statement).newschema);
        match (*statement).objectType {
            ObjectType::OBJECT_EXTENSION => of_schema((*statement).newschema),
            of if is_relation(of) => {
                let name = text((*(*statement).relation).relname);
                let moved = schema.zip(name);
                let moved =
                    moved.and_then(|(schema, name)| relation::relation_by_name(schema, name));
                Named {
                    relations: moved.into_iter().collect(),
                    ..Named::default()
                }
            }
            _ => Named::default(),
        }
    }
}

/// Postgres also accepts a table where the command says INDEX or VIEW.
fn is_relation(of: ObjectType::Type) -> bool {
    matches!(
        of,
        ObjectType::OBJECT_TABLE
            | ObjectType::OBJECT_FOREIGN_TABLE
            | ObjectType::OBJECT_INDEX
            | ObjectType::OBJECT_VIEW
            | ObjectType::OBJECT_MATVIEW
            | ObjectType::OBJECT_SEQUENCE
    )
}

fn is_column(of: ObjectType::Type) -> bool {
    matches!(of, ObjectType::OBJECT_COLUMN | ObjectType::OBJECT_ATTRIBUTE)
}

/// # Safety
/// `name` is NULL or ends with a NUL.
unsafe fn of_schema(name: *const c_char) -> Named {
    Named {
        // SAFETY: as promised by the caller.
        schema: unsafe { text(name) }.and_then(relation::schema_by_name),
        ..Named::default()
    }
}

/// # Safety
/// `range` is a RangeVar.
unsafe fn of_relation(range: *mut pg_sys::RangeVar, renamed: Option<&str>) -> Vec<Oid> {
    // SAFETY: as promised by the caller.
    unsafe {
        let Some(name) = renamed else {
            return named_relation(range).into_iter().collect();
        };
        match text((*range).schemaname) {
            Some(schema) => relation::relation_by_name(schema, name)
                .into_iter()
                .collect(),
            // Only the old name shows which schema of the search path it was found in.
            None => relation::relations_on_path(name),
        }
    }
}

/// # Safety
/// `text` is NULL or ends with a NUL, and lives as long as the command.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// # Safety
/// `range` is a RangeVar.
pub(super) unsafe fn named_relation(range: *mut pg_sys::RangeVar) -> Option<Oid> {
    // SAFETY: as promised by the caller; its strings are NUL-terminated.
    unsafe {
        let name = CStr::from_ptr((*range).relname).to_str().ok()?;
        if (*range).schemaname.is_null() {
            return relation::relation_on_path(name);
        }
        relation::relation_by_name(CStr::from_ptr((*range).schemaname).to_str().ok()?, name)
    }
}
