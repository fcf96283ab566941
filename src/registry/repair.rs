//! `repair`: what others have changed about realtime tables is put right.

use super::enable::enable;
use super::introspect::{realtime_tables, realtime_tables_now};
use super::merge::Request;
use super::present::{self, Said};
use super::survey::RealtimeTable;
use super::{attach, belonging};
use crate::capture_trigger::{Arguments, Sink};
use crate::change::Operation;
use crate::error::{report, Error, Result};
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

/// The settings that the triggers of a table have, all but the priority, as parameters of `enable`.
fn request(operations: &[Operation], said: Arguments) -> Request {
    let list = |names: Vec<&str>| Some(names.into_iter().map(|one| Some(one.to_owned())).collect());
    let key_if = |by_key: bool| by_key.then(|| "key".to_owned());
    Request {
        priority: None,
        operations: list(operations.iter().map(|one| one.name()).collect()),
        row_filter: said.filter,
        columns: said.columns.map(|all| all.into_iter().map(Some).collect()),
        payload: key_if(said.key_only),
        deletes: key_if(said.deletes_by_key),
        sinks: list(Sink::names(&said.sinks)),
        broadcast_topic: said.topic,
    }
}

/// Enables a table with its settings. Where none are stored, but `enable` created its triggers, those of the triggers are taken:
/// a role that may not write into `pgrealtime.settings` has restored a dump, say. Errors: 55000 where the triggers do not
/// say what is meant; as `enable`.
pub fn enable_again(class: &Class) -> Result<()> {
    let said = match belonging::settings_of(class)? {
        Some(_) => Said::Nothing,
        None => present::said(class, attach::capture_function()?),
    };
    match said {
        Said::Nothing => enable(Some(class.oid), Request::default()),
        Said::Unclear => Err(Error::object_not_in_prerequisite_state(
            report(format!("no settings are stored for table \"{}\", and its capture triggers do not say which are meant", class.name))
                .detail("They differ from one another, others have added some, or they do not fit the table's columns.")
                .hint("Call pgrealtime.enable() with the settings that are meant."),
        )),
        Said::Settings(operations, arguments) => {
            let written = arguments.encode().join(", ");
            enable(Some(class.oid), request(&operations, arguments))?;
            report(format!("the settings of table \"{}\" were lost, and are now those of its triggers", class.name))
                .detail(format!("The triggers say: {written}. They do not have the priority, which is \"medium\" now."))
                .hint("To change a setting, call pgrealtime.enable() with it.")
                .notice();
            Ok(())
        }
    }
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
