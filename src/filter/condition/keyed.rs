//! Compiles a filter to a condition by keys: what a row's values decide without asking Postgres.
//!
//! The condition means what [`super::compile`] makes of the filter. Where keys cannot decide, it says so, and Postgres
//! must be asked: for JSON paths, regular expressions, containment, and values without keys.

mod build;
mod shape;
mod side;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use super::{faults, pattern, Purpose};
use crate::error::Result;
use crate::filter::parse::{self, Expr, Operand, Operator};
use crate::keyed::Condition;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::catalog::columns::OpenTable;
use crate::pg::Oid;
use side::Side;
use std::cell::RefCell;
use std::rc::Rc;

/// What filters of one shape have in common.
struct Plan {
    /// The left sides of the comparisons, in their order; `None` for one that keys cannot decide.
    sides: Vec<Option<Side>>,
    fresh: [Fresh; 2],
}

impl Kept for Plan {
    fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
    }
}

/// Shapes that a session keeps: applications have a few for each table and role.
const KEPT: usize = 256;

/// Relation, role and shape.
type Key = (Oid, Oid, Vec<u8>);

thread_local! {
    static PLANS: RefCell<Cache<Key, Rc<Plan>>> = RefCell::new(Cache::new(KEPT));
}

/// Compiles a filter for a table and a role; `None` for a blank one. The caller has locked the table, and so knows what
/// was committed about it, its privileges and roles. Errors: as [`super::compile`] for a reader.
///
/// Of a filter whose shape was compiled before, with other values, only the values are read: that is all that can be
/// wrong with it, and costs microseconds.
pub fn compile_for(relation: Oid, role: Oid, filter: &str) -> Result<Option<Condition>> {
    let Some(expr) = parse::parse(filter).map_err(faults::syntax)? else {
        return Ok(None);
    };
    let whole = || act_as_trusted(role, &[], || Plan::of(relation, filter, &expr));
    let Some(shape) = shape::of(&expr) else {
        return whole()?.apply(&expr).map(Some);
    };
    let key = (relation, role, shape);
    let known = PLANS.with_borrow_mut(|plans| plans.get(&key));
    // A value that is refused is compiled like a new filter, for the error that names its place.
    if let Some(Ok(condition)) = known.map(|plan| plan.apply(&expr)) {
        return Ok(Some(condition));
    }
    let plan = Rc::new(whole()?);
    let condition = plan.apply(&expr)?;
    if plan.is_settled(&expr) {
        PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
    }
    Ok(Some(condition))
}

/// Compiles the row filter that a table's own triggers carry; `None` for a blank one. Errors: as
/// [`super::compile_own`].
pub fn compile_own(relation: Oid, filter: &str) -> Result<Option<Condition>> {
    let fresh = watch(relation);
    if super::compile_own(relation, filter)?.is_none() {
        return Ok(None);
    }
    let Some(expr) = parse::parse(filter).map_err(faults::syntax)? else {
        return Ok(None);
    };
    let plan = Plan::new(relation, &expr, fresh)?;
    plan.apply(&expr).map(Some)
}

fn watch(relation: Oid) -> [Fresh; 2] {
    [
        invalidation::watch(relation),
        invalidation::watch_catalogs(),
    ]
}

impl Plan {
    /// The plan of a filter for the current role.
    fn of(relation: Oid, filter: &str, expr: &Expr) -> Result<Plan> {
        let fresh = watch(relation);
        super::compile(relation, filter, Purpose::Reader)?;
        Plan::new(relation, expr, fresh)
    }

    /// The plan of a valid filter.
    fn new(relation: Oid, expr: &Expr, fresh: [Fresh; 2]) -> Result<Plan> {
        let all = OpenTable::open_unchecked(relation)?.only_while_open().all();
        let side = |comparison: &parse::Comparison| {
            let column = all.iter().find(|column| column.name == comparison.column)?;
            let is_plain = comparison.path.is_empty();
            is_plain.then(|| Side::new(comparison, column))
        };
        Ok(Plan {
            sides: expr.comparisons().map(side).collect(),
            fresh,
        })
    }

    /// The condition of a filter of this shape. Errors: a value is refused.
    fn apply(&self, expr: &Expr) -> Result<Condition> {
        for comparison in expr.comparisons() {
            if let (Operator::Like, Operand::Text(value)) =
                (comparison.operator, &comparison.operand)
            {
                pattern::check_like(comparison, value)?;
            }
        }
        build::condition(expr, &mut self.sides.iter())
    }

    /// Whether a filter of this shape is valid whenever its values can be read.
    fn is_settled(&self, expr: &Expr) -> bool {
        let mut sides = expr.comparisons().zip(&self.sides);
        sides.all(|(comparison, side)| {
            side.as_ref()
                .is_some_and(|side| side.is_settled(comparison.operator))
        })
    }
}

#[cfg(any(test, feature = "pg_test"))]
fn forget_plans() {
    PLANS.set(Cache::new(KEPT));
}
