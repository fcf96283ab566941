//! Tables that were dropped and created again: the settings of the first apply to the second, of the same name and owner.

use super::enable::enable;
use super::merge::Request;
use super::{belonging, eligible, publish, settings, watch};
use crate::error::{report, Result};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// Enables those of these tables that are such. One without a key waits for the command that gives it one. Errors: 42P01 when
/// the extension does not exist in this database.
pub fn follow(tables: &[Oid]) -> Result<()> {
    for table in tables {
        let Some(class) = Class::by_oid(*table) else {
            continue;
        };
        let may_be = !class.is_temporary()
            && !watch::is_own(class.oid)
            && settings::has_name_of(std::slice::from_ref(&class))?;
        if !may_be || !belonging::is_recreated(&class)? {
            continue;
        }
        if eligible::check_identity(&class, publish::current().as_ref()).is_err() {
            continue;
        }
        match attempt(|| enable(Some(class.oid), Request::default())) {
            Ok(()) => report(format!("table \"{}\" is realtime again", class.name))
                .detail("It has the settings of the table of this name that was dropped.")
                .hint("If that is not meant, call pgrealtime.disable() for it.")
                .notice(),
            Err(raised) => report(format!(
                "table \"{}\" did not become realtime again",
                class.name
            ))
            .detail(format!("The error was: {}.", raised.message))
            .hint("Mend that, then call pgrealtime.enable() for the table or pgrealtime.repair().")
            .warning(),
        }
    }
    Ok(())
}
