//! How the last captured changes fared on their way to a role: what it would have received, and what stopped the rest.

use super::{captured_events, finding, Finding};
use crate::error::Result;
use crate::feed::delta::{delta, Delivery, Operation as RowOperation};
use crate::feed::judge::{self, Case, Judge, Sees, Unjudged};
use crate::feed::relation::{Relation, Rows};
use crate::log::entry;
use crate::log::read::{Entry, Log};
use crate::pg::memory::Memory;
use crate::pg::policy::Verdict;
use crate::pg::triggers::Event;

/// So many of the last captured changes are judged.
const LAST: usize = 1000;

/// How many changes fared how; each is in one of these but `turned`, and the changes that were cut.
#[derive(Default)]
struct Tally {
    changes: usize,
    /// By what the role would have received.
    inserts: usize,
    updates: usize,
    deletes: usize,
    truncates: usize,
    /// UPDATEs among them that reach the role as INSERT or DELETE.
    turned: usize,
    event: usize,
    policy: usize,
    filter: usize,
    layout: usize,
    size: usize,
    raised: usize,
    gaps: usize,
    cut: usize,
}

impl Tally {
    fn reached(&self) -> usize {
        self.inserts + self.updates + self.deletes + self.truncates
    }

    fn describe(&self) -> String {
        let mut detail = format!(
            "Of the last {} captured changes {} would have reached the role",
            self.changes,
            self.reached()
        );
        let reached = [
            (self.inserts, "INSERT"),
            (self.updates, "UPDATE"),
            (self.deletes, "DELETE"),
            (self.truncates, "TRUNCATE"),
        ];
        let reached: Vec<String> = reached
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, event)| format!("{number} as {event}"))
            .collect();
        if !reached.is_empty() {
            detail += &format!(" ({})", reached.join(", "));
        }
        let rest = [
            (
                self.turned,
                "of these UPDATEs of rows that entered (INSERT) or left (DELETE) what it sees",
            ),
            (
                self.event,
                "stopped by their event, which is not captured any more",
            ),
            (self.policy, "stopped by policies"),
            (self.filter, "stopped by the filter"),
            (
                self.size,
                "stopped by their size: a value that a policy or the filter looks at was not captured",
            ),
            (
                self.layout,
                "not to be judged, since the table has changed since",
            ),
            (
                self.raised,
                "stopped by an error that a policy or the filter raised",
            ),
            (self.gaps, "gap entries"),
            (
                self.cut,
                "without values that were too large to be captured",
            ),
        ];
        for (number, what) in rest.iter().filter(|(number, _)| *number > 0) {
            detail += &format!("; {number} {what}");
        }
        detail + "."
    }
}

/// Asked as the role, with its claims.
pub fn recent(relation: &Relation, filter: Option<&str>) -> Result<Finding> {
    let condition = judge::condition(relation.table.oid, filter)?;
    let mut walk = Walk {
        relation,
        judge: Judge::new(judge::both(relation.row_filter.clone(), condition)),
        captured: captured_events(relation.table.oid),
        tally: Tally::default(),
    };
    let log = Log::open()?;
    let memory = Memory::new();
    for entry in log.latest(relation.table.oid, LAST, &memory) {
        memory.within(|| walk.count(&entry))?;
    }
    let tally = walk.tally;
    let ok = (tally.reached() > 0 || tally.changes == 0) && tally.raised == 0;
    Ok(finding(
        "recent changes",
        ok,
        tally.describe(),
        "Look at the policies with the role's claims (request.jwt.claims), then at the filter.",
    ))
}

struct Walk<'a> {
    relation: &'a Relation,
    judge: Judge,
    captured: Vec<Event>,
    tally: Tally,
}

impl Walk<'_> {
    fn count(&mut self, entry: &Entry) -> Result<()> {
        self.tally.changes += 1;
        let (operation, event) = match entry.operation {
            entry::INSERT => (RowOperation::Insert, Event::Insert),
            entry::UPDATE => (RowOperation::Update, Event::Update),
            entry::DELETE => (RowOperation::Delete, Event::Delete),
            entry::TRUNCATE => (RowOperation::Delete, Event::Truncate),
            _ => {
                self.tally.gaps += 1;
                return Ok(());
            }
        };
        // Where nothing is captured, other checks say so.
        if !self.captured.is_empty() && !self.captured.contains(&event) {
            self.tally.event += 1;
            return Ok(());
        }
        if event == Event::Truncate {
            self.tally.truncates += 1;
            return Ok(());
        }
        self.judge(entry, operation)
    }

    fn judge(&mut self, entry: &Entry, operation: RowOperation) -> Result<()> {
        let marks = entry::Marks::decode(entry.marks.as_deref()).unwrap_or_default();
        let cut = !marks.absent.is_empty() || !marks.old_absent.is_empty();
        let rows = self.relation.rows(entry)?;
        let case = Case {
            rows: &rows,
            is_delete: operation == RowOperation::Delete,
        };
        let judged = self.judge.judge(self.relation, &[case])?;
        let tally = &mut self.tally;
        let sees = match judged {
            Err(Unjudged::Absent) if cut => {
                tally.size += 1;
                return Ok(());
            }
            Err(Unjudged::Absent) => {
                tally.layout += 1;
                return Ok(());
            }
            Err(Unjudged::Raised(..)) => {
                tally.raised += 1;
                return Ok(());
            }
            Ok(sees) => sees[0],
        };
        tally.cut += usize::from(cut);
        let delivery = delivery(operation, &rows, &sees);
        let number = match delivery {
            Some(Delivery::Insert) => &mut tally.inserts,
            Some(Delivery::Update) => &mut tally.updates,
            Some(Delivery::Delete) => &mut tally.deletes,
            None if [sees.old, sees.new].contains(&Verdict::Filtered) => &mut tally.filter,
            None => &mut tally.policy,
        };
        *number += 1;
        let turned = delivery.is_some_and(|delivery| delivery != Delivery::Update);
        tally.turned += usize::from(turned && operation == RowOperation::Update);
        Ok(())
    }
}

fn delivery(operation: RowOperation, rows: &Rows, sees: &Sees) -> Option<Delivery> {
    let old = rows.old.is_some() && sees.old == Verdict::Seen;
    let new = rows.new.is_some() && sees.new == Verdict::Seen;
    delta(operation, old, new)
}
