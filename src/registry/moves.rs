//! Settings follow what DDL does to names: RENAME, SET SCHEMA, RENAME COLUMN, OWNER TO.

use super::belonging;
use super::cache::{self, Entry};
use super::settings::{self, Settings};
use super::watch::{self, Own};
use super::{attach, filter_rule};
use crate::error::Result;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::View;
use crate::sink::topic;

/// Settings whose relation exists and is not in the cache: after a restore.
pub fn uncached() -> Result<Vec<Entry>> {
    let cached = cache::all()?;
    let mut found = belonging::enabled()?;
    found.retain(|(_, one)| !cached.iter().any(|entry| entry.is_of(one)));
    found
        .iter()
        .map(|(class, one)| Entry::of(class, Some(one)))
        .collect()
}

/// A cache entry that no longer tells the truth, and the relation as it is now, `None` for a dropped one.
pub struct Move {
    entry: Entry,
    now: Option<Class>,
    /// Old and new names of columns.
    columns: Vec<(String, String)>,
    settings: Option<Settings>,
}

pub fn moves() -> Result<Vec<Move>> {
    let mut settings = settings::all(View::Latest)?;
    let all = cache::all()?.into_iter().map(|entry| Move {
        now: Class::by_oid(entry.relation),
        columns: renamed_columns(&entry),
        settings: settings
            .iter()
            .position(|one| entry.is_of(one))
            .map(|place| settings.swap_remove(place)),
        entry,
    });
    Ok(all.filter(Move::is_one).collect())
}

fn renamed_columns(entry: &Entry) -> Vec<(String, String)> {
    let renamed = entry.columns.iter().filter_map(|(number, old)| {
        let new = relation::column_name(entry.relation, *number)?;
        (new != *old).then(|| (old.clone(), new))
    });
    renamed.collect()
}

impl Move {
    fn is_one(&self) -> bool {
        let Some(now) = &self.now else {
            return true;
        };
        let same_name = now.schema_name == self.entry.schema && now.name == self.entry.name;
        // Settings go with the relation to its new owner; a dump knows him by name only.
        let same_owner = self
            .settings
            .as_ref()
            .is_none_or(|one| one.owner == acl::role_name(now.owner));
        !same_name || !same_owner || !self.columns.is_empty()
    }

    /// The settings of a dropped relation stay: a migration may make it again, and it is shown as missing.
    fn apply(&self) -> Result<()> {
        cache::remove(self.entry.relation)?;
        let Some(now) = &self.now else {
            return Ok(());
        };
        let mut entry = self.entry.clone();
        entry.schema.clone_from(&now.schema_name);
        entry.name.clone_from(&now.name);
        let Some(mut one) = self.settings.clone() else {
            return cache::save(&entry);
        };
        settings::remove(&one.schema, &one.relation)?;
        one.schema.clone_from(&now.schema_name);
        one.relation.clone_from(&now.name);
        one.owner = acl::role_name(now.owner);
        rename_columns(&mut one, &self.columns);
        settings::save(&one)?;
        // What captures it is looked at elsewhere: a difference that was not yet told must not be lost here.
        let tables = entry.tables;
        cache::save(&Entry {
            tables,
            ..Entry::of(now, Some(&one))?
        })
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

/// Looks again under a lock that keeps callers of `enable` out.
pub fn follow_moves() -> Result<()> {
    settings::lock(Lock::ShareRowExclusive)?;
    moves()?.iter().try_for_each(Move::apply)
}

/// Relations whose triggers name a column that was just renamed.
pub fn stale_arguments() -> Result<Vec<(Class, Settings)>> {
    let mut all = belonging::enabled()?;
    all.retain(|(class, one)| {
        let names_columns =
            one.has_sink("broadcast") || one.columns.is_some() || one.row_filter.is_some();
        names_columns && !attach::has_arguments(class, one)
    });
    Ok(all)
}

/// Makes them again, with the new names.
pub fn renew(class: &Class, settings: &Settings) -> Result<()> {
    let _own = Own::of(class.oid);
    attach::attach(class, settings)?;
    watch::remember(class)
}
