//! Checks of what is around a table: the session's settings, its row filter and replica identity, the log.

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

/// Settings of the caller's session that stop changes, or their reading.
pub fn session(relation: &Relation, role: Oid) -> Finding {
    let mut said: Vec<(&str, &str)> = Vec::new();
    if !gucs::enabled() {
        said.push((
            "pgrealtime.enabled is off: what it writes leaves gap entries only.",
            "Turn pgrealtime.enabled on.",
        ));
    }
    if acl::setting(c"session_replication_role").as_deref() == Some("replica") {
        said.push((
            "session_replication_role is replica: what it writes is not captured.",
            "Set session_replication_role to origin.",
        ));
    }
    if !privilege::row_security() && privilege::policies_apply(relation.table.oid, role) {
        said.push((
            "row_security is off: changes_since fails where policies apply to the reader.",
            "Turn row_security on.",
        ));
    }
    let check = "session";
    if said.is_empty() {
        return Finding::ok(
            check,
            "No setting of this session stops changes or their reading.",
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
            "Only rows that match the table's row filter are captured; realtime_configuration shows it.",
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
            false => "It has one: UPDATE and DELETE will work once the table is published.",
        };
        return Finding::ok(check, what);
    }
    Finding::problem(
        check,
        "The table has none: UPDATE and DELETE fail while it is published.",
        "Add a primary key, or ALTER TABLE … REPLICA IDENTITY FULL.",
    )
}

/// What the log keeps. How far back it goes tells of writes to all tables: for who may read `log_status`.
pub fn log(caller: &Caller) -> Result<Finding> {
    let hours = gucs::retention_seconds() as f64 / 3600.0;
    let keeps = format!("keeps each change for {hours} h at least; an older cursor is refused.");
    if !caller.reads_log_status {
        return Ok(Finding::ok("log", format!("The log {keeps}")));
    }
    let oldest = Log::open()?.oldest().map_or("nothing".to_string(), |then| {
        let age = xact::now().since(then).as_secs();
        format!("changes of the last {age} s")
    });
    Ok(Finding::ok(
        "log",
        format!("The log holds {oldest} and {keeps}"),
    ))
}
