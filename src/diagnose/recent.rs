//! How the last captured changes fared on their way to a role: what it would have received, and what stopped the rest.
//!
//! A caller from whom policies hide rows learns of no change that they hide from the role. What cannot be judged may be
//! such a change: that there is one stops `changes_since`, which he sees anyway, but not how many there are.

use super::answer::Finding;
use super::table::captured_events;
use super::tally::Tally;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::feed::delta::delta;
use crate::feed::judge::{self, Case, Judge, Sees, Unjudged};
use crate::feed::relation::{Relation, Rows};
use crate::log::decode::{CapturedRow, Content, Entry};
use crate::log::entry::GapCause;
use crate::log::marks::{self, Marks};
use crate::log::read::Log;
use crate::pg::judge::policy::Verdict;

/// The name of the check.
pub const CHECK: &str = "recent changes";

/// So many of the last captured changes are judged where all are counted.
const LAST: usize = 1000;

/// So many that the role sees are counted elsewhere: fewer, so that a change that is not counted moves none out of the
/// count; of so many that are looked at.
const LAST_SEEN: usize = 100;
const LOOKED_AT: usize = 10_000;

/// Asked as the role, with its claims; the role may SELECT these columns. `all`: the caller may hear of changes that
/// policies hide from the role.
pub fn recent(
    relation: &Relation,
    filter: Option<&str>,
    columns: &[i16],
    all: bool,
) -> Result<Finding> {
    let condition = judge::condition(relation.table.oid, filter)?;
    let mut walk = Walk {
        relation,
        columns,
        judge: Judge::new(judge::both(relation.row_filter.clone(), condition)),
        policies: (!all).then(|| Judge::new(None)),
        captured: captured_events(relation.table.oid),
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
    judge: Judge,
    /// Asked first where not all changes may be counted.
    policies: Option<Judge>,
    captured: Vec<Operation>,
    looked_at: usize,
    /// Of the changes that are not counted, whether there is one that the policies could not judge, or raised an error for.
    unjudged: bool,
    raised: bool,
    tally: Tally,
    /// At a gap: no image from before it can be relied on.
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
                    self.tally.event += 1;
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
        let Some(rows) = self.told(self.relation.rows(row)?, row.operation)? else {
            return Ok(());
        };
        self.tally.changes += 1;
        if self.is_captured(row.operation.into()) {
            self.judge(row, &rows)
        } else {
            self.tally.event += 1;
            Ok(())
        }
    }

    /// Whether the operation is captured now. Where nothing is, other checks say so.
    fn is_captured(&self, operation: Operation) -> bool {
        self.captured.is_empty() || self.captured.contains(&operation)
    }

    /// The rows of a change without those that the caller may not hear of; `None` where that leaves nothing.
    fn told<'m>(&mut self, rows: Rows<'m>, operation: RowOperation) -> Result<Option<Rows<'m>>> {
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
        let delivery = delivery(operation, rows, &sees);
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
                "Among the last captured changes is none that the role may see.".to_string()
            }
            Some(_) => tally.describe("changes that the role may see"),
        };
        if self.unjudged {
            detail += " Some cannot be judged by the policies, since the table has changed since or a value was too large: readers are sent to read the table again.";
        }
        if self.raised {
            detail += " The policies raise an error for some: changes_since fails with it.";
        }
        let hint =
            "Look at the policies with the role's claims (request.jwt.claims), then at the filter.";
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

fn delivery(operation: RowOperation, rows: &Rows, sees: &Sees) -> Option<RowOperation> {
    let old = rows.old.is_some() && sees.old == Verdict::Seen;
    let new = rows.new.is_some() && sees.new == Verdict::Seen;
    delta(operation, old, new)
}
