//! The order in which the conjuncts of policies are evaluated.

use pgrx::{pg_sys, PgList};

/// Lets the conjuncts of the policies be evaluated in the planner's order for a WHERE clause (order_qual_clauses in
/// createplan.c): those first that are leakproof and cheap, and then by cost. So a conjunct that raises for rows of other
/// tenants, behind `org = 1`, raises no more often than in a SELECT.
///
/// # Safety
/// The target list is that of a planned statement over rows (`policy::Over::plan`), not yet copied or executed.
pub(super) unsafe fn order(targets: *mut pg_sys::List) {
    // SAFETY: each node is checked before it is taken for what it should be; the arguments of an AND stay the same ones, in
    // another order.
    unsafe {
        let is = |node: *mut pg_sys::Node, tag| !node.is_null() && (*node).type_ == tag;
        let targets = PgList::<pg_sys::TargetEntry>::from_pg(targets);
        let Some(target) = targets.get_ptr(0) else {
            return;
        };
        let case: *mut pg_sys::Node = (*target).expr.cast();
        if !is(case, pg_sys::NodeTag::T_CaseExpr) {
            return;
        }
        let branches = PgList::<pg_sys::CaseWhen>::from_pg((*case.cast::<pg_sys::CaseExpr>()).args);
        let Some(branch) = branches.get_ptr(0) else {
            return;
        };
        let policies: *mut pg_sys::Node = (*branch).expr.cast();
        if !is(policies, pg_sys::NodeTag::T_BoolExpr) {
            return;
        }
        let policies = policies.cast::<pg_sys::BoolExpr>();
        if (*policies).boolop != pg_sys::BoolExprType::AND_EXPR {
            return;
        }
        let all = PgList::<pg_sys::Node>::from_pg((*policies).args);
        let mut conjuncts: Vec<*mut pg_sys::Node> = all.iter_ptr().collect();
        // A stable sort, as the planner's.
        conjuncts.sort_by(|one, other| {
            let (one, other) = (rank(*one), rank(*other));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        let mut sorted = PgList::<pg_sys::Node>::new();
        conjuncts.into_iter().for_each(|node| sorted.push(node));
        (*policies).args = sorted.into_pg();
    }
}

/// What order_qual_clauses sorts by: whether it is not leakproof, or not cheap, and then its cost for a row.
///
/// # Safety
/// The node is a planned expression.
unsafe fn rank(node: *mut pg_sys::Node) -> (bool, f64) {
    // SAFETY: both functions only look at the expression; sub-plans carry their own costs, so no planner's state is needed.
    unsafe {
        let mut cost = pg_sys::QualCost::default();
        pg_sys::cost_qual_eval_node(&mut cost, node, std::ptr::null_mut());
        let is_cheap = cost.per_tuple <= 10.0 * pg_sys::cpu_operator_cost;
        let comes_first = is_cheap && !pg_sys::contain_leaked_vars(node);
        (!comes_first, cost.per_tuple)
    }
}
