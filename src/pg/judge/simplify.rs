//! Brings a condition into a simple form: functions in SQL are replaced by what they do, and sub-selects that read no
//! table by expressions.

use super::sharable::{refusal, Bodies, Stage};
use super::tree;
use pg_sys::{Node, NodeTag as Tag, SubLinkType};
use pgrx::pg_sys;
use pgrx::pg_sys::Query;

/// Simplifies conditions, and looks at what comes into them by that.
pub(super) struct Simplifier<'a> {
    pub bodies: &'a mut Bodies,
    /// Why readers cannot share the answers.
    pub refused: Option<String>,
}

impl Simplifier<'_> {
    /// The same condition, simplified as the planner would, sub-selects included.
    ///
    /// # Safety
    /// The node is an analysed expression, or a part of a query, or null, which was looked at before.
    pub(super) unsafe fn simplify(&mut self, node: *mut Node) -> *mut Node {
        if node.is_null() {
            return node;
        }
        // SAFETY: as promised; the function copies what it changes.
        unsafe {
            let node = pg_sys::eval_const_expressions(std::ptr::null_mut(), node);
            tree::rewrite(node, 0, &mut |node, _| self.within(node))
        }
    }

    /// # Safety
    /// As [`Simplifier::simplify`].
    unsafe fn within(&mut self, node: *mut Node) -> Option<*mut Node> {
        // SAFETY: the tag says what a node is; the parts of a query are simplified one by one, as the planner does.
        unsafe {
            match tree::tag(node) {
                Tag::T_Query => {
                    let query = tree::with_children(node, &mut |part| self.simplify(part));
                    for entry in tree::nodes((*query.cast::<Query>()).rtable) {
                        self.inline(&mut *entry.cast());
                    }
                    Some(query)
                }
                Tag::T_SubLink => {
                    let link = tree::with_children(node, &mut |part| self.simplify(part));
                    Some(as_expression(link.cast()).unwrap_or(link))
                }
                _ => None,
            }
        }
    }

    /// Puts the query of a function in FROM in its place, where Postgres would (prepjointree.c,
    /// `preprocess_function_rtes`).
    ///
    /// # Safety
    /// The entry is one of a simplified query.
    unsafe fn inline(&mut self, entry: &mut pg_sys::RangeTblEntry) {
        if entry.rtekind != pg_sys::RTEKind::RTE_FUNCTION {
            return;
        }
        // SAFETY: as promised. Of the planner's state the function only uses where it notes what the plan depends on.
        unsafe {
            let root =
                pg_sys::palloc0(size_of::<pg_sys::PlannerInfo>()).cast::<pg_sys::PlannerInfo>();
            (*root).type_ = Tag::T_PlannerInfo;
            let glob = pg_sys::palloc0(size_of::<pg_sys::PlannerGlobal>());
            (*root).glob = glob.cast::<pg_sys::PlannerGlobal>();
            (*(*root).glob).type_ = Tag::T_PlannerGlobal;
            let query = pg_sys::inline_set_returning_function(root, entry);
            if query.is_null() {
                return;
            }
            let refused = refusal(query.cast(), Stage::BeforeInlining, self.bodies);
            if refused.is_some() {
                self.refused = refused;
                return;
            }
            entry.rtekind = pg_sys::RTEKind::RTE_SUBQUERY;
            entry.subquery = self.simplify(query.cast()).cast();
            entry.security_barrier = false;
            entry.functions = std::ptr::null_mut();
            entry.funcordinality = false;
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
