//! Why does nobody receive anything? One answer a check, in the order in which a DBA would look.

mod recent;

use super::relation::Relation;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::read::Log;
use crate::pg::act_as::{act_as, own_settings, Setting};
use crate::pg::catalog::Class;
use crate::pg::policies::select_policies;
use crate::pg::publication::{Coverage, Publication};
use crate::pg::triggers::{self, Event};
use crate::pg::{acl, keys, privilege, Oid};
use std::ffi::CString;

/// A row of the answer.
pub struct Finding {
    pub check: &'static str,
    /// `ok`, `note`, or `problem`.
    pub status: &'static str,
    pub detail: String,
    pub hint: String,
}

fn finding(check: &'static str, ok: bool, detail: impl Into<String>, hint: &str) -> Finding {
    Finding {
        check,
        status: if ok { "ok" } else { "problem" },
        detail: detail.into(),
        hint: if ok { String::new() } else { hint.to_string() },
    }
}

/// Answers for a role that the caller may act as, by these claims or his own. Errors: 42501 for another role or a relation that the caller may not
/// SELECT from, those of the filter, what the policies cannot be.
pub fn diagnose(
    oid: Oid,
    role: Oid,
    claims: Option<&str>,
    filter: Option<&str>,
) -> Result<Vec<Finding>> {
    let class = Class::by_oid(oid).ok_or_else(|| {
        Error::UndefinedTable(report(format!(
            "relation with OID {} does not exist",
            oid.to_u32()
        )))
    })?;
    if !acl::acts_as(role) {
        return Err(Error::InsufficientPrivilege(
            report(format!(
                "permission denied to act as role \"{}\"",
                acl::role_name(role)
            ))
            .hint("Ask for a role that you are a member of."),
        ));
    }
    if !acl::owns(&class) && !acl::may_select_some(oid) {
        return Err(Error::InsufficientPrivilege(report(format!(
            "permission denied for table {}",
            class.name
        ))));
    }
    let relation = Relation::open(oid)?;
    let mut findings = vec![published(&class), captured(&relation), operations(&class)];
    let settings = settings(role, claims);
    let settings: Vec<Setting> = settings
        .iter()
        .map(|(name, value)| (name.as_c_str(), value.as_c_str()))
        .collect();
    let as_reader = act_as(role, &settings, || as_role(&relation, role, filter))?;
    findings.extend(as_reader);
    findings.push(row_filter(&class));
    findings.push(replica_identity(&class));
    findings.push(retention()?);
    Ok(findings)
}

/// What the role's policies are asked under: the claims that were given, else the caller's; and where he asks about
/// himself as he is, all of his that `changes_since` would use.
fn settings(role: Oid, claims: Option<&str>) -> Vec<(CString, CString)> {
    let name = c"request.jwt.claims";
    let claims = match claims {
        None if role == privilege::current_role() => return own_settings(),
        None => acl::setting(name),
        Some(claims) => Some(claims.to_string()),
    };
    let claims = CString::new(claims.unwrap_or_default()).unwrap_or_default();
    vec![(name.to_owned(), claims)]
}

fn published(class: &Class) -> Finding {
    let name = gucs::publication();
    let hint = "Call pgrealtime.enable() on the table.";
    let Some(publication) = Publication::by_name(&name) else {
        return finding(
            "published",
            false,
            format!("Publication \"{name}\" does not exist."),
            hint,
        );
    };
    let how = match publication.coverage(class) {
        Some(Coverage::Direct) => "as a member",
        Some(Coverage::Schema) => "with its schema",
        Some(Coverage::AllTables) => "with all tables",
        Some(Coverage::Ancestor(_)) => "with a partitioned table above it",
        None => {
            let detail = format!("The table is not in publication \"{name}\".");
            return finding("published", false, detail, hint);
        }
    };
    finding(
        "published",
        true,
        format!("In publication \"{name}\" {how}."),
        hint,
    )
}

fn captured(relation: &Relation) -> Finding {
    if !gucs::enabled() {
        return finding(
            "captured",
            false,
            "pgrealtime.enabled is off: changes leave gap entries only.",
            "Turn pgrealtime.enabled on.",
        );
    }
    let detail = if relation.captured {
        "Triggers append every change to the change log, but those applied by logical replication or under session_replication_role = replica."
    } else {
        "No trigger of this table appends to the change log."
    };
    finding(
        "captured",
        relation.captured,
        detail,
        "Call pgrealtime.enable() on the table, or name the partitioned table that is enabled.",
    )
}

/// The operations that a trigger of ours fires for, as far as any of the relation's triggers does.
fn captured_events(relation: Oid) -> Vec<Event> {
    let function = triggers::member_function("capture_change");
    let firing = triggers::firing(relation);
    let captured = |event: &Event| {
        firing.iter().any(|trigger| {
            Some(trigger.function) == function && trigger.enabled && trigger.is_after(*event)
        })
    };
    Event::ALL.into_iter().filter(captured).collect()
}

fn operations(class: &Class) -> Finding {
    let captured = captured_events(class.oid);
    let names = |is_captured: bool| {
        Event::ALL
            .into_iter()
            .filter(|event| captured.contains(event) == is_captured)
            .map(Event::name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut found = finding(
        "operations",
        !captured.is_empty(),
        match captured.len() {
            0 => "No operation is captured.".to_string(),
            4 => format!("Captured: {}.", names(true)),
            _ => format!("Captured: {}; not captured: {}.", names(true), names(false)),
        },
        "Call pgrealtime.enable() with the operations that readers need.",
    );
    if (1..4).contains(&captured.len()) {
        found.status = "note";
        found.hint =
            "Where readers miss one, call pgrealtime.enable() with the operations that they need."
                .to_string();
    }
    found
}

/// What is asked as the reader's role, with its claims.
fn as_role(relation: &Relation, role: Oid, filter: Option<&str>) -> Result<Vec<Finding>> {
    let selectable = relation.selectable(role);
    let mut findings = vec![match &selectable {
        Ok(columns) => finding(
            "privileges",
            true,
            format!("The role may SELECT {} of {} columns, the key among them.", columns.len(), relation.columns.len()),
            "",
        ),
        Err(error) => finding(
            "privileges",
            false,
            format!("{}.", error.message()),
            "Grant USAGE on the schema and SELECT on the table, or on its key and the columns that the role needs.",
        ),
    }];
    findings.push(policies(relation));
    findings.push(match selectable {
        Ok(_) => recent::recent(relation, filter)?,
        Err(_) => finding(
            "recent changes",
            false,
            "None can reach the role: it lacks the privilege.",
            "Grant the privilege, then ask again.",
        ),
    });
    Ok(findings)
}

fn policies(relation: &Relation) -> Finding {
    let check = "row level security";
    let (enabled, mut all) = select_policies(relation.table.oid);
    all.retain(|policy| policy.applies);
    if !enabled {
        return finding(check, true, "Not enabled: every row may be seen.", "");
    }
    let names: Vec<String> = all
        .iter()
        .map(|policy| format!("\"{}\"", policy.name))
        .collect();
    let looking = all
        .iter()
        .any(|policy| policy.has_sub_select || policy.calls_mutable_function);
    let mut found = finding(
        check,
        !names.is_empty(),
        match names.len() {
            0 => "Enabled, and no policy for SELECT is for the role: it sees no row, unless it is the owner or bypasses row level security.".to_string(),
            _ => format!("Enabled; policies for SELECT that are for the role: {}.", names.join(", ")),
        },
        "Create a policy FOR SELECT.",
    );
    if looking && !relation.deletes_by_key {
        found.status = "note";
        found.detail += " Some may look at other rows, as these are when a change is read: after a cascade the DELETE of a child is nobody's.";
        found.hint = "If readers must hear of every DELETE, use deletes => 'key'.".to_string();
    }
    found
}

fn row_filter(class: &Class) -> Finding {
    let filtered = triggers::of_relation(class.oid)
        .iter()
        .any(|trigger| trigger.has_condition && trigger.name.starts_with("00_pgrealtime_"));
    Finding {
        check: "row filter",
        status: if filtered { "note" } else { "ok" },
        detail: if filtered {
            "Only rows that match the table's row filter are captured; realtime_configuration shows it.".to_string()
        } else {
            "None: all rows are captured.".to_string()
        },
        hint: String::new(),
    }
}

fn replica_identity(class: &Class) -> Finding {
    finding(
        "replica identity",
        keys::has_replica_identity(class),
        if keys::has_replica_identity(class) {
            "UPDATE and DELETE work on the published table."
        } else {
            "The table has none: UPDATE and DELETE fail while it is published."
        },
        "Add a primary key, or ALTER TABLE … REPLICA IDENTITY FULL.",
    )
}

fn retention() -> Result<Finding> {
    let log = Log::open()?;
    let hours = gucs::retention_seconds() as f64 / 3600.0;
    let oldest = log.oldest().map_or("nothing".to_string(), |microseconds| {
        let age = (crate::pg::xact::now() - microseconds).max(0) / 1_000_000;
        format!("changes of the last {age} s")
    });
    Ok(finding(
        "log",
        true,
        format!("The log holds {oldest} and keeps each for {hours} h at least; an older cursor is refused."),
        "",
    ))
}
