//! Parts of a policy that cannot be seen through: each is replaced by a mark, for which Postgres must be asked by each
//! reader's own execution. The other parts still decide alone where the mark does not matter.

use super::sharable::{refusal, Bodies, Stage};
use super::tree;
use crate::pg::sys::compat;
use pg_sys::{Node, NodeTag as Tag, Oid};
use pgrx::pg_sys;
use std::ffi::c_void;

/// A mark is the parameter with this number.
const MARK: i32 = 999;

/// Looks for such parts.
pub(super) struct Marking<'a> {
    pub bodies: &'a mut Bodies,
    /// Why the first part was marked. It follows "the policies ".
    pub reason: Option<String>,
    /// Whether there is a part that is not marked.
    pub leaves_some: bool,
    /// Why the policy as a whole must be judged by own execution: a part is to be run for every row.
    pub volatile: Option<String>,
}

impl Marking<'_> {
    /// The condition with marks.
    ///
    /// # Safety
    /// It is an analysed condition.
    pub(super) unsafe fn mark(&mut self, node: *mut Node, stage: Stage) -> *mut Node {
        // SAFETY: the tag says what a node is; the members of a BoolExpr are conditions.
        unsafe {
            pg_sys::check_stack_depth();
            if tree::tag(node) == Tag::T_BoolExpr {
                let call = &*node.cast::<pg_sys::BoolExpr>();
                let members = tree::nodes(call.args);
                let members = members.into_iter().map(|member| self.mark(member, stage));
                return pg_sys::makeBoolExpr(call.boolop, tree::list_of(members), -1).cast();
            }
            if is_mark(node) {
                return node;
            }
            let Some(reason) = refusal(node, stage, self.bodies) else {
                self.leaves_some = true;
                return node;
            };
            if pg_sys::contain_volatile_functions(node) {
                self.volatile.get_or_insert(reason.clone());
            }
            self.reason.get_or_insert(reason);
            tree::parameter(MARK, pg_sys::BOOLOID, -1, Oid::INVALID)
        }
    }
}

/// # Safety
/// The node is valid.
pub(super) unsafe fn is_mark(node: *mut Node) -> bool {
    // SAFETY: the tag says what it is.
    unsafe {
        tree::tag(node) == Tag::T_Param && {
            let parameter = &*node.cast::<pg_sys::Param>();
            parameter.paramkind == pg_sys::ParamKind::PARAM_EXTERN && parameter.paramid == MARK
        }
    }
}

/// Whether the current role may call every function of a condition. Where it may not, Postgres raises an error before
/// any part of the condition is run.
///
/// # Safety
/// It is an analysed condition.
pub(super) unsafe fn may_call_all(node: *mut Node) -> bool {
    // SAFETY: as promised.
    unsafe {
        !tree::any(node, &mut |node| {
            pg_sys::check_functions_in_node(node, Some(may_not_call), std::ptr::null_mut())
        })
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn may_not_call(function: Oid, _context: *mut c_void) -> bool {
    // SAFETY: a look-up of a function that an expression calls.
    unsafe {
        let execute = pg_sys::ACL_EXECUTE as pg_sys::AclMode;
        let class = pg_sys::ProcedureRelationId;
        !compat::may(class, function, pg_sys::GetUserId(), execute)
    }
}
