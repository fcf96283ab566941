//! Seeded random input: strings of the language's tokens, and expressions.

use super::*;

/// The splitmix64 generator: small, and the same everywhere, so that a seed replays a run.
pub(super) struct Random(u64);

impl Random {
    /// The run's seed, from `PGREALTIME_SEED` or the clock; printed, to be seen when a test fails.
    pub(super) fn from_environment() -> (u64, Self) {
        let seed = match std::env::var("PGREALTIME_SEED") {
            Ok(text) => text.parse().expect("PGREALTIME_SEED is a number"),
            Err(_) => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |now| now.as_nanos() as u64),
        };
        println!("PGREALTIME_SEED={seed}");
        (seed, Random(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub(super) fn character(&mut self) -> char {
        loop {
            let bound = self.pick(&[0x80, 0x300, 0x1_0000, 0x11_0000]);
            match char::from_u32(self.below(bound) as u32) {
                Some(c) => return c,
                None => continue,
            }
        }
    }
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
pub(super) fn string(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(14) {
        if random.one_in(12) {
            text.push(random.character());
        } else {
            text += random.pick(TOKENS);
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
pub(super) fn shared_string(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(14) {
        text += random.pick(SHARED_TOKENS);
    }
    text
}

const TEXTS: &[&str] = &[
    "", "a", "or", "and", "not", "null", "NULL", "0", "-1", "007", "a,b", "a)b", "(", "(x)", "\"",
    "\"x\"", "\\", "a\\\"", " a", "a ", "\u{a0}", "a=b", "a.b", "->", "->>x", "{1,2}", "x\"y",
    ".\"", "eq.1", "not.eq.1", "or(", "é", "日本", "\n", "'", "$$", "--",
];

fn text(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(3) {
        if random.one_in(3) {
            text.extend(Some(random.character()).filter(|c| *c != '\0'));
        } else {
            text += random.pick(TEXTS);
        }
    }
    text
}

fn name(random: &mut Random) -> String {
    loop {
        let name = text(random);
        if !name.is_empty() {
            return name;
        }
    }
}

fn path(random: &mut Random) -> Vec<PathStep> {
    let length = if random.one_in(3) {
        1 + random.below(3)
    } else {
        0
    };
    (1..=length)
        .map(|step| PathStep {
            key: match random.below(3) {
                0 => PathKey::Index(random.next() as i32),
                _ => PathKey::Field(text(random)),
            },
            as_text: step == length && random.one_in(2),
        })
        .collect()
}

fn operand(random: &mut Random, operator: Operator) -> Operand {
    let tests = [
        IsTest::Null,
        IsTest::NotNull,
        IsTest::True,
        IsTest::False,
        IsTest::Unknown,
    ];
    match operator {
        Operator::Is => Operand::Is(random.pick(&tests)),
        Operator::In => {
            let length = random.below(4);
            let members = (0..length).map(|_| (!random.one_in(5)).then(|| text(random)));
            Operand::List(members.collect())
        }
        _ => Operand::Text(text(random)),
    }
}

/// An expression that the language can say, with groups at most `depth` deep.
pub(super) fn expression(random: &mut Random, depth: usize) -> Expr {
    if depth == 0 || random.one_in(2) {
        let operator = random.pick(&Operator::ALL);
        return Expr::Compare(Comparison {
            column: name(random),
            path: path(random),
            negated: random.one_in(3),
            operator,
            operand: operand(random, operator),
            position: 0,
            value_position: 0,
        });
    }
    let length = 1 + random.below(3);
    let members = (0..length).map(|_| expression(random, depth - 1)).collect();
    let group = if random.one_in(2) {
        Expr::And(members)
    } else {
        Expr::Or(members)
    };
    if random.one_in(3) {
        Expr::Not(Box::new(group))
    } else {
        group
    }
}
