//! Reads policies as conditions by keys, and finds out what has to be asked of rows for them.

use super::claims;
use super::operand::{self, Comparison, Value};
use super::reversed::{Member, Reversed};
use super::shape::{Shape, Wanted};
use super::tree;
use crate::keyed::Column;
use crate::pg::row::key::KeyKind;
use pg_sys::{Node, NodeTag as Tag};
use pgrx::pg_sys;

/// What a policy asks of each row besides its columns, and for which readers have one answer: it has a column of its
/// own, with a negative number.
pub(super) struct Fact {
    pub node: *mut Node,
    pub kind: KeyKind,
    /// The node is an array, whose elements are asked for.
    pub elements: bool,
}

/// What a column with a negative number has for a row.
pub(super) enum Asked {
    Fact(Fact),
    Members(Reversed),
}

impl Asked {
    /// The columns of the row that it looks at.
    ///
    /// # Safety
    /// It is over a relation as range-table entry 1, whose rows it does not use as a whole.
    pub(super) unsafe fn uses(&self) -> Vec<i16> {
        let node = match self {
            Asked::Fact(fact) => fact.node,
            Asked::Members(reversed) => reversed.link,
        };
        // SAFETY: as promised; the function returns Var nodes.
        let mut columns: Vec<i16> = unsafe {
            tree::nodes(pg_sys::pull_vars_of_level(node, 0))
                .into_iter()
                .map(|variable| (*variable.cast::<pg_sys::Var>()).varattno)
                .collect()
        };
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

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
