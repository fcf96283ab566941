//! Looks through expressions and queries, and rewrites them, with closures.

use crate::pg::sys::compat;
use pgrx::pg_sys;
use pgrx::pg_sys::{Node, NodeTag, Oid};
use std::ffi::c_void;

/// The tag of a node.
///
/// # Safety
/// The node is valid.
pub(super) unsafe fn tag(node: *mut Node) -> NodeTag {
    // SAFETY: as promised; every node begins with its tag.
    unsafe { (*node).type_ }
}

/// Whether `test` is true of a node's children: of an expression its arguments, of a query all its expressions, range
/// table entries and sub-queries.
///
/// # Safety
/// The node is an expression, a query, or a part of one.
pub(super) unsafe fn any_child(
    node: *mut Node,
    mut test: &mut dyn FnMut(*mut Node) -> bool,
) -> bool {
    let context = (&raw mut test).cast();
    // SAFETY: as promised; a range table entry's own walker is that of its query, which goes on by itself.
    unsafe {
        match tag(node) {
            NodeTag::T_Query => pg_sys::query_tree_walker(
                node.cast(),
                Some(test_child),
                context,
                pg_sys::QTW_EXAMINE_RTES_BEFORE as i32,
            ),
            NodeTag::T_RangeTblEntry => false,
            _ => pg_sys::expression_tree_walker(node, Some(test_child), context),
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn test_child(node: *mut Node, context: *mut c_void) -> bool {
    // SAFETY: the context is the one of `any_child`, which is on the stack meanwhile.
    !node.is_null() && unsafe { (*context.cast::<&mut dyn FnMut(*mut Node) -> bool>())(node) }
}

/// Whether `test` is true of any node of a tree, sub-queries included.
///
/// # Safety
/// As [`any_child`]; null is an empty tree.
pub(super) unsafe fn any(node: *mut Node, test: &mut dyn FnMut(*mut Node) -> bool) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: as promised; children of a tree are trees.
    unsafe {
        pg_sys::check_stack_depth();
        test(node) || any_child(node, &mut |child| any(child, test))
    }
}

/// What replaces a node: called with the number of queries around it. `None`: its children are looked at.
pub(super) type Change<'a> = dyn FnMut(*mut Node, u32) -> Option<*mut Node> + 'a;

struct Rewriting<'a, 'b> {
    change: &'a mut Change<'b>,
    depth: u32,
}

/// A copy of a tree with nodes replaced; `depth` is the number of queries around it.
///
/// # Safety
/// As [`any`]. What replaces an expression is an expression of the same type.
pub(super) unsafe fn rewrite(node: *mut Node, depth: u32, change: &mut Change) -> *mut Node {
    let mut rewriting = Rewriting { change, depth };
    // SAFETY: as promised.
    unsafe { rewritten(node, &raw mut rewriting) }
}

/// A copy of a node whose children are replaced by `change`, which gets null children too.
///
/// # Safety
/// As [`rewrite`].
pub(super) unsafe fn with_children(
    node: *mut Node,
    mut change: &mut dyn FnMut(*mut Node) -> *mut Node,
) -> *mut Node {
    let context = (&raw mut change).cast();
    // SAFETY: as promised.
    unsafe { copy_with(node, changed_child, context) }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn changed_child(node: *mut Node, context: *mut c_void) -> *mut Node {
    // SAFETY: the context is the one of `with_children`.
    unsafe { (*context.cast::<&mut dyn FnMut(*mut Node) -> *mut Node>())(node) }
}

/// Called by Postgres only: the guard hands an error on to Postgres, past everything of Rust's that called it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn rewritten_child(node: *mut Node, context: *mut c_void) -> *mut Node {
    // SAFETY: the context is the one of `rewrite`, which is on the stack meanwhile.
    unsafe { rewritten(node, context.cast()) }
}

/// # Safety
/// As [`rewrite`].
unsafe fn rewritten(node: *mut Node, rewriting: *mut Rewriting) -> *mut Node {
    if node.is_null() {
        return node;
    }
    // SAFETY: as promised.
    unsafe {
        pg_sys::check_stack_depth();
        if let Some(new) = ((*rewriting).change)(node, (*rewriting).depth) {
            return new;
        }
        let inside = u32::from(tag(node) == NodeTag::T_Query);
        (*rewriting).depth += inside;
        let copy = copy_with(node, rewritten_child, rewriting.cast());
        (*rewriting).depth -= inside;
        copy
    }
}

/// # Safety
/// As [`rewrite`]; the mutator and its context belong together.
unsafe fn copy_with(node: *mut Node, mutator: compat::Mutator, context: *mut c_void) -> *mut Node {
    // SAFETY: as promised; Postgres's mutator of expressions returns a query as it is (nodeFuncs.c).
    unsafe {
        match tag(node) {
            NodeTag::T_Query => compat::mutate_query(node.cast(), mutator, context).cast(),
            _ => compat::mutate_expression(node, mutator, context),
        }
    }
}

/// The elements of a list of nodes.
///
/// # Safety
/// It is one, or null.
pub(super) unsafe fn nodes(list: *mut pg_sys::List) -> Vec<*mut Node> {
    // SAFETY: as promised.
    unsafe { pgrx::PgList::<Node>::from_pg(list) }
        .iter_ptr()
        .collect()
}

/// A parameter of a statement.
pub(super) fn parameter(number: i32, type_oid: Oid, typmod: i32, collation: Oid) -> *mut Node {
    // SAFETY: the allocation has room for a parameter; it lives in the current memory context.
    unsafe {
        let parameter = pg_sys::palloc0(size_of::<pg_sys::Param>()).cast::<pg_sys::Param>();
        *parameter = pg_sys::Param {
            xpr: pg_sys::Expr {
                type_: NodeTag::T_Param,
            },
            paramkind: pg_sys::ParamKind::PARAM_EXTERN,
            paramid: number,
            paramtype: type_oid,
            paramtypmod: typmod,
            paramcollid: collation,
            location: -1,
        };
        parameter.cast()
    }
}

/// `value operator ANY (array)`.
///
/// # Safety
/// The operator takes values of these types.
pub(super) unsafe fn any_of(
    operator: Oid,
    collation: Oid,
    value: *mut Node,
    array: *mut Node,
) -> *mut Node {
    // SAFETY: the allocation has room for the node, and zeroes stand for what the planner fills in.
    unsafe {
        let call = pg_sys::palloc0(size_of::<pg_sys::ScalarArrayOpExpr>());
        let call = call.cast::<pg_sys::ScalarArrayOpExpr>();
        (*call).xpr.type_ = NodeTag::T_ScalarArrayOpExpr;
        (*call).opno = operator;
        (*call).useOr = true;
        (*call).inputcollid = collation;
        (*call).args = list_of([value, array]);
        (*call).location = -1;
        call.cast()
    }
}

/// A list of nodes.
pub(super) fn list_of(nodes: impl IntoIterator<Item = *mut Node>) -> *mut pg_sys::List {
    let mut list = pgrx::PgList::<Node>::new();
    nodes.into_iter().for_each(|node| list.push(node));
    list.into_pg()
}
