//! A relation as one reader follows it: what the role may read, the judge of its rows, the plans of its messages.

use super::judge::{self, Judge};
use super::relation::Relation;
use super::request::Request;
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::log::entry::GapCause;
use crate::log::watermark;
use crate::message::{write_change, Header, RecordPlan};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use std::rc::Rc;

/// A relation that a reader follows.
pub struct Followed {
    pub relation: Rc<Relation>,
    pub judge: Judge,
    plan: RecordPlan,
    /// For DELETEs under `deletes => 'key'`.
    key_plan: Option<RecordPlan>,
}

/// A change that a reader receives.
pub struct Delivered<'m> {
    /// Which of the followed relations.
    pub followed: usize,
    pub operation: Operation,
    pub old: Option<Decoded<'m>>,
    pub new: Option<Decoded<'m>>,
    pub position: u64,
    pub committed_at: Timestamp,
}

impl Followed {
    /// Checks what a role may read of a relation, and plans its messages. Errors: 42501, 42703, 55000, the filter's.
    pub fn new(oid: Oid, role: Oid, request: &Request) -> Result<Followed> {
        let relation = Relation::open(oid)?;
        let selectable = relation.selectable(role)?;
        check_captured(&relation)?;
        if request.net && relation.table.key.is_empty() {
            return Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "table {} has no key to compute net changes by",
                    relation.name()
                ))
                .hint(
                    "Add a primary key that is not deferrable, or call changes_since without net.",
                ),
            ));
        }
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
            relation,
        })
    }

    /// Writes a change's message into an empty buffer, or returns what a user's function raised on the way.
    pub fn write(&self, change: &Delivered, out: &mut Vec<u8>) -> std::result::Result<(), Raised> {
        if self.may_raise(change) {
            return attempt(|| {
                self.serialise(change, out);
                Ok(())
            });
        }
        self.serialise(change, out);
        Ok(())
    }

    /// Whether writing a change's message calls functions of users.
    pub fn may_raise(&self, change: &Delivered) -> bool {
        self.plan_of(change).is_foreign()
    }

    fn plan_of(&self, change: &Delivered) -> &RecordPlan {
        match &self.key_plan {
            Some(plan) if change.operation == Operation::Delete => plan,
            _ => &self.plan,
        }
    }

    fn serialise(&self, change: &Delivered, out: &mut Vec<u8>) {
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

    /// A message says which row it is of, or is none. Errors: 72000 for a change that lacks a part of its key.
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

/// Errors: 55000 for a relation of which readers would hear nothing, or not all.
pub fn check_captured(relation: &Relation) -> Result<()> {
    if relation.captured {
        return relation.stale.as_ref().map_or(Ok(()), |why| {
            Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "the capture triggers of table {} do not fit its columns",
                    relation.name()
                ))
                .detail(why)
                .hint(
                    "Run pgrealtime.enable() on the table, with the settings that name the column.",
                ),
            ))
        });
    }
    let name = relation.name();
    Err(Error::object_not_in_prerequisite_state(
        if relation.switched_off {
            report(format!("changes of table {name} are not captured now"))
                .detail("A trigger that appends them to the change log is switched off.")
                .hint(
                    "Switch it on again with ALTER TABLE ... ENABLE TRIGGER, or run pgrealtime.enable() on the table.",
                )
        } else if let Some(root) = captured_root(relation) {
            report(format!(
                "changes of table {name} are not captured by themselves"
            ))
            .detail(format!(
                "It is a partition of table {}, whose changes are captured.",
                root.name()
            ))
            .hint("Name that table: its changes are those of all partitions.")
        } else if relation.has_triggers {
            report(format!(
                "changes of table {name} are not kept in the change log"
            ))
            .detail("It is enabled with other sinks; changes_since reads the sink \"log\".")
            .hint("Run pgrealtime.enable() on the table with sinks that include log.")
        } else {
            report(format!("table {name} is not enabled for reading changes"))
                .detail("It has no trigger that captures its changes.")
                .hint(format!(
                    "Run SELECT pgrealtime.enable('{}'). Changes of a partition come with the partitioned table: enable and name that.",
                    name.replace('\'', "''")
                ))
        },
    ))
}

/// The nearest partitioned table above a partition that is captured.
fn captured_root(relation: &Relation) -> Option<Rc<Relation>> {
    let class = Class::by_oid(relation.table.oid)?;
    relation::ancestors(&class)
        .into_iter()
        .filter_map(|ancestor| Relation::open(ancestor).ok())
        .find(|ancestor| ancestor.captured)
}

/// The error for a gap: 72000, naming the relation and what happened.
pub fn gap(relation: &Relation, cause: Option<GapCause>) -> Error {
    let what = cause.map_or("changed in an unknown way", GapCause::describe);
    missing(relation, &format!("The table {what} after the cursor."))
}

/// The error for a change that this reader cannot be told of exactly.
pub fn unmappable(relation: &Relation) -> Error {
    let detail = "A change after the cursor lacks a value that it takes to judge it, or to name its row: a column was \
                  added or retyped since, or the value was too large to be captured or could not be computed.";
    missing(relation, detail)
}

fn missing(relation: &Relation, detail: &str) -> Error {
    watermark::read_again(
        report(format!("changes of table {} are missing", relation.name())).detail(detail),
    )
}
