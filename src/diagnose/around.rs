//! Checks of what surrounds a table: the session's settings, the row filter, the replica identity, the log.

use super::answer::{Caller, Finding};
use crate::capture_trigger;
use crate::error::Result;
use crate::feed::relation::Relation;
use crate::gucs;
use crate::log::read::Log;
use crate::pg::backend::xact;
use crate::pg::catalog::acl;
use crate::pg::catalog::keys;
use crate::pg::catalog::privilege;
use crate::pg::catalog::publication::Publication;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::Oid;

/// Checks for settings of the caller's session that prevent changes from being captured or read.
pub fn session(relation: &Relation, role: Oid) -> Finding {
    let mut said: Vec<(&str, &str)> = Vec::new();
    if !gucs::enabled() {
        said.push((
            "pgrealtime.enabled is off: its changes only leave gap entries.",
            "Turn pgrealtime.enabled on.",
        ));
    }
    if acl::setting(c"session_replication_role").as_deref() == Some("replica") {
        said.push((
            "session_replication_role is replica: its changes are not captured.",
            "Set session_replication_role to origin.",
        ));
    }
    if !privilege::row_security() && privilege::policies_apply(relation.table.oid, role) {
        said.push((
            "row_security is off: changes_since fails if policies apply to the reader.",
            "Turn row_security on.",
        ));
    }
    let check = "session";
    if said.is_empty() {
        return Finding::ok(
            check,
            "No setting of this session prevents changes from being captured or read.",
        );
    }
    let (details, hints): (Vec<&str>, Vec<&str>) = said.into_iter().unzip();
    Finding::problem(
        check,
        format!("In this session {}", details.join(" ")),
        hints.join(" "),
    )
}

pub fn row_filter(class: &Class, relation: &Relation) -> Finding {
    let function = triggers::member_function("capture_change");
    let filtered = triggers::firing(class.oid).iter().any(|one| {
        one.has_condition
            && Some(one.function) == function
            && capture_trigger::is_named(&one.name())
    });
    if filtered {
        return Finding::note(
            "row filter",
            "Only rows that match the table's row filter are captured. The view realtime_configuration shows the filter.",
            "",
        );
    }
    let what = match relation.captured {
        true => "None: all rows are captured.",
        false => "None.",
    };
    Finding::ok("row filter", what)
}

pub fn replica_identity(class: &Class) -> Finding {
    let check = "replica identity";
    if keys::has_replica_identity(class) {
        let publication = Publication::by_name(&gucs::publication());
        let is_published = publication.is_some_and(|one| one.coverage(class).is_some());
        let what = match is_published {
            true => "UPDATE and DELETE work on the published table.",
            false => "The table has one: UPDATE and DELETE will work when the table is published.",
        };
        return Finding::ok(check, what);
    }
    Finding::problem(
        check,
        "The table has none: UPDATE and DELETE fail while it is published.",
        "Add a primary key, or ALTER TABLE … REPLICA IDENTITY FULL.",
    )
}

/// What the log keeps. The age of its oldest entry reveals when other tables were changed, so it is shown only to roles
/// that may read `log_status`. Errors: those of [`Log::open`].
pub fn log(caller: &Caller) -> Result<Finding> {
    let hours = gucs::retention_seconds() as f64 / 3600.0;
    let keeps = format!("keeps each change for at least {hours} h. Older cursors are refused.");
    if !caller.reads_log_status {
        return Ok(Finding::ok("log", format!("The log {keeps}")));
    }
    let oldest = Log::open()?.oldest().map_or("nothing".to_string(), |then| {
        let age = xact::now().since(then).as_secs();
        format!("changes of the last {age} s")
    });
    Ok(Finding::ok(
        "log",
        format!("The log holds {oldest}. It {keeps}"),
    ))
}
