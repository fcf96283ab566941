//! Asks Postgres about rows: the policies, once for all readers with the same constants or by each reader's own
//! execution, and filters.

use super::changed_rows::Place;
use super::verdict::{By, Court, Seen, Verdicts};
use crate::error::{Result, SqlState};
use crate::feed::judge;
use crate::feed::subscriptions::room::Policy;
use crate::feed::who::Who;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::policies::Uses;
use crate::pg::judge::constants::Constants;
use crate::pg::judge::facts::Facts;
use crate::pg::judge::many::{ManyPolicies, Way};
use crate::pg::judge::policy::{Compiled, Verdict};
use crate::pg::judge::sets::Readers;
use crate::pg::row::decoded::Decoded;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Readers who could share answers, and are asked one by one about rows that lack values, at most. The others are told
/// that they miss such a row, be it hidden from them or not.
const MOST_LACKING: usize = 1000;

/// Readers of a relation who wait for a lock in vain, one after the other, before the others are not asked any more.
const TRIES: u32 = 50;

/// The pairs of a row and a reader's constants that are asked about, each once.
#[derive(Default)]
struct Pairs<'a> {
    rows: Vec<&'a Decoded<'a>>,
    row_places: HashMap<Place, u32>,
    readers: Vec<&'a Constants>,
    reader_places: HashMap<&'a Constants, u32>,
    all: Vec<(u32, u32)>,
    pair_places: HashMap<(u32, u32), usize>,
    /// Who asks, and the place of the pair.
    asked: Vec<((u32, Place), usize)>,
}

impl<'a> Pairs<'a> {
    fn add(&mut self, asked: (u32, Place), row: &'a Decoded<'a>, reader: &'a Constants) {
        let rows = &mut self.rows;
        let row = *self.row_places.entry(asked.1).or_insert_with(|| {
            rows.push(row);
            rows.len() as u32 - 1
        });
        let readers = &mut self.readers;
        let reader = *self.reader_places.entry(reader).or_insert_with(|| {
            readers.push(reader);
            readers.len() as u32 - 1
        });
        let all = &mut self.all;
        let place = *self.pair_places.entry((row, reader)).or_insert_with(|| {
            all.push((row, reader));
            all.len() - 1
        });
        self.asked.push((asked, place));
    }
}

impl Court<'_> {
    /// What the policies ask of all rows at once; `None` if that fails, or if they cannot be looked at: then each reader
    /// is judged by own execution.
    pub fn ask_facts(&mut self) {
        let Some(policies) = self.room.policies.as_ref().map(|looked| &looked.policies) else {
            return;
        };
        let Way::Shared(way) = policies.way() else {
            self.facts = Some(self.no_facts());
            return;
        };
        if !way.rows {
            self.facts = Some(self.no_facts());
            return;
        }
        let cases = 0..self.rows.cases.len() as u32;
        let places: Vec<Place> = cases
            .flat_map(|case| [(case, false), (case, true)])
            .filter(|place| self.rows.row(*place).is_some())
            .collect();
        let rows: Vec<&Decoded> = places
            .iter()
            .filter_map(|place| self.rows.row(*place))
            .collect();
        let shape = &self.rows.relation.shape;
        let each = |put: &mut dyn FnMut(&Constants)| {
            for seat in self.room.seats.values() {
                if let Some(Policy::Shared { constants, .. }) = &seat.policy {
                    put(constants);
                }
            }
        };
        let readers = Readers {
            count: self.room.seats.len(),
            each: &each,
        };
        let began = Instant::now();
        let asked = attempt(|| {
            self.session.act_as(
                &self.nobody(),
                || Ok(policies.facts(shape, &rows, &readers)),
            )
        });
        match asked {
            Ok(Ok(facts)) => {
                let mut all = self.no_facts();
                for ((case, is_new), facts) in places.into_iter().zip(facts) {
                    all[case as usize][usize::from(is_new)] = facts;
                }
                self.facts = Some(all);
            }
            Ok(Err(_)) => {}
            Err(raised) => self.note_wait(raised.sqlstate, began),
        }
    }

    fn no_facts(&self) -> Vec<[Facts; 2]> {
        let none = || [Facts::default(), Facts::default()];
        self.rows.cases.iter().map(|_| none()).collect()
    }

    /// The role without claims.
    fn nobody(&self) -> Who {
        Who {
            role: self.role,
            claims: None,
        }
    }

    /// What the policies show to readers: pairs of a reader and a row, sorted.
    pub(super) fn policies(&self, asked: &[(u32, Place)]) -> Verdicts {
        let mut verdicts = Verdicts::new();
        let mut own: Vec<(u32, Place)> = Vec::new();
        let mut pairs = Pairs::default();
        let mut lacking: HashSet<u32> = HashSet::new();
        let policies = self.room.policies.as_ref().map(|looked| &*looked.policies);
        for one in asked {
            let row = self.rows.row(one.1);
            match (self.policy(one.0), policies, row) {
                (Some(Policy::Shared { constants, .. }), Some(policies), Some(row)) => {
                    if !judge::lacks(self.rows.relation, row, policies.uses()) {
                        pairs.add(*one, row, constants);
                    } else if lacking.insert(one.0) && lacking.len() > MOST_LACKING {
                        lacking.remove(&one.0);
                        verdicts.insert(*one, Seen::Absent);
                    } else {
                        own.push(*one);
                    }
                }
                _ => own.push(*one),
            }
        }
        if let Some(policies) = policies.filter(|_| !pairs.all.is_empty()) {
            match self.pairs(policies, &pairs) {
                Some(shown) => verdicts.extend(pairs.asked.iter().map(|(asked, place)| {
                    let is_shown = shown.get(*place).copied().unwrap_or(false);
                    (*asked, if is_shown { Seen::Yes } else { Seen::No })
                })),
                None => {
                    own.extend(pairs.asked.iter().map(|(asked, _)| *asked));
                    own.sort_unstable();
                }
            }
        }
        for of_one in own.chunk_by(|a, b| a.0 == b.0) {
            let places: Vec<Place> = of_one.iter().map(|(_, place)| *place).collect();
            let seen = self.own(of_one[0].0, &places);
            verdicts.extend(of_one.iter().copied().zip(seen));
        }
        verdicts
    }

    fn pairs(&self, policies: &ManyPolicies, pairs: &Pairs) -> Option<Vec<bool>> {
        let shape = &self.rows.relation.shape;
        let began = Instant::now();
        let asked = attempt(|| {
            self.session.act_as(&self.nobody(), || {
                Ok(policies.verdicts(shape, &pairs.rows, &pairs.readers, &pairs.all))
            })
        });
        asked
            .inspect_err(|raised| self.note_wait(raised.sqlstate, began))
            .ok()?
            .ok()
    }

    /// What the policies show to one reader, by their own execution.
    fn own(&self, who: u32, places: &[Place]) -> Vec<Seen> {
        let Some(who) = self.book.whos.get(who) else {
            return vec![Seen::No; places.len()];
        };
        if self.timeouts.get() >= TRIES {
            let locked = SqlState::of(b"55P03");
            return vec![Seen::Raised(locked, By::Policy); places.len()];
        }
        let began = Instant::now();
        let asked = attempt(|| {
            self.session.act_as(who, || {
                let statement = judge::compiled(self.rows.relation, None)?;
                Ok(match statement {
                    None => vec![Seen::Yes; places.len()],
                    Some(statement) => {
                        let uses = &statement.policy_uses;
                        let mut seen = self.run(&statement, uses, places, By::Policy);
                        self.hide(uses, places, &mut seen);
                        seen
                    }
                })
            })
        });
        let all = |sqlstate| vec![Seen::Raised(sqlstate, By::Policy); places.len()];
        let seen = asked.unwrap_or_else(|raised| all(raised.sqlstate));
        self.note_raised(&seen, began);
        seen
    }

    fn note_wait(&self, sqlstate: SqlState, began: Instant) {
        if self.haste.note(sqlstate, began) {
            self.timeouts.set(self.timeouts.get() + 1);
        }
    }

    /// Notes whether a wait for a lock has ended without it.
    fn note_raised(&self, seen: &[Seen], began: Instant) {
        let raised = |seen: &Seen| match seen {
            Seen::Raised(sqlstate, _) => Some(*sqlstate),
            _ => None,
        };
        if let Some(sqlstate) = seen.iter().find_map(raised) {
            self.note_wait(sqlstate, began);
        }
    }

    /// Turns "absent" into "no" where the current role's policies hide the row, whatever it lacks.
    fn hide(&self, uses: &Uses, places: &[Place], seen: &mut [Seen]) {
        let absent = places
            .iter()
            .zip(seen)
            .filter(|(_, seen)| matches!(seen, Seen::Absent))
            .filter_map(|(place, seen)| Some((self.rows.row(*place)?, seen)));
        let (rows, seen): (Vec<&Decoded>, Vec<&mut Seen>) = absent.unzip();
        let hidden = judge::are_hidden(self.rows.relation, uses, &rows);
        for (seen, _) in seen.into_iter().zip(hidden).filter(|(_, hidden)| *hidden) {
            *seen = Seen::No;
        }
    }

    /// Which of some rows a filter lets through, and the row filter of the relation with it. Errors: those of the filter,
    /// as the relation is now.
    pub(super) fn filter(&self, filter: Option<&str>, places: &[Place]) -> Result<Vec<Seen>> {
        let relation = self.rows.relation;
        let all = |sqlstate: SqlState| vec![Seen::Raised(sqlstate, By::Filter); places.len()];
        // An error that it raises is of the moment; one that it returns is of the filter.
        let asked = attempt(|| {
            Ok(act_as_trusted(self.role, &[], || {
                let condition = judge::condition(relation.table.oid, filter)?;
                let condition = judge::both(relation.row_filter.clone(), condition);
                let statement = match condition {
                    Some(condition) => judge::compiled_condition(relation, condition)?,
                    None => None,
                };
                Ok(statement.map_or_else(
                    || vec![Seen::Yes; places.len()],
                    |statement| self.run(&statement, &statement.condition_uses, places, By::Filter),
                ))
            }))
        });
        asked.unwrap_or_else(|raised| Ok(all(raised.sqlstate)))
    }

    /// Asks a statement about rows.
    fn run(&self, statement: &Compiled, uses: &Uses, places: &[Place], by: By) -> Vec<Seen> {
        let relation = self.rows.relation;
        let row = |place: &Place| {
            self.rows
                .row(*place)
                .filter(|row| !judge::lacks(relation, row, uses))
        };
        let rows: Vec<&Decoded> = places.iter().filter_map(row).collect();
        let mut verdicts = statement.verdicts(&relation.shape, &rows);
        places
            .iter()
            .map(|place| match row(place) {
                None => Seen::Absent,
                Some(_) => match verdicts.next() {
                    Some(Ok(Verdict::Seen)) => Seen::Yes,
                    Some(Err(raised)) => Seen::Raised(raised.sqlstate, by),
                    _ => Seen::No,
                },
            })
            .collect()
    }
}
