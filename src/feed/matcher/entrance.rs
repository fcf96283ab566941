//! Where a condition enters the index: by what a row must have for it to hold.

use crate::keyed::{Column, Condition, Key, Keys};
use std::ops::Bound;

/// Where a condition enters the index.
#[derive(Debug, PartialEq, Eq)]
pub enum Entrance<'a> {
    /// Cannot hold for any row.
    Nowhere,
    Keys(Column, &'a Keys),
    /// Keys that begin with these bits.
    Prefix(Column, Bits<'a>),
    Above(Column, &'a [u8]),
    Below(Column, &'a [u8]),
    Null(Column),
    /// Every branch of an OR by its own.
    Each(Vec<Entrance<'a>>),
    /// Looked at for every row.
    Always,
}

/// How many conditions have an entrance already.
pub type Crowd<'c> = &'c dyn Fn(&Entrance) -> usize;

impl Entrance<'_> {
    /// The lower, the fewer conditions are looked at for the rows that come in by it. What many conditions say, such as
    /// that a status is the usual one, most rows satisfy.
    pub fn weight(&self, crowd: Crowd) -> usize {
        match self {
            Entrance::Nowhere => 0,
            Entrance::Keys(_, keys) => keys.iter().count() + crowd(self),
            Entrance::Prefix(_, prefix) => 10_000 - prefix.count.min(9_999) + crowd(self),
            Entrance::Null(_) => 20_000 + crowd(self),
            Entrance::Each(branches) => branches
                .iter()
                .fold(0, |sum, one| sum.saturating_add(one.weight(crowd))),
            Entrance::Above(..) | Entrance::Below(..) => usize::MAX / 4,
            Entrance::Always => usize::MAX,
        }
    }
}

/// The most selective entrance: a row for which the condition holds always comes in by it.
pub fn best<'a>(condition: &'a Condition, crowd: Crowd) -> Entrance<'a> {
    match condition {
        Condition::And(members) => members
            .iter()
            .map(|one| best(one, crowd))
            .min_by_key(|one| one.weight(crowd))
            .unwrap_or(Entrance::Always),
        Condition::Or(members) => {
            let branches: Vec<Entrance> = members.iter().map(|one| best(one, crowd)).collect();
            if branches.contains(&Entrance::Always) {
                Entrance::Always
            } else {
                Entrance::Each(branches)
            }
        }
        Condition::OneOf(_, keys) if keys.is_empty() => Entrance::Nowhere,
        Condition::OneOf(column, keys) => Entrance::Keys(*column, keys),
        Condition::Prefix(column, prefix) => Entrance::Prefix(*column, Bits::all(prefix)),
        Condition::IsNull(column) => Entrance::Null(*column),
        Condition::Range(column, bounds) => range_entrance(*column, bounds),
        Condition::Null => Entrance::Nowhere,
        Condition::Not(_) | Condition::Other => Entrance::Always,
    }
}

/// Every entrance that may have been the best one: which one it was depends on the others that were there.
pub fn possible<'a>(condition: &'a Condition, visit: &mut impl FnMut(Entrance<'a>)) {
    match condition {
        Condition::And(members) if members.is_empty() => visit(Entrance::Always),
        Condition::And(members) | Condition::Or(members) => {
            members.iter().for_each(|one| possible(one, visit));
        }
        other => visit(best(other, &|_| 0)),
    }
}

fn range_entrance(column: Column, (low, high): &(Bound<Key>, Bound<Key>)) -> Entrance<'_> {
    fn key(bound: &Bound<Key>) -> Option<&[u8]> {
        match bound {
            Bound::Included(key) | Bound::Excluded(key) => Some(&**key),
            Bound::Unbounded => None,
        }
    }
    match (key(low), key(high)) {
        (None, None) => Entrance::Always,
        (Some(low), None) => Entrance::Above(column, low),
        (None, Some(high)) => Entrance::Below(column, high),
        (Some(low), Some(high)) => {
            // A key between two others begins with what both begin with. Where they part, it goes on as the lower one
            // and then with ones, or as the higher one and then with zeros.
            let common = (0..)
                .take_while(|at| bit(low, *at).is_some() && bit(low, *at) == bit(high, *at))
                .count();
            let (Some(false), Some(true)) = (bit(low, common), bit(high, common)) else {
                return Entrance::Prefix(
                    column,
                    Bits {
                        of: low,
                        count: common,
                    },
                );
            };
            let run = |key: &[u8], value: bool| {
                common
                    + 1
                    + (common + 1..)
                        .take_while(|at| bit(key, *at) == Some(value))
                        .count()
            };
            Entrance::Each(vec![
                Entrance::Prefix(
                    column,
                    Bits {
                        of: low,
                        count: run(low, true),
                    },
                ),
                Entrance::Prefix(
                    column,
                    Bits {
                        of: high,
                        // A shorter key than the higher one ends within it.
                        count: run(high, false).min((common / 8 + 1) * 8),
                    },
                ),
            ])
        }
    }
}

/// The first bits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits<'a> {
    pub of: &'a [u8],
    pub count: usize,
}

impl<'a> Bits<'a> {
    fn all(of: &'a [u8]) -> Bits<'a> {
        Bits {
            of,
            count: of.len() * 8,
        }
    }

    /// The whole bytes, and what is behind them, filled with zeros.
    pub fn parts(self) -> (&'a [u8], u8) {
        let (whole, behind) = self.of.split_at(self.count / 8);
        let rest = behind
            .first()
            .map_or(0, |byte| byte & !(0xff >> (self.count % 8)));
        (whole, rest)
    }
}

/// A bit of a key, the highest of each byte first; `None` behind its end.
fn bit(key: &[u8], at: usize) -> Option<bool> {
    key.get(at / 8).map(|byte| byte & (0x80 >> (at % 8)) != 0)
}
