//! Asks Postgres about rows: the policies of a role with its claims, and filters.

use super::verdict::{By, Candidate, Court, Place, Seen};
use crate::error::{Result, SqlState};
use crate::feed::judge;
use crate::feed::who::Who;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::policies::Uses;
use crate::pg::judge::policy::{Compiled, Verdict};
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;
use std::collections::HashMap;

impl Court<'_> {
    /// What the policies show to a role with its claims, of the rows of its candidates.
    pub(super) fn policies(&self, who: &Who, candidates: &[Candidate]) -> HashMap<Place, Seen> {
        let mut places: Vec<Place> = candidates
            .iter()
            .flat_map(|one| [(one.case, false), (one.case, true)])
            .filter(|place| self.row(*place).is_some())
            .collect();
        places.sort_unstable();
        places.dedup();
        let asked = attempt(|| {
            self.session.act_as(who, || {
                let statement = judge::compiled(self.relation, None)?;
                Ok(match statement {
                    None => vec![Seen::Yes; places.len()],
                    Some(statement) => {
                        self.run(&statement, &statement.policy_uses, &places, By::Policy)
                    }
                })
            })
        });
        let verdicts = asked
            .unwrap_or_else(|raised| vec![Seen::Raised(raised.sqlstate, By::Policy); places.len()]);
        let judged = places.into_iter().zip(verdicts);
        judged
            .map(|(place, verdict)| match verdict {
                // It may have looked at other rows that have gone.
                Seen::No | Seen::Absent | Seen::Raised(..) if self.by_key(place.0) => {
                    (place, Seen::ByKey)
                }
                verdict => (place, verdict),
            })
            .collect()
    }

    /// Which of some rows a filter lets through, and the row filter of the relation with it. Errors: those of the filter,
    /// as the relation is now.
    pub(super) fn filter(
        &self,
        role: Oid,
        filter: Option<&str>,
        places: &[Place],
    ) -> Result<Vec<Seen>> {
        let relation = self.relation;
        let all = |sqlstate: SqlState| vec![Seen::Raised(sqlstate, By::Filter); places.len()];
        // An error that it raises is of the moment; one that it returns is of the filter.
        let asked = attempt(|| {
            Ok(act_as_trusted(role, &[], || {
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

    /// Asks a statement about rows at once, and one by one where that raises an error.
    fn run(&self, statement: &Compiled, uses: &Uses, places: &[Place], by: By) -> Vec<Seen> {
        let row = |place: &Place| {
            self.row(*place)
                .filter(|row| !judge::lacks(self.relation, row, uses))
        };
        let rows: Vec<&Decoded> = places.iter().filter_map(row).collect();
        let of = |verdict: &Verdict| match verdict {
            Verdict::Seen => Seen::Yes,
            Verdict::Hidden | Verdict::Filtered => Seen::No,
        };
        let one = |row: &&Decoded| match statement.verdicts(&self.relation.shape, &[row]) {
            Ok(verdicts) => verdicts.first().map_or(Seen::No, of),
            Err(raised) => Seen::Raised(raised.sqlstate, by),
        };
        let verdicts: Vec<Seen> = if rows.is_empty() {
            Vec::new()
        } else {
            match statement.verdicts(&self.relation.shape, &rows) {
                Ok(verdicts) => verdicts.iter().map(of).collect(),
                Err(_) => rows.iter().map(one).collect(),
            }
        };
        let mut verdicts = verdicts.into_iter();
        places
            .iter()
            .map(|place| match row(place) {
                Some(_) => verdicts.next().unwrap_or(Seen::No),
                None => Seen::Absent,
            })
            .collect()
    }
}
