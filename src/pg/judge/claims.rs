//! The parts of a policy that depend on nothing but the claims: taken out, they are constants of a reader.

use super::known;
use super::tree;
use pg_sys::{Node, NodeTag as Tag, Oid, RTEKind, SubLinkType};
use pgrx::{pg_sys, FromDatum};
use std::ffi::c_void;

/// Stand-ins for constants are parameters from this number on.
const FIRST: i32 = 1000;

/// The number of the constant that a node stands for.
///
/// # Safety
/// The node is valid.
pub(super) unsafe fn number_of(node: *mut Node) -> Option<usize> {
    // SAFETY: the tag says what it is.
    unsafe {
        if tree::tag(node) != Tag::T_Param {
            return None;
        }
        let parameter = &*node.cast::<pg_sys::Param>();
        let is_ours =
            parameter.paramkind == pg_sys::ParamKind::PARAM_EXTERN && parameter.paramid >= FIRST;
        is_ours.then(|| (parameter.paramid - FIRST) as usize)
    }
}

/// Replaces what depends on the claims alone by stand-ins, the largest such parts, and adds them to `found`.
///
/// # Safety
/// The node is a simplified condition; `found` are expressions.
pub(super) unsafe fn take_out(node: *mut Node, found: &mut Vec<*mut Node>) -> *mut Node {
    // SAFETY: as promised; a stand-in has the type of what it stands for.
    unsafe {
        tree::rewrite(node, 0, &mut |node, _| {
            if !known::is_expression(tree::tag(node)) {
                return None;
            }
            if is_of_claims(node) {
                return Some(stand_in_for(node, found));
            }
            let (link, operator) = value_in_claims(node)?;
            let value = take_out(tree::nodes((*operator).args)[0], found);
            let array = stand_in_for(array_of(link), found);
            let collation = (*operator).inputcollid;
            Some(tree::any_of((*operator).opno, collation, value, array))
        })
    }
}

/// `value operator ANY (SELECT …)`, where the sub-select depends on the claims alone.
///
/// # Safety
/// The node is a simplified expression.
unsafe fn value_in_claims(node: *mut Node) -> Option<(*mut pg_sys::SubLink, *mut pg_sys::OpExpr)> {
    // SAFETY: the tag says what a node is.
    unsafe {
        if tree::tag(node) != Tag::T_SubLink {
            return None;
        }
        let link = node.cast::<pg_sys::SubLink>();
        if (*link).subLinkType != SubLinkType::ANY_SUBLINK
            || tree::tag((*link).testexpr) != Tag::T_OpExpr
        {
            return None;
        }
        let operator = (*link).testexpr.cast::<pg_sys::OpExpr>();
        let [_, found] = tree::nodes((*operator).args)[..] else {
            return None;
        };
        let compares_itself = tree::tag(found) == Tag::T_Param
            && (*found.cast::<pg_sys::Param>()).paramkind == pg_sys::ParamKind::PARAM_SUBLINK;
        // The elements of an array of arrays are not its parts.
        let type_oid = pg_sys::exprType(found);
        let is_element = pg_sys::get_element_type(type_oid) == Oid::INVALID
            && pg_sys::get_array_type(type_oid) != Oid::INVALID;
        let fits = compares_itself && is_element && is_of_claims(array_of(link));
        fits.then_some((link, operator))
    }
}

/// `ARRAY(SELECT …)` of the same sub-select.
///
/// # Safety
/// The node is a sub-select of one column.
unsafe fn array_of(link: *mut pg_sys::SubLink) -> *mut Node {
    // SAFETY: as promised; the copy is the caller's.
    unsafe {
        let array: *mut pg_sys::SubLink = pg_sys::copyObjectImpl(link.cast()).cast();
        (*array).subLinkType = SubLinkType::ARRAY_SUBLINK;
        (*array).testexpr = std::ptr::null_mut();
        (*array).operName = std::ptr::null_mut();
        array.cast()
    }
}

/// # Safety
/// As [`take_out`].
unsafe fn stand_in_for(node: *mut Node, found: &mut Vec<*mut Node>) -> *mut Node {
    // SAFETY: as promised.
    unsafe {
        let same = |known: &*mut Node| pg_sys::equal(known.cast(), node.cast());
        let number = found.iter().position(same).unwrap_or(found.len());
        if number == found.len() {
            found.push(node);
        }
        stand_in(number, node)
    }
}

/// # Safety
/// The node is an expression.
unsafe fn stand_in(number: usize, node: *mut Node) -> *mut Node {
    // SAFETY: as promised.
    unsafe {
        let (type_oid, typmod) = (pg_sys::exprType(node), pg_sys::exprTypmod(node));
        tree::parameter(
            FIRST + number as i32,
            type_oid,
            typmod,
            pg_sys::exprCollation(node),
        )
    }
}

/// # Safety
/// The node is an expression.
unsafe fn is_of_claims(node: *mut Node) -> bool {
    // SAFETY: as promised.
    unsafe {
        let mut reads = false;
        tree::any(node, &mut |node| {
            reads |= setting_of(node).is_some_and(is_claim);
            reads
        });
        reads && is_fixed(node, 0, false)
    }
}

/// Whether an expression, within so many sub-selects of it, reads nothing but claims, and always has the same value for
/// the same claims. Sub-selects may read what functions return, but no table.
///
/// # Safety
/// The node is an expression or a part of one.
unsafe fn is_fixed(node: *mut Node, depth: u32, in_case: bool) -> bool {
    // SAFETY: the tag says what a node is.
    unsafe {
        let tag = tree::tag(node);
        let fixed = match tag {
            // What a CASE compares stands for itself within it; two within each other are not told apart here.
            Tag::T_CaseExpr | Tag::T_ArrayCoerceExpr => !in_case,
            Tag::T_CaseTestExpr => in_case,
            Tag::T_FuncExpr => depth > 0 || !(*node.cast::<pg_sys::FuncExpr>()).funcretset,
            // What a sub-select compares with each of its rows stands for itself only within it.
            Tag::T_SubLink => (*node.cast::<pg_sys::SubLink>()).testexpr.is_null(),
            Tag::T_Var => (*node.cast::<pg_sys::Var>()).varlevelsup < depth,
            Tag::T_Aggref => (*node.cast::<pg_sys::Aggref>()).agglevelsup < depth,
            Tag::T_RangeTblEntry => {
                let kind = (*node.cast::<pg_sys::RangeTblEntry>()).rtekind;
                use RTEKind::{RTE_FUNCTION, RTE_JOIN, RTE_RESULT, RTE_SUBQUERY, RTE_VALUES};
                [RTE_FUNCTION, RTE_JOIN, RTE_RESULT, RTE_SUBQUERY, RTE_VALUES].contains(&kind)
            }
            tag => is_fixed_itself(tag) || depth > 0 && is_part_of_query(tag),
        };
        let inner = in_case || tag == Tag::T_CaseExpr || tag == Tag::T_ArrayCoerceExpr;
        let depth = depth + u32::from(tag == Tag::T_Query);
        let reads_claim = setting_of(node).is_some_and(is_claim);
        let changes =
            || pg_sys::check_functions_in_node(node, Some(can_change), std::ptr::null_mut());
        fixed
            && (reads_claim || !changes())
            && !tree::any_child(node, &mut |child| !is_fixed(child, depth, inner))
    }
}

/// Whether an expression has a fixed value where its functions and its arguments have.
fn is_fixed_itself(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::T_Const
            | Tag::T_RelabelType
            | Tag::T_CollateExpr
            | Tag::T_BoolExpr
            | Tag::T_OpExpr
            | Tag::T_DistinctExpr
            | Tag::T_NullIfExpr
            | Tag::T_ScalarArrayOpExpr
            | Tag::T_CoerceViaIO
            | Tag::T_CoalesceExpr
            | Tag::T_ArrayExpr
            | Tag::T_MinMaxExpr
            | Tag::T_NullTest
            | Tag::T_BooleanTest
            | Tag::T_SubscriptingRef
            | Tag::T_CaseWhen
            | Tag::T_List
            | Tag::T_Query
    )
}

fn is_part_of_query(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::T_TargetEntry
            | Tag::T_FromExpr
            | Tag::T_JoinExpr
            | Tag::T_RangeTblRef
            | Tag::T_RangeTblFunction
    )
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn can_change(function: Oid, _context: *mut c_void) -> bool {
    // SAFETY: a look-up of a function that an expression calls.
    unsafe { pg_sys::func_volatile(function) as u8 != pg_sys::PROVOLATILE_IMMUTABLE }
}

/// The name of the setting that a call of `current_setting` reads, where the call has it as a constant.
///
/// # Safety
/// The node is valid.
unsafe fn setting_of(node: *mut Node) -> Option<String> {
    // SAFETY: the function's first argument is a text.
    unsafe {
        let name = setting_argument(node)?;
        if tree::tag(name) != Tag::T_Const {
            return None;
        }
        let name = &*name.cast::<pg_sys::Const>();
        String::from_datum(name.constvalue, name.constisnull)
    }
}

/// # Safety
/// The node is valid.
unsafe fn setting_argument(node: *mut Node) -> Option<*mut Node> {
    const READS: [u32; 2] = [
        pg_sys::F_CURRENT_SETTING_TEXT,
        pg_sys::F_CURRENT_SETTING_TEXT_BOOL,
    ];
    // SAFETY: the tag says what it is.
    unsafe {
        if tree::tag(node) != Tag::T_FuncExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::FuncExpr>();
        READS
            .contains(&call.funcid.to_u32())
            .then(|| tree::nodes(call.args).first().copied())
            .flatten()
    }
}

/// Whether a setting is one that is emptied when work is done as another role, and set for a reader.
fn is_claim(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    name.len() >= 8 && name[..8].eq_ignore_ascii_case(b"request.")
}

/// Why a call of `current_setting` that was not taken out cannot be answered for several readers.
///
/// # Safety
/// The node is valid.
pub(super) unsafe fn unknown_setting(node: *mut Node) -> Option<String> {
    // SAFETY: as promised.
    unsafe {
        setting_argument(node)?;
        match setting_of(node) {
            None => Some("read a setting whose name is not a constant".to_string()),
            Some(name) if is_claim(&name) => Some(format!(
                "read the setting \"{name}\" in a way that is not looked into"
            )),
            Some(_) => None,
        }
    }
}
