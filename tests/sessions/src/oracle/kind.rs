//! Column types, and values of them: few of each, so that policies and filters often hold, and all kinds of odd ones.

use crate::pg::quote;
use crate::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Bigint,
    Numeric,
    Text,
    Varchar,
    Char,
    Bool,
    Uuid,
    Stamp,
    Date,
    Jsonb,
    Integers,
    Texts,
    Enum,
    Domain,
    Bytea,
}

pub const ALL: [Kind; 16] = [
    Kind::Integer,
    Kind::Bigint,
    Kind::Numeric,
    Kind::Text,
    Kind::Varchar,
    Kind::Char,
    Kind::Bool,
    Kind::Uuid,
    Kind::Stamp,
    Kind::Date,
    Kind::Jsonb,
    Kind::Integers,
    Kind::Texts,
    Kind::Enum,
    Kind::Domain,
    Kind::Bytea,
];

/// Types of which a key may be made.
pub const KEYS: [Kind; 10] = [
    Kind::Integer,
    Kind::Integer,
    Kind::Bigint,
    Kind::Numeric,
    Kind::Text,
    Kind::Varchar,
    Kind::Char,
    Kind::Uuid,
    Kind::Date,
    Kind::Domain,
];

impl Kind {
    /// Its name in SQL; the enum and the domain are the schema's own.
    pub fn sql(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Bigint => "bigint",
            Kind::Numeric => "numeric",
            Kind::Text => "text",
            Kind::Varchar => "varchar(12)",
            Kind::Char => "char(6)",
            Kind::Bool => "boolean",
            Kind::Uuid => "uuid",
            Kind::Stamp => "timestamptz",
            Kind::Date => "date",
            Kind::Jsonb => "jsonb",
            Kind::Integers => "integer[]",
            Kind::Texts => "text[]",
            Kind::Enum => "mood",
            Kind::Domain => "tag",
            Kind::Bytea => "bytea",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Bigint | Kind::Numeric)
    }

    pub fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::Varchar | Kind::Char | Kind::Domain)
    }

    pub fn is_ordered(self) -> bool {
        !matches!(self, Kind::Jsonb | Kind::Bool | Kind::Bytea)
    }

    /// A value that is not NULL, as text of its type.
    pub fn value(self, random: &mut Random) -> String {
        let few = random.below(5);
        let one_of = |random: &mut Random, from: &[&str]| random.pick(from).to_string();
        match self {
            Kind::Integer if random.chance(5) => one_of(random, &["-2147483648", "2147483647"]),
            Kind::Bigint if random.chance(5) => {
                one_of(random, &["-9007199254740993", "9223372036854775807"])
            }
            Kind::Integer | Kind::Bigint => few.to_string(),
            Kind::Numeric if random.chance(50) => few.to_string(),
            Kind::Numeric => one_of(
                random,
                &[
                    "1.0",
                    "2.50",
                    "-2",
                    "NaN",
                    "1e20",
                    "0.0000001",
                    "3.14159265358979323846",
                ],
            ),
            Kind::Text if random.chance(2) => {
                let length = 1000 + random.below(9000) as usize;
                random.text(length)
            }
            Kind::Text if random.chance(10) => one_of(
                random,
                &[
                    "",
                    " ",
                    "a\"b\\c",
                    "ü€😀",
                    "tab\there",
                    "line\nbreak",
                    "null",
                    "a,b)",
                ],
            ),
            Kind::Text | Kind::Varchar | Kind::Char | Kind::Domain => format!("u{few}"),
            Kind::Bool => one_of(random, &["true", "false"]),
            Kind::Uuid => format!("00000000-0000-4000-8000-00000000000{few}"),
            Kind::Stamp if random.chance(5) => one_of(
                random,
                &["infinity", "-infinity", "0044-03-15 12:00:00+00 BC"],
            ),
            Kind::Stamp => format!("2024-01-0{} 12:00:00.{:03}+00", few + 1, random.below(3)),
            Kind::Date => format!("2024-01-0{}", few + 1),
            Kind::Jsonb => match random.below(6) {
                0 => one_of(
                    random,
                    &[
                        "null",
                        "[]",
                        "{}",
                        "\"u1\"",
                        "17",
                        "[1, {\"a\": null}, 1.50]",
                    ],
                ),
                1 => format!("{{\"k\": \"u{few}\", \"long\": \"{}\"}}", random.text(200)),
                _ => format!("{{\"k\": \"u{few}\", \"n\": {}}}", random.below(5)),
            },
            Kind::Integers => match random.below(6) {
                0 => one_of(random, &["{}", "{NULL,3}", "[0:1]={1,2}", "{{1,2},{3,4}}"]),
                _ => format!("{{{few},{}}}", random.below(5)),
            },
            Kind::Texts => match random.below(6) {
                0 => one_of(random, &["{}", "{NULL}", "{\"NULL\",\"a,b\",\"\"}"]),
                _ => format!("{{u{few},u{}}}", random.below(5)),
            },
            Kind::Enum => one_of(random, &["sad", "ok", "so happy"]),
            Kind::Bytea => one_of(random, &["\\x", "\\x00ff", "\\xdeadbeef", "\\x5c78"]),
        }
    }

    /// A literal of its type.
    pub fn literal(self, value: &str) -> String {
        format!("{}::{}", quote(value), self.sql())
    }

    /// The value that a key's column has for a number below 32; sometimes another way to write the same.
    pub fn key_value(self, number: u64, random: &mut Random) -> String {
        match self {
            Kind::Numeric if random.chance(30) => format!("{number}.0"),
            _ => self.plain_key_value(number),
        }
    }

    pub fn plain_key_value(self, number: u64) -> String {
        match self {
            Kind::Integer | Kind::Bigint | Kind::Numeric => number.to_string(),
            Kind::Uuid => format!("00000000-0000-4000-8000-0000000000{number:02}"),
            Kind::Date => format!("2024-03-{:02}", number % 31 + 1),
            _ => format!("k{number}"),
        }
    }
}
