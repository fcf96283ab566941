//! Watches the capture triggers of relations. A change that `enable` did not make causes a gap entry for readers.

use super::cache::{self, Entry};
use super::{belonging, present, tables};
use crate::error::Result;
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::lock::Patience;
use crate::pg::backend::xact;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::keys;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::type_use;
use crate::pg::Oid;
use std::cell::{Cell, RefCell};

thread_local! {
    static OWN: Cell<Oid> = const { Cell::new(Oid::INVALID) };
    static MARKED: RefCell<Marked> = const { RefCell::new(Marked { of: (0, 0), relations: Vec::new() }) };
}

/// Relations for which this subtransaction has already appended a gap entry for changed values.
struct Marked {
    of: (u64, u32),
    relations: Vec<Oid>,
}

/// While this value lives, DDL on the relation is the extension's own, and needs no gap entries from here.
pub struct Own(Oid);

impl Own {
    pub fn of(relation: Oid) -> Own {
        Own(OWN.replace(relation))
    }
}

/// Whether DDL on the relation is the extension's own now.
pub fn is_own(relation: Oid) -> bool {
    OWN.get() == relation
}

impl Drop for Own {
    fn drop(&mut self) {
        OWN.set(self.0);
    }
}

/// A captured relation, and its cache entry.
pub struct Watched {
    pub class: Class,
    entry: Option<Entry>,
}

/// The captured relations that show rows of these tables: the tables themselves, and those above them. Errors: as
/// [`captured`].
pub fn above(these: &[Oid]) -> Result<Vec<Watched>> {
    let above = these.iter().flat_map(|table| inheritance::above(*table));
    captured(these.iter().copied().chain(above).collect())
}

/// Those of these relations that are captured. Errors: 42P01 when the extension does not exist in this database; 42883.
pub fn captured(mut all: Vec<Oid>) -> Result<Vec<Watched>> {
    all.sort_unstable_by_key(|oid| oid.to_u32());
    all.dedup();
    all.retain(|oid| *oid != OWN.get());
    let mut entries = cache::of(&all)?;
    let mut found = Vec::new();
    for class in all.into_iter().filter_map(Class::by_oid) {
        let entry = entries
            .iter()
            .position(|entry| entry.relation == class.oid)
            .map(|place| entries.swap_remove(place));
        let captured = entry.is_some() || present::captures_itself(&class)?;
        if captured && !class.is_temporary() {
            found.push(Watched { class, entry });
        }
    }
    Ok(found)
}

/// Every captured relation with a cache entry. Errors: as [`captured`].
pub fn all() -> Result<Vec<Watched>> {
    Ok(cache::all()?.into_iter().filter_map(Watched::of).collect())
}

/// The captured tables of a composite type. Errors: as [`captured`].
pub fn of_type(composite: Oid) -> Result<Vec<Oid>> {
    let row_type = relation::row_type(composite);
    let Some(row_type) = row_type.filter(|one| type_use::is_used(*one)) else {
        return Ok(Vec::new());
    };
    let oids = cache::all()?.into_iter().map(|entry| entry.relation);
    Ok(oids
        .filter(|oid| relation::of_type(*oid) == Some(row_type))
        .collect())
}

impl Watched {
    /// The relation of an entry; `None` if it was dropped, or if its DDL is the extension's own.
    pub fn of(entry: Entry) -> Option<Watched> {
        let class = Class::by_oid(entry.relation).filter(|class| class.oid != OWN.get())?;
        Some(Watched {
            class,
            entry: Some(entry),
        })
    }

    /// The cause of a gap entry, if the relation differs from its cache entry. Without an entry it always counts as
    /// different. Errors: 42883.
    pub fn difference(&self) -> Result<Option<GapCause>> {
        let Some(entry) = &self.entry else {
            return Ok(Some(GapCause::Capture));
        };
        let now = tables::of(self.class.oid)?;
        let captured = tables::difference(self.class.is_partitioned(), &entry.tables, &now);
        Ok(captured.or(self.has_other_key().then_some(GapCause::Columns)))
    }

    /// Whether the relation's key differs from that in its cache entry.
    pub fn has_other_key(&self) -> bool {
        let remembered = self.entry.as_ref();
        remembered.is_some_and(|entry| entry.key != keys::key_columns(self.class.oid))
    }

    /// Appends a gap entry. Without it, readers would lose changes silently, so this waits for the log's lock as long
    /// as necessary. Only the janitor holds that lock, for moments. Errors: as [`append_gap`].
    pub fn mark_gap(&self, cause: GapCause) -> Result<()> {
        let _patience = Patience::new();
        append_gap(self.class.oid, cause)
    }

    /// Adds a new, and therefore empty, partition to the cache entry. It needs no gap entry. Errors: as [`captured`].
    pub fn add(&self, partition: Oid) -> Result<()> {
        cache::lock(self.class.oid)?;
        let added = tables::of(partition)?;
        match cache::of(&[self.class.oid])?.into_iter().next() {
            None => remember(&self.class),
            Some(entry) => cache::save(&Entry {
                tables: tables::with(&entry.tables, added),
                ..entry
            }),
        }
    }

    pub fn is_remembered(&self) -> bool {
        self.entry.is_some()
    }
}

/// Stores the current state of a relation in its cache entry, or deletes the entry if nothing captures the relation.
/// Errors: as [`captured`].
pub fn remember(class: &Class) -> Result<()> {
    cache::lock(class.oid)?;
    let settings = belonging::settings_of(class)?;
    if settings.is_none() && !present::captures_itself(class)? {
        return cache::remove(class.oid);
    }
    let entry = Entry::of(class, settings.as_ref())?;
    if !cache::of(&[class.oid])?.contains(&entry) {
        cache::save(&entry)?;
    }
    Ok(())
}

/// Leaves out the relations that this subtransaction has already [`marked`]: a partitioned table is rewritten leaf by
/// leaf.
pub fn unmarked(mut relations: Vec<Watched>) -> Vec<Watched> {
    let now = (xact::top_xid(), xact::subtransaction());
    MARKED.with_borrow_mut(|marked| {
        if marked.of != now {
            *marked = Marked {
                of: now,
                relations: Vec::new(),
            };
        }
        relations.retain(|one| !marked.relations.contains(&one.class.oid));
    });
    relations
}

/// Notes that a gap entry for changed values was appended for the relation.
pub fn marked(relation: Oid) {
    MARKED.with_borrow_mut(|marked| marked.relations.push(relation));
}
