//! Groups the rows of changes by the statement that judges them, and stores the verdicts.

use super::case::{Case, Sees};
use super::lacking::{are_hidden, lacks};
use crate::feed::relation::Relation;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::policies::Uses;
use crate::pg::judge::policy::Compiled;
use crate::pg::judge::policy::Verdict;
use crate::pg::row::decoded::Decoded;

/// Rows that one statement judges. `places` holds for each row its case, and whether it is the new row.
#[derive(Default)]
pub struct Group<'a> {
    rows: Vec<&'a Decoded<'a>>,
    places: Vec<(usize, bool)>,
}

/// The rows of some cases, grouped by how they are judged.
#[derive(Default)]
pub struct Groups<'a> {
    /// Judged by policies and condition.
    pub whole: Group<'a>,
    /// Judged by the policies alone: these rows lack a column that the condition uses, but none that a policy uses.
    pub policies: Group<'a>,
    /// These rows lack a column that a policy uses.
    pub lacking: Group<'a>,
    /// Rows of DELETEs that every reader receives, with the key only.
    pub by_key: Group<'a>,
}

impl<'a> Groups<'a> {
    /// Groups the rows.
    pub fn of(statement: &Compiled, relation: &Relation, cases: &[Case<'a>]) -> Groups<'a> {
        let mut groups = Groups::default();
        for (i, case) in cases.iter().enumerate() {
            let by_key = relation.deletes_by_key && case.is_delete;
            for (row, is_new) in [(&case.rows.old, false), (&case.rows.new, true)] {
                let Some(row) = row else {
                    continue;
                };
                let for_policies = lacks(relation, row, &statement.policy_uses);
                let for_condition = lacks(relation, row, &statement.condition_uses);
                let group = match (by_key, for_policies, for_condition) {
                    (true, false, false) => &mut groups.by_key,
                    (true, _, _) => continue,
                    (false, true, _) => &mut groups.lacking,
                    (false, false, true) => &mut groups.policies,
                    (false, false, false) => &mut groups.whole,
                };
                group.rows.push(row);
                group.places.push((i, is_new));
            }
        }
        groups
    }
}

impl Group<'_> {
    fn store(&self, verdicts: impl IntoIterator<Item = Verdict>, sees: &mut [Sees]) {
        for ((case, is_new), verdict) in self.places.iter().zip(verdicts) {
            let of = &mut sees[*case];
            *(if *is_new { &mut of.new } else { &mut of.old }) = verdict;
        }
    }

    /// Stores the verdicts, up to the first row that raises an error. Returns the case of that row, and the error.
    pub fn judge(
        &self,
        statement: &Compiled,
        relation: &Relation,
        sees: &mut [Sees],
    ) -> Option<(usize, Raised)> {
        let mut verdicts = Vec::with_capacity(self.rows.len());
        let judged = statement.verdicts(&relation.shape, &self.rows);
        let mut raised = None;
        for (verdict, (case, _)) in judged.zip(&self.places) {
            match verdict {
                Ok(verdict) => verdicts.push(verdict),
                Err(error) => {
                    raised = Some((*case, error));
                    break;
                }
            }
        }
        self.store(verdicts, sees);
        raised
    }

    /// Stores the verdicts on DELETEs that carry the key only. A row that the policies hide, or that raises an error,
    /// counts as seen: the reader may have seen it earlier.
    pub fn judge_deletes(&self, statement: &Compiled, relation: &Relation, sees: &mut [Sees]) {
        let judged = statement.verdicts(&relation.shape, &self.rows);
        let verdicts = judged.map(|verdict| verdict.unwrap_or(Verdict::Hidden));
        let by_key = |verdict| match verdict {
            Verdict::Hidden => Verdict::Seen,
            shown => shown,
        };
        self.store(verdicts.map(by_key), sees);
    }

    /// Stores that the policies hide the rows that lack values, of cases before `end`; false if they do not decide about
    /// one of them.
    pub fn hide(&self, uses: &Uses, relation: &Relation, sees: &mut [Sees], end: usize) -> bool {
        let count = self.places.partition_point(|(case, _)| *case < end);
        let hidden = are_hidden(relation, uses, &self.rows[..count]);
        self.store(hidden.iter().map(|_| Verdict::Hidden), sees);
        hidden.into_iter().all(|hidden| hidden)
    }

    /// Whether the group has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a row of a case before `end` is seen.
    pub fn any_seen(&self, sees: &[Sees], end: usize) -> bool {
        self.places.iter().any(|(case, is_new)| {
            let of = &sees[*case];
            *case < end && (if *is_new { of.new } else { of.old }) == Verdict::Seen
        })
    }
}
