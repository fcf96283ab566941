//! Comparisons of a row's values with constants, as far as keys can decide them.

use super::claims;
use super::opaque::is_mark;
use super::tree;
use crate::pg::row::key::KeyKind;
use pg_sys::{Node, NodeTag as Tag, Oid};
use pgrx::pg_sys;

/// An operator of a type's default btree operator class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
}

/// A value that is compared with: a constant of the reader, or one that the policy names.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(usize, KeyKind),
    Known(Vec<crate::keyed::Key>),
}

/// A comparison of a part of the row with a value.
pub(super) struct Comparison {
    pub row: *mut Node,
    /// How the part of the row becomes a key.
    pub kind: KeyKind,
    pub strategy: Strategy,
    pub value: Value,
    /// The comparison is `NOT` of what the other fields say.
    pub negated: bool,
    /// With the part of the row on its left, except where it is an array.
    pub operator: Oid,
}

/// Whether the node stands for a constant of the reader, or is one itself.
///
/// # Safety
/// The node is valid.
unsafe fn is_value(node: *mut Node) -> bool {
    // SAFETY: as promised.
    unsafe { claims::number_of(node).is_some() || tree::tag(node) == Tag::T_Const }
}

/// Whether an expression has no constant of a reader in it, and can be seen through.
///
/// # Safety
/// The node is an expression.
pub(super) unsafe fn is_for_all(node: *mut Node) -> bool {
    // SAFETY: as promised.
    unsafe {
        !tree::any(node, &mut |node| {
            claims::number_of(node).is_some() || is_mark(node)
        })
    }
}

/// `row operator value`, or the other way round.
///
/// # Safety
/// The node is an expression with stand-ins for constants.
pub(super) unsafe fn comparison(node: *mut Node) -> Option<Comparison> {
    // SAFETY: the tag says what the node is; an operator's class says that it compares its operands' types.
    unsafe {
        if tree::tag(node) != Tag::T_OpExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::OpExpr>();
        let [left, right] = tree::nodes(call.args)[..] else {
            return None;
        };
        let (row, value, operator) = match (is_value(left), is_value(right)) {
            (false, true) => (left, right, call.opno),
            (true, false) => (right, left, pg_sys::get_commutator(call.opno)),
            _ => return None,
        };
        if !is_for_all(row) {
            return None;
        }
        let (strategy, kind, operator, negated) = compared(row, operator, call.inputcollid)?;
        if strategy != Strategy::Equal && !kind.ordered() {
            return None;
        }
        let other = KeyKind::of(pg_sys::exprType(value), call.inputcollid)?;
        if !kind.compares_with(other) || strategy != Strategy::Equal && !other.ordered() {
            return None;
        }
        Some(Comparison {
            row,
            kind,
            strategy,
            value: value_of(value, other)?,
            negated,
            operator,
        })
    }
}

/// `row = ANY (array)`, or `row <> ALL (array)` as its negation.
///
/// # Safety
/// As [`comparison`].
pub(super) unsafe fn one_of(node: *mut Node) -> Option<Comparison> {
    // SAFETY: as above.
    unsafe {
        let (call, row, array) = any_of(node)?;
        if !is_value(array) || !is_for_all(row) || is_value(row) {
            return None;
        }
        let (kind, other, operator) = elements(call, row, array)?;
        Some(Comparison {
            row,
            kind,
            strategy: Strategy::Equal,
            negated: !call.useOr,
            operator,
            value: match claims::number_of(array) {
                Some(number) => Value::Constant(number, other),
                None => {
                    let array = &*array.cast::<pg_sys::Const>();
                    let value = (!array.constisnull).then_some(array.constvalue);
                    let (keys, has_null) = keys_of_array(value, array.consttype, other)?;
                    if has_null {
                        return None;
                    }
                    Value::Known(keys)
                }
            },
        })
    }
}

/// `value = ANY (array of the row)`: `row` is the array, `kind` that of its elements.
///
/// # Safety
/// As [`comparison`].
pub(super) unsafe fn within_array(node: *mut Node) -> Option<Comparison> {
    // SAFETY: as above.
    unsafe {
        let (call, value, array) = any_of(node)?;
        if !is_value(value) || is_value(array) || !is_for_all(array) {
            return None;
        }
        let (kind, elements, operator) = elements(call, value, array)?;
        Some(Comparison {
            row: array,
            kind: elements,
            strategy: Strategy::Equal,
            value: value_of(value, kind)?,
            negated: !call.useOr,
            operator,
        })
    }
}

/// # Safety
/// As [`comparison`].
unsafe fn any_of<'a>(
    node: *mut Node,
) -> Option<(&'a pg_sys::ScalarArrayOpExpr, *mut Node, *mut Node)> {
    // SAFETY: as above.
    unsafe {
        if tree::tag(node) != Tag::T_ScalarArrayOpExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::ScalarArrayOpExpr>();
        let [scalar, array] = tree::nodes(call.args)[..] else {
            return None;
        };
        Some((call, scalar, array))
    }
}

/// The kinds of the scalar and of the elements, and the operator that is their equality: of `= ANY`, or of `<> ALL`.
///
/// # Safety
/// As [`comparison`].
unsafe fn elements(
    call: &pg_sys::ScalarArrayOpExpr,
    scalar: *mut Node,
    array: *mut Node,
) -> Option<(KeyKind, KeyKind, Oid)> {
    // SAFETY: as above.
    unsafe {
        let (strategy, kind, equality, negated) = compared(scalar, call.opno, call.inputcollid)?;
        let element = pg_sys::get_base_element_type(pg_sys::exprType(array));
        if strategy != Strategy::Equal || negated == call.useOr || element == Oid::INVALID {
            return None;
        }
        let other = KeyKind::of(element, call.inputcollid)?;
        let same = kind.compares_with(other);
        same.then_some((kind, other, equality))
    }
}

/// What an operator says of its left operand, and how this one becomes a key; the operator that says so, which is the
/// negator of the one given where the last value is true.
///
/// # Safety
/// As [`comparison`].
unsafe fn compared(
    left: *mut Node,
    operator: Oid,
    collation: Oid,
) -> Option<(Strategy, KeyKind, Oid, bool)> {
    // SAFETY: catalog look-ups; the type cache's entry lives as long as the backend.
    unsafe {
        if operator == Oid::INVALID {
            return None;
        }
        let base = pg_sys::getBaseType(pg_sys::exprType(left));
        let kind = KeyKind::of(base, collation)?;
        let wanted = pg_sys::TYPECACHE_BTREE_OPFAMILY as i32;
        let family = (*pg_sys::lookup_type_cache(base, wanted)).btree_opf;
        if let Some(strategy) = strategy_of(operator, family) {
            return Some((strategy, kind, operator, false));
        }
        let negator = pg_sys::get_negator(operator);
        let strategy = strategy_of(negator, family)?;
        Some((strategy, kind, negator, true))
    }
}

/// What an operator is for a btree operator family.
fn strategy_of(operator: Oid, family: Oid) -> Option<Strategy> {
    // SAFETY: a catalog look-up, 0 where there is nothing; InvalidOid is an operator of no family.
    match unsafe { pg_sys::get_op_opfamily_strategy(operator, family) } as u32 {
        pg_sys::BTLessStrategyNumber => Some(Strategy::Less),
        pg_sys::BTLessEqualStrategyNumber => Some(Strategy::LessEqual),
        pg_sys::BTEqualStrategyNumber => Some(Strategy::Equal),
        pg_sys::BTGreaterEqualStrategyNumber => Some(Strategy::GreaterEqual),
        pg_sys::BTGreaterStrategyNumber => Some(Strategy::Greater),
        _ => None,
    }
}

/// # Safety
/// The node is a value of the kind; a NULL among those that the policy names is left to Postgres.
unsafe fn value_of(node: *mut Node, kind: KeyKind) -> Option<Value> {
    // SAFETY: as promised.
    unsafe {
        if let Some(number) = claims::number_of(node) {
            return Some(Value::Constant(number, kind));
        }
        let constant = &*node.cast::<pg_sys::Const>();
        (!constant.constisnull).then(|| Value::Known(vec![kind.key(constant.constvalue)]))
    }
}

/// The keys of an array's elements, and whether NULLs are among them; `None` for no array.
///
/// # Safety
/// The value is an array of the type; its elements are of the kind.
pub(super) unsafe fn keys_of_array(
    array: Option<pg_sys::Datum>,
    array_type: Oid,
    kind: KeyKind,
) -> Option<(Vec<crate::keyed::Key>, bool)> {
    // SAFETY: as promised; the array is detoasted first.
    unsafe {
        let array = pg_sys::pg_detoast_datum(array?.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let element = pg_sys::get_base_element_type(array_type);
        let (mut length, mut by_value, mut alignment) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut alignment);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            element,
            length.into(),
            by_value,
            alignment,
            &mut values,
            &mut nulls,
            &mut count,
        );
        let mut keys = Vec::with_capacity(count as usize);
        let mut has_null = false;
        for place in 0..count as usize {
            match *nulls.add(place) {
                true => has_null = true,
                false => keys.push(kind.key(*values.add(place))),
            }
        }
        Some((keys, has_null))
    }
}

/// The column of the relation that an expression is, as it is stored.
///
/// # Safety
/// The node is an expression over the relation as range-table entry 1.
pub(super) unsafe fn column(node: *mut Node, kind: KeyKind) -> Option<i16> {
    // SAFETY: the tag says what a node is.
    unsafe {
        let mut node = node;
        while tree::tag(node) == Tag::T_RelabelType {
            node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
        }
        if tree::tag(node) != Tag::T_Var {
            return None;
        }
        let variable = &*node.cast::<pg_sys::Var>();
        if variable.varno != 1 || variable.varlevelsup != 0 || variable.varattno <= 0 {
            return None;
        }
        let own = KeyKind::of(variable.vartype, variable.varcollid)?;
        own.compares_with(kind).then_some(variable.varattno)
    }
}
