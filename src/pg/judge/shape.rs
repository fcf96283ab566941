//! A policy as a condition by keys, with places for the constants of a reader.

use super::claims;
use super::constants::{Constants, Form};
use super::operand::{self, Comparison, Strategy, Value};
use super::reversed::{Member, Reversed};
use super::sets::combined;
use super::tree;
use crate::keyed::{Column, Condition, Key};
use crate::pg::row::key::KeyKind;
use pg_sys::{Node, NodeTag as Tag};
use pgrx::pg_sys;
use std::ops::Bound;

/// A part of a policy.
#[derive(Debug)]
pub(super) enum Shape {
    And(Vec<Shape>),
    Or(Vec<Shape>),
    Not(Box<Shape>),
    /// A column against a value, or against any of an array's.
    Compare(Column, Strategy, Value),
    OneOf(Column, Value),
    IsNull(Column),
    /// A constant of type boolean.
    Claim(usize),
    /// Whether the reader is among the members of the row: these constants are all true, and those are a member's.
    Member(Column, Vec<usize>, Vec<Wanted>),
    Other,
}

/// What a policy asks of each row besides its columns, and for which readers have one answer: it has a column of its
/// own, with a negative number.
pub(super) struct Fact {
    pub node: *mut Node,
    pub kind: KeyKind,
    /// The node is an array, whose elements are asked for.
    pub elements: bool,
}

/// A constant that a member of a row must have, or one of the elements of a constant.
#[derive(Debug)]
pub(super) struct Wanted {
    value: Value,
    any: bool,
}

/// What a column with a negative number has for a row.
pub(super) enum Asked {
    Fact(Fact),
    Members(Reversed),
}

/// Keys of a reader that are looked for among the members of a row, at most.
const MAX_WANTED: usize = 1_000;

/// Reads shapes, and collects the facts that they need.
#[derive(Default)]
pub(super) struct Reading {
    pub asked: Vec<Asked>,
}

impl Reading {
    /// The shape of a condition. `positive`: it only matters whether it holds, not whether it is false or NULL.
    ///
    /// # Safety
    /// The node is a simplified condition over the relation as range-table entry 1, with stand-ins for constants.
    pub(super) unsafe fn shape(&mut self, node: *mut Node, positive: bool) -> Shape {
        // SAFETY: the tag says what a node is.
        unsafe {
            pg_sys::check_stack_depth();
            if let Some(shape) = self.plain(node, positive) {
                return shape;
            }
            if operand::is_for_all(node) {
                return self.fact(node);
            }
            match tree::tag(node) {
                Tag::T_BoolExpr => self.combined(&*node.cast(), positive),
                Tag::T_BooleanTest => {
                    let test = &*node.cast::<pg_sys::BooleanTest>();
                    match test.booltesttype {
                        pg_sys::BoolTestType::IS_TRUE if positive => {
                            self.shape(test.arg.cast(), true)
                        }
                        _ => Shape::Other,
                    }
                }
                _ => self.compared(node, positive),
            }
        }
    }

    /// A shape that needs no fact.
    ///
    /// # Safety
    /// As [`Reading::shape`].
    unsafe fn plain(&self, node: *mut Node, positive: bool) -> Option<Shape> {
        let boolean = |value| Shape::known(value);
        // SAFETY: as promised.
        unsafe {
            if let Some(number) = claims::number_of(node) {
                return Some(Shape::Claim(number));
            }
            match tree::tag(node) {
                Tag::T_Const => {
                    let constant = &*node.cast::<pg_sys::Const>();
                    let holds = !constant.constisnull && constant.constvalue.value() != 0;
                    (positive || !constant.constisnull).then(|| boolean(holds))
                }
                Tag::T_Var => {
                    let kind = KeyKind::of(pg_sys::BOOLOID, pg_sys::Oid::INVALID)?;
                    let column = operand::column(node, kind)?;
                    Some(Shape::OneOf(
                        column,
                        Value::Known(vec![KeyKind::of_bool(true)]),
                    ))
                }
                Tag::T_NullTest => {
                    let test = &*node.cast::<pg_sys::NullTest>();
                    let column = column_of_test(test)?;
                    Some(match test.nulltesttype {
                        pg_sys::NullTestType::IS_NULL => Shape::IsNull(column),
                        _ => Shape::Not(Box::new(Shape::IsNull(column))),
                    })
                }
                Tag::T_OpExpr => {
                    let found = operand::comparison(node)?;
                    let column = operand::column(found.row, found.kind)?;
                    Some(Shape::compare(column, found))
                }
                Tag::T_ScalarArrayOpExpr => {
                    let found = operand::one_of(node)?;
                    let column = operand::column(found.row, found.kind)?;
                    Some(Shape::one_of(column, found))
                }
                Tag::T_BoolExpr => {
                    let call = &*node.cast::<pg_sys::BoolExpr>();
                    let inner = positive && call.boolop != pg_sys::BoolExprType::NOT_EXPR;
                    let members = tree::nodes(call.args);
                    let shapes = members.into_iter().map(|member| self.plain(member, inner));
                    Some(Shape::of(call.boolop, shapes.collect::<Option<Vec<_>>>()?))
                }
                _ => None,
            }
        }
    }

    /// # Safety
    /// As [`Reading::shape`].
    unsafe fn combined(&mut self, call: &pg_sys::BoolExpr, positive: bool) -> Shape {
        let inner = positive && call.boolop != pg_sys::BoolExprType::NOT_EXPR;
        let mut shapes = Vec::new();
        let mut for_all = Vec::new();
        // SAFETY: as promised; the members of a BoolExpr are conditions.
        unsafe {
            for member in tree::nodes(call.args) {
                match self.plain(member, inner) {
                    Some(shape) => {
                        shapes.push(shape);
                        if operand::is_for_all(member) {
                            for_all.push((member, false));
                        }
                    }
                    None if operand::is_for_all(member) => for_all.push((member, true)),
                    None => shapes.push(self.shape(member, inner)),
                }
            }
            // What is asked for all readers at once stays together: an earlier member often protects a later one.
            if for_all.iter().any(|(_, asked)| *asked) {
                let members = tree::list_of(for_all.into_iter().map(|(member, _)| member));
                let together = match pgrx::PgList::<Node>::from_pg(members).len() {
                    1 => tree::nodes(members)[0],
                    _ => pg_sys::makeBoolExpr(call.boolop, members, -1).cast(),
                };
                shapes.push(self.fact(together));
            }
        }
        Shape::of(call.boolop, shapes)
    }

    /// A condition that has one answer for all readers.
    ///
    /// # Safety
    /// As [`Reading::shape`].
    unsafe fn fact(&mut self, node: *mut Node) -> Shape {
        let Some(kind) = KeyKind::of(pg_sys::BOOLOID, pg_sys::Oid::INVALID) else {
            return Shape::Other;
        };
        // SAFETY: as promised.
        match unsafe { self.column(node, kind, false) } {
            Some(column) => Shape::OneOf(column, Value::Known(vec![KeyKind::of_bool(true)])),
            None => Shape::Other,
        }
    }

    /// A comparison of a constant with an expression over the row.
    ///
    /// # Safety
    /// As [`Reading::shape`].
    unsafe fn compared(&mut self, node: *mut Node, positive: bool) -> Shape {
        // SAFETY: as promised.
        unsafe {
            let of_column = |reading: &mut Reading, found: &Comparison, elements: bool| {
                let column = operand::column(found.row, found.kind).filter(|_| !elements);
                column.or_else(|| reading.column(found.row, found.kind, elements))
            };
            if let Some(found) = operand::comparison(node) {
                if let Some(column) = of_column(self, &found, false) {
                    return Shape::compare(column, found);
                }
            }
            if let Some(found) = operand::one_of(node) {
                if let Some(column) = of_column(self, &found, false) {
                    return Shape::one_of(column, found);
                }
            }
            // A set has no NULLs: where it lacks the value, it cannot tell NULL from FALSE.
            if let Some(found) =
                operand::within_array(node).filter(|found| positive && !found.negated)
            {
                if let Some(column) = of_column(self, &found, true) {
                    return Shape::compare(column, found);
                }
            }
            // Nor can a sub-select that is turned round.
            let member = positive.then(|| self.membership(node)).flatten();
            member.unwrap_or(Shape::Other)
        }
    }

    /// The column of a fact.
    ///
    /// # Safety
    /// As [`Reading::shape`].
    unsafe fn column(&mut self, node: *mut Node, kind: KeyKind, elements: bool) -> Option<Column> {
        let same = |asked: &Asked| match asked {
            Asked::Fact(fact) => {
                // SAFETY: both are expressions.
                let equal = unsafe { pg_sys::equal(fact.node.cast(), node.cast()) };
                equal && fact.kind == kind && fact.elements == elements
            }
            Asked::Members(_) => false,
        };
        let place = self.asked.iter().position(same);
        match place {
            Some(place) => number_at(place),
            None => self.ask(Asked::Fact(Fact {
                node,
                kind,
                elements,
            })),
        }
    }

    fn ask(&mut self, asked: Asked) -> Option<Column> {
        self.asked.push(asked);
        number_at(self.asked.len() - 1)
    }

    /// # Safety
    /// As [`Reading::shape`]; it only matters whether the condition holds.
    unsafe fn membership(&mut self, node: *mut Node) -> Option<Shape> {
        // SAFETY: as promised.
        let reversed = unsafe { Reversed::of(node) }?;
        let wanted = |member: &Member| Wanted {
            value: member.constant.clone(),
            any: member.any,
        };
        let wanted = reversed.members.iter().map(wanted).collect();
        let claims = reversed.claims.clone();
        let column = self.ask(Asked::Members(reversed))?;
        Some(Shape::Member(column, claims, wanted))
    }
}

fn number_at(place: usize) -> Option<Column> {
    i16::try_from(place + 1).ok().map(|number| -number)
}

/// # Safety
/// The node is an expression.
unsafe fn column_of_test(test: &pg_sys::NullTest) -> Option<Column> {
    // SAFETY: as promised.
    unsafe {
        let argument = test.arg.cast::<Node>();
        if test.argisrow || tree::tag(argument) != Tag::T_Var {
            return None;
        }
        let variable = &*argument.cast::<pg_sys::Var>();
        let own = variable.varno == 1 && variable.varlevelsup == 0 && variable.varattno > 0;
        own.then_some(variable.varattno)
    }
}

impl Shape {
    fn of(operator: pg_sys::BoolExprType::Type, mut members: Vec<Shape>) -> Shape {
        match operator {
            pg_sys::BoolExprType::AND_EXPR => Shape::And(members),
            pg_sys::BoolExprType::OR_EXPR => Shape::Or(members),
            _ => members
                .pop()
                .map_or(Shape::Other, |one| Shape::Not(Box::new(one))),
        }
    }

    fn compare(column: Column, found: Comparison) -> Shape {
        let shape = Shape::Compare(column, found.strategy, found.value);
        shape.negated(found.negated)
    }

    fn one_of(column: Column, found: Comparison) -> Shape {
        Shape::OneOf(column, found.value).negated(found.negated)
    }

    fn negated(self, negated: bool) -> Shape {
        match negated {
            true => Shape::Not(Box::new(self)),
            false => self,
        }
    }

    fn known(holds: bool) -> Shape {
        if holds {
            Shape::And(Vec::new())
        } else {
            Shape::Or(Vec::new())
        }
    }

    /// Whether Postgres must be asked about rows and readers together.
    pub(super) fn asks(&self) -> bool {
        match self {
            Shape::And(members) | Shape::Or(members) => members.iter().any(Shape::asks),
            Shape::Not(inner) => inner.asks(),
            Shape::Other => true,
            _ => false,
        }
    }

    /// The condition for a reader.
    ///
    /// # Safety
    /// The constants are those that the shape was read with.
    pub(super) unsafe fn condition(&self, values: &Values) -> Condition {
        let all = |members: &[Shape]| {
            // SAFETY: as promised.
            let one = |member: &Shape| unsafe { member.condition(values) };
            members.iter().map(one).collect()
        };
        // SAFETY: as promised.
        unsafe {
            match self {
                Shape::And(members) => Condition::And(all(members)),
                Shape::Or(members) => Condition::Or(all(members)),
                Shape::Not(inner) => Condition::Not(Box::new(inner.condition(values))),
                Shape::IsNull(column) => Condition::IsNull(*column),
                Shape::Other => Condition::Other,
                Shape::Claim(number) => match values.of(*number) {
                    Some(value) if value.value() != 0 => Condition::And(Vec::new()),
                    Some(_) => Condition::Or(Vec::new()),
                    None => Condition::Null,
                },
                Shape::OneOf(column, value) => match values.elements(value) {
                    Some((keys, false)) => Condition::one_of(*column, keys),
                    Some((keys, true)) => {
                        Condition::Or(vec![Condition::one_of(*column, keys), Condition::Null])
                    }
                    None => Condition::Null,
                },
                Shape::Member(column, claims, wanted) => {
                    let is_true = |value: pg_sys::Datum| value.value() != 0;
                    let holds = |number: &usize| values.of(*number).is_some_and(is_true);
                    match values.members(wanted).filter(|_| claims.iter().all(holds)) {
                        Some(keys) if keys.len() > MAX_WANTED => Condition::Other,
                        Some(keys) => Condition::one_of(*column, keys),
                        None => Condition::Null,
                    }
                }
                Shape::Compare(column, strategy, value) => match values.key(value) {
                    Some(key) => compare(*column, *strategy, key),
                    None => Condition::Null,
                },
            }
        }
    }
}

fn compare(column: Column, strategy: Strategy, key: Key) -> Condition {
    use Bound::{Excluded, Included, Unbounded};
    let (low, high) = match strategy {
        Strategy::Equal => return Condition::equal(column, key),
        Strategy::Less => (Unbounded, Excluded(key)),
        Strategy::LessEqual => (Unbounded, Included(key)),
        Strategy::GreaterEqual => (Included(key), Unbounded),
        Strategy::Greater => (Excluded(key), Unbounded),
    };
    Condition::range(column, low, high)
}

/// The constants of a reader as values.
pub(super) struct Values<'a> {
    forms: &'a [Form],
    values: Vec<Option<pg_sys::Datum>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(forms: &'a [Form], constants: &Constants) -> Values<'a> {
        Values {
            forms,
            values: constants.values(forms),
        }
    }

    fn of(&self, number: usize) -> Option<pg_sys::Datum> {
        self.values.get(number).copied().flatten()
    }

    /// # Safety
    /// The value's kind is that of its constant.
    unsafe fn key(&self, value: &Value) -> Option<Key> {
        match value {
            // SAFETY: as promised.
            Value::Constant(number, kind) => {
                self.of(*number).map(|value| unsafe { kind.key(value) })
            }
            Value::Known(keys) => keys.first().cloned(),
        }
    }

    /// The keys of members: of one, or of several where a constant is an array; `None` where a constant is NULL.
    ///
    /// # Safety
    /// As [`Values::key`].
    unsafe fn members(&self, wanted: &[Wanted]) -> Option<Vec<Key>> {
        let mut members: Vec<Vec<Key>> = vec![Vec::new()];
        for one in wanted {
            // SAFETY: as promised.
            let keys = unsafe {
                match one.any {
                    true => self.elements(&one.value)?.0,
                    false => vec![self.key(&one.value)?],
                }
            };
            let longer = |member: &Vec<Key>| {
                let with = |key: Key| member.iter().cloned().chain([key]).collect();
                keys.iter().cloned().map(with).collect::<Vec<Vec<Key>>>()
            };
            members = members
                .iter()
                .flat_map(longer)
                .take(MAX_WANTED + 1)
                .collect();
        }
        Some(
            members
                .into_iter()
                .map(|keys| combined(keys.into_iter()))
                .collect(),
        )
    }

    /// The keys of an array, and whether it has a NULL; `None` for NULL.
    ///
    /// # Safety
    /// As [`Values::key`], for the elements.
    unsafe fn elements(&self, value: &Value) -> Option<(Vec<Key>, bool)> {
        match value {
            Value::Constant(number, kind) => {
                let form = self.forms.get(*number)?;
                // SAFETY: as promised.
                unsafe { operand::keys_of_array(self.of(*number), form.type_oid, *kind) }
            }
            Value::Known(keys) => Some((keys.clone(), false)),
        }
    }
}
