//! Who sees which rows: the policies and the filter of one reader over the images of one relation.

mod case;
mod group;

use super::relation::Relation;
use crate::error::Result;
use crate::filter::condition::{compile, Purpose};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::privilege;
use crate::pg::judge::policy::and;
use crate::pg::judge::policy::Compiled;
use crate::pg::judge::policy::Verdict;
use crate::pg::Oid;
pub use case::{Case, Sees};
use group::Groups;
use std::cell::RefCell;
use std::rc::Rc;

/// Compiled statements kept by a session; a pooled connection serves a few roles and filters at a time.
const KEPT: usize = 256;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    relation: Oid,
    role: Oid,
    row_security: bool,
    condition: Option<Rc<str>>,
}

/// `None` where every row is seen.
type Statement = Option<Rc<Compiled>>;

thread_local! {
    static COMPILED: RefCell<Cache<Key, Rc<Compiled>>> = RefCell::new(Cache::new(KEPT));
}

/// The statement for the current role; `None` when every row is seen. A statement that nothing depends on is not worth
/// keeping: finding that out costs a look at the policies.
fn compiled(relation: &Relation, condition: Option<Rc<str>>) -> Result<Statement> {
    let key = Key {
        relation: relation.table.oid,
        role: privilege::current_role(),
        row_security: privilege::row_security(),
        condition: condition.clone(),
    };
    let kept = COMPILED.with_borrow_mut(|compiled| compiled.get(&key));
    if let Some(kept) = kept.filter(|kept| kept.lock_and_check()) {
        return Ok(Some(kept));
    }
    let made =
        Compiled::new(relation.table.oid, &relation.name(), condition.as_deref())?.map(Rc::new);
    if let Some(made) = &made {
        COMPILED.with_borrow_mut(|compiled| compiled.insert(key, made.clone()));
    }
    Ok(made)
}

/// The judge of one reader and relation, for the length of a call. The policies come first: the filter is asked of rows
/// that they show, and nothing else of a row that they hide is ever felt.
pub struct Judge {
    condition: Option<Rc<str>>,
    /// The statements, once they were needed: an idle poll compiles nothing.
    whole: Option<Statement>,
    /// Without the condition, for rows that lack what it looks at.
    policies: Option<Statement>,
}

/// Why rows have no verdicts.
pub enum Unjudged {
    /// The row lacks a column that a policy looks at, or the policies show it and it lacks one that the filter looks at.
    Absent,
    /// The row at this place raised an error.
    Raised(usize, Raised),
}

impl Judge {
    /// A judge by the current role's policies and an analysed condition.
    pub fn new(condition: Option<Rc<str>>) -> Judge {
        Judge {
            condition,
            whole: None,
            policies: None,
        }
    }

    /// The verdicts of changes, in their order. With `deletes => 'key'` a DELETE is seen wherever the policies hide the
    /// row, since they may look at other rows that have gone, and wherever it cannot be judged; the filter decides on
    /// what they show only. Its answer on a hidden row would tell what is in it.
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
        let Some(groups) = Groups::of(&statement, relation, cases) else {
            return Ok(Err(Unjudged::Absent));
        };
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

/// A filter, compiled: the analysed condition as text.
#[derive(Clone)]
struct Filter {
    tree: Rc<str>,
    fresh: [Fresh; 2],
}

impl Kept for Filter {
    fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
    }
}

thread_local! {
    /// By relation, role and text.
    static FILTERS: RefCell<Cache<(Oid, Oid, String), Filter>> = RefCell::new(Cache::new(KEPT));
}

/// The condition that a filter means for the current role, as [`Compiled::new`] takes it. Errors: those of the filter,
/// 42501 for a column that the role may not SELECT.
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

/// A condition that holds where two analysed ones hold.
pub fn both(first: Option<Rc<str>>, second: Option<Rc<str>>) -> Option<Rc<str>> {
    match (first, second) {
        (Some(first), Some(second)) => Some(and(&first, &second).into()),
        (first, second) => first.or(second),
    }
}
