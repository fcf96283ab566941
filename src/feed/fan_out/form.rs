//! The form of a message: the columns that it carries. Readers with the same form get the same message.

use crate::change::Operation;
use crate::feed::relation::Relation;
use crate::message::{write_change, Header, RecordPlan};
use crate::pg::row::decoded::Decoded;
use crate::timestamp::Timestamp;
use std::rc::Rc;

/// A form of a relation's messages.
pub struct Form {
    relation: Rc<Relation>,
    plan: Rc<RecordPlan>,
    numbers: Vec<i16>,
}

/// The change that a message reports.
pub struct Told<'a> {
    pub operation: Operation,
    pub old: Option<&'a Decoded<'a>>,
    pub new: Option<&'a Decoded<'a>>,
    pub committed_at: Timestamp,
}

impl Form {
    /// The form with these columns and the key.
    pub fn of(relation: &Rc<Relation>, columns: &[i16]) -> Form {
        Form::new(relation, relation.kept_plan(columns))
    }

    /// The form with the key only.
    pub fn of_key(relation: &Rc<Relation>) -> Form {
        let plan = RecordPlan::of_key(relation.shape.columns(), &relation.table.key);
        Form::new(relation, Rc::new(plan))
    }

    fn new(relation: &Rc<Relation>, plan: Rc<RecordPlan>) -> Form {
        Form {
            relation: relation.clone(),
            numbers: plan.numbers(),
            plan,
        }
    }

    /// Whether messages of both forms are the same.
    pub fn is_like(&self, other: &Form) -> bool {
        self.numbers == other.numbers
    }

    /// Whether writing a message calls functions of users. Then it depends on the reader.
    pub fn is_foreign(&self) -> bool {
        self.plan.is_foreign()
    }

    /// Appends a message.
    pub fn write(&self, told: &Told, out: &mut Vec<u8>) {
        let (table, shape) = (&self.relation.table, &self.relation.shape);
        let header = Header {
            operation: told.operation,
            schema: &table.schema,
            table: &table.name,
            commit_timestamp: told.committed_at,
        };
        let new = told.new.map(|row| shape.row(row));
        let old = told.old.map(|row| shape.row(row));
        write_change(out, &header, &self.plan, new.as_ref(), old.as_ref());
    }
}
