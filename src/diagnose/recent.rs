//! Checks the last captured changes: which of them the role would have received, and what stopped the others.
//!
//! If policies hide rows from the caller, the caller learns nothing of changes that they hide from the role. A change
//! that cannot be judged may be one of these. The caller may learn that there is one, since `changes_since` fails
//! because of it, but not how many there are.

use super::answer::{Caller, Finding};
use super::table::captured_operations;
use super::tally::Tally;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::feed::judge::{self, Case, Judge, Unjudged};
use crate::feed::relation::{Relation, Rows};
use crate::feed::shown::Shown;
use crate::log::decode::{CapturedRow, Content, Entry};
use crate::log::entry::GapCause;
use crate::log::marks::{self, Marks};
use crate::log::read::Log;
use crate::pg::judge::policy::Verdict;

/// The name of the check.
pub const CHECK: &str = "recent changes";

/// How many of the last captured changes are judged, if the caller may learn of all changes.
const LAST: usize = 1000;

/// Otherwise: how many changes that the role sees are counted, and how many changes are examined to find them. The
/// first is much smaller, so that hidden changes do not push others out of the count.
const LAST_SEEN: usize = 100;
const LOOKED_AT: usize = 10_000;

/// Must be called as the role, with its claims. `columns`: those that the role may SELECT. Errors: faults in the filter; those of [`Log::open`]; XX001 if the log
/// is damaged.
pub fn recent(
    relation: &Relation,
    filter: Option<&str>,
    columns: &[i16],
    caller: &Caller,
) -> Result<Finding> {
    let condition = judge::condition(relation.table.oid, filter)?;
    let mut walk = Walk {
        relation,
        columns,
        shown: Shown::of(relation, columns),
        caller,
        judge: Judge::new(judge::both(relation.row_filter.clone(), condition)),
        policies: (!caller.sees_all).then(|| Judge::new(None)),
        captured: captured_operations(relation.table.oid),
        looked_at: 0,
        unjudged: false,
        raised: false,
        tally: Tally::default(),
        unreadable: false,
    };
    Log::open()?.newest_first(relation.table.oid, |entry| {
        walk.count(entry)?;
        Ok(walk.goes_on())
    })?;
    Ok(walk.finding())
}

struct Walk<'a> {
    relation: &'a Relation,
    columns: &'a [i16],
    shown: Shown,
    caller: &'a Caller,
    judge: Judge,
    /// Applied first if not all changes may be counted.
    policies: Option<Judge>,
    captured: Vec<Operation>,
    looked_at: usize,
    /// Whether a change was left out of the counts because the policies could not judge it, or raised an error for it.
    unjudged: bool,
    raised: bool,
    tally: Tally,
    /// A gap was found before which images cannot be read.
    unreadable: bool,
}

impl Walk<'_> {
    fn goes_on(&self) -> bool {
        let more = match self.policies {
            None => self.looked_at < LAST,
            Some(_) => self.looked_at < LOOKED_AT && self.tally.changes < LAST_SEEN,
        };
        more && !self.unreadable
    }

    fn count(&mut self, entry: &Entry) -> Result<()> {
        self.looked_at += 1;
        match &entry.content {
            Content::Row(row) => self.count_row(row)?,
            Content::Truncate => {
                self.tally.changes += 1;
                if self.is_captured(Operation::Truncate) {
                    self.tally.truncates += 1;
                } else {
                    self.tally.operation += 1;
                }
            }
            Content::Gap(cause) => {
                self.tally.changes += 1;
                self.tally.gaps += 1;
                self.unreadable |= !cause.is_some_and(GapCause::keeps_images);
            }
            Content::Note => {}
        }
        Ok(())
    }

    fn count_row(&mut self, row: &CapturedRow) -> Result<()> {
        let Some(rows) = self.disclosed(self.relation.rows(row)?, row.operation)? else {
            return Ok(());
        };
        let both = [rows.old.is_some(), rows.new.is_some()];
        let is_for = |shown: &Shown| shown.delta(self.relation, row.operation, &rows, both);
        if is_for(&self.shown).is_none() {
            // The caller may not learn of it, either, if it changed nothing that he may SELECT.
            let told = is_for(&self.caller.shown).is_some();
            self.tally.changes += usize::from(told);
            self.tally.withheld += usize::from(told);
            return Ok(());
        }
        self.tally.changes += 1;
        if self.is_captured(row.operation.into()) {
            self.judge(row, &rows)
        } else {
            self.tally.operation += 1;
            Ok(())
        }
    }

    /// Whether the operation is captured now. True for each if none is captured, which other checks report.
    fn is_captured(&self, operation: Operation) -> bool {
        self.captured.is_empty() || self.captured.contains(&operation)
    }

    /// The rows of a change, without those of which the caller may not learn; `None` if none are left.
    fn disclosed<'m>(
        &mut self,
        rows: Rows<'m>,
        operation: RowOperation,
    ) -> Result<Option<Rows<'m>>> {
        let Some(policies) = &mut self.policies else {
            return Ok(Some(rows));
        };
        let case = Case {
            rows: &rows,
            is_delete: operation == RowOperation::Delete,
        };
        let sees = match policies.judge(self.relation, &[case])? {
            Ok(sees) => sees[0],
            Err(Unjudged::Absent) => {
                self.unjudged = true;
                return Ok(None);
            }
            Err(Unjudged::Raised(..)) => {
                self.raised = true;
                return Ok(None);
            }
        };
        let rows = Rows {
            old: rows.old.filter(|_| sees.old == Verdict::Seen),
            new: rows.new.filter(|_| sees.new == Verdict::Seen),
            changed: rows.changed,
        };
        Ok((rows.old.is_some() || rows.new.is_some()).then_some(rows))
    }

    fn judge(&mut self, row: &CapturedRow, rows: &Rows) -> Result<()> {
        let (operation, marks) = (row.operation, &row.marks);
        let case = Case {
            rows,
            is_delete: operation == RowOperation::Delete,
        };
        let judged = self.judge.judge(self.relation, &[case])?;
        let tally = &mut self.tally;
        let sees = match judged {
            Err(Unjudged::Absent) => {
                let cut = !marks.absent.is_empty() || !marks.old_absent.is_empty();
                *(if cut {
                    &mut tally.size
                } else {
                    &mut tally.layout
                }) += 1;
                return Ok(());
            }
            Err(Unjudged::Raised(..)) => {
                tally.raised += 1;
                return Ok(());
            }
            Ok(sees) => sees[0],
        };
        let by_key = self.relation.deletes_by_key && operation == RowOperation::Delete;
        tally.cut += usize::from(!by_key && is_cut(marks, rows, operation, self.columns));
        let seen = [
            rows.old.is_some() && sees.old == Verdict::Seen,
            rows.new.is_some() && sees.new == Verdict::Seen,
        ];
        let delivery = self.shown.delta(self.relation, operation, rows, seen);
        let number = match delivery {
            Some(RowOperation::Insert) => &mut tally.inserts,
            Some(RowOperation::Update) => &mut tally.updates,
            Some(RowOperation::Delete) => &mut tally.deletes,
            None if [sees.old, sees.new].contains(&Verdict::Filtered) => &mut tally.filter,
            None => &mut tally.policy,
        };
        *number += 1;
        let turned = delivery.is_some_and(|delivery| delivery != RowOperation::Update);
        tally.turned += usize::from(turned && operation == RowOperation::Update);
        Ok(())
    }

    fn finding(&self) -> Finding {
        let tally = &self.tally;
        let mut detail = match &self.policies {
            None => tally.describe("captured changes"),
            Some(_) if tally.changes == 0 => {
                "The role may see none of the last captured changes.".to_string()
            }
            Some(_) => tally.describe("changes that the role may see"),
        };
        if self.unjudged {
            detail += " The policies cannot judge some of them, because the table was altered later or a value was too large. Readers are told to read the table again.";
        }
        if self.raised {
            detail += " The policies raise an error for some of them, so changes_since fails.";
        }
        let hint =
            "Check the policies with the role's claims (request.jwt.claims), then the filter.";
        let judged = tally.changes - tally.gaps;
        if tally.raised > 0 || self.raised || (judged > 0 && tally.reached() == 0) {
            return Finding::problem(CHECK, detail, hint);
        }
        if self.unjudged || (self.policies.is_some() && judged == 0) {
            return Finding::note(CHECK, detail, hint);
        }
        Finding::ok(CHECK, detail)
    }
}

/// Whether the message would lack a value of these columns that was too large to be captured.
fn is_cut(marks: &Marks, rows: &Rows, operation: RowOperation, columns: &[i16]) -> bool {
    let whole = rows.new.is_some() || operation == RowOperation::Delete;
    columns
        .iter()
        .map(|column| *column as usize - 1)
        .any(|place| {
            (whole && marks::has(&marks.absent, place))
                || (rows.old.is_some() && marks::has(&marks.old_absent, place))
        })
}
