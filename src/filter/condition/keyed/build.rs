//! The condition of an expression whose left sides are known.

use super::side::{Side, Texts};
use crate::error::Result;
use crate::filter::parse::{Comparison, Expr, IsTest, Operand, Operator};
use crate::keyed::{Condition, Key};
use crate::pg::row::key::KeyKind;
use std::ops::Bound;

/// The condition that the expression means. `sides` has the left side of each comparison, in their order. Errors: a
/// value is refused.
pub fn condition<'a>(
    expr: &Expr,
    sides: &mut impl Iterator<Item = &'a Option<Side>>,
) -> Result<Condition> {
    Ok(match expr {
        Expr::And(members) => Condition::And(all(members, sides)?),
        Expr::Or(members) => Condition::Or(all(members, sides)?),
        Expr::Not(inner) => not(condition(inner, sides)?),
        Expr::Compare(comparison) => match sides.next() {
            Some(Some(side)) => compared(comparison, side)?,
            _ => Condition::Other,
        },
    })
}

fn all<'a>(
    members: &[Expr],
    sides: &mut impl Iterator<Item = &'a Option<Side>>,
) -> Result<Vec<Condition>> {
    members.iter().map(|one| condition(one, sides)).collect()
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn compared(comparison: &Comparison, side: &Side) -> Result<Condition> {
    let column = side.number;
    let known = match (comparison.operator, &comparison.operand) {
        (Operator::Is, Operand::Is(test)) => return Ok(is(side, *test, comparison.negated)),
        (Operator::IsDistinct, Operand::Text(value)) => {
            let Some(key) = side.key(comparison, value)? else {
                return Ok(Condition::Other);
            };
            let equal = Condition::equal(column, key);
            let null = Condition::IsNull(column);
            return Ok(match comparison.negated {
                true => Condition::And(vec![not(null), equal]),
                false => Condition::Or(vec![null, not(equal)]),
            });
        }
        (Operator::In, Operand::List(members)) => list(comparison, side, members)?,
        (Operator::Like, Operand::Text(pattern)) => like(side, pattern),
        (operator, Operand::Text(value)) => match side.key(comparison, value)? {
            Some(key) => with_key(operator, side, key),
            None => Condition::Other,
        },
        _ => Condition::Other,
    };
    Ok(if comparison.negated {
        not(known)
    } else {
        known
    })
}

fn with_key(operator: Operator, side: &Side, key: Key) -> Condition {
    use Bound::{Excluded, Included, Unbounded};
    let column = side.number;
    let (low, high) = match operator {
        Operator::Eq => return Condition::equal(column, key),
        Operator::Neq => return not(Condition::equal(column, key)),
        _ if !side.is_ordered() => return Condition::Other,
        Operator::Lt => (Unbounded, Excluded(key)),
        Operator::Lte => (Unbounded, Included(key)),
        Operator::Gt => (Excluded(key), Unbounded),
        Operator::Gte => (Included(key), Unbounded),
        _ => return Condition::Other,
    };
    Condition::range(column, low, high)
}

fn list(comparison: &Comparison, side: &Side, members: &[Option<String>]) -> Result<Condition> {
    let mut keys = Vec::with_capacity(members.len());
    for value in members.iter().flatten() {
        match side.key(comparison, value)? {
            Some(key) => keys.push(key),
            None => return Ok(Condition::Other),
        }
    }
    let one_of = Condition::one_of(side.number, keys);
    // What is none of the values may be the NULL.
    Ok(match members.contains(&None) {
        true => Condition::Or(vec![one_of, Condition::Null]),
        false => one_of,
    })
}

/// `is`, which is never unknown.
fn is(side: &Side, test: IsTest, negated: bool) -> Condition {
    let column = side.number;
    let null = || Condition::IsNull(column);
    let is = |value| {
        let equal = Condition::equal(column, KeyKind::of_bool(value));
        Condition::And(vec![not(null()), equal])
    };
    let positive = match test {
        IsTest::Null | IsTest::Unknown => null(),
        IsTest::NotNull => not(null()),
        IsTest::True => is(true),
        IsTest::False => is(false),
    };
    match positive {
        positive if !negated => positive,
        Condition::Not(inner) => *inner,
        positive => not(positive),
    }
}

/// A pattern that texts must begin with. What is behind the first wildcard is Postgres's, unless it takes all.
fn like(side: &Side, pattern: &str) -> Condition {
    let column = side.number;
    let (mut prefix, rest) = beginning(pattern);
    let to_the_end = rest.chars().all(|c| c == '%');
    let is_whole = rest.is_empty();
    match side.texts() {
        Some(Texts::Plain) if is_whole => {
            return Condition::equal(column, prefix.into_bytes().into())
        }
        Some(Texts::Plain) => {}
        // The blanks that a value is padded with count here, and its key lacks them.
        Some(Texts::Padded) => {
            let length = prefix.trim_end_matches(' ').len();
            if is_whole || length < prefix.len() {
                prefix.truncate(length);
                return begins(column, prefix, false);
            }
        }
        None => return Condition::Other,
    }
    begins(column, prefix, to_the_end)
}

fn begins(column: i16, prefix: String, is_all: bool) -> Condition {
    let is_blank = prefix.is_empty();
    let begins = Condition::Prefix(column, prefix.into_bytes().into());
    match is_all {
        true => begins,
        false if is_blank => Condition::Other,
        false => Condition::And(vec![begins, Condition::Other]),
    }
}

/// What a pattern begins with, literally, and what is behind that.
fn beginning(pattern: &str) -> (String, &str) {
    let mut prefix = String::new();
    let mut characters = pattern.chars();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            Some('%' | '_') | None => return (prefix, rest),
            Some('\\') => prefix.extend(characters.next()),
            Some(c) => prefix.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_pattern_begins_with_what_no_wildcard_precedes() {
        assert_eq!(beginning("abc%"), ("abc".to_string(), "%"));
        assert_eq!(beginning("a\\%b_c%"), ("a%b".to_string(), "_c%"));
        assert_eq!(beginning("a\\\\"), ("a\\".to_string(), ""));
        assert_eq!(beginning("%"), (String::new(), "%"));
        assert_eq!(beginning(""), (String::new(), ""));
    }
}
