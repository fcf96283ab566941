//! Verdicts on changes for the gates of one relation and role. Keys decide first, which can neither fail nor tell
//! anything; then the policies; then filters, about rows that the policies show. An error is the verdict of those whom it
//! concerns.

use super::changed_rows::{ChangedRows, Place};
use crate::error::{Error, SqlState};
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::{Gate, GateId};
use crate::feed::subscriptions::room::{Policy, Room};
use crate::feed::who::Session;
use crate::keyed::{Cell, Column, Truth};
use crate::pg::backend::lock::Haste;
use crate::pg::backend::wait;
use crate::pg::judge::facts::Facts;
use crate::pg::Oid;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Candidates that are looked at between two checks whether the statement was cancelled.
pub const BETWEEN_CHECKS: usize = 4096;

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

/// What judges them for one role.
pub struct Court<'a> {
    pub rows: &'a ChangedRows<'a>,
    pub session: &'a Session,
    pub book: &'a Book,
    pub role: Oid,
    pub room: &'a Room,
    /// What the policies ask of the rows for all readers at once; `None` if each reader has to be asked.
    pub facts: Option<Vec<[Facts; 2]>>,
    /// Readers do not all wait for the same lock.
    pub haste: &'a Haste,
    /// Waits for locks that have ended without.
    pub timeouts: std::cell::Cell<u32>,
}

/// How far the judging of one row for one gate has come.
#[derive(Clone, Copy)]
enum State {
    Done(Seen),
    /// The policies decide; if they show the row, it goes on like this.
    Policy(Then),
    /// The filter decides about a row that the policies show.
    Filter,
}

#[derive(Clone, Copy)]
enum Then {
    Yes,
    No,
    Filter,
}

/// What one filter is asked about.
#[derive(Default)]
struct Task {
    places: Vec<Place>,
    /// The candidates that it decides about.
    of: Vec<usize>,
}

pub(super) type Verdicts = HashMap<(u32, Place), Seen>;

impl Court<'_> {
    /// The gates that a change may pass, as far as keys can tell, each once.
    pub fn candidates(&self, case: u32) -> Vec<Candidate> {
        let mut gates: Vec<GateId> = Vec::new();
        if self.rows.by_key(case) {
            gates.clone_from(&self.room.gates);
        } else {
            for place in [(case, false), (case, true)] {
                if self.rows.row(place).is_some() {
                    let matcher = &self.room.matcher;
                    matcher.candidates(&|column| self.cell(place, column), |gate| gates.push(gate));
                }
            }
            gates.sort_unstable();
            gates.dedup();
        }
        let candidate = |gate: GateId| {
            let who = self.book.at(gate)?.who;
            Some(Candidate { who, gate, case })
        };
        gates.into_iter().filter_map(candidate).collect()
    }

    fn cell(&self, (case, is_new): Place, column: Column) -> Cell<'_> {
        let side = usize::from(is_new);
        if column < 0 {
            let facts = self.facts.as_ref();
            return facts.map_or(Cell::Unknown, |facts| {
                facts[case as usize][side].cell(column)
            });
        }
        let keys = &self.rows.keys[case as usize][side];
        keys.as_ref()
            .map_or(Cell::Unknown, |keys| keys.cell(column))
    }

    /// The outcomes of candidates.
    pub fn judge(&self, candidates: &[Candidate]) -> Vec<Outcome> {
        let mut states: Vec<[State; 2]> = candidates
            .iter()
            .enumerate()
            .map(|(at, one)| {
                if at % BETWEEN_CHECKS == 0 {
                    wait::check_interrupts();
                }
                [false, true].map(|is_new| self.begin(one, is_new))
            })
            .collect();
        self.ask_policies(candidates, &mut states);
        let mut refused = self.ask_filters(candidates, &mut states);
        let judged = states.into_iter().enumerate();
        judged
            .map(|(at, states)| match refused.remove(&at) {
                Some(error) => Outcome::Refused(error),
                None => outcome(states),
            })
            .collect()
    }

    /// What keys decide about a row for a gate.
    fn begin(&self, candidate: &Candidate, is_new: bool) -> State {
        let place = (candidate.case, is_new);
        let Some(gate) = self.book.at(candidate.gate) else {
            return State::Done(Seen::No);
        };
        if self.rows.row(place).is_none() {
            return State::Done(Seen::No);
        }
        let policy = self.policy_of(gate, place);
        let own = gate.condition.evaluate(&|column| self.cell(place, column));
        let all = self.rows.filtered[place.0 as usize][usize::from(is_new)];
        let passes = own.holds() && all.holds();
        let may_pass = own.may_hold() && all.may_hold();
        let then = match (passes, may_pass) {
            (true, _) => Then::Yes,
            (false, true) => Then::Filter,
            (false, false) => Then::No,
        };
        match (self.rows.by_key(candidate.case), then) {
            (false, Then::No) => State::Done(Seen::No),
            (false, _) if !policy.may_hold() => State::Done(Seen::No),
            (true, Then::Yes) => State::Done(Seen::ByKey),
            (true, _) if !policy.may_hold() => State::Done(Seen::ByKey),
            _ if policy.holds() && self.is_settled(gate, place) => after(then),
            _ => State::Policy(then),
        }
    }

    fn policy_of(&self, gate: &Gate, place: Place) -> Truth {
        match self.policy(gate.who) {
            Some(Policy::Shared { condition, .. }) => {
                condition.evaluate(&|column| self.cell(place, column))
            }
            _ => Truth::ANY,
        }
    }

    /// Whether a policy that holds by keys raises no error before.
    fn is_settled(&self, gate: &Gate, place: Place) -> bool {
        match self.policy(gate.who) {
            Some(Policy::Shared { condition, .. }) => {
                condition.holds_by_itself(&|column| self.cell(place, column))
            }
            _ => false,
        }
    }

    /// How the policies are judged for a reader in this batch; `None` for own execution.
    pub(super) fn policy(&self, who: u32) -> Option<&Policy> {
        self.facts.as_ref()?;
        let seat = self.room.seats.get(&who)?;
        seat.policy.as_ref()
    }

    fn ask_policies(&self, candidates: &[Candidate], states: &mut [[State; 2]]) {
        let mut asked: Vec<(u32, Place)> = Vec::new();
        for (candidate, states) in candidates.iter().zip(&*states) {
            for (is_new, state) in [false, true].into_iter().zip(states) {
                if matches!(state, State::Policy(_)) {
                    asked.push((candidate.who, (candidate.case, is_new)));
                }
            }
        }
        if asked.is_empty() {
            return;
        }
        asked.sort_unstable();
        asked.dedup();
        let verdicts = self.policies(&asked);
        for (candidate, states) in candidates.iter().zip(states) {
            for (is_new, state) in [false, true].into_iter().zip(states) {
                let State::Policy(then) = *state else {
                    continue;
                };
                let asked = (candidate.who, (candidate.case, is_new));
                *state = match verdicts.get(&asked).copied().unwrap_or(Seen::No) {
                    Seen::Yes => after(then),
                    // They may have looked at other rows that have gone.
                    _ if self.rows.by_key(candidate.case) => State::Done(Seen::ByKey),
                    verdict => State::Done(verdict),
                };
            }
        }
    }

    /// Asks the filters; the errors of those that do not fit the relation any more, by candidate.
    fn ask_filters(
        &self,
        candidates: &[Candidate],
        states: &mut [[State; 2]],
    ) -> HashMap<usize, Rc<Error>> {
        let mut tasks: BTreeMap<Option<&str>, Task> = BTreeMap::new();
        for (at, (candidate, states)) in candidates.iter().zip(&*states).enumerate() {
            let shown = [false, true].into_iter().zip(states);
            let mut shown = shown
                .filter(|(_, state)| matches!(state, State::Filter))
                .map(|(is_new, _)| (candidate.case, is_new))
                .peekable();
            if shown.peek().is_some() {
                let gate = self.book.at(candidate.gate);
                let filter = gate.and_then(|gate| gate.filter.as_deref());
                let task = tasks.entry(filter).or_default();
                task.places.extend(shown);
                task.of.push(at);
            }
        }
        let mut refused = HashMap::new();
        for (filter, mut task) in tasks {
            task.places.sort_unstable();
            task.places.dedup();
            match self.filter(filter, &task.places) {
                Ok(verdicts) => self.note(&task, &verdicts, candidates, states),
                Err(error) => {
                    let error = Rc::new(error);
                    refused.extend(task.of.into_iter().map(|at| (at, error.clone())));
                }
            }
        }
        refused
    }

    fn note(
        &self,
        task: &Task,
        verdicts: &[Seen],
        candidates: &[Candidate],
        states: &mut [[State; 2]],
    ) {
        for at in &task.of {
            let case = candidates[*at].case;
            for (is_new, state) in [false, true].into_iter().zip(&mut states[*at]) {
                if !matches!(state, State::Filter) {
                    continue;
                }
                let found = task.places.binary_search(&(case, is_new));
                *state = State::Done(match found.map_or(Seen::No, |at| verdicts[at]) {
                    // Nothing but the filter's own no counts.
                    verdict if self.rows.by_key(case) && verdict != Seen::No => Seen::ByKey,
                    verdict => verdict,
                });
            }
        }
    }
}

fn after(then: Then) -> State {
    match then {
        Then::Yes => State::Done(Seen::Yes),
        Then::No => State::Done(Seen::No),
        Then::Filter => State::Filter,
    }
}

fn outcome(states: [State; 2]) -> Outcome {
    let mut sees = [false; 2];
    for (sees, state) in sees.iter_mut().zip(states) {
        match state {
            State::Done(Seen::Yes | Seen::ByKey) => *sees = true,
            State::Done(Seen::Absent) => return Outcome::Absent,
            State::Done(Seen::Raised(sqlstate, by)) => return Outcome::Raised(sqlstate, by),
            State::Done(Seen::No) | State::Policy(_) | State::Filter => {}
        }
    }
    let [old, new] = sees;
    Outcome::Sees { old, new }
}
