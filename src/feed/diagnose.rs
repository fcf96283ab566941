//! Why does nobody receive anything? One answer a check, in the order in which a DBA would look.

use super::delta::{delta, Operation as RowOperation};
use super::judge::{self, Case, Judge, Sees, Unjudged};
use super::relation::{Relation, Rows};
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::entry;
use crate::log::read::{Entry, Log};
use crate::pg::act_as::{act_as, own_settings, Setting};
use crate::pg::catalog::Class;
use crate::pg::memory::Memory;
use crate::pg::policies::select_policies;
use crate::pg::policy::Verdict;
use crate::pg::publication::{Coverage, Publication};
use crate::pg::triggers::{self, Event};
use crate::pg::{acl, keys, privilege, Oid};
use std::ffi::CString;

/// So many of the last captured changes are judged.
const LAST: usize = 1000;

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

fn operations(class: &Class) -> Finding {
    let function = triggers::member_function("capture_change");
    let firing = triggers::firing(class.oid);
    let names: Vec<&str> = Event::ALL
        .into_iter()
        .filter(|event| {
            firing.iter().any(|trigger| {
                Some(trigger.function) == function && trigger.enabled && trigger.is_after(*event)
            })
        })
        .map(Event::name)
        .collect();
    finding(
        "operations",
        !names.is_empty(),
        match names.len() {
            0 => "No operation is captured.".to_string(),
            _ => format!("Captured: {}.", names.join(", ")),
        },
        "Call pgrealtime.enable() with the operations that readers need.",
    )
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
        Ok(_) => recent(relation, filter)?,
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

/// How the last changes fared.
#[derive(Default)]
struct Tally {
    changes: usize,
    reached: usize,
    policy: usize,
    filter: usize,
    layout: usize,
    raised: usize,
    gaps: usize,
    cut: usize,
}

fn recent(relation: &Relation, filter: Option<&str>) -> Result<Finding> {
    let mut judge = Judge::new(judge::condition(relation.table.oid, filter)?);
    let log = Log::open()?;
    let memory = Memory::new();
    let mut tally = Tally::default();
    for entry in log.latest(relation.table.oid, LAST, &memory) {
        memory.within(|| count(relation, &mut judge, &entry, &mut tally))?;
    }
    let parts = [
        (tally.policy, "stopped by policies"),
        (tally.filter, "stopped by the filter"),
        (
            tally.layout,
            "not to be judged, since the table has changed since",
        ),
        (
            tally.raised,
            "stopped by an error that a policy or the filter raised",
        ),
        (tally.gaps, "gap entries"),
        (
            tally.cut,
            "without values that were too large to be captured",
        ),
    ];
    let mut detail = format!(
        "Of the last {} captured changes {} would have reached the role",
        tally.changes, tally.reached
    );
    for (number, what) in parts.iter().filter(|(number, _)| *number > 0) {
        detail += &format!("; {number} {what}");
    }
    detail.push('.');
    let ok = tally.reached > 0 || tally.changes == 0;
    Ok(finding(
        "recent changes",
        ok && tally.raised == 0,
        detail,
        "Look at the policies with the role's claims (request.jwt.claims), then at the filter.",
    ))
}

fn count(relation: &Relation, judge: &mut Judge, entry: &Entry, tally: &mut Tally) -> Result<()> {
    tally.changes += 1;
    let operation = match entry.operation {
        entry::INSERT => RowOperation::Insert,
        entry::UPDATE => RowOperation::Update,
        entry::DELETE => RowOperation::Delete,
        entry::TRUNCATE => {
            tally.reached += 1;
            return Ok(());
        }
        _ => {
            tally.gaps += 1;
            return Ok(());
        }
    };
    let marks = entry::Marks::decode(entry.marks.as_deref()).unwrap_or_default();
    tally.cut += usize::from(!marks.absent.is_empty());
    let rows = relation.rows(entry)?;
    let case = Case {
        rows: &rows,
        is_delete: operation == RowOperation::Delete,
    };
    match judge.judge(relation, &[case])? {
        Err(Unjudged::Absent) => tally.layout += 1,
        Err(Unjudged::Raised(..)) => tally.raised += 1,
        Ok(sees) => match sees.first() {
            Some(sees) if reaches(operation, &rows, sees) => tally.reached += 1,
            Some(sees) if [sees.old, sees.new].contains(&Verdict::Filtered) => tally.filter += 1,
            _ => tally.policy += 1,
        },
    }
    Ok(())
}

fn reaches(operation: RowOperation, rows: &Rows, sees: &Sees) -> bool {
    let old = rows.old.is_some() && sees.old == Verdict::Seen;
    let new = rows.new.is_some() && sees.new == Verdict::Seen;
    delta(operation, old, new).is_some()
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
