//! The commands that change which tables a publication has.

use super::rename::named_relation;
use crate::pg::catalog::columns::text;
use crate::pg::catalog::inheritance;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// What a command has done with the tables of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfPublication {
    pub name: String,
    pub change: PublicationChange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicationChange {
    /// It is new: CREATE PUBLICATION.
    Created,
    /// These tables were added, or were there already.
    Added(Vec<Oid>),
    /// These tables were removed.
    Dropped(Vec<Oid>),
    /// It has other tables than before: SET TABLE.
    Set,
}

/// # Safety
/// `statement` is a CREATE PUBLICATION.
pub(super) unsafe fn created(statement: *mut pg_sys::CreatePublicationStmt) -> OfPublication {
    // SAFETY: as promised by the caller; the publication has a name.
    unsafe {
        OfPublication {
            name: text((*statement).pubname),
            change: PublicationChange::Created,
        }
    }
}

/// `None` if the command concerns no tables.
///
/// # Safety
/// `statement` is an ALTER PUBLICATION.
pub(super) unsafe fn altered(
    statement: *mut pg_sys::AlterPublicationStmt,
) -> Option<OfPublication> {
    use pg_sys::AlterPublicationAction as Action;
    // SAFETY: as promised by the caller; the publication has a name.
    unsafe {
        if (*statement).pubobjects.is_null() {
            return None;
        }
        let tables = tables((*statement).pubobjects);
        Some(OfPublication {
            name: text((*statement).pubname),
            change: match (*statement).action {
                Action::AP_AddObjects => PublicationChange::Added(tables),
                Action::AP_DropObjects => PublicationChange::Dropped(tables),
                _ => PublicationChange::Set,
            },
        })
    }
}

/// The tables that a list of objects names, with those that inherit from them unless it says ONLY.
///
/// # Safety
/// It is a list of PublicationObjSpec.
unsafe fn tables(objects: *mut pg_sys::List) -> Vec<Oid> {
    let mut all = Vec::new();
    // SAFETY: as promised by the caller; an object without a table is a schema.
    unsafe {
        for object in pgrx::PgList::<pg_sys::PublicationObjSpec>::from_pg(objects).iter_ptr() {
            let table = (*object).pubtable;
            if table.is_null() {
                continue;
            }
            let named = named_relation((*table).relation);
            all.extend(named);
            if (*(*table).relation).inh {
                all.extend(named.into_iter().flat_map(inheritance::descendants));
            }
        }
    }
    all
}
