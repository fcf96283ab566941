//! Follows the tables of the publication: who adds a table to it wants it to be realtime. A refusal is a WARNING, since the
//! command is somebody else's.

use super::enable::disable;
use super::repair::enable_again;
use super::{belonging, present, publish, watch};
use crate::error::{report, Result};
use crate::gucs;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::call::event_trigger::{OfPublication, PublicationChange};
use crate::pg::catalog::publication::{Coverage, Publication};
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// Enables the tables that came into the publication, and disables those that left it. Errors: 42P01 when the extension does
/// not exist in this database.
pub fn follow(of: &OfPublication) -> Result<()> {
    if !gucs::follow_publication() || of.name != gucs::publication() {
        return Ok(());
    }
    let Some(publication) = publish::current() else {
        return Ok(());
    };
    match &of.change {
        PublicationChange::Created => enable_all(others(publication.members())?, &publication),
        PublicationChange::Added(tables) => {
            let members = publication.members();
            let added = tables.iter().filter(|table| members.contains(table));
            enable_all(added.copied().collect(), &publication);
        }
        PublicationChange::Dropped(tables) => {
            disable_all(tables.clone(), &publication, |_| true);
        }
        PublicationChange::Set => {
            // First, since a partition and the table above it cannot both be enabled.
            let enabled = belonging::enabled()?.into_iter();
            let enabled = enabled.map(|(class, _)| class.oid).collect();
            let members = publication.members();
            let stays = |of| !matches!(of, Coverage::Ancestor(above) if members.contains(&above));
            disable_all(enabled, &publication, stays);
            enable_all(others(publication.members())?, &publication);
        }
    }
    Ok(())
}

/// Those that are not enabled yet: a command that lists all tables again does not lock them all.
fn others(mut tables: Vec<Oid>) -> Result<Vec<Oid>> {
    let mut done = Vec::new();
    for (class, settings) in belonging::enabled()? {
        if present::is_attached(&class, &settings)? {
            done.push(class.oid);
        }
    }
    tables.retain(|table| !done.contains(table));
    Ok(tables)
}

fn enable_all(mut tables: Vec<Oid>, publication: &Publication) {
    in_order(&mut tables);
    for table in tables {
        let enabled = attempt(|| match Class::by_oid(table) {
            Some(class) => enable_again(&class),
            None => Ok(()),
        });
        if let Err(raised) = enabled {
            let name = name(table);
            report(format!(
                "table \"{name}\" is in publication \"{}\" now, but it is not realtime",
                publication.name
            ))
            .detail(format!("The error was: {}.", raised.message))
            .hint("Mend that, then call pgrealtime.enable() for the table or pgrealtime.repair().")
            .warning();
        }
    }
}

/// Disables those of these tables that are enabled and not published any more, or not in a way in which they stay.
fn disable_all(mut tables: Vec<Oid>, publication: &Publication, stays: impl Fn(Coverage) -> bool) {
    in_order(&mut tables);
    for table in tables {
        let disabled = attempt(|| {
            let class = Class::by_oid(table);
            let coverage = class.and_then(|class| publication.coverage(&class));
            let is_published = coverage.is_some_and(&stays);
            match !is_published && belonging::is_enabled(table)? {
                true => disable(Some(table)),
                false => Ok(()),
            }
        });
        if let Err(raised) = disabled {
            let name = name(table);
            report(format!(
                "table \"{name}\" is not in publication \"{}\" any more, but its changes are still captured",
                publication.name
            ))
            .detail(format!("The error was: {}.", raised.message))
            .hint("Have the table's owner call pgrealtime.disable() for it.")
            .warning();
        }
    }
}

/// Leaves out what the extension itself does at the moment. Tables are locked in one order.
fn in_order(tables: &mut Vec<Oid>) {
    tables.retain(|table| !watch::is_own(*table));
    tables.sort_unstable_by_key(|table| table.to_u32());
    tables.dedup();
}

fn name(table: Oid) -> String {
    Class::by_oid(table).map_or_else(|| table.to_string(), |class| class.name)
}
