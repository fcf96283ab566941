//! The rows of a few changes by how they are judged: by what, and what becomes of those that cannot be.

use super::case::{Case, Sees};
use crate::feed::relation::Relation;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::policies::Uses;
use crate::pg::judge::policy::Compiled;
use crate::pg::judge::policy::Verdict;
use crate::pg::row::decoded::Decoded;

/// Rows that are judged by one statement, and where each comes from: its case, and whether it is the new one.
#[derive(Default)]
pub struct Group<'a> {
    rows: Vec<&'a Decoded<'a>>,
    places: Vec<(usize, bool)>,
}

/// The rows of some cases by how they are to be judged.
#[derive(Default)]
pub struct Groups<'a> {
    pub whole: Group<'a>,
    /// They lack a column that the condition looks at, but none of the policies'.
    pub policies: Group<'a>,
    /// Of DELETEs that everybody gets by key.
    pub by_key: Group<'a>,
}

impl<'a> Groups<'a> {
    /// `None` when a row lacks a column that the policies look at.
    pub fn of(statement: &Compiled, relation: &Relation, cases: &[Case<'a>]) -> Option<Groups<'a>> {
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
                    (false, true, _) => return None,
                    (false, false, true) => &mut groups.policies,
                    (false, false, false) => &mut groups.whole,
                };
                group.rows.push(row);
                group.places.push((i, is_new));
            }
        }
        Some(groups)
    }
}

fn lacks(relation: &Relation, row: &Decoded, uses: &Uses) -> bool {
    let absent = |column: &i16| row.is_absent(*column as usize - 1);
    if uses.all {
        relation.columns.iter().any(absent)
    } else {
        uses.columns.iter().any(absent)
    }
}

impl Group<'_> {
    fn verdicts(
        &self,
        statement: &Compiled,
        relation: &Relation,
    ) -> std::result::Result<Vec<Verdict>, Raised> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        statement.verdicts(&relation.shape, &self.rows)
    }

    fn note(&self, verdicts: impl IntoIterator<Item = Verdict>, sees: &mut [Sees]) {
        for ((case, is_new), verdict) in self.places.iter().zip(verdicts) {
            let of = &mut sees[*case];
            *(if *is_new { &mut of.new } else { &mut of.old }) = verdict;
        }
    }

    /// Notes the verdicts, up to a row that raises an error: returns its case and the error.
    pub fn judge(
        &self,
        statement: &Compiled,
        relation: &Relation,
        sees: &mut [Sees],
    ) -> Option<(usize, Raised)> {
        match self.verdicts(statement, relation) {
            Ok(verdicts) => self.note(verdicts, sees),
            // One by one, to name the row that raised; the statement may have gone on to others before it.
            Err(_) => {
                let mut verdicts = Vec::with_capacity(self.rows.len());
                for (row, (case, _)) in self.rows.iter().zip(&self.places) {
                    match one(statement, relation, row) {
                        Ok(verdict) => verdicts.push(verdict),
                        Err(raised) => {
                            self.note(verdicts, sees);
                            return Some((*case, raised));
                        }
                    }
                }
                self.note(verdicts, sees);
            }
        }
        None
    }

    /// Notes the verdicts on DELETEs that go by key to whoever might have seen the row.
    pub fn judge_deletes(&self, statement: &Compiled, relation: &Relation, sees: &mut [Sees]) {
        let verdicts = self.verdicts(statement, relation).unwrap_or_else(|_| {
            let of = |row: &&Decoded| one(statement, relation, row).unwrap_or(Verdict::Hidden);
            self.rows.iter().map(of).collect()
        });
        let by_key = |verdict| match verdict {
            Verdict::Hidden => Verdict::Seen,
            shown => shown,
        };
        self.note(verdicts.into_iter().map(by_key), sees);
    }

    /// Whether it has no rows.
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

fn one(
    statement: &Compiled,
    relation: &Relation,
    row: &Decoded,
) -> std::result::Result<Verdict, Raised> {
    let verdicts = statement.verdicts(&relation.shape, &[row])?;
    Ok(verdicts.first().copied().unwrap_or(Verdict::Hidden))
}
