//! The parts of sub-selects: their conditions, and what they are compared with.

use super::claims::number_of;
use super::simplify::is_processed;
use super::tree;
use pg_sys::{JoinType, Node, NodeTag as Tag, ParamKind, Query};
use pgrx::pg_sys;

/// Whether a query's rows are those of its tables that its WHERE leaves.
pub(super) fn is_simple(query: &Query) -> bool {
    !is_processed(query) && !query.hasTargetSRFs && !query.hasDistinctOn
}

/// The members of an AND, however deep.
///
/// # Safety
/// The node is a condition, or null.
pub(super) unsafe fn conjuncts(node: *mut Node) -> Vec<*mut Node> {
    if node.is_null() {
        return Vec::new();
    }
    // SAFETY: as promised.
    unsafe {
        let is_and = tree::tag(node) == Tag::T_BoolExpr
            && (*node.cast::<pg_sys::BoolExpr>()).boolop == pg_sys::BoolExprType::AND_EXPR;
        match is_and {
            true => tree::nodes((*node.cast::<pg_sys::BoolExpr>()).args)
                .into_iter()
                .flat_map(|member| conjuncts(member))
                .collect(),
            false => vec![node],
        }
    }
}

/// The conditions of joined tables, which are taken out of the joins; `None` for other joins than inner ones.
///
/// # Safety
/// The node is a part of a join tree, which is changed.
pub(super) unsafe fn joined(node: *mut Node) -> Option<Vec<*mut Node>> {
    // SAFETY: as promised.
    unsafe {
        let mut conditions = Vec::new();
        let quals = match tree::tag(node) {
            Tag::T_FromExpr => {
                let from = &mut *node.cast::<pg_sys::FromExpr>();
                for item in tree::nodes(from.fromlist) {
                    conditions.extend(joined(item)?);
                }
                &mut from.quals
            }
            Tag::T_JoinExpr => {
                let join = &mut *node.cast::<pg_sys::JoinExpr>();
                if join.jointype != JoinType::JOIN_INNER {
                    return None;
                }
                conditions.extend(joined(join.larg)?);
                conditions.extend(joined(join.rarg)?);
                &mut join.quals
            }
            Tag::T_RangeTblRef => return Some(conditions),
            _ => return None,
        };
        conditions.extend(conjuncts(std::mem::replace(quals, std::ptr::null_mut())));
        Some(conditions)
    }
}

/// What `value IN (SELECT …)` compares, as a condition within the sub-select.
///
/// # Safety
/// The node is an analysed `IN`, which is not used afterwards.
pub(super) unsafe fn compared_within(link: &pg_sys::SubLink) -> Option<*mut Node> {
    // SAFETY: as promised; what the test uses is one level further away within the sub-select.
    unsafe {
        // Within a sub-select of the test, the parameters would be its own.
        if tree::any(link.testexpr, &mut |node| tree::tag(node) == Tag::T_SubLink) {
            return None;
        }
        let query = &*link.subselect.cast::<Query>();
        let targets = tree::nodes(query.targetList);
        pg_sys::IncrementVarSublevelsUp(link.testexpr, 1, 0);
        let mut missing = false;
        let test = tree::rewrite(link.testexpr, 0, &mut |node, _| {
            if tree::tag(node) != Tag::T_Param {
                return None;
            }
            let parameter = &*node.cast::<pg_sys::Param>();
            if parameter.paramkind != ParamKind::PARAM_SUBLINK {
                return None;
            }
            let target = targets.get(parameter.paramid as usize - 1)?;
            let target = &*target.cast::<pg_sys::TargetEntry>();
            missing |= i32::from(target.resno) != parameter.paramid;
            Some(pg_sys::copyObjectImpl(target.expr.cast()).cast())
        });
        let left = tree::any(test, &mut |node| {
            tree::tag(node) == Tag::T_Param && number_of(node).is_none()
        });
        (!missing && !left).then_some(test)
    }
}
