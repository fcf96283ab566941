//! Conditions as SQL evaluates them, by another way than theirs.

use crate::keyed::{Cell, Column, Condition, Key, Truth};
use std::ops::RangeBounds;

/// The column that is a set.
pub const SET: Column = -1;

#[derive(Debug, Clone)]
pub enum Value {
    Unknown,
    Null,
    Keyless,
    Key(Key),
    Set(Vec<Key>),
}

pub fn cell(row: &[Value], column: Column) -> Cell<'_> {
    let place = if column == SET {
        4
    } else {
        column as usize - 1
    };
    match &row[place] {
        Value::Unknown => Cell::Unknown,
        Value::Null => Cell::Null,
        Value::Keyless => Cell::Value,
        Value::Key(key) => Cell::Key(key),
        Value::Set(keys) => Cell::Set(keys),
    }
}

/// What a guess may be.
const ANY: &[Option<bool>] = &[Some(true), Some(false), None];
const NOT_NULL: &[Option<bool>] = &[Some(true), Some(false)];

/// As `evaluate`, by another way: what is not known is tried with every value that it may have. `None` where that would
/// be too many.
pub fn plain(condition: &Condition, row: &[Value]) -> Option<Truth> {
    let mut choices = 1;
    sql(condition, row, &mut |among| {
        choices *= among.len();
        None
    });
    (choices <= 100).then_some(())?;
    Some((0..choices).fold(Truth::NEVER, |truth, mut choice| {
        let value = sql(condition, row, &mut |among| {
            let one = among[choice % among.len()];
            choice /= among.len();
            one
        });
        truth.or_also(match value {
            Some(true) => Truth::TRUE,
            Some(false) => Truth::FALSE,
            None => Truth::NULL,
        })
    }))
}

type Guess<'a> = &'a mut dyn FnMut(&[Option<bool>]) -> Option<bool>;

/// SQL's own evaluation; every member is looked at.
fn sql(condition: &Condition, row: &[Value], guess: Guess) -> Option<bool> {
    let mut of = |column: Column, test: &dyn Fn(&[u8]) -> bool| match cell(row, column) {
        Cell::Unknown => guess(ANY),
        Cell::Null => None,
        Cell::Value => guess(NOT_NULL),
        Cell::Key(key) => Some(test(key)),
        Cell::Set(keys) => Some(keys.iter().any(|key| test(key))),
    };
    match condition {
        Condition::And(members) | Condition::Or(members) => {
            let decisive = matches!(condition, Condition::Or(_));
            let all: Vec<Option<bool>> = members.iter().map(|one| sql(one, row, guess)).collect();
            if all.contains(&Some(decisive)) {
                Some(decisive)
            } else if all.contains(&None) {
                None
            } else {
                Some(!decisive)
            }
        }
        Condition::Not(inner) => sql(inner, row, guess).map(|value| !value),
        Condition::OneOf(_, keys) if keys.is_empty() => Some(false),
        Condition::OneOf(column, keys) => of(*column, &|key| keys.iter().any(|one| one == key)),
        Condition::Range(column, bounds) => of(*column, &|key| {
            (bounds.0.as_ref(), bounds.1.as_ref()).contains(&Key::from(key))
        }),
        Condition::Prefix(column, prefix) => of(*column, &|key| {
            key.len() >= prefix.len() && key[..prefix.len()] == **prefix
        }),
        Condition::IsNull(column) => match cell(row, *column) {
            Cell::Unknown => guess(NOT_NULL),
            cell => Some(cell == Cell::Null),
        },
        Condition::Null => None,
        Condition::Other => guess(ANY),
    }
}
