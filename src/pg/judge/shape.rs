//! A policy as a condition by keys, with places for the constants of a reader.

use super::constants::{Constants, Form};
use super::operand::{self, Comparison, Strategy, Value};
use super::sets::combined;
use crate::keyed::{Column, Condition, Key};
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

/// A constant that a member of a row must have, or one of the elements of a constant.
#[derive(Debug)]
pub(super) struct Wanted {
    pub value: Value,
    pub any: bool,
}

/// Keys of a reader that are looked for among the members of a row, at most.
const MAX_WANTED: usize = 1_000;

impl Shape {
    pub(super) fn of(operator: pg_sys::BoolExprType::Type, mut members: Vec<Shape>) -> Shape {
        match operator {
            pg_sys::BoolExprType::AND_EXPR => Shape::And(members),
            pg_sys::BoolExprType::OR_EXPR => Shape::Or(members),
            _ => members
                .pop()
                .map_or(Shape::Other, |one| Shape::Not(Box::new(one))),
        }
    }

    pub(super) fn compare(column: Column, found: Comparison) -> Shape {
        let shape = Shape::Compare(column, found.strategy, found.value);
        shape.negated(found.negated)
    }

    pub(super) fn one_of(column: Column, found: Comparison) -> Shape {
        Shape::OneOf(column, found.value).negated(found.negated)
    }

    fn negated(self, negated: bool) -> Shape {
        match negated {
            true => Shape::Not(Box::new(self)),
            false => self,
        }
    }

    pub(super) fn known(holds: bool) -> Shape {
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

    pub(super) fn of(&self, number: usize) -> Option<pg_sys::Datum> {
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
