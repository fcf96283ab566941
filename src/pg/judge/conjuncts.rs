//! The conjuncts of policies, in the order in which a SELECT evaluates them for the rows of a table. The planner has found it
//! (order_qual_clauses in createplan.c): by the levels of the policies, restrictive ones first, unless a conjunct is
//! leakproof and cheap, and then by cost.

use super::tree::{nodes, rewrite, tag};
use pgrx::pg_sys::{Node, NodeTag};
use pgrx::{pg_sys, PgList};

/// What became of the conditions of a scan. But for `Moved`, the statement must not be used.
pub(super) enum Gathered {
    /// They are in the CASE: so many.
    Moved(usize),
    /// No row can pass them.
    NoRow,
    /// The statement is no such scan.
    Unknown,
}

/// Moves the conditions that the planned scan filters its rows by into the CASE of its target, in place of the first WHEN:
/// a scan returns only the rows that pass, and each row has to have a verdict.
///
/// # Safety
/// The statement was planned of `policy::Over`'s query, with the policies as security conditions of its range table entry.
pub(super) unsafe fn gather(statement: *mut pg_sys::PlannedStmt) -> Gathered {
    // SAFETY: as promised; each node is checked before it is taken for what it should be.
    unsafe {
        let top = (*statement).planTree;
        if tag(top.cast()) != NodeTag::T_Result {
            return moved(statement, Vec::new()).map_or(Gathered::Unknown, Gathered::Moved);
        }
        // What does not depend on the row is evaluated before any row is read.
        let gate = nodes((*top.cast::<pg_sys::Result>()).resconstantqual.cast());
        if (*top).lefttree.is_null() {
            return match gate.iter().any(|one| is_never(*one)) {
                true => Gathered::NoRow,
                false => Gathered::Unknown,
            };
        }
        let Some(scan) = without_gate(top) else {
            return Gathered::Unknown;
        };
        (*statement).planTree = scan;
        moved(statement, gate).map_or(Gathered::Unknown, Gathered::Moved)
    }
}

/// # Safety
/// The node is an expression.
unsafe fn is_never(node: *mut Node) -> bool {
    // SAFETY: as promised; a condition is of type boolean.
    unsafe {
        let constant = node.cast::<pg_sys::Const>();
        tag(node) == NodeTag::T_Const
            && ((*constant).constisnull || (*constant).constvalue.value() == 0)
    }
}

/// # Safety
/// As [`gather`]; the conjuncts are conditions that come before those of the scan.
unsafe fn moved(
    statement: *mut pg_sys::PlannedStmt,
    mut conjuncts: Vec<*mut Node>,
) -> Option<usize> {
    // SAFETY: as promised.
    unsafe {
        let scan = (*statement).planTree;
        if tag(scan.cast()) != NodeTag::T_FunctionScan {
            return None;
        }
        conjuncts.extend(nodes((*scan).qual));
        (*scan).qual = std::ptr::null_mut();
        let all = super::tree::list_of(conjuncts.iter().copied());
        (*verdict(statement)?).expr = pg_sys::make_ands_explicit(all);
        Some(conjuncts.len())
    }
}

/// The scan below a Result, with the targets of that.
///
/// # Safety
/// It is a planned Result.
unsafe fn without_gate(top: *mut pg_sys::Plan) -> Option<*mut pg_sys::Plan> {
    // SAFETY: as promised; the targets of a plan refer to those of the plan below it as OUTER_VAR (setrefs.c).
    unsafe {
        let scan = (*top).lefttree;
        if scan.is_null() || tag(scan.cast()) != NodeTag::T_FunctionScan {
            return None;
        }
        let below = PgList::<pg_sys::TargetEntry>::from_pg((*scan).targetlist);
        let mut is_known = true;
        let mut of_scan = |node: *mut Node, _: u32| {
            let variable = node.cast::<pg_sys::Var>();
            if tag(node) != NodeTag::T_Var || (*variable).varno != pg_sys::OUTER_VAR {
                return None;
            }
            let target = below.get_ptr((*variable).varattno as usize - 1);
            is_known &= target.is_some();
            target.map(|target| (*target).expr.cast())
        };
        for target in PgList::<pg_sys::TargetEntry>::from_pg((*top).targetlist).iter_ptr() {
            (*target).expr = rewrite((*target).expr.cast(), 0, &mut of_scan).cast();
        }
        (*scan).targetlist = (*top).targetlist;
        (*scan).initPlan = pg_sys::list_concat((*top).initPlan, (*scan).initPlan);
        ((*scan).extParam, (*scan).allParam) = ((*top).extParam, (*top).allParam);
        is_known.then_some(scan)
    }
}

/// A statement whose verdict depends on one conjunct alone.
///
/// # Safety
/// [`gather`] has counted more than `number` and more than one in the statement.
pub(super) unsafe fn alone(
    statement: *mut pg_sys::PlannedStmt,
    number: usize,
) -> Option<*mut pg_sys::PlannedStmt> {
    // SAFETY: as promised.
    unsafe {
        let statement = pg_sys::copyObjectImpl(statement.cast()).cast::<pg_sys::PlannedStmt>();
        let branch = verdict(statement)?;
        let all = (*branch).expr.cast::<pg_sys::BoolExpr>();
        if tag(all.cast()) != NodeTag::T_BoolExpr {
            return None;
        }
        (*branch).expr = nodes((*all).args).get(number)?.cast();
        let (size, by_value) = (size_of::<i32>() as i32, true);
        let none = pg_sys::InvalidOid;
        (*branch).result =
            pg_sys::makeConst(pg_sys::INT4OID, -1, none, size, 2.into(), false, by_value).cast();
        Some(statement)
    }
}

/// The WHEN that the policies are in.
///
/// # Safety
/// The statement has one target, a CASE.
unsafe fn verdict(statement: *mut pg_sys::PlannedStmt) -> Option<*mut pg_sys::CaseWhen> {
    // SAFETY: each node is checked before it is taken for what it should be.
    unsafe {
        let targets = (*(*statement).planTree).targetlist;
        let targets = PgList::<pg_sys::TargetEntry>::from_pg(targets);
        let case = (*targets.get_ptr(0)?).expr.cast::<pg_sys::CaseExpr>();
        if tag(case.cast()) != NodeTag::T_CaseExpr {
            return None;
        }
        PgList::<pg_sys::CaseWhen>::from_pg((*case).args).get_ptr(0)
    }
}
