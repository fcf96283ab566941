//! Conditions over rows as far as keys of values can decide them; pure.
//!
//! A key is bytes whose equality is Postgres's equality for the column's type, and for ranges whose order is its order.
//! Where a type has no such form, the condition has `Other` in its place, and Postgres decides.

use std::ops::Bound;

/// An attribute number; a negative number is a set of keys that a policy has for each row.
pub type Column = i16;

/// A value's key.
pub type Key = Box<[u8]>;

/// A condition over a row, as far as keys can decide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// `column = ANY (keys)`; NULL for a NULL. `=` has one key. For a set: whether it has one of the keys.
    OneOf(Column, Vec<Key>),
    /// Between two bounds; NULL for a NULL.
    Range(Column, Bound<Key>, Bound<Key>),
    /// Begins with these bytes; NULL for a NULL.
    Prefix(Column, Key),
    IsNull(Column),
    /// What keys cannot decide: Postgres must be asked.
    Other,
}

/// The value of a column in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// The row lacks the value, or the value has no key.
    Unknown,
    Null,
    Key(&'a [u8]),
    /// The keys of a set, each once.
    Set(&'a [Key]),
}

/// The truth values of SQL that a condition may have for a row: one where keys decide it, more where they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth(u8);

impl Truth {
    pub const TRUE: Truth = Truth(1);
    pub const FALSE: Truth = Truth(2);
    pub const NULL: Truth = Truth(4);
    #[cfg(test)]
    pub const NEVER: Truth = Truth(0);
    pub const ANY: Truth = Truth(7);

    /// Whether the condition may hold.
    pub fn may_hold(self) -> bool {
        self.may_be(Truth::TRUE)
    }

    /// Whether the condition certainly holds.
    pub fn holds(self) -> bool {
        self == Truth::TRUE
    }

    /// The values of both.
    #[cfg(test)]
    pub fn or_also(self, other: Truth) -> Truth {
        Truth(self.0 | other.0)
    }

    fn may_be(self, one: Truth) -> bool {
        self.0 & one.0 != 0
    }

    fn not(self) -> Truth {
        Truth(self.0 & Truth::NULL.0 | (self.0 & 1) << 1 | (self.0 & 2) >> 1)
    }

    fn and(self, other: Truth) -> Truth {
        let some = |truth: Truth, possible: bool| if possible { truth.0 } else { 0 };
        let null_beside = |a: Truth, b: Truth| {
            a.may_be(Truth::NULL) && (b.may_be(Truth::TRUE) || b.may_be(Truth::NULL))
        };
        Truth(
            self.0 & other.0 & Truth::TRUE.0
                | (self.0 | other.0) & Truth::FALSE.0
                | some(
                    Truth::NULL,
                    null_beside(self, other) || null_beside(other, self),
                ),
        )
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds {
            Truth::TRUE
        } else {
            Truth::FALSE
        }
    }
}

impl Condition {
    /// Whether it holds for a row.
    pub fn evaluate<'a>(&self, row: &impl Fn(Column) -> Cell<'a>) -> Truth {
        let over_key = |column: Column, test: &dyn Fn(&[u8]) -> bool| match row(column) {
            Cell::Unknown => Truth::ANY,
            Cell::Null => Truth::NULL,
            Cell::Key(key) => test(key).into(),
            Cell::Set(keys) => keys.iter().any(|key| test(key)).into(),
        };
        match self {
            Condition::And(members) => members
                .iter()
                .fold(Truth::TRUE, |truth, one| truth.and(one.evaluate(row))),
            Condition::Or(members) => {
                let all_fail = members
                    .iter()
                    .fold(Truth::TRUE, |truth, one| truth.and(one.evaluate(row).not()));
                all_fail.not()
            }
            Condition::Not(inner) => inner.evaluate(row).not(),
            // Nothing is one of no values, not even NULL.
            Condition::OneOf(_, keys) if keys.is_empty() => Truth::FALSE,
            Condition::OneOf(column, keys) => {
                over_key(*column, &|key| keys.iter().any(|one| **one == *key))
            }
            Condition::Range(column, low, high) => over_key(*column, &|key| within(key, low, high)),
            Condition::Prefix(column, prefix) => over_key(*column, &|key| key.starts_with(prefix)),
            Condition::IsNull(column) => match row(*column) {
                Cell::Unknown => Truth(Truth::TRUE.0 | Truth::FALSE.0),
                cell => (cell == Cell::Null).into(),
            },
            Condition::Other => Truth::ANY,
        }
    }
}

fn within(key: &[u8], low: &Bound<Key>, high: &Bound<Key>) -> bool {
    let above = match low {
        Bound::Included(low) => **low <= *key,
        Bound::Excluded(low) => **low < *key,
        Bound::Unbounded => true,
    };
    above
        && match high {
            Bound::Included(high) => *key <= **high,
            Bound::Excluded(high) => *key < **high,
            Bound::Unbounded => true,
        }
}
