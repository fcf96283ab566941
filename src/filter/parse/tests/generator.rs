//! Seeded random input: strings of the language's tokens, and expressions.

use super::*;
use fastrand::Rng;

/// The run's generator and its seed, from `PGREALTIME_SEED` or at random. A failing test shows the seed.
pub(super) fn seeded() -> (u64, Rng) {
    let seed = match std::env::var("PGREALTIME_SEED") {
        Ok(text) => text.parse().expect("PGREALTIME_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    println!("PGREALTIME_SEED={seed}");
    (seed, Rng::with_seed(seed))
}

fn one_in(random: &mut Rng, n: usize) -> bool {
    random.usize(..n) == 0
}

fn pick<T: Copy>(random: &mut Rng, items: &[T]) -> T {
    items[random.usize(..items.len())]
}

fn character(random: &mut Rng) -> char {
    let last = pick(random, &['\u{7f}', '\u{2ff}', '\u{ffff}', char::MAX]);
    random.char(..=last)
}

const TOKENS: &[&str] = &[
    "a",
    "b",
    "id",
    "or",
    "and",
    "not",
    "or=(",
    "and=(",
    "not.or=(",
    "or(",
    "and(",
    "not.and(",
    "=",
    ".",
    ",",
    "(",
    ")",
    "\"",
    "\\",
    "\\\"",
    "{",
    "}",
    "[",
    "]",
    "->",
    "->>",
    "-",
    ">",
    " ",
    "\t",
    "\u{a0}",
    "not.",
    "eq.",
    "neq.",
    "lt.",
    "gte.",
    "in.",
    "in.(",
    "is.",
    "like.",
    "cs.",
    "isdistinct.",
    "null",
    "not null",
    "true",
    "1",
    "-1",
    "99999999999",
    "x",
    "é",
    "日本",
    "a=eq.1",
    "a.eq.1",
    "a=in.(1,2)",
    "=eq.",
    "undefined",
    "EQ.",
    "'",
    "\n",
];

/// A short string that has a fair chance of being nearly right.
pub(super) fn string(random: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(..14) {
        if one_in(random, 12) {
            text.push(character(random));
        } else {
            text += pick(random, TOKENS);
        }
    }
    text
}

const SHARED_TOKENS: &[&str] = &[
    "a=eq.",
    "b=not.eq.",
    "c=in.(",
    "d=is.null",
    ",",
    ",",
    "e=gt.",
    "(",
    ")",
    ")",
    "\"",
    "\"",
    "\\",
    ".",
    "=",
    " ",
    "x",
    "y",
    "null",
    "'",
    "{",
    "é",
    "not.",
    "in.",
    "f",
    "eq.",
];

/// A string of the shared part of the language only.
pub(super) fn shared_string(random: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(..14) {
        text += pick(random, SHARED_TOKENS);
    }
    text
}

const TEXTS: &[&str] = &[
    "", "a", "or", "and", "not", "null", "NULL", "0", "-1", "007", "a,b", "a)b", "(", "(x)", "\"",
    "\"x\"", "\\", "a\\\"", " a", "a ", "\u{a0}", "a=b", "a.b", "->", "->>x", "{1,2}", "x\"y",
    ".\"", "eq.1", "not.eq.1", "or(", "é", "日本", "\n", "'", "$$", "--",
];

fn text(random: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..=random.usize(..3) {
        if one_in(random, 3) {
            text.extend(Some(character(random)).filter(|c| *c != '\0'));
        } else {
            text += pick(random, TEXTS);
        }
    }
    text
}

fn name(random: &mut Rng) -> String {
    loop {
        let name = text(random);
        if !name.is_empty() {
            return name;
        }
    }
}

fn path(random: &mut Rng) -> Vec<PathStep> {
    let length = if one_in(random, 3) {
        1 + random.usize(..3)
    } else {
        0
    };
    (1..=length)
        .map(|step| PathStep {
            key: match random.usize(..3) {
                0 => PathKey::Index(random.i32(..)),
                _ => PathKey::Field(text(random)),
            },
            as_text: step == length && one_in(random, 2),
        })
        .collect()
}

fn operand(random: &mut Rng, operator: Operator) -> Operand {
    let tests = [
        IsTest::Null,
        IsTest::NotNull,
        IsTest::True,
        IsTest::False,
        IsTest::Unknown,
    ];
    match operator {
        Operator::Is => Operand::Is(pick(random, &tests)),
        Operator::In => {
            let length = random.usize(..4);
            let members = (0..length).map(|_| (!one_in(random, 5)).then(|| text(random)));
            Operand::List(members.collect())
        }
        _ => Operand::Text(text(random)),
    }
}

/// An expression that the language can say, with groups at most `depth` deep.
pub(super) fn expression(random: &mut Rng, depth: usize) -> Expr {
    if depth == 0 || one_in(random, 2) {
        let operator = pick(random, &Operator::ALL);
        return Expr::Compare(Comparison {
            column: name(random),
            path: path(random),
            negated: one_in(random, 3),
            operator,
            operand: operand(random, operator),
            position: 0,
            value_position: 0,
        });
    }
    let length = 1 + random.usize(..3);
    let members = (0..length).map(|_| expression(random, depth - 1)).collect();
    let group = if one_in(random, 2) {
        Expr::And(members)
    } else {
        Expr::Or(members)
    };
    if one_in(random, 3) {
        Expr::Not(Box::new(group))
    } else {
        group
    }
}
