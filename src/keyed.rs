//! Conditions over rows as far as keys of values can decide them; pure.
//!
//! A key is bytes whose equality is Postgres's equality for the column's type, and for ranges whose order is its order.
//! Where a type has no such form, the condition has `Other` in its place, and Postgres decides.

use std::fmt;
use std::ops::Bound;

/// An attribute number; a negative number is a set of keys that a policy has for each row.
pub type Column = i16;

/// A value's key.
pub type Key = Box<[u8]>;

/// Keys, each once, in their order. In one piece, since sessions hold many conditions and most have one key.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Box<[u8]>);

/// A condition over a row, as far as keys can decide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// `column = ANY (keys)`; NULL for a NULL. `=` has one key. For a set: whether it has one of the keys.
    OneOf(Column, Keys),
    /// Between two bounds; NULL for a NULL.
    Range(Column, Box<(Bound<Key>, Bound<Key>)>),
    /// Begins with these bytes; NULL for a NULL.
    Prefix(Column, Key),
    IsNull(Column),
    /// NULL for every row.
    Null,
    /// What keys cannot decide: Postgres must be asked.
    Other,
}

/// The value of a column in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// The row lacks the value.
    Unknown,
    Null,
    /// A value without a key.
    Value,
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
    #[cfg(any(test, feature = "pg_test"))]
    pub fn or_also(self, other: Truth) -> Truth {
        Truth(self.0 | other.0)
    }

    fn but_not_null(self) -> Truth {
        Truth(self.0 & !Truth::NULL.0)
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

impl Keys {
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (length, behind) = length(rest)?;
            let (key, others) = behind.split_at_checked(length)?;
            rest = others;
            Some(key)
        })
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.iter().any(|one| one == key)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes they take, all in all.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// The length that bytes begin with, and what is behind it: seven bits in each byte, the lowest first.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (i, byte) in bytes.iter().enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[i + 1..]));
        }
    }
    None
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Keys {
        let mut keys: Vec<Key> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut bytes = Vec::new();
        for key in keys {
            let mut length = key.len();
            while length > 0x7f {
                bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend_from_slice(&key);
        }
        Keys(bytes.into_boxed_slice())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Condition {
    /// `column = key`
    pub fn equal(column: Column, key: Key) -> Condition {
        Condition::one_of(column, [key])
    }

    /// `column = ANY (keys)`
    pub fn one_of(column: Column, keys: impl IntoIterator<Item = Key>) -> Condition {
        Condition::OneOf(column, keys.into_iter().collect())
    }

    /// Between two bounds.
    pub fn range(column: Column, low: Bound<Key>, high: Bound<Key>) -> Condition {
        Condition::Range(column, Box::new((low, high)))
    }

    #[cfg(any(test, feature = "pg_test"))]
    /// Whether keys alone decide it for every row that has a key for each of its columns.
    pub fn is_exact(&self) -> bool {
        match self {
            Condition::And(members) | Condition::Or(members) => {
                members.iter().all(Condition::is_exact)
            }
            Condition::Not(inner) => inner.is_exact(),
            Condition::Other => false,
            _ => true,
        }
    }

    /// Whether it holds for a row, and Postgres would find that out before it comes to something that keys cannot decide:
    /// that may raise an error. Postgres evaluates members in their order until one decides.
    pub fn holds_by_itself<'a>(&self, row: &impl Fn(Column) -> Cell<'a>) -> bool {
        self.found(row) == Some(Truth::TRUE)
    }

    /// What evaluation finds before it comes to what keys cannot decide; `None` if it comes to that.
    fn found<'a>(&self, row: &impl Fn(Column) -> Cell<'a>) -> Option<Truth> {
        match self {
            Condition::And(members) => all_found(members.iter().map(|one| one.found(row))),
            Condition::Or(members) => {
                let none = all_found(members.iter().map(|one| one.found(row).map(Truth::not)));
                none.map(Truth::not)
            }
            Condition::Not(inner) => inner.found(row).map(Truth::not),
            Condition::Other => None,
            // A comparison raises no error, even where the row lacks the value.
            _ => Some(self.evaluate(row)),
        }
    }

    /// Whether it holds for a row.
    pub fn evaluate<'a>(&self, row: &impl Fn(Column) -> Cell<'a>) -> Truth {
        let over_key = |column: Column, test: &dyn Fn(&[u8]) -> bool| match row(column) {
            Cell::Unknown => Truth::ANY,
            Cell::Null => Truth::NULL,
            Cell::Value => Truth::ANY.but_not_null(),
            Cell::Key(key) => test(key).into(),
            Cell::Set(keys) => keys.iter().any(|key| test(key)).into(),
        };
        match self {
            Condition::And(members) => all(members.iter().map(|one| one.evaluate(row))),
            Condition::Or(members) => all(members.iter().map(|one| one.evaluate(row).not())).not(),
            Condition::Not(inner) => inner.evaluate(row).not(),
            // Nothing is one of no values, not even NULL.
            Condition::OneOf(_, keys) if keys.is_empty() => Truth::FALSE,
            Condition::OneOf(column, keys) => over_key(*column, &|key| keys.contains(key)),
            Condition::Range(column, bounds) => over_key(*column, &|key| within(key, bounds)),
            Condition::Prefix(column, prefix) => over_key(*column, &|key| key.starts_with(prefix)),
            Condition::IsNull(column) => match row(*column) {
                Cell::Unknown => Truth::ANY.but_not_null(),
                cell => (cell == Cell::Null).into(),
            },
            Condition::Null => Truth::NULL,
            Condition::Other => Truth::ANY,
        }
    }
}

/// Whether all hold: what comes after one that does not is not looked at.
fn all(mut truths: impl Iterator<Item = Truth>) -> Truth {
    let so_far = truths.try_fold(Truth::TRUE, |so_far, one| match so_far.and(one) {
        Truth::FALSE => Err(Truth::FALSE),
        truth => Ok(truth),
    });
    so_far.unwrap_or_else(|truth| truth)
}

/// As [`all`], of what [`Condition::found`] has found of each; `None` where it comes to one that found nothing.
fn all_found(truths: impl Iterator<Item = Option<Truth>>) -> Option<Truth> {
    let mut so_far = Truth::TRUE;
    for truth in truths {
        so_far = so_far.and(truth?);
        if so_far == Truth::FALSE {
            break;
        }
    }
    Some(so_far)
}

fn within(key: &[u8], (low, high): &(Bound<Key>, Bound<Key>)) -> bool {
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
