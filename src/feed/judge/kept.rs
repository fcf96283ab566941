//! Statements of policies and filters, compiled and kept for the session's roles.

use crate::error::Result;
use crate::feed::relation::Relation;
use crate::pg::backend::cache::Cache;
use crate::pg::catalog::privilege;
use crate::pg::judge::context::Context;
use crate::pg::judge::policy::Compiled;
use crate::pg::Oid;
use std::cell::RefCell;
use std::rc::Rc;

/// How many compiled statements, and how many filters, a session caches. A pooled connection serves only a few roles
/// and filters at a time.
pub(super) const KEPT: usize = 256;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    relation: Oid,
    role: Oid,
    row_security: bool,
    condition: Option<Rc<str>>,
    has_policies: bool,
    /// The columns that the rows lack.
    lacking: Vec<i16>,
    context: Context,
}

/// `None` if every row is seen.
pub type Statement = Option<Rc<Compiled>>;

thread_local! {
    static COMPILED: RefCell<Cache<Key, Rc<Compiled>>> = RefCell::new(Cache::new(KEPT));
}

/// The statement for the current role; `None` if every row is seen. `None` is not cached: a check of the policies is
/// enough to find it again. Errors: those of [`Compiled::new`].
pub fn compiled(relation: &Relation, condition: Option<Rc<str>>) -> Result<Statement> {
    let (oid, name) = (relation.table.oid, relation.name());
    kept(relation, condition, true, Vec::new(), |condition| {
        Compiled::new(oid, &name, condition)
    })
}

/// The statement of the current role's policies for rows that lack these columns. Errors: those of
/// [`Compiled::without`].
pub(super) fn compiled_without(relation: &Relation, lacking: Vec<i16>) -> Result<Statement> {
    let (oid, name) = (relation.table.oid, relation.name());
    let columns = lacking.clone();
    kept(relation, None, true, lacking, |_| {
        Compiled::without(oid, &name, &columns)
    })
}

/// The statement for an analysed condition, without policies. Errors: those of [`Compiled::of_condition`].
pub fn compiled_condition(relation: &Relation, condition: Rc<str>) -> Result<Statement> {
    let oid = relation.table.oid;
    kept(relation, Some(condition), false, Vec::new(), |condition| {
        condition.map_or(Ok(None), |tree| Compiled::of_condition(oid, tree))
    })
}

fn kept(
    relation: &Relation,
    condition: Option<Rc<str>>,
    has_policies: bool,
    lacking: Vec<i16>,
    make: impl FnOnce(Option<&str>) -> Result<Option<Compiled>>,
) -> Result<Statement> {
    let mut key = Key {
        relation: relation.table.oid,
        role: privilege::current_role(),
        row_security: privilege::row_security(),
        condition: condition.clone(),
        has_policies,
        lacking,
        context: Context::now(),
    };
    let kept = COMPILED.with_borrow_mut(|compiled| compiled.get(&key));
    if let Some(kept) = kept.filter(|kept| kept.lock_and_check()) {
        return Ok(Some(kept));
    }
    let made = make(condition.as_deref())?.map(Rc::new);
    if let Some(made) = made.as_ref().filter(|made| !made.is_of_call) {
        // Locks were taken meanwhile, and with them came the DDL of others, such as that of a schema.
        key.context = Context::now();
        COMPILED.with_borrow_mut(|compiled| compiled.insert(key, made.clone()));
    }
    Ok(made)
}
