//! Columns of every kind, with values for their types.

/// A column's name, its declaration, and values of it; each has an order unless it is in [`UNORDERED`].
pub struct Kind {
    pub name: &'static str,
    pub declaration: &'static str,
    pub values: &'static [&'static str],
}

const fn kind(
    name: &'static str,
    declaration: &'static str,
    values: &'static [&'static str],
) -> Kind {
    Kind {
        name,
        declaration,
        values,
    }
}

/// Types that the columns need.
pub const SETUP: &str = r#"
CREATE SCHEMA kinds;
CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TYPE kinds.mood AS ENUM ('sad', 'ok', 'happy', 'Null');
CREATE DOMAIN kinds.short AS varchar(5) CHECK (VALUE <> 'bad');
CREATE DOMAIN kinds.positive AS int4 CHECK (VALUE > 0);
CREATE TYPE kinds.pair AS (a int4, b text, c numeric);
CREATE TYPE kinds.textrange AS RANGE (subtype = text, collation = "C");
CREATE COLLATION kinds.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
"#;

const TEXTS: &[&str] = &[
    "", "a", "A", "ab", "a b", "é", "É", "Zoë", "a%", "a_", "\\", "'", "\"q\"", "null", "x,y",
    "(1)",
];

#[rustfmt::skip] // one line each
pub const KINDS: &[Kind] = &[
    kind("i2", "int2", &["0", "1", "-1", "32767", "-32768", "7"]),
    kind("i4", "int4", &["0", "1", "-1", "2147483647", "-2147483648", "42"]),
    kind("i8", "int8", &["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "42"]),
    kind("num", "numeric", &["0", "1.50", "1.5", "-3", "1e20", "NaN", "Infinity", "-Infinity", "99999.994"]),
    kind("num52", "numeric(5,2)", &["0", "1.50", "1.5", "-3", "999.99", "NaN", "0.01"]),
    kind("f4", "float4", &["0", "-0", "0.1", "1.5", "NaN", "Infinity", "1e-40", "3.4e38"]),
    kind("f8", "float8", &["0", "-0", "0.1", "1.5", "NaN", "-Infinity", "1e300", "0.30000000000000004"]),
    kind("t", "text", TEXTS),
    kind("tc", "text COLLATE \"C\"", TEXTS),
    kind("blind", "text COLLATE kinds.blind", TEXTS),
    kind("Vc 3", "varchar(3)", &["", "a", "A", "ab", "é", "a b", "a%", "\\", "'"]),
    kind("c5", "char(5)", &["", "a", "A", "ab", "abcde", "é", "a b", "%"]),
    kind("bp", "bpchar", &["", "a", "A ", "ab  ", "abcdefgh", "é"]),
    kind("nm", "name", &["", "a", "A", "ab", "a%", "'"]),
    kind("ch", "\"char\"", &["", "a", "A", "%", "'"]),
    kind("u", "uuid", &["00000000-0000-0000-0000-000000000000", "6D9B5BB0-3F5D-4A39-9A76-0AB6A7BD6EC8"]),
    kind("b", "bool", &["t", "f", "true", "no", "1"]),
    kind("d", "date", &["2020-02-29", "1999-12-31", "0044-03-15 BC", "infinity", "-infinity", "10000-01-01"]),
    kind("tm", "time", &["00:00", "12:34:56.789", "24:00", "23:59:59.999999"]),
    kind("tz", "timetz", &["00:00+00", "12:34:56.789-05:30", "12:00+02", "24:00Z"]),
    kind("ts", "timestamp", &["2020-02-29 12:00", "1999-12-31 23:59:59.999999", "infinity", "0001-01-01 00:00 BC"]),
    kind("ts0", "timestamp(0)", &["2020-02-29 12:00", "1999-12-31 23:59:59", "infinity"]),
    kind("tstz", "timestamptz", &["2020-02-29 12:00+02", "2020-02-29 10:00Z", "-infinity", "1890-01-01 00:00:00+00:53:28"]),
    kind("iv", "interval", &["1 day", "24:00", "-1 day +3 hours", "1 year -2 mons", "-00:00:01", "P1Y2M3DT4H", "0"]),
    kind("ip", "inet", &["10.0.0.1", "10.0.0.1/8", "::1", "fe80::/10", "255.255.255.255"]),
    kind("net", "cidr", &["10.0.0.0/8", "10.0.0.1/32", "fe80::/10", "0.0.0.0/0"]),
    kind("mac", "macaddr", &["08:00:2b:01:02:03", "08002b:010203", "ff:ff:ff:ff:ff:ff"]),
    kind("mac8", "macaddr8", &["08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff"]),
    kind("bit3", "bit(3)", &["000", "101", "111"]),
    kind("vb", "varbit", &["", "1", "10101", "111111111"]),
    kind("by", "bytea", &["\\x", "\\xdead", "\\xDEADBEEF", "abc", "\\000x"]),
    kind("js", "json", &["{\"a\": 1}", "null", "[1]"]),
    kind("jb", "jsonb", JSON),
    kind("ai", "int4[]", &["{}", "{1}", "{1,2}", "{2,1}", "{{1,2},{3,4}}", "[0:1]={1,2}"]),
    kind("at", "text[]", &["{}", "{a}", "{A}", "{\"a b\",é}", "{\"null\"}", "{a,b}"]),
    kind("ad", "kinds.short[]", &["{}", "{a}", "{ab,c}"]),
    kind("ae", "kinds.mood[]", &["{}", "{sad}", "{happy,sad}"]),
    kind("mood", "kinds.mood", &["sad", "ok", "happy", "Null"]),
    kind("sh", "kinds.short", &["", "a", "ab", "abcde", "é"]),
    kind("pos", "kinds.positive", &["1", "2", "42"]),
    kind("pair", "kinds.pair", &["(1,a,1.0)", "(1,a,1.00)", "(,,)", "(2,\"b,c\",)", "(1,,NaN)"]),
    kind("r4", "int4range", &["empty", "[1,5)", "(1,5]", "(,3)", "[7,)", "(,)"]),
    kind("rt", "tstzrange", &["empty", "[2020-01-01 00:00+00,2020-02-01 00:00+00)", "(,2020-01-15 00:00+02]"]),
    kind("rx", "kinds.textrange", &["empty", "[a,b)", "(,É]", "[\"a,b\",c]"]),
    kind("mr", "int4multirange", &["{}", "{[1,5)}", "{[1,3),[7,9)}", "{(,)}"]),
    kind("money", "money", &["1.00", "-3.50"]),
    kind("ci", "citext", TEXTS),
    kind("hs", "hstore", &["", "a=>1", "a=>NULL", "\"a b\"=>\"c\", d=>e"]),
    kind("lt", "ltree", &["", "a", "a.b", "A.b", "a.b.c"]),
    kind("oid", "oid", &["0", "42", "4294967295"]),
    kind("rc", "regclass", &["0", "1259", "1255"]),
    kind("lsn", "pg_lsn", &["0/0", "16/B374D848", "FFFFFFFF/0"]),
    kind("tv", "tsvector", &["", "a b", "'c':1A 'd'"]),
    kind("x8", "xid8", &["0", "42", "18446744073709551615"]),
    kind("pt", "point", &["(1,2)", "(0,0)"]),
];

pub const JSON: &[&str] = &[
    "{}",
    "{\"a\": 1, \"b\": {\"c\": \"pro\"}}",
    "{\"a\": \"1\", \"b\": {\"c\": null}}",
    "{\"a\": [1, 2, {\"c\": true}], \"b\": {\"c\": \"é\"}}",
    "{\"a\": 5.0, \"b\": {\"c\": 10}}",
    "[1, \"x\", null]",
    "null",
    "\"s\"",
    "3",
    "true",
];

/// Kinds whose values cannot be compared at all.
pub const INCOMPARABLE: &[&str] = &["js", "money", "pt"];
/// Kinds that can be tested for equality, but have no order.
pub const UNORDERED: &[&str] = &["js", "money", "pt"];
/// Kinds that LIKE and regular expressions match.
pub const TEXTUAL: &[&str] = &["t", "tc", "Vc 3", "c5", "bp", "nm", "sh", "ci"];
/// Kinds that contain and overlap.
pub const CONTAINERS: &[&str] = &["ai", "at", "ad", "ae", "r4", "rt", "rx", "mr"];
