//! Verdicts on changes for the gates that may let them through: policies once for each role with its claims, filters once
//! for each role and text. An error is the verdict of those whom it concerns.

use crate::error::{Error, SqlState};
use crate::feed::judge::Case;
use crate::feed::relation::Relation;
use crate::feed::subscriptions::book::{Book, GateId};
use crate::feed::who::Session;
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// A gate that a change may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub who: u32,
    pub gate: GateId,
    pub case: u32,
}

/// What came of a candidate.
pub enum Outcome {
    Sees {
        old: bool,
        new: bool,
    },
    /// The row lacks a value that a policy looks at, or the policies show it and it lacks one that the filter looks at.
    Absent,
    Raised(SqlState, By),
    /// The filter does not fit the relation any more.
    Refused(Rc<Error>),
}

/// Whose error it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    Policy,
    Filter,
}

/// A verdict on one row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    No,
    Yes,
    /// It is delivered by key to whoever might have seen it.
    ByKey,
    Absent,
    Raised(SqlState, By),
}

/// A row of a case; the second one is the new row.
pub(super) type Place = (u32, bool);

/// What is judged: the changed rows of one relation.
pub struct Court<'a> {
    pub relation: &'a Relation,
    pub session: &'a Session,
    pub cases: &'a [Case<'a>],
}

/// What one filter is asked about, for one role.
#[derive(Default)]
struct Task {
    rows: Vec<Place>,
    /// The candidates that it decides about.
    of: Vec<usize>,
}

type Tasks = BTreeMap<(u32, Option<Box<str>>), Task>;

impl Court<'_> {
    /// The outcomes of candidates, which are sorted.
    pub fn judge(&self, book: &Book, candidates: &[Candidate]) -> Vec<Outcome> {
        let mut seen: Vec<[Seen; 2]> = Vec::with_capacity(candidates.len());
        let mut tasks = Tasks::new();
        for of_who in candidates.chunk_by(|a, b| a.who == b.who) {
            let Some(who) = of_who.first().and_then(|one| book.whos.get(one.who)) else {
                seen.extend(of_who.iter().map(|_| [Seen::No; 2]));
                continue;
            };
            let policies = self.policies(who, of_who);
            for candidate in of_who {
                let verdicts = [false, true].map(|is_new| {
                    let known = policies.get(&(candidate.case, is_new));
                    known.copied().unwrap_or(Seen::No)
                });
                self.ask_filter(book, who.role, candidate, verdicts, seen.len(), &mut tasks);
                seen.push(verdicts);
            }
        }
        let mut refused = HashMap::new();
        for ((role, filter), mut task) in tasks {
            task.rows.sort_unstable();
            task.rows.dedup();
            match self.filter(Oid::from(role), filter.as_deref(), &task.rows) {
                Ok(verdicts) => self.note(&task, &verdicts, candidates, &mut seen),
                Err(error) => {
                    let error = Rc::new(error);
                    refused.extend(task.of.into_iter().map(|at| (at, error.clone())));
                }
            }
        }
        let judged = seen.into_iter().enumerate();
        judged
            .map(|(at, seen)| match refused.remove(&at) {
                Some(error) => Outcome::Refused(error),
                None => outcome(seen),
            })
            .collect()
    }

    /// Notes that a candidate's filter has to be asked about the rows that the policies show.
    fn ask_filter(
        &self,
        book: &Book,
        role: Oid,
        candidate: &Candidate,
        verdicts: [Seen; 2],
        at: usize,
        tasks: &mut Tasks,
    ) {
        let filter = book.at(candidate.gate).and_then(|gate| gate.filter.clone());
        let shown = [false, true]
            .into_iter()
            .zip(verdicts)
            .filter(|(_, verdict)| *verdict == Seen::Yes)
            .map(|(is_new, _)| (candidate.case, is_new));
        let mut shown = shown.peekable();
        if shown.peek().is_none() || filter.is_none() && self.relation.row_filter.is_none() {
            return;
        }
        let task = tasks.entry((role.to_u32(), filter)).or_default();
        task.rows.extend(shown);
        task.of.push(at);
    }

    /// Puts a filter's verdicts in place of the policies' that showed the rows.
    fn note(
        &self,
        task: &Task,
        verdicts: &[Seen],
        candidates: &[Candidate],
        seen: &mut [[Seen; 2]],
    ) {
        for at in &task.of {
            for (is_new, verdict) in [false, true].into_iter().zip(&mut seen[*at]) {
                if *verdict == Seen::Yes {
                    let found = task.rows.binary_search(&(candidates[*at].case, is_new));
                    *verdict = found.map_or(Seen::No, |place| verdicts[place]);
                    // Of a DELETE that everybody gets by key, nothing but the filter's own no counts.
                    if self.by_key(candidates[*at].case) && *verdict != Seen::No {
                        *verdict = Seen::ByKey;
                    }
                }
            }
        }
    }

    /// Whether it is a DELETE that goes by key to whoever might have seen the row.
    pub(super) fn by_key(&self, case: u32) -> bool {
        self.relation.deletes_by_key && self.cases[case as usize].is_delete
    }

    pub(super) fn row(&self, (case, is_new): Place) -> Option<&Decoded<'_>> {
        let rows = self.cases[case as usize].rows;
        if is_new { &rows.new } else { &rows.old }.as_ref()
    }
}

fn outcome(seen: [Seen; 2]) -> Outcome {
    let mut sees = [false; 2];
    for (sees, verdict) in sees.iter_mut().zip(seen) {
        match verdict {
            Seen::No => {}
            Seen::Yes | Seen::ByKey => *sees = true,
            Seen::Absent => return Outcome::Absent,
            Seen::Raised(sqlstate, by) => return Outcome::Raised(sqlstate, by),
        }
    }
    let [old, new] = sees;
    Outcome::Sees { old, new }
}
