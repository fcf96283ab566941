//! Follows DDL. The event triggers call this within commands of other users, so a failure is normally only a WARNING.
//! It is an error if a gap entry cannot be written, since changes would be lost silently, and where Postgres would
//! raise a less helpful error anyway.

use super::cache::{self, Entry};
use super::leaves::{self, NewLeaf};
use super::reach::Reach;
use super::renew::{renumber, Renewal};
use super::watch::{self, Watched};
use super::{attach, columns, eligible, follow_publication, moves, recreate, relabel};
use crate::error::{report, Result};
use crate::log::entry::GapCause;
use crate::pg::backend::invalidation;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::call::dropped;
use crate::pg::call::event_trigger::is_restoring;
use crate::pg::call::event_trigger::Altered;
use crate::pg::call::event_trigger::Command;
use crate::pg::call::event_trigger::Partition;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::type_use;
use crate::pg::storage::heap;
use crate::pg::Oid;

/// Handles a command. Errors: 55000 for ATTACH PARTITION of a table that is itself enabled; any error that prevents a
/// gap entry from being written.
pub fn follow(command: Command) -> Result<()> {
    let is_installed = || heap::member_oid("relation_cache").is_some();
    if command == Command::Other || !is_installed() {
        return Ok(());
    }
    match follow_one(command) {
        // Another session has dropped the extension in the meantime. There is no log any more, and no reader of it.
        Err(_) if !is_installed() => Ok(()),
        result => result,
    }
}

fn follow_one(command: Command) -> Result<()> {
    match command {
        Command::Other => {}
        Command::BeforeRename(named) => each(moves::uncached(&Reach::of(named)), cache::save),
        Command::AfterRename(named) => {
            let relations = named.relations.clone();
            renamed(&Reach::of(named))?;
            recreated(&relations)?;
        }
        Command::BeforeAttach(it) => return eligible::check_attach(it.parent, it.partition),
        // With CONCURRENTLY, the rows are already gone for other sessions before the command ends.
        Command::BeforeDetach(parent) => {
            // Postgres checks the right to detach only after this.
            let owned = parent.filter(|oid| Class::by_oid(*oid).is_some_and(|it| acl::owns(&it)));
            for one in watch::above(&list(owned))? {
                one.mark_gap(GapCause::PartitionMoved)?;
            }
        }
        Command::PartitionCreated(partition) => {
            created(partition)?;
            let is_unlogged = |oid: &Oid| Class::by_oid(*oid).is_some_and(|it| it.is_unlogged());
            mark_logging(partition.filter(is_unlogged))?;
        }
        Command::PartitionAttached(it) => {
            each(leaves::new(it.partition), NewLeaf::complete);
            check(watch::above(&both(it))?)?;
        }
        Command::PartitionDetached(it) => {
            each(leaves::orphans(it.partition), |table| {
                attach::detach_leaves(std::slice::from_ref(table))
            });
            check(watch::above(&both(it))?)?;
            recreated(&list(it.partition))?;
        }
        Command::Altered(it) => {
            if it.owner.is_some() {
                renamed(&Reach::relations(list(it.owner)))?;
                each(watch::above(&list(it.owner)), warn_of_owner);
            }
            let below = it
                .tables
                .iter()
                .flat_map(|one| inheritance::descendants(*one));
            let tables: Vec<Oid> = below.chain(it.tables.iter().copied()).collect();
            check(watch::above(&tables)?)?;
            // They may have got their key, the right owner, or a log of their changes.
            recreated(&it.tables)?;
            recreated(&list(it.owner))?;
            recreated(&list(it.logging))?;
            each(Ok(it.trigger.iter().cloned().collect()), renumber);
            mark_logging(it.logging)?;
            rewritten(watch::above(&list(it.values))?)?;
            if !it.added.is_empty() {
                rewritten(columns::returned()?)?;
            }
            if let Some(changed) = it.columns {
                let of_type = watch::of_type(changed)?;
                rewritten(watch::above(&changed_values(changed, of_type, &it))?)?;
                rewritten(holders(&row_types(&[changed]))?)?;
            }
        }
        Command::Rewritten(table) => rewritten(watch::above(&[table])?)?,
        Command::TableCreated(table) => recreated(&list(table))?,
        Command::OfPublication(it) if !is_restoring() => follow_publication::follow(&it)?,
        Command::OfPublication(_) => {}
        Command::ValueRenamed(renamed) => {
            rewritten(holders(&[renamed.of])?)?;
            let tables = found(relabel::named_by(&renamed));
            // A lock that cannot be had fails the command, which can be repeated. Later it would be too late: the filters would
            // not fit the triggers.
            relabel::lock(&tables);
            each(Ok(tables), |table| relabel::renew(*table, &renamed));
        }
        Command::Dropped => dropped()?,
        Command::Several(all) => return all.into_iter().try_for_each(follow_one),
    }
    Ok(())
}

/// The result of a search. If the search failed: nothing, and a WARNING.
fn found<T>(found: Result<Vec<T>>) -> Vec<T> {
    found.unwrap_or_else(|error| {
        warn(error.message());
        Vec::new()
    })
}

/// Runs `work` for each item in a subtransaction of its own, so that an error at one does not affect the others.
fn each<T>(these: Result<Vec<T>>, mut work: impl FnMut(&T) -> Result<()>) {
    for one in found(these) {
        if let Err(raised) = attempt(|| work(&one)) {
            warn(&raised.message);
        }
    }
}

fn warn(message: &str) {
    report("pgrealtime could not follow this command")
        .detail(format!("The error was: {message}."))
        .hint("Call pgrealtime.enable() for the table. The view pgrealtime.realtime_configuration shows which tables have a problem.")
        .warning();
}

/// Enables tables that were dropped and created again.
fn recreated(tables: &[Oid]) -> Result<()> {
    match is_restoring() {
        true => Ok(()),
        false => recreate::follow(tables),
    }
}

/// Moves the settings of relations with a new name or owner, and appends gap entries for renamed columns.
fn renamed(named: &Reach) -> Result<()> {
    let found = move_settings(named);
    if named.column {
        mark_renamed_columns(named)?;
        // These have a gap entry now.
        columns::returned().map(drop)
    } else if found.is_empty() {
        Ok(())
    } else {
        // These columns were renamed without the event triggers.
        mark_renamed_columns(&Reach::relations(found))
    }
}

/// Appends gap entries for renamed columns: readers' copies of rows have them under the old name. This includes
/// relations with values of the row type.
fn mark_renamed_columns(of: &Reach) -> Result<()> {
    for one in of.captured()? {
        one.mark_gap(GapCause::Columns)?;
    }
    rewritten(holders(&row_types(of.relations_themselves()))?)
}

/// The row types of these relations, and of those that get columns from them.
fn row_types(of: &[Oid]) -> Vec<Oid> {
    let all = of.iter().flat_map(|one| type_use::sharing_columns(*one));
    all.filter_map(relation::row_type).collect()
}

/// The captured relations with values of one of these types.
fn holders(types: &[Oid]) -> Result<Vec<Watched>> {
    let mut types = types.to_vec();
    types.retain(|of| type_use::is_used(*of));
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = watch::all()?;
    all.retain(|one| types.iter().any(|of| type_use::holds(one.class.oid, *of)));
    Ok(all)
}

/// Of the relation, its descendants and the tables of its type, those whose existing rows show other values: they got one
/// in an added column, or a column has another type.
fn changed_values(relation: Oid, of_type: Vec<Oid>, it: &Altered) -> Vec<Oid> {
    let mut all = of_type;
    all.push(relation);
    let descendants = all.iter().flat_map(|one| inheritance::descendants(*one));
    let descendants: Vec<Oid> = descendants.collect();
    all.extend(descendants);
    all.retain(|one| {
        let mut added = it.added.iter();
        added.any(|name| relation::was_filled(*one, name))
            || it.retyped && relation::was_retyped(*one)
    });
    all
}

/// Moves the settings. Returns the relations whose settings contained old names of columns.
fn move_settings(named: &Reach) -> Vec<Oid> {
    if named.schema.is_none() && found(moves::moves(named)).is_empty() {
        return Vec::new();
    }
    let mut renewals = Vec::new();
    each(Ok(vec![()]), |()| {
        renewals = moves::follow_moves(named)?;
        Ok(())
    });
    let renamed = renewals.iter().map(|one| one.class.oid).collect();
    // If this fails, later changes are captured wrongly or not at all until `enable` is called. The gap entries are
    // left to the caller: if one cannot be written, the command must fail, and not only a WARNING be raised here.
    each(Ok(renewals), Renewal::run);
    renamed
}

fn list(oid: Option<Oid>) -> Vec<Oid> {
    oid.into_iter().collect()
}

fn both(it: Partition) -> Vec<Oid> {
    it.parent.into_iter().chain(it.partition).collect()
}

/// Appends gap entries for relations that differ from their cache entries, then updates these. The gap entries come
/// first, so that they are written even if the rest fails.
fn check(these: Vec<Watched>) -> Result<()> {
    for one in these {
        if let Some(cause) = one.difference()? {
            if one.has_other_key() {
                // Postgres does not always say so: ALTER INDEX ATTACH PARTITION.
                invalidation::invalidate(one.class.oid);
            }
            one.mark_gap(cause)?;
            each(Ok(vec![one]), |one| watch::remember(&one.class));
        }
    }
    Ok(())
}

/// A crash empties an unlogged table without a change that could be captured. The status shows such tables. Gap entries
/// are appended when a table becomes unlogged, and when it becomes logged.
fn mark_logging(table: Option<Oid>) -> Result<()> {
    for one in watch::above(&list(table))? {
        one.mark_gap(GapCause::Unlogged)?;
    }
    Ok(())
}

/// A new partition is empty, so no gap entry is needed, unless the relation above has no cache entry to compare with.
fn created(partition: Option<Oid>) -> Result<()> {
    each(leaves::new(partition), NewLeaf::complete);
    let Some(oid) = partition else {
        return Ok(());
    };
    let above = watch::above(&[oid])?;
    if Class::by_oid(oid).is_some_and(|class| class.is_foreign()) {
        // A foreign table has rows already.
        return check(above);
    }
    let (remembered, others) = above.into_iter().partition(Watched::is_remembered);
    each(Ok(remembered), |one| one.add(oid));
    check(others)
}

fn rewritten(these: Vec<Watched>) -> Result<()> {
    if these.is_empty() {
        return Ok(());
    }
    for one in watch::unmarked(these) {
        one.mark_gap(GapCause::Rewritten)?;
        watch::marked(one.class.oid);
    }
    Ok(())
}

fn dropped() -> Result<()> {
    let touched = match attempt(|| Ok(dropped::dropped())) {
        Ok(dropped) => {
            columns::remember(&dropped.columns)?;
            lost_columns(&dropped.columns)?;
            if dropped.relations.is_empty() {
                return Ok(());
            }
            let mut touched = cache::mentioning(&dropped.relations)?;
            if dropped.index {
                // No other index than that of a replica identity can be dropped and have been a key.
                let others = cache::which(|one| relation::replica_identity(one) == Some(b'i'))?
                    .into_iter()
                    .filter(|one| !touched.contains(one));
                touched.extend(others.filter(lost_key).collect::<Vec<_>>());
            }
            touched
        }
        // It is unknown what was dropped, so all relations are checked.
        Err(_) => cache::all()?,
    };
    let (gone, left): (Vec<Entry>, Vec<Entry>) = touched
        .into_iter()
        .partition(|entry| Class::by_oid(entry.relation).is_none());
    each(Ok(gone), cache::drop);
    check(left.into_iter().filter_map(Watched::of).collect())
}

/// Appends gap entries for relations with values of these row types, which have lost a column: along with its type, say.
fn lost_columns(of: &[(Oid, String)]) -> Result<()> {
    let types = of.iter().filter_map(|(of, _)| relation::row_type(*of));
    rewritten(holders(&types.collect::<Vec<Oid>>())?)
}

/// Whether the key of a relation has changed. A dropped index no longer shows which table it belonged to.
fn lost_key(entry: &Entry) -> bool {
    Watched::of(entry.clone()).is_some_and(|one| one.has_other_key())
}

/// Warns if the new owner may not execute the capture function.
fn warn_of_owner(one: &Watched) -> Result<()> {
    let function = attach::capture_function()?;
    if !acl::role_may_execute(function, one.class.owner) {
        attach::owner_lacks_execute(&one.class).warning();
    }
    Ok(())
}
