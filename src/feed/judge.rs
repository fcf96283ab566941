//! Decides which captured rows of a relation a reader sees, by its policies and its filter.

mod case;
mod group;
mod kept;
mod lacking;

use super::relation::Relation;
use crate::error::Result;
use crate::filter::condition::{compile, Purpose};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::privilege;
use crate::pg::judge::policy::and;
use crate::pg::judge::policy::Verdict;
use crate::pg::Oid;
pub use case::{Case, Sees};
use group::Groups;
use kept::KEPT;
pub use kept::{compiled, compiled_condition, Statement};
pub use lacking::{are_hidden, lacks};
use std::cell::RefCell;
use std::rc::Rc;

/// Judges the rows of one relation for one reader, during one call. The policies are evaluated first, and the filter
/// only on rows that they show. So the filter reveals nothing about hidden rows.
pub struct Judge {
    condition: Option<Rc<str>>,
    /// Policies and condition. Each statement is compiled when it is first needed, so an idle poll compiles nothing.
    whole: Option<Statement>,
    /// Only the policies, for rows that lack a column that the condition uses.
    policies: Option<Statement>,
}

/// Why the changes could not be judged.
pub enum Unjudged {
    /// A row lacks a column without which the policies do not decide. Or they show it, and it lacks a column that the
    /// filter uses.
    Absent,
    /// Judging the change at this index raised an error.
    Raised(usize, Raised),
}

impl Judge {
    /// A judge for the current role's policies and an analysed condition.
    pub fn new(condition: Option<Rc<str>>) -> Judge {
        Judge {
            condition,
            whole: None,
            policies: None,
        }
    }

    /// The verdicts on changes, in their order. Errors: those of [`Compiled::new`].
    ///
    /// With `deletes => 'key'`, a DELETE also counts as seen if the policies hide the row, since they may depend on
    /// other rows that are gone by now, or if it cannot be judged. The filter is applied only to rows that the policies
    /// show: its answer on a hidden row would reveal what the row contains.
    pub fn judge(
        &mut self,
        relation: &Relation,
        cases: &[Case],
    ) -> Result<std::result::Result<Vec<Sees>, Unjudged>> {
        let seen = Sees {
            old: Verdict::Seen,
            new: Verdict::Seen,
        };
        let mut sees = vec![seen; cases.len()];
        if cases.is_empty() {
            return Ok(Ok(sees));
        }
        let Some(statement) = self.whole(relation)? else {
            return Ok(Ok(sees));
        };
        let groups = Groups::of(&statement, relation, cases);
        let mut raised = groups.whole.judge(&statement, relation, &mut sees);
        if !groups.policies.is_empty() {
            if let Some(policies) = self.policies(relation)? {
                let error = groups.policies.judge(&policies, relation, &mut sees);
                raised = [raised, error]
                    .into_iter()
                    .flatten()
                    .min_by_key(|(place, _)| *place);
            }
            let end = raised.as_ref().map_or(cases.len(), |(place, _)| *place);
            if groups.policies.any_seen(&sees, end) {
                return Ok(Err(Unjudged::Absent));
            }
        }
        let end = raised.as_ref().map_or(cases.len(), |(place, _)| *place);
        let uses = &statement.policy_uses;
        if !groups.lacking.hide(uses, relation, &mut sees, end) {
            return Ok(Err(Unjudged::Absent));
        }
        groups.by_key.judge_deletes(&statement, relation, &mut sees);
        Ok(match raised {
            Some((place, raised)) => Err(Unjudged::Raised(place, raised)),
            None => Ok(sees),
        })
    }

    fn whole(&mut self, relation: &Relation) -> Result<Statement> {
        if self.whole.is_none() {
            self.whole = Some(compiled(relation, self.condition.clone())?);
        }
        Ok(self.whole.clone().flatten())
    }

    fn policies(&mut self, relation: &Relation) -> Result<Statement> {
        if self.policies.is_none() {
            self.policies = Some(compiled(relation, None)?);
        }
        Ok(self.policies.clone().flatten())
    }
}

/// A compiled filter: the analysed condition as text.
#[derive(Clone)]
struct Filter {
    tree: Rc<str>,
    fresh: [Fresh; 3],
}

impl Kept for Filter {
    fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
    }
}

thread_local! {
    /// By relation, role and the filter's text.
    static FILTERS: RefCell<Cache<(Oid, Oid, String), Filter>> = RefCell::new(Cache::new(KEPT));
}

/// Compiles a filter for the current role to a condition for [`Compiled::new`]. `None` if there is no filter. Errors:
/// every fault in the filter, 42501 for a column that the role may not SELECT.
pub fn condition(relation: Oid, filter: Option<&str>) -> Result<Option<Rc<str>>> {
    let Some(filter) = filter else {
        return Ok(None);
    };
    let key = (relation, privilege::current_role(), filter.to_string());
    if let Some(known) = FILTERS.with_borrow_mut(|filters| filters.get(&key)) {
        return Ok(Some(known.tree));
    }
    let fresh = [
        invalidation::watch(relation),
        invalidation::watch_catalogs(),
        // What an enum's label stands for.
        invalidation::watch_types(),
    ];
    let Some(condition) = compile(relation, filter, Purpose::Reader)? else {
        return Ok(None);
    };
    let tree: Rc<str> = condition.tree().into();
    let made = Filter {
        tree: tree.clone(),
        fresh,
    };
    FILTERS.with_borrow_mut(|filters| filters.insert(key, made));
    Ok(Some(tree))
}

/// The conjunction of two analysed conditions; `None` if there is neither.
pub fn both(first: Option<Rc<str>>, second: Option<Rc<str>>) -> Option<Rc<str>> {
    match (first, second) {
        (Some(first), Some(second)) => Some(and(&first, &second).into()),
        (first, second) => first.or(second),
    }
}
