//! Settings follow DDL: called by the event triggers, inside other people's commands. Never raises.

use super::belonging::{self, Remembered};
use super::cache::{self, Entry};
use super::settings::{self, Settings};
use super::{attach, eligible, filter_rule};
use crate::error::{report, Result};
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::catalog::{self, Class};
use crate::pg::event_trigger::Command;
use crate::pg::heap::{Lock, View};
use crate::pg::subtransaction::attempt;
use crate::pg::{acl, heap, Oid};
use crate::sink::topic;

/// Looks at a command; what it should do and cannot becomes a WARNING.
pub fn follow(command: Command) {
    if command == Command::Other || heap::member_oid("relation_cache").is_none() {
        return;
    }
    let outcome = match command {
        Command::Other => Ok(()),
        Command::BeforeRename => {
            try_to(uncached, |entries| entries.iter().try_for_each(cache::save))
        }
        Command::AfterRename => {
            try_to(moves, |_| follow_moves()).and_then(|()| try_to(stale_arguments, attach_all))
        }
        Command::AfterDrop => try_to(moves, |_| follow_moves()),
        Command::PartitionCreated(partition) => try_to(|| new_leaves(partition), complete),
        Command::PartitionAttached(it) => try_to(|| new_leaves(it.partition), complete)
            .and_then(|()| try_to(|| enabled_roots(it.parent), tell_of_move)),
        Command::PartitionDetached(it) => try_to(|| orphans(it.partition), detach)
            .and_then(|()| try_to(|| enabled_roots(it.parent), tell_of_move)),
    };
    if let Err(message) = outcome {
        report("pgrealtime could not follow this command")
            .detail(format!("The reason was: {message}."))
            .hint("Call pgrealtime.enable() for the table; pgrealtime.realtime_configuration shows what is out of order.")
            .warning();
    }
}

/// Works on what `find` finds, in a subtransaction. Most commands find nothing and pay for none.
fn try_to<T>(
    find: impl FnOnce() -> Result<Vec<T>>,
    work: impl FnOnce(&[T]) -> Result<()>,
) -> std::result::Result<(), String> {
    let found = find().map_err(|error| error.message())?;
    if found.is_empty() {
        return Ok(());
    }
    attempt(|| work(&found)).map_err(|raised| raised.message)
}

/// Settings whose relation exists and is not in the cache: after a restore.
fn uncached() -> Result<Vec<Entry>> {
    let cached = cache::all()?;
    let mut found = belonging::enabled()?;
    found.retain(|(_, one)| !cached.iter().any(|entry| entry.is_of(one)));
    Ok(found
        .iter()
        .map(|(class, one)| Entry::of(class.oid, one))
        .collect())
}

/// A cache entry that no longer tells the truth, and the relation as it is now, `None` for a dropped one.
struct Move {
    entry: Entry,
    now: Option<Class>,
    /// Old and new names of columns.
    columns: Vec<(String, String)>,
    settings: Option<Settings>,
}

fn moves() -> Result<Vec<Move>> {
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
        let new = catalog::column_name(entry.relation, *number)?;
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
        let (Some(now), Some(mut one)) = (&self.now, self.settings.clone()) else {
            return Ok(());
        };
        settings::remove(&one.schema, &one.relation)?;
        one.schema.clone_from(&now.schema_name);
        one.relation.clone_from(&now.name);
        one.owner = acl::role_name(now.owner);
        rename_columns(&mut one, &self.columns);
        settings::save(&one)?;
        cache::save(&Entry::of(now.oid, &one))
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
fn follow_moves() -> Result<()> {
    settings::lock(Lock::ShareRowExclusive)?;
    moves()?.iter().try_for_each(Move::apply)
}

/// Relations whose triggers name a column that was just renamed.
fn stale_arguments() -> Result<Vec<(Class, Settings)>> {
    let mut all = belonging::enabled()?;
    all.retain(|(class, one)| {
        let names_columns = one.has_sink("broadcast") || one.columns.is_some();
        names_columns && !attach::has_arguments(class, one)
    });
    Ok(all)
}

fn attach_all(all: &[(Class, Settings)]) -> Result<()> {
    all.iter()
        .try_for_each(|(class, one)| attach::attach(class, one, false).map(drop))
}

/// The leaves at or below a partition.
fn leaves_at(partition: Option<Oid>) -> Vec<Class> {
    match partition.and_then(Class::by_oid) {
        Some(class) if class.is_partitioned() => catalog::leaves(class.oid),
        Some(class) => vec![class],
        None => Vec::new(),
    }
}

/// Leaves of an enabled root that lack their TRUNCATE trigger, with the root's settings.
fn new_leaves(partition: Option<Oid>) -> Result<Vec<(Class, Settings)>> {
    let leaves = leaves_at(partition);
    if leaves.iter().all(|leaf| !leaf.is_partition) {
        return Ok(Vec::new());
    }
    let remembered = Remembered::load()?;
    let mut found = Vec::new();
    for leaf in leaves {
        if attach::has_leaf_trigger(&leaf) {
            continue;
        }
        for root in catalog::ancestors(&leaf)
            .into_iter()
            .filter_map(Class::by_oid)
        {
            if let Some(settings) = remembered.of(&root) {
                found.push((leaf.clone(), settings.clone()));
            }
        }
    }
    Ok(found)
}

fn complete(leaves: &[(Class, Settings)]) -> Result<()> {
    let one = |(leaf, settings): &(Class, Settings)| attach::attach_new_leaf(leaf, settings);
    leaves.iter().try_for_each(one)
}

/// The enabled relations at or above a partitioned table.
fn enabled_roots(parent: Option<Oid>) -> Result<Vec<Class>> {
    let Some(class) = parent.and_then(Class::by_oid) else {
        return Ok(Vec::new());
    };
    let above = catalog::ancestors(&class)
        .into_iter()
        .filter_map(Class::by_oid);
    let remembered = Remembered::load()?;
    Ok(above
        .chain(std::iter::once(class.clone()))
        .filter(|table| remembered.of(table).is_some())
        .collect())
}

/// Rows came or went without a row change: readers of the root have to read it again.
fn tell_of_move(roots: &[Class]) -> Result<()> {
    roots
        .iter()
        .try_for_each(|root| append_gap(root.oid, GapCause::PartitionMoved))
}

fn detach(leaves: &[Class]) -> Result<()> {
    attach::detach_leaves(leaves);
    Ok(())
}

/// Tables that have a leaf's TRUNCATE trigger and are leaves of nothing enabled any more.
fn orphans(partition: Option<Oid>) -> Result<Vec<Class>> {
    let mut orphans = Vec::new();
    for table in leaves_at(partition)
        .into_iter()
        .filter(attach::has_leaf_trigger)
    {
        if !eligible::is_enabled(&table)? {
            orphans.push(table);
        }
    }
    Ok(orphans)
}
