//! Publications: which relations they publish, and how.

use super::catalog_scan::{scan, ByOid};
use super::inheritance::ancestors;
use super::relation::{oids, Class};
use crate::pg::backend::syscache::{Cached, PublicationMember};
use pgrx::pg_sys;
use pgrx::pg_sys::{Oid, SysCacheIdentifier};
use std::ffi::CString;

// Columns of pg_publication_rel (catalog/pg_publication_rel.h); not bound by pgrx, the same since 15.
const PRQUAL: u32 = 4;
const PRATTRS: u32 = 5;

// pg_publication_rel_prpubid_index.
const MEMBERS: ByOid = ByOid {
    catalog: Oid::from_u32(6106),
    index: Oid::from_u32(6116),
    column: 2,
};

/// A publication as it is now.
#[derive(Clone, Debug)]
pub struct Publication {
    pub oid: Oid,
    pub name: String,
    pub owner: Oid,
    pub all_tables: bool,
    pub via_root: bool,
    pub inserts: bool,
    pub updates: bool,
    pub deletes: bool,
    pub truncates: bool,
    /// Whether stored generated columns are published. Before version 18 a replica identity may hold them anyway.
    pub generated: bool,
}

/// The reason why a relation is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It was added by name.
    Direct,
    /// FOR TABLES IN SCHEMA of its schema.
    Schema,
    /// FOR ALL TABLES.
    AllTables,
    /// Through this partitioned table that it is a partition of.
    Ancestor(Oid),
}

/// The options of a direct member of the publication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// Its WHERE, as deparsed by Postgres.
    pub condition: Option<String>,
    pub has_columns: bool,
}

/// OID of a publication: one syscache look-up.
pub fn oid_by_name(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; a missing publication is InvalidOid.
    let oid = unsafe { pg_sys::get_publication_oid(name.as_ptr(), true) };
    (oid != Oid::INVALID).then_some(oid)
}

impl Publication {
    pub fn by_name(name: &str) -> Option<Publication> {
        let oid = oid_by_name(name)?;
        let form = Cached::<pg_sys::FormData_pg_publication>::by_oid(oid)?;
        Some(Publication {
            oid,
            name: name.to_owned(),
            owner: form.pubowner,
            all_tables: form.puballtables,
            via_root: form.pubviaroot,
            inserts: form.pubinsert,
            updates: form.pubupdate,
            deletes: form.pubdelete,
            truncates: form.pubtruncate,
            generated: crate::pg::sys::compat::takes_generated(&form),
        })
    }

    /// How the relation is published; `None` when it is not.
    pub fn coverage(&self, class: &Class) -> Option<Coverage> {
        if !class.is_publishable() {
            return None;
        }
        if self.all_tables {
            return Some(Coverage::AllTables);
        }
        if self.has_member(class.oid) {
            return Some(Coverage::Direct);
        }
        if self.has_schema(class.schema) {
            return Some(Coverage::Schema);
        }
        let above = ancestors(class).into_iter().find(|oid| {
            self.has_member(*oid)
                || Class::by_oid(*oid).is_some_and(|up| self.has_schema(up.schema))
        });
        above.map(Coverage::Ancestor)
    }

    /// The options of a direct member of the publication; empty for other relations.
    pub fn restriction(&self, relation: Oid) -> Restriction {
        let Some(member) = Cached::<PublicationMember>::by_pair(relation, self.oid) else {
            return Restriction::default();
        };
        // SAFETY: the catalog has both columns; the first is an expression tree.
        unsafe {
            Restriction {
                condition: member
                    .column(PRQUAL)
                    .and_then(|condition| deparse(condition, relation)),
                has_columns: member.column(PRATTRS).is_some(),
            }
        }
    }

    /// The published relations, with partitioned tables in place of the partitions that are published through them.
    pub fn relations(&self) -> Vec<Oid> {
        if self.all_tables {
            // SAFETY: the function returns a palloc'd list.
            return unsafe { oids(pg_sys::GetAllTablesPublicationRelations(true)) };
        }
        let mut listed = self.members();
        let root = pg_sys::PublicationPartOpt::PUBLICATION_PART_ROOT;
        // SAFETY: the function takes the OID of a publication and returns a palloc'd list.
        listed.extend(unsafe { oids(pg_sys::GetAllSchemaPublicationRelations(self.oid, root)) });
        listed
    }

    /// The relations that were added by name.
    pub fn members(&self) -> Vec<Oid> {
        let mut listed = Vec::new();
        scan(MEMBERS, self.oid, |row| {
            // SAFETY: the third column of pg_publication_rel is prrelid, an OID.
            listed.extend(unsafe { row.column::<Oid>(3) });
        });
        listed
    }

    fn has_member(&self, relation: Oid) -> bool {
        self.exists(SysCacheIdentifier::PUBLICATIONRELMAP as i32, relation)
    }

    fn has_schema(&self, schema: Oid) -> bool {
        self.exists(SysCacheIdentifier::PUBLICATIONNAMESPACEMAP as i32, schema)
    }

    fn exists(&self, cache: i32, member: Oid) -> bool {
        let none = pg_sys::Datum::null();
        // SAFETY: a plain look-up in the syscache; both maps are keyed by (member, publication).
        unsafe { pg_sys::SearchSysCacheExists(cache, member.into(), self.oid.into(), none, none) }
    }
}

/// pg_get_expr of a condition over one relation.
///
/// # Safety
/// `condition` is a pg_node_tree over columns of `relation`.
unsafe fn deparse(condition: pg_sys::Datum, relation: Oid) -> Option<String> {
    // SAFETY: pg_get_expr takes a pg_node_tree and an OID; NULL for a relation that has gone.
    unsafe {
        pgrx::direct_function_call::<String>(
            pg_sys::pg_get_expr,
            &[Some(condition), Some(relation.into())],
        )
    }
}
