//! Adapts the settings to DDL that changes names or owners: RENAME, SET SCHEMA, RENAME COLUMN, OWNER TO.

use super::belonging;
use super::cache::{self, Entry};
use super::filter_rule;
use super::reach::Reach;
use super::renew::Renewal;
use super::settings::{self, Settings};
use crate::error::Result;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use crate::sink::topic;

/// Entries for relations that the command names and that are enabled, but not in the cache, as after a restore. Errors:
/// 42P01 when the extension does not exist in this database; 42883.
pub fn uncached(named: &Reach) -> Result<Vec<Entry>> {
    if let Some(these) = named.named() {
        let these: Vec<Class> = these.into_iter().filter_map(Class::by_oid).collect();
        if !settings::has_name_of(&these)? {
            return Ok(Vec::new());
        }
    }
    let cached = cache::all()?;
    let mut found = belonging::enabled()?;
    found.retain(|(class, one)| {
        let is_it = |entry: &Entry| entry.relation == class.oid && entry.is_of(one);
        !cached.iter().any(is_it)
    });
    found.retain(|(class, _)| named.has(class));
    found
        .iter()
        .map(|(class, one)| Entry::of(class, Some(one)))
        .collect()
}

/// A cache entry that is out of date, and the current state of its relation: `None` if it was dropped. Then nothing is
/// moved.
pub struct Move {
    entry: Entry,
    now: Option<Class>,
    /// Old and new names of renamed columns.
    columns: Vec<(String, String)>,
    settings: Option<Settings>,
}

/// The outdated entries of what the command names. Errors: 42P01 when the extension does not exist in this database.
pub fn moves(named: &Reach) -> Result<Vec<Move>> {
    let mut entries = match named.named() {
        Some(these) => cache::of(&these)?,
        None => cache::all()?,
    };
    entries.retain(|entry| entry.relation != Oid::INVALID);
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut settings = settings::all(View::Latest)?;
    let all = entries.into_iter().map(|entry| Move {
        now: Class::by_oid(entry.relation),
        columns: renamed_columns(&entry),
        settings: settings
            .iter()
            .position(|one| entry.is_of(one))
            .map(|place| settings.swap_remove(place)),
        entry,
    });
    let named = |one: &Move| one.now.as_ref().is_some_and(|now| named.has(now));
    Ok(all.filter(|one| one.is_outdated() && named(one)).collect())
}

fn renamed_columns(entry: &Entry) -> Vec<(String, String)> {
    let renamed = entry.columns.iter().filter_map(|(number, old)| {
        let new = relation::column_name(entry.relation, *number)?;
        (new != *old).then(|| (old.clone(), new))
    });
    renamed.collect()
}

impl Move {
    fn is_outdated(&self) -> bool {
        let Some(now) = &self.now else {
            return true;
        };
        let same_name = now.schema_name == self.entry.schema && now.name == self.entry.name;
        // Settings stay with the relation when it gets a new owner. The owner's name is compared too, since a dump
        // contains only that.
        let same_owner = self.entry.owner == now.owner
            && self
                .settings
                .as_ref()
                .is_none_or(|one| one.owner == acl::role_name(now.owner));
        !same_name || !same_owner || !self.columns.is_empty()
    }

    fn apply(&self) -> Result<Option<Renewal>> {
        cache::remove(self.entry.relation)?;
        let Some(now) = &self.now else {
            return Ok(None);
        };
        let mut entry = self.entry.clone();
        entry.schema.clone_from(&now.schema_name);
        entry.name.clone_from(&now.name);
        entry.owner = now.owner;
        let Some(before) = self.settings.clone() else {
            cache::save(&entry)?;
            return Ok(None);
        };
        let mut one = before.clone();
        settings::remove(&one.schema, &one.relation)?;
        one.schema.clone_from(&now.schema_name);
        one.relation.clone_from(&now.name);
        one.owner = acl::role_name(now.owner);
        rename_columns(&mut one, &self.columns);
        settings::save(&one)?;
        // Differences in tables and key are handled elsewhere. A difference without a gap entry so far must not be lost
        // here.
        let (tables, key, dropped) = (entry.tables, entry.key, entry.dropped);
        cache::save(&Entry {
            tables,
            key,
            dropped,
            ..Entry::of(now, Some(&one))?
        })?;
        Ok((!self.columns.is_empty()).then(|| Renewal {
            class: now.clone(),
            before,
            after: one,
        }))
    }
}

fn rename_columns(settings: &mut Settings, renamed: &[(String, String)]) {
    for name in settings.columns.iter_mut().flatten() {
        if let Some((_, new)) = renamed.iter().find(|(old, _)| old == name) {
            name.clone_from(new);
        }
    }
    if let Some(filter) = &settings.row_filter {
        settings.row_filter = Some(filter_rule::rename_columns(filter, renamed));
    }
    if let Some(template) = &settings.broadcast_topic {
        settings.broadcast_topic = Some(topic::rename_columns(template, renamed));
    }
}

/// Moves the settings of what the command names. Returns the relations whose triggers name a renamed column. Reads the
/// entries again after it has taken locks that keep others from moving or enabling the same relations. (The command
/// itself has locked the tables, except ALTER SCHEMA RENAME.) Errors: 42P01 when the extension does not exist in this
/// database; 42883.
pub fn follow_moves(named: &Reach) -> Result<Vec<Renewal>> {
    if let Some(schema) = named.schema {
        settings::lock_names(schema)?;
    }
    for one in moves(named)? {
        cache::lock(one.entry.relation)?;
        if let Some(now) = one.now {
            settings::share_names(now.schema)?;
        }
    }
    let mut renewals = Vec::new();
    for one in moves(named)? {
        renewals.extend(one.apply()?);
    }
    Ok(renewals)
}
