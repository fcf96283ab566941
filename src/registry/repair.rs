//! `repair`: what others have changed about realtime tables is put right.

use super::enable::enable;
use super::introspect::realtime_tables;
use super::merge::Request;
use super::survey::RealtimeTable;
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
        match attempt(|| enable(Some(class.oid), Request::default())) {
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
    let found = realtime_tables()?.into_iter().find(is_it);
    Ok(found.map_or("ok", |one| one.status))
}
