//! Keys against Postgres: equal where `=` holds, and ordered as `<` says.
#![allow(clippy::unwrap_used)]

use super::KeyKind;
use crate::keyed::Key;
use crate::pg::sql::literal::quote;
use crate::pg::Oid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CString;

/// Values that are equal in other bytes, extremes, neighbours.
#[rustfmt::skip] // one line each
const TYPES: [(&str, &str, &[&str]); 36] = [
    ("bool", "", &["t", "f", "yes"]),
    ("\"char\"", "", &["", "a", "b", "é", "~"]),
    ("int2", "", &["0", "1", "-1", "32767", "-32768", "256", "255"]),
    ("int4", "", &["0", "1", "-1", "2147483647", "-2147483648", "256", "255"]),
    ("int8", "", &["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "4294967296"]),
    ("oid", "", &["0", "1", "4294967295", "256"]),
    ("regclass", "", &["0", "pg_class", "1259", "pg_proc"]),
    ("pg_lsn", "", &["0/0", "0/1", "16/B374D848", "FFFFFFFF/FFFFFFFF"]),
    ("xid8", "", &["0", "1", "18446744073709551615"]),
    ("float4", "", &["0", "-0", "1", "-1", "1e-45", "-1e-45", "3.4e38", "NaN", "Infinity", "-Infinity", "0.1"]),
    ("float8", "", &["0", "-0", "1", "-1", "5e-324", "-5e-324", "1e308", "NaN", "Infinity", "-Infinity", "0.1"]),
    ("numeric", "", &["0", "0.000", "1.5", "1.50", "-1.5", "-1.500", "10000", "9999.9999", "1e100", "1e-100", "-1e100",
        "-1e-100", "NaN", "Infinity", "-Infinity", "100000000", "100000000.00000001", "-100000000.00000001", "-100000000",
        "1e130000", "1e-16000", "-1e130000", "123456789012345678901234567890.12"]),
    ("numeric(8,3)", "", &["1.5", "1.500", "0", "-0.001"]),
    ("text", "C", &["", "a", "A", "ab", "a b", "é", "É", "z", "a ", "aa", "\u{10348}"]),
    ("text", "POSIX", &["", "a", "A", "ab", "é", "z"]),
    ("text", "default", &["", "a", "A", "ab", "a b", "é", "É", "e\u{301}"]),
    ("text", "en-x-icu", &["", "a", "A", "ab", "a-b", "é", "e\u{301}", "É"]),
    ("varchar(5)", "C", &["", "a", "a ", "ab", "é"]),
    ("name", "C", &["", "a", "A", "ab", "é"]),
    ("name", "en-x-icu", &["", "a", "A", "ab", "é"]),
    ("char(5)", "C", &["", "a", "a ", "ab", "é", "a\t", "abcde"]),
    ("bpchar", "default", &["", "a", "a   ", "  a", "ab"]),
    ("bytea", "", &["\\x", "\\x00", "\\x0000", "\\xff", "\\xff00", "\\x61"]),
    ("uuid", "", &["00000000-0000-0000-0000-000000000000", "6D9B5BB0-3F5D-4A39-9A76-0AB6A7BD6EC8",
        "6d9b5bb03f5d4a399a760ab6a7bd6ec8", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    ("macaddr", "", &["08:00:2b:01:02:03", "08002b:010203", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:01"]),
    ("macaddr8", "", &["08:00:2b:01:02:03:04:05", "08-00-2b-01-02-03-04-05", "ff:ff:ff:ff:ff:ff:ff:ff", "08002b:010203"]),
    ("inet", "", &["10.0.0.1", "10.0.0.1/32", "10.0.0.1/8", "10.0.0.0/8", "::1", "::1/64", "::ffff:10.0.0.1"]),
    ("cidr", "", &["10.0.0.0/8", "10.0.0.0/9", "fe80::/10", "0.0.0.0/0", "10"]),
    ("date", "", &["2020-02-29", "1999-12-31", "0044-03-15 BC", "infinity", "-infinity", "2000-01-01"]),
    ("time", "", &["00:00", "24:00", "12:34:56.789", "12:34:56.789000", "23:59:60"]),
    ("timetz", "", &["12:00+00", "12:00Z", "14:00+02", "10:00-02", "24:00+00", "00:00+15", "00:00-15", "12:00:01+02"]),
    ("timestamp", "", &["2020-02-29 12:00", "2020-02-29 12:00:00.000001", "infinity", "-infinity", "0001-01-01 BC"]),
    ("timestamptz", "", &["2020-02-29 12:00+02", "2020-02-29 10:00Z", "infinity", "-infinity", "1890-01-01 00:00+00:53:28"]),
    ("interval", "", &["1 day", "24:00", "1 mon", "30 days", "-1 day", "0", "1 day -24:00", "720:00:00.000001",
        "178000000 years", "-178000000 years", "1 mon -30 days"]),
    ("key_mood", "", &["sad", "ok", "happy"]),
    ("key_short", "C", &["", "a", "b"]),
];

/// Random values of the types that have most, as text.
fn random(of: &str) -> Option<&'static str> {
    Some(match of {
        "int4" | "int8" | "float8" => "(random() * 2000 - 1000)::int",
        "float4" => "((random() - 0.5) * 10 ^ (random() * 60 - 30))::float4",
        "numeric" => "((random() - 0.5)::numeric * 10.0 ^ (random() * 30 - 15)::int)::numeric(60, 30)",
        "interval" => "format('%s mons %s days %s', (random() * 3)::int, (random() * 90)::int, make_interval(hours => (random() * 2000)::int))",
        "timetz" => "format('%s:00%s', (random() * 23)::int, to_char((random() * 28 - 14)::int, 'SG00'))",
        "uuid" => "gen_random_uuid()",
        "text" | "bpchar" => "substr(md5(random()::text), 1, (random() * 3)::int) || repeat(' ', (random() * 2)::int)",
        _ => return None,
    })
}

fn keys(kind: KeyKind, type_oid: Oid, values: &[String]) -> Vec<Key> {
    let key = |value: &String| {
        let input = CString::new(value.as_str()).unwrap();
        let (mut function, mut parameter) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: the type has an input function; the kind was made for the type.
        unsafe {
            pg_sys::getTypeInputInfo(type_oid, &mut function, &mut parameter);
            let input = input.as_ptr().cast_mut();
            kind.key(pg_sys::OidInputFunctionCall(function, input, parameter, -1))
        }
    };
    values.iter().map(key).collect()
}

/// What Postgres says of each pair: whether the first is equal to, and whether it is less than the second.
fn compared(declaration: &str, collation: &str, values: &[String]) -> Vec<(bool, bool)> {
    let collate = match collation {
        "" => String::new(),
        name => format!(" COLLATE \"{name}\""),
    };
    // Without a type modifier, as filters and policies compare.
    let plain = match declaration.split('(').next().unwrap_or_default() {
        "char" => "bpchar",
        plain => plain,
    };
    let less = if plain == "regclass" {
        "a.v::oid < b.v::oid"
    } else {
        "a.v < b.v"
    };
    let literals: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(i, value)| format!("({i}, {}::{plain}{collate})", quote(value)))
        .collect();
    let query = format!(
        "WITH v(i, v) AS (VALUES {}) SELECT a.v = b.v, {less} FROM v a, v b ORDER BY a.i, b.i",
        literals.join(", ")
    );
    Spi::connect(|client| {
        let rows = client.select(&query, None, &[]).unwrap();
        let pair = |row: pgrx::spi::SpiHeapTupleData| {
            let of = |column| row.get::<bool>(column).unwrap().unwrap();
            (of(1), of(2))
        };
        rows.map(pair).collect()
    })
}

fn check(declaration: &str, collation: &str, values: &[String]) {
    let type_oid: Oid = Spi::get_one(&format!("SELECT '{declaration}'::regtype::oid"))
        .unwrap()
        .unwrap();
    let collation_oid = match collation {
        "" => Oid::INVALID,
        name => Spi::get_one(&format!("SELECT '\"{name}\"'::regcollation::oid"))
            .unwrap()
            .unwrap(),
    };
    let kind = KeyKind::of(type_oid, collation_oid).unwrap();
    let keys = keys(kind, type_oid, values);
    let places = (0..keys.len()).flat_map(|i| (0..keys.len()).map(move |j| (i, j)));
    for ((i, j), (equal, less)) in places.zip(compared(declaration, collation, values)) {
        let what = format!("{declaration} {collation}: {} and {}", values[i], values[j]);
        assert_eq!(keys[i] == keys[j], equal, "{what}");
        if kind.ordered() {
            assert_eq!(keys[i] < keys[j], less, "{what}");
        }
    }
}

#[pgrx::pg_schema]
mod tests {
    use super::{check, random, KeyKind, TYPES};
    use crate::pg::Oid;
    use pgrx::prelude::*;

    #[pg_test]
    fn keys_are_equal_and_ordered_as_postgres_says() {
        Spi::run(
            "CREATE TYPE key_mood AS ENUM ('ok', 'sad', 'happy'); CREATE DOMAIN key_short AS varchar(3)",
        )
        .unwrap();
        for (declaration, collation, values) in TYPES {
            let mut values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
            if let Some(expression) = random(declaration) {
                let more =
                    format!("SELECT array_agg(({expression})::text) FROM generate_series(1, 40)");
                values.extend(Spi::get_one::<Vec<String>>(&more).unwrap().unwrap());
            }
            check(declaration, collation, &values);
        }
    }

    #[pg_test]
    fn what_has_no_canonical_bytes_has_no_keys() {
        Spi::run(
            "CREATE COLLATION key_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE EXTENSION IF NOT EXISTS citext; CREATE TABLE key_row (a int)",
        )
        .unwrap();
        let oid = |sql: &str| {
            Spi::get_one::<Oid>(&format!("SELECT {sql}::oid"))
                .unwrap()
                .unwrap()
        };
        for name in [
            "citext",
            "jsonb",
            "json",
            "int4[]",
            "int4range",
            "key_row",
            "money",
            "tsvector",
            "point",
        ] {
            let type_oid = oid(&format!("'{name}'::regtype"));
            assert_eq!(KeyKind::of(type_oid, oid("100")), None, "{name}");
        }
        let text = oid("'text'::regtype");
        assert_eq!(KeyKind::of(text, oid("'key_blind'::regcollation")), None);
        assert_eq!(KeyKind::of(text, Oid::INVALID), None);
        let ordered = |name: &str| {
            KeyKind::of(text, oid(&format!("'\"{name}\"'::regcollation"))).map(KeyKind::ordered)
        };
        assert_eq!(ordered("C"), Some(true));
        assert_eq!(ordered("en-x-icu"), Some(false));
    }
}
