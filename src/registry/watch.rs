//! What captures a relation is watched: a change of it that `enable` did not make is a gap for its readers.

use super::cache::{self, Entry};
use super::{belonging, present, tables};
use crate::error::Result;
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::lock::Patience;
use crate::pg::backend::xact;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::keys;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;
use std::cell::{Cell, RefCell};

thread_local! {
    static OWN: Cell<Oid> = const { Cell::new(Oid::INVALID) };
    static TOLD: RefCell<Told> = const { RefCell::new(Told { of: (0, 0), relations: Vec::new() }) };
}

/// Relations whose values were told to have changed, in this transaction and subtransaction.
struct Told {
    of: (u64, u32),
    relations: Vec<Oid>,
}

/// While it lives, DDL on this relation is the extension's own: it tells readers itself.
pub struct Own(Oid);

impl Own {
    pub fn of(relation: Oid) -> Own {
        Own(OWN.replace(relation))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        OWN.set(self.0);
    }
}

/// A relation that is captured, and what is remembered of it.
pub struct Watched {
    pub class: Class,
    entry: Option<Entry>,
}

/// The captured relations that show rows of these tables: themselves and what is above them.
pub fn above(these: &[Oid]) -> Result<Vec<Watched>> {
    let above = these.iter().flat_map(|table| inheritance::above(*table));
    captured(these.iter().copied().chain(above).collect())
}

/// The captured relations of these.
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

/// Every captured relation that is remembered.
pub fn all() -> Result<Vec<Watched>> {
    Ok(cache::all()?.into_iter().filter_map(Watched::of).collect())
}

impl Watched {
    /// The relation of an entry; `None` when it has gone, or when its DDL is the extension's own.
    pub fn of(entry: Entry) -> Option<Watched> {
        let class = Class::by_oid(entry.relation).filter(|class| class.oid != OWN.get())?;
        Some(Watched {
            class,
            entry: Some(entry),
        })
    }

    /// What its readers have to be told, where it is not as it is remembered; one that nobody remembers may have been
    /// anything.
    pub fn difference(&self) -> Result<Option<GapCause>> {
        let Some(entry) = &self.entry else {
            return Ok(Some(GapCause::Capture));
        };
        let now = tables::of(self.class.oid)?;
        let captured = tables::difference(self.class.is_partitioned(), &entry.tables, &now);
        Ok(captured.or(self.has_other_key().then_some(GapCause::Columns)))
    }

    /// Whether changes are told apart by other columns than those that are remembered.
    pub fn has_other_key(&self) -> bool {
        let remembered = self.entry.as_ref();
        remembered.is_some_and(|entry| entry.key != keys::key_columns(self.class.oid))
    }

    /// Whoever loses this entry loses changes in silence: it waits for as long as it takes. What holds the log's lock is
    /// the janitor, for moments.
    pub fn tell(&self, cause: GapCause) -> Result<()> {
        let _patience = Patience::new();
        append_gap(self.class.oid, cause)
    }

    /// Remembers a new and hence empty partition, without a word of it.
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

/// Remembers a relation as it is now, or forgets it when nothing captures it.
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

/// Leaves out the relations of which the same was told in this subtransaction: a partitioned table is rewritten one leaf
/// after the other.
pub fn untold(mut relations: Vec<Watched>) -> Vec<Watched> {
    let now = (xact::top_xid(), xact::subtransaction());
    TOLD.with_borrow_mut(|told| {
        if told.of != now {
            *told = Told {
                of: now,
                relations: Vec::new(),
            };
        }
        relations.retain(|one| !told.relations.contains(&one.class.oid));
    });
    relations
}

/// Says that [`untold`] relations were told.
pub fn told(relation: Oid) {
    TOLD.with_borrow_mut(|told| told.relations.push(relation));
}
