//! A relation as one reader follows it: the columns that the role may read, the judge of its rows, and the plans of its
//! messages.

use super::judge::{self, Judge};
use super::relation::Relation;
use super::request::Request;
use super::shown::Shown;
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::log::entry::GapCause;
use crate::log::watermark;
use crate::message::{write_change, Header, RecordPlan};
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation::Class;
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use std::rc::Rc;

/// A relation that a reader follows.
pub struct Followed {
    pub relation: Rc<Relation>,
    pub judge: Judge,
    pub shown: Shown,
    plan: RecordPlan,
    /// For DELETEs with `deletes => 'key'`.
    key_plan: Option<RecordPlan>,
}

/// A change that a reader receives.
pub struct Delivered<'m> {
    /// Index of the followed relation.
    pub followed: usize,
    pub operation: Operation,
    pub old: Option<Decoded<'m>>,
    pub new: Option<Decoded<'m>>,
    pub position: u64,
    pub committed_at: Timestamp,
}

impl Followed {
    /// Checks what a role may read of a relation, and plans its messages. Errors: those of [`Relation::open`]; 42501
    /// without the privileges; 42703 for an unknown column; 55000 if changes are not captured, or with `net` if there
    /// is no key; every fault in the filter.
    pub fn new(oid: Oid, role: Oid, request: &Request) -> Result<Followed> {
        let relation = Relation::open(oid)?;
        let selectable = relation.selectable(role)?;
        check_captured(&relation)?;
        if request.net && relation.table.key.is_empty() {
            return Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "table {} has no key, and net changes need one",
                    relation.name()
                ))
                .hint(
                    "Add a primary key that is not deferrable, or call changes_since without net.",
                ),
            ));
        }
        let shown = Shown::of(&relation, &selectable);
        let condition = judge::condition(oid, request.filter.as_deref())?;
        let columns = match &request.columns {
            None => selectable,
            Some(names) => relation.project(names, &selectable)?,
        };
        let by_key = || RecordPlan::of_key(relation.shape.columns(), &relation.table.key);
        Ok(Followed {
            plan: relation.plan(&columns),
            key_plan: relation.deletes_by_key.then(by_key),
            judge: Judge::new(judge::both(relation.row_filter.clone(), condition)),
            shown,
            relation,
        })
    }

    /// Whether writing a change's message calls functions that users defined.
    pub fn may_raise(&self, change: &Delivered) -> bool {
        self.plan_of(change).is_foreign()
    }

    fn plan_of(&self, change: &Delivered) -> &RecordPlan {
        match &self.key_plan {
            Some(plan) if change.operation == Operation::Delete => plan,
            _ => &self.plan,
        }
    }

    /// Appends a change's message. Called within an attempt: users' functions may raise errors, and so may Postgres's own
    /// where a policy has dropped a column's type.
    pub fn write(&self, change: &Delivered, out: &mut Vec<u8>) {
        let shape = &self.relation.shape;
        let header = Header {
            operation: change.operation,
            schema: &self.relation.table.schema,
            table: &self.relation.table.name,
            commit_timestamp: change.committed_at,
        };
        let new = change.new.as_ref().map(|row| shape.row(row));
        let old = change.old.as_ref().map(|row| shape.row(row));
        let plan = self.plan_of(change);
        write_change(out, &header, plan, new.as_ref(), old.as_ref());
    }

    /// Every message must identify its row. Errors: 72000 for a change that lacks a part of its key.
    pub fn check_key(&self, change: &Delivered) -> Result<()> {
        let lacks = |row: &Decoded| {
            let key = &self.relation.table.key;
            key.iter().any(|number| row.is_absent(*number as usize - 1))
        };
        match [&change.old, &change.new].into_iter().flatten().any(lacks) {
            true => Err(unmappable(&self.relation)),
            false => Ok(()),
        }
    }
}

/// Checks that all changes of a relation are appended to the log. Errors: 55000 if readers would miss some or all of
/// them.
pub fn check_captured(relation: &Relation) -> Result<()> {
    if relation.captured {
        return relation.stale.as_ref().map_or(Ok(()), |why| {
            Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "the capture triggers of table {} do not match its {}",
                    relation.name(),
                    why.with()
                ))
                .detail(why.to_string())
                .hint(format!(
                    "Run pgrealtime.enable() on the table again, {}.",
                    why.way_out()
                )),
            ))
        });
    }
    let name = relation.name();
    Err(Error::object_not_in_prerequisite_state(
        if relation.switched_off {
            report(format!("changes of table {name} are not captured now"))
                .detail("A trigger that appends them to the change log is disabled.")
                .hint(
                    "Enable it with ALTER TABLE ... ENABLE TRIGGER, or run pgrealtime.enable() on the table.",
                )
        } else if relation.partial {
            report(format!("not all changes of table {name} are captured now"))
                .detail("A trigger that appends them to the change log fires for some columns only (UPDATE OF), or on a condition (WHEN) that enable() did not create.")
                .hint("Run pgrealtime.enable() on the table, or create the trigger again without that.")
        } else if let Some(root) = captured_root(relation) {
            report(format!(
                "changes of partition {name} cannot be read separately"
            ))
            .detail(format!(
                "Its changes are captured as changes of the partitioned table {}.",
                root.name()
            ))
            .hint("Name that table instead. It has the changes of all its partitions.")
        } else if relation.has_triggers {
            report(format!(
                "changes of table {name} are not kept in the change log"
            ))
            .detail(
                "The table is enabled, but without the sink \"log\", which changes_since reads.",
            )
            .hint("Run pgrealtime.enable() on the table, with log among the sinks.")
        } else {
            report(format!("table {name} is not enabled for reading changes"))
                .detail("It has no trigger that captures its changes.")
                .hint(format!(
                    "Run SELECT pgrealtime.enable('{}'). For a partition, enable and name the partitioned table instead.",
                    name.replace('\'', "''")
                ))
        },
    ))
}

/// The nearest ancestor of a partition whose changes are captured.
fn captured_root(relation: &Relation) -> Option<Rc<Relation>> {
    let class = Class::by_oid(relation.table.oid)?;
    inheritance::ancestors(&class)
        .into_iter()
        .filter_map(|ancestor| Relation::open(ancestor).ok())
        .find(|ancestor| ancestor.captured)
}

/// The error for a gap: 72000, naming the relation and what happened.
pub fn gap(relation: &Relation, cause: Option<GapCause>) -> Error {
    let what = cause.map_or("changed in an unknown way", GapCause::describe);
    missing(relation, &format!("The table {what} after the cursor."))
}

/// The error for a change that cannot be reported to this reader exactly.
pub fn unmappable(relation: &Relation) -> Error {
    let detail = "A change after the cursor lacks a part of its key, or a value that a policy or the filter needs. Either a column was added or its type was changed later, or the value was too large to be captured, or it could not be computed.";
    missing(relation, detail)
}

fn missing(relation: &Relation, detail: &str) -> Error {
    watermark::read_again(
        report(format!("changes of table {} are missing", relation.name())).detail(detail),
    )
}
