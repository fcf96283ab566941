//! Brings a condition into a simple form: functions in SQL are put in place of their calls, and sub-selects that read
//! no table become expressions.

use super::tree;
use pg_sys::{Node, NodeTag as Tag, SubLinkType};
use pgrx::pg_sys;
use pgrx::pg_sys::Query;

/// The same condition, simplified as the planner would, sub-selects included.
///
/// # Safety
/// The node is an analysed expression, or a part of a query, or null.
pub(super) unsafe fn simplify(node: *mut Node) -> *mut Node {
    if node.is_null() {
        return node;
    }
    // SAFETY: as promised; the function copies what it changes.
    unsafe {
        let node = pg_sys::eval_const_expressions(std::ptr::null_mut(), node);
        tree::rewrite(node, 0, &mut |node, _| within(node))
    }
}

/// # Safety
/// As [`simplify`].
unsafe fn within(node: *mut Node) -> Option<*mut Node> {
    // SAFETY: the tag says what a node is; the parts of a query are simplified one by one, as the planner does.
    unsafe {
        match tree::tag(node) {
            Tag::T_Query => Some(tree::with_children(node, &mut |part| simplify(part))),
            Tag::T_SubLink => {
                let link = tree::with_children(node, &mut |part| simplify(part));
                Some(as_expression(link.cast()).unwrap_or(link))
            }
            _ => None,
        }
    }
}

/// The value of `(SELECT value)`, as an expression of the query around it.
///
/// # Safety
/// The sub-select is analysed.
unsafe fn as_expression(link: *mut pg_sys::SubLink) -> Option<*mut Node> {
    // SAFETY: as promised.
    unsafe {
        if (*link).subLinkType != SubLinkType::EXPR_SUBLINK {
            return None;
        }
        let query = &*(*link).subselect.cast::<Query>();
        if !is_bare(query) || query.hasTargetSRFs {
            return None;
        }
        let value = only_target(query)?;
        let value = pg_sys::copyObjectImpl(value.cast()).cast::<Node>();
        // What it uses of queries around it is now one level nearer.
        pg_sys::IncrementVarSublevelsUp(value, -1, 1);
        Some(value)
    }
}

/// Whether a query is but `SELECT values`: it has one row.
pub(super) fn is_bare(query: &Query) -> bool {
    // SAFETY: an analysed query has a join tree.
    let tables = unsafe { &*query.jointree };
    tables.fromlist.is_null() && tables.quals.is_null() && !is_processed(query)
}

/// Whether the rows of a query are more than those of its tables that its WHERE leaves: they are aggregated, counted,
/// or made of several queries'.
pub(super) fn is_processed(query: &Query) -> bool {
    query.hasAggs
        || query.hasWindowFuncs
        || query.hasRecursive
        || query.hasModifyingCTE
        || query.hasForUpdate
        || !query.cteList.is_null()
        || !query.groupClause.is_null()
        || !query.groupingSets.is_null()
        || !query.havingQual.is_null()
        || !query.limitCount.is_null()
        || !query.limitOffset.is_null()
        || !query.rowMarks.is_null()
        || !query.setOperations.is_null()
}

/// The one value that a query selects.
///
/// # Safety
/// The query is analysed.
pub(super) unsafe fn only_target(query: &Query) -> Option<*mut Node> {
    // SAFETY: a target list has target entries.
    unsafe {
        let targets = tree::nodes(query.targetList);
        let mut shown = targets
            .into_iter()
            .map(|target| target.cast::<pg_sys::TargetEntry>())
            .filter(|target| !(**target).resjunk);
        let first = shown.next()?;
        shown.next().is_none().then(|| (*first).expr.cast())
    }
}
