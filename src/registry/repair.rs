//! `repair`: what others have changed about realtime tables is put right.

use super::enable::enable;
use super::introspect::{realtime_tables, realtime_tables_now};
use super::merge::Request;
use super::survey::RealtimeTable;
use super::{attach, belonging, present};
use crate::capture_trigger::Sink;
use crate::error::{report, Result};
use crate::gucs;
use crate::pg::backend::ddl;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// A table that was mended: its quoted name, and what was wrong with it.
pub struct Mended {
    pub relation: String,
    pub what: &'static str,
}

/// The settings that the triggers of a table have, where none are stored for it: a role that may not write into
/// `pgrealtime.settings` has restored a dump, say. All but the priority are there.
fn of_triggers(class: &Class) -> Result<Option<Request>> {
    if belonging::settings_of(class)?.is_some() {
        return Ok(None);
    }
    let Some((operations, said)) = present::said(class, attach::capture_function()?) else {
        return Ok(None);
    };
    let list = |names: Vec<&str>| Some(names.into_iter().map(|one| Some(one.to_owned())).collect());
    let key_if = |by_key| if by_key { Some("key".to_owned()) } else { None };
    Ok(Some(Request {
        priority: None,
        operations: list(operations.iter().map(|one| one.name()).collect()),
        row_filter: said.filter,
        columns: said.columns.map(|all| all.into_iter().map(Some).collect()),
        payload: key_if(said.key_only),
        deletes: key_if(said.deletes_by_key),
        sinks: list(Sink::names(&said.sinks)),
        broadcast_topic: said.topic,
    }))
}

/// Enables a table again, with the settings of its triggers where it has no others.
fn enable_again(class: &Class) -> Result<()> {
    let found = of_triggers(class)?;
    let without_priority = found.is_some();
    enable(Some(class.oid), found.unwrap_or_default())?;
    if without_priority {
        report(format!(
            "the settings of table \"{}\" were lost, and are now those of its triggers",
            class.name
        ))
        .detail("Triggers do not have the priority. It is \"medium\" now.")
        .hint("To change it: pgrealtime.enable(…, priority => 'high').")
        .notice();
    }
    Ok(())
}

/// Enables again every realtime table of the caller whose status says that something is wrong, and the published tables that are not
/// enabled, where the publication is followed. Where that is refused or does not help, a WARNING says why. Errors: 42P01
/// when the extension does not exist in this database; 25006.
pub fn repair() -> Result<Vec<Mended>> {
    ddl::prevent_if_read_only(c"pgrealtime.repair()");
    let mut tables = realtime_tables()?;
    tables.sort_by_key(|one| one.relation.map(Oid::to_u32));
    let mut mended = Vec::new();
    for one in &tables {
        let broken =
            one.status != "ok" && (one.status != "not enabled" || gucs::follow_publication());
        let class = one.relation.filter(|_| broken).and_then(Class::by_oid);
        let Some(class) = class.filter(acl::owns) else {
            continue;
        };
        let failed = |why: &str| {
            report(format!(
                "table \"{}\" was not repaired: its status is \"{}\"",
                class.name, one.status
            ))
            .detail(why.to_owned())
            .hint("docs/reference.md says what each status means and what to do.")
            .warning();
        };
        match attempt(|| enable_again(&class)) {
            Err(raised) => failed(&format!("The error was: {}.", raised.message)),
            Ok(()) => match status_of(class.oid)? {
                "ok" => mended.push(Mended {
                    relation: class.quoted(),
                    what: one.status,
                }),
                _ => failed("pgrealtime.enable() does not change that."),
            },
        }
    }
    Ok(mended)
}

fn status_of(table: Oid) -> Result<&'static str> {
    let is_it = |one: &RealtimeTable| one.relation == Some(table);
    let found = realtime_tables_now()?.into_iter().find(is_it);
    Ok(found.map_or("ok", |one| one.status))
}
