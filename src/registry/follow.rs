//! DDL is followed: called by the event triggers, inside other people's commands. What it should do and cannot is a
//! WARNING. Errors are what would lose changes in silence, a gap that cannot be written, and where Postgres would raise
//! one with less to go by.

use super::cache::{self, Entry};
use super::leaves::{self, NewLeaf};
use super::reach::Reach;
use super::renew::Renewal;
use super::watch::{self, Watched};
use super::{attach, eligible, moves};
use crate::error::{report, Result};
use crate::log::entry::GapCause;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::call::dropped;
use crate::pg::call::event_trigger::Command;
use crate::pg::call::event_trigger::Partition;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::type_use;
use crate::pg::storage::heap;
use crate::pg::Oid;

/// Looks at a command. Errors: 55000 for ATTACH PARTITION of a table that is enabled by itself, and whatever kept a gap
/// from being written.
pub fn follow(command: Command) -> Result<()> {
    let is_installed = || heap::member_oid("relation_cache").is_some();
    if command == Command::Other || !is_installed() {
        return Ok(());
    }
    match follow_one(command) {
        // Another session has dropped the extension meanwhile: there is no log, and nobody who reads it.
        Err(_) if !is_installed() => Ok(()),
        result => result,
    }
}

fn follow_one(command: Command) -> Result<()> {
    match command {
        Command::Other => {}
        Command::BeforeRename(named) => each(moves::uncached(&Reach::of(named)), cache::save),
        Command::AfterRename(named) => renamed(&Reach::of(named))?,
        Command::BeforeAttach(it) => return eligible::check_attach(it.parent, it.partition),
        // The transaction that takes the rows away ends before the command does.
        Command::BeforeDetach(parent) => {
            // Whoever may not do it is refused only after this.
            let owned = parent.filter(|oid| Class::by_oid(*oid).is_some_and(|it| acl::owns(&it)));
            for one in watch::above(&list(owned))? {
                one.tell(GapCause::PartitionMoved)?;
            }
        }
        Command::PartitionCreated(partition) => {
            created(partition)?;
            let is_unlogged = |oid: &Oid| Class::by_oid(*oid).is_some_and(|it| it.is_unlogged());
            tell_of_logging(partition.filter(is_unlogged))?;
        }
        Command::PartitionAttached(it) => {
            each(leaves::new(it.partition), NewLeaf::complete);
            look_at(watch::above(&both(it))?)?;
        }
        Command::PartitionDetached(it) => {
            each(leaves::orphans(it.partition), |table| {
                attach::detach_leaves(std::slice::from_ref(table))
            });
            look_at(watch::above(&both(it))?)?;
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
            look_at(watch::above(&tables)?)?;
            tell_of_logging(it.logging)?;
            rewritten(watch::above(&list(it.values))?)?;
            if let Some(changed) = it.columns {
                rewritten(watch::above(&filled(changed, &it.added))?)?;
                rewritten(holders(&list(relation::row_type(changed)))?)?;
            }
        }
        Command::Rewritten(table) => rewritten(watch::above(&[table])?)?,
        Command::ValueRenamed(of) => {
            rewritten(holders(&[of])?)?;
        }
        Command::Dropped => dropped()?,
        Command::Several(all) => return all.into_iter().try_for_each(follow_one),
    }
    Ok(())
}

/// What was looked for; where that failed, nothing and a WARNING.
fn found<T>(found: Result<Vec<T>>) -> Vec<T> {
    found.unwrap_or_else(|error| {
        warn(error.message());
        Vec::new()
    })
}

/// Works on each of what was found, in a subtransaction each: an error at one is not another's.
fn each<T>(these: Result<Vec<T>>, mut work: impl FnMut(&T) -> Result<()>) {
    for one in found(these) {
        if let Err(raised) = attempt(|| work(&one)) {
            warn(&raised.message);
        }
    }
}

fn warn(message: &str) {
    report("pgrealtime could not follow this command")
        .detail(format!("The reason was: {message}."))
        .hint("Call pgrealtime.enable() for the table; pgrealtime.realtime_configuration shows what is out of order.")
        .warning();
}

/// Moves the settings of what has another name or owner, and tells of columns that have other names.
fn renamed(named: &Reach) -> Result<()> {
    let found = move_settings(named);
    if named.column {
        tell_of_names(named)
    } else if found.is_empty() {
        Ok(())
    } else {
        // Nobody followed when these columns were renamed.
        tell_of_names(&Reach::relations(found))
    }
}

/// Copies of rows have a renamed column under its old name. Where a row is a value, so have its readers.
fn tell_of_names(of: &Reach) -> Result<()> {
    for one in of.captured()? {
        one.tell(GapCause::Columns)?;
    }
    rewritten(holders(&of.row_types())?)
}

/// The captured relations that have values of one of these types.
fn holders(types: &[Oid]) -> Result<Vec<Watched>> {
    let mut all = watch::all()?;
    all.retain(|one| types.iter().any(|of| type_use::holds(one.class.oid, *of)));
    Ok(all)
}

/// The relation and what inherits from it, as far as the rows that were there have a value in an added column.
fn filled(relation: Oid, added: &[String]) -> Vec<Oid> {
    let mut all = inheritance::descendants(relation);
    all.push(relation);
    all.retain(|one| added.iter().any(|name| relation::was_filled(*one, name)));
    all
}

/// Returns the relations of whose columns the settings knew old names.
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
    // Where that fails, what follows is told wrongly or not at all until `enable` mends it. The caller tells readers of
    // the names, so that a gap which cannot be written is an error of the command and not a WARNING here.
    each(Ok(renewals), Renewal::run);
    renamed
}

fn list(oid: Option<Oid>) -> Vec<Oid> {
    oid.into_iter().collect()
}

fn both(it: Partition) -> Vec<Oid> {
    it.parent.into_iter().chain(it.partition).collect()
}

/// Tells of relations that are not as they are remembered, and remembers them anew. The readers come first: they are told
/// even where the rest fails.
fn look_at(these: Vec<Watched>) -> Result<()> {
    for one in these {
        if let Some(cause) = one.difference()? {
            one.tell(cause)?;
            each(Ok(vec![one]), |one| watch::remember(&one.class));
        }
    }
    Ok(())
}

/// A crash empties an unlogged table without a change that could be told of: the status says so, and readers are told when
/// it begins and when it ends.
fn tell_of_logging(table: Option<Oid>) -> Result<()> {
    for one in watch::above(&list(table))? {
        one.tell(GapCause::Unlogged)?;
    }
    Ok(())
}

/// A new partition is empty: there is nothing to tell, unless nobody knows how things stood before.
fn created(partition: Option<Oid>) -> Result<()> {
    each(leaves::new(partition), NewLeaf::complete);
    let Some(oid) = partition else {
        return Ok(());
    };
    let above = watch::above(&[oid])?;
    if Class::by_oid(oid).is_some_and(|class| class.is_foreign()) {
        // It comes with the rows that it has elsewhere.
        return look_at(above);
    }
    let (remembered, others) = above.into_iter().partition(Watched::is_remembered);
    each(Ok(remembered), |one| one.add(oid));
    look_at(others)
}

fn rewritten(these: Vec<Watched>) -> Result<()> {
    if these.is_empty() {
        return Ok(());
    }
    for one in watch::untold(these) {
        one.tell(GapCause::Rewritten)?;
        watch::told(one.class.oid);
    }
    Ok(())
}

fn dropped() -> Result<()> {
    let touched = match attempt(|| Ok(dropped::dropped())) {
        Ok(dropped) if dropped.relations.is_empty() => return Ok(()),
        Ok(dropped) => {
            let mut touched = cache::mentioning(&dropped.relations)?;
            if dropped.index {
                let others = cache::all()?
                    .into_iter()
                    .filter(|one| !touched.contains(one));
                touched.extend(others.filter(lost_key).collect::<Vec<_>>());
            }
            touched
        }
        // What it was is not to be known: everything is looked at.
        Err(_) => cache::all()?,
    };
    let (gone, left): (Vec<Entry>, Vec<Entry>) = touched
        .into_iter()
        .partition(|entry| Class::by_oid(entry.relation).is_none());
    each(Ok(gone), cache::drop);
    look_at(left.into_iter().filter_map(Watched::of).collect())
}

/// Nothing tells which table an index was of that has gone.
fn lost_key(entry: &Entry) -> bool {
    Watched::of(entry.clone()).is_some_and(|one| one.has_other_key())
}

/// The new owner may not be able to do what the old one was.
fn warn_of_owner(one: &Watched) -> Result<()> {
    let function = attach::capture_function()?;
    if !acl::role_may_execute(function, one.class.owner) {
        attach::owner_lacks_execute(&one.class).warning();
    }
    Ok(())
}
