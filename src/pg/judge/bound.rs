//! What policies let through at most, where a row lacks values.
//!
//! A part that looks at such a value might be true or false. AND, OR and NOT only ever grow or shrink with their parts,
//! NULL between FALSE and TRUE. So with every such part put to what helps most, a row that is still not let through is
//! hidden whatever the values are.

use super::tree;
use pg_sys::{BoolExprType, Node, NodeTag};
use pgrx::{pg_sys, PgList};

/// The policies with those parts put to what helps most.
///
/// # Safety
/// They are conditions over range-table entry 1. The result holds parts of them.
pub(super) unsafe fn of_quals(quals: *mut pg_sys::List, lacking: &[i16]) -> *mut pg_sys::List {
    let mut bounds = PgList::<Node>::new();
    // SAFETY: as promised.
    unsafe {
        for qual in tree::nodes(quals) {
            bounds.push(bound(qual, lacking, true));
        }
    }
    bounds.into_pg()
}

/// # Safety
/// As [`of_quals`]. `most`: whether it helps that the condition is true.
unsafe fn bound(node: *mut Node, lacking: &[i16], most: bool) -> *mut Node {
    // SAFETY: as promised; the members of a BoolExpr are conditions.
    unsafe {
        pg_sys::check_stack_depth();
        if !looks_at(node, lacking) {
            return node;
        }
        if tree::tag(node) != NodeTag::T_BoolExpr {
            return pg_sys::makeBoolConst(most, false);
        }
        let call = &*node.cast::<pg_sys::BoolExpr>();
        let most = most != (call.boolop == BoolExprType::NOT_EXPR);
        let members = tree::nodes(call.args);
        let members = members
            .into_iter()
            .map(|member| bound(member, lacking, most));
        pg_sys::makeBoolExpr(call.boolop, tree::list_of(members), -1).cast()
    }
}

/// Whether a condition looks at one of the columns, or at the row as a whole.
///
/// # Safety
/// As [`of_quals`].
unsafe fn looks_at(node: *mut Node, columns: &[i16]) -> bool {
    // SAFETY: as promised; the function returns Var nodes.
    unsafe {
        let variables = tree::nodes(pg_sys::pull_vars_of_level(node, 0));
        variables.into_iter().any(|variable| {
            let column = (*variable.cast::<pg_sys::Var>()).varattno;
            column == 0 || columns.contains(&column)
        })
    }
}
