//! Filters by keys against Postgres as the oracle, and the short way against the whole one.
#![allow(clippy::unwrap_used)]

use super::{compile_for, forget_plans};
use crate::error::Result;
use crate::filter::condition::tests::cases::group;
use crate::filter::condition::tests::oracle::{make_table, settings};
use crate::filter::condition::tests::Random;
use crate::filter::condition::{compile as compile_whole, Purpose};
use crate::keyed::{Condition, Truth};
use crate::pg::backend::memory::Memory;
use crate::pg::catalog::privilege::current_role;
use crate::pg::catalog::rowtype::row_type_of_relation;
use crate::pg::row::record::RowShape;
use crate::pg::row::row_keys::RowKeys;
use crate::pg::Oid;
use pgrx::prelude::*;
use std::rc::Rc;

const TABLES: usize = 2;
const BATCHES: usize = 8;
const FILTERS_OF_BATCH: usize = 110;

/// How many verdicts were compared, and how many of them keys alone gave.
pub struct Compared {
    pub verdicts: usize,
    pub certain: usize,
}

/// Random filters over random rows with every kind of column.
fn compare(seed: u64) -> Compared {
    let mut random = Random::new(seed);
    let mut compared = Compared {
        verdicts: 0,
        certain: 0,
    };
    for table in 0..TABLES {
        let name = format!("kinds.keyed{table}");
        make_table(&mut random, &name);
        let relation = relation(&name);
        let row_type = row_type_of_relation(relation).unwrap();
        let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
        let rows = shape.rows_of(&format!(
            "SELECT whole_row FROM {name} whole_row ORDER BY ctid"
        ));
        for _ in 0..BATCHES {
            settings(&mut random);
            let filters: Vec<String> = (0..FILTERS_OF_BATCH)
                .map(|_| group(&mut random, 2).expr.to_string())
                .collect();
            let verdicts = verdicts(relation, &name, &filters);
            let compiled = |filter: &String| compile(relation, filter).unwrap().unwrap();
            let conditions: Vec<Condition> = filters.iter().map(compiled).collect();
            let places = (0..rows.len()).flat_map(|row| (0..filters.len()).map(move |k| (row, k)));
            for ((row, k), verdict) in places.zip(verdicts) {
                let condition = &conditions[k];
                let keys = RowKeys::new(&shape, &rows[row]);
                let truth = condition.evaluate(&|column| keys.cell(column));
                let expected = match verdict {
                    Some(true) => Truth::TRUE,
                    Some(false) => Truth::FALSE,
                    None => Truth::NULL,
                };
                let what = || {
                    format!(
                        "seed {seed}: row {row}: {}: {:?}: {truth:?}, not {verdict:?}",
                        filters[k], condition
                    )
                };
                assert!(truth.or_also(expected) == truth, "{}", what());
                // What keys cannot decide, they say so of.
                let is_certain = truth == expected;
                assert!(is_certain || !condition.is_exact(), "{}", what());
                compared.verdicts += 1;
                compared.certain += usize::from(is_certain);
            }
        }
    }
    compared
}

/// What Postgres says of each row and filter.
fn verdicts(relation: Oid, table: &str, filters: &[String]) -> Vec<Option<bool>> {
    let condition = |filter: &String| {
        let compiled = compile_whole(relation, filter, Purpose::Reader);
        compiled.unwrap().unwrap().render(None)
    };
    let values: Vec<String> = filters
        .iter()
        .enumerate()
        .map(|(k, filter)| format!("({k}, {})", condition(filter)))
        .collect();
    let query = format!(
        "SELECT verdict FROM {table}, LATERAL (VALUES {}) AS given(k, verdict) ORDER BY {table}.ctid, k",
        values.join(",\n")
    );
    Spi::connect(|client| {
        let rows = client.select(&query, None, &[]).unwrap();
        rows.map(|row| row.get::<bool>(1).unwrap()).collect()
    })
}

fn compile(relation: Oid, filter: &str) -> Result<Option<Condition>> {
    compile_for(relation, current_role(), filter)
}

fn relation(name: &str) -> Oid {
    Spi::get_one(&format!("SELECT '{name}'::regclass::oid"))
        .unwrap()
        .unwrap()
}

#[pgrx::pg_schema]
mod tests {
    use super::*;
    use crate::filter::condition::tests::values::{KINDS, SETUP};

    #[pg_test]
    fn a_filter_by_keys_never_contradicts_postgres() {
        let seed = crate::filter::condition::tests::seed();
        Spi::run(SETUP).unwrap();
        let compared = compare(seed);
        log!(
            "PGREALTIME_SEED={seed}: {} verdicts compared, {} certain",
            compared.verdicts,
            compared.certain
        );
        assert!(compared.certain > compared.verdicts / 2);
    }

    fn all_kinds(name: &str) -> Oid {
        Spi::run(SETUP).unwrap();
        let columns: Vec<String> = KINDS
            .iter()
            .map(|kind| format!("\"{}\" {}", kind.name, kind.declaration))
            .collect();
        Spi::run(&format!("CREATE TABLE {name} ({})", columns.join(", "))).unwrap();
        relation(name)
    }

    /// Kinds of columns whose equality keys decide, and those whose order they decide, too.
    const EQUAL: [&str; 5] = ["t", "Vc 3", "c5", "mood", "ip"];
    const ORDERED: [&str; 24] = [
        "i2", "i4", "i8", "num", "num52", "f4", "f8", "tc", "nm", "ch", "u", "b", "d", "tm", "tz",
        "ts", "ts0", "tstz", "iv", "mac", "mac8", "by", "oid", "lsn",
    ];

    #[pg_test]
    fn keys_decide_what_they_can() {
        let relation = all_kinds("kinds.decided");
        let is_exact = |filter: &str| {
            let condition = compile(relation, filter).unwrap().unwrap();
            condition.is_exact()
        };
        for kind in KINDS {
            let (name, value) = (kind.name, kind.values.last().unwrap());
            let ordered = ORDERED.contains(&name);
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            if ordered || EQUAL.contains(&name) {
                for test in ["eq", "neq", "isdistinct", "not.eq"] {
                    assert!(
                        is_exact(&format!("\"{name}\"={test}.\"{quoted}\"")),
                        "{name} {test}"
                    );
                }
                assert!(
                    is_exact(&format!("\"{name}\"=in.(\"{quoted}\",null)")),
                    "{name} in"
                );
            }
            if ordered {
                for test in ["lt", "lte", "gt", "gte"] {
                    assert!(
                        is_exact(&format!("\"{name}\"={test}.\"{quoted}\"")),
                        "{name} {test}"
                    );
                }
            }
            assert!(is_exact(&format!("\"{name}\"=is.null")), "{name} is null");
        }
        for (filter, exact) in [
            ("t=like.abc%", true),
            ("t=like.abc", true),
            ("c5=like.ab%", true),
            ("c5=like.\"ab %\"", false),
            ("c5=like.ab", false),
            ("t=like.a_c%", false),
            ("t=ilike.abc%", false),
            ("t=lt.abc", false),
            ("ci=eq.abc", false),
            ("blind=eq.abc", false),
            ("jb->>a=eq.1", false),
        ] {
            assert_eq!(is_exact(filter), exact, "{filter}");
        }
    }

    /// Values that some types refuse, and some that mean other things under other settings.
    const ODD: [&str; 19] = [
        "",
        "now",
        "x",
        "1",
        "-1",
        "999999999999999999999",
        "2020-13-01",
        "12:00 Europe/Paris",
        "{1}",
        "tomorrow",
        "1e400",
        "NaN",
        "a*",
        "a\\\\",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "01/02/2003",
        "2020-01-01 12:00",
        "-1 day 2:00",
        "2020-01-01 12:00 IST",
    ];

    /// Every kind of column compared with every value, the short way and the whole way; what comes of it.
    fn both_ways(relation: Oid) -> Vec<(String, Result<Option<Condition>>)> {
        let mut all = Vec::new();
        for kind in KINDS {
            for test in ["eq", "lt", "like", "in", "isdistinct"] {
                let filter = |value: &str| {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                    match test {
                        "in" => format!("\"{}\"=in.(\"{value}\")", kind.name),
                        _ => format!("\"{}\"={test}.\"{value}\"", kind.name),
                    }
                };
                for value in kind.values.iter().chain(&ODD) {
                    forget_plans();
                    let _ = compile(relation, &filter(kind.values[0]));
                    let filter = filter(value);
                    let known = compile(relation, &filter);
                    forget_plans();
                    assert_eq!(known, compile(relation, &filter), "{filter}");
                    let whole = compile_whole(relation, &filter, Purpose::Reader);
                    assert_eq!(known.as_ref().err(), whole.as_ref().err(), "{filter}");
                    all.push((filter, known));
                }
            }
        }
        all
    }

    #[pg_test]
    fn the_short_way_gives_and_refuses_what_the_whole_way_does() {
        let relation = all_kinds("kinds.short_way");
        let canonical = both_ways(relation);
        Spi::run(
            "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German, DMY'; SET IntervalStyle = 'sql_standard';
             SET timezone_abbreviations = 'India'",
        )
        .unwrap();
        let elsewhere = both_ways(relation);
        for (one, other) in canonical.iter().zip(&elsewhere) {
            assert_eq!(one, other);
        }
    }

    #[pg_test]
    fn a_known_shape_is_forgotten_with_what_it_rests_on() {
        Spi::run(
            "CREATE ROLE keyed_reader; CREATE TABLE keyed_known (a int, b int);
             GRANT SELECT ON keyed_known TO keyed_reader",
        )
        .unwrap();
        let relation = relation("keyed_known");
        let reader = Spi::get_one::<Oid>("SELECT 'keyed_reader'::regrole::oid")
            .unwrap()
            .unwrap();
        let as_reader = |filter: &str| compile_for(relation, reader, filter);
        assert!(as_reader("a=eq.1").is_ok() && as_reader("a=eq.2").is_ok());
        Spi::run("REVOKE SELECT ON keyed_known FROM keyed_reader; GRANT SELECT (b) ON keyed_known TO keyed_reader")
            .unwrap();
        assert!(as_reader("a=eq.3").is_err() && as_reader("b=eq.3").is_ok());
        Spi::run("GRANT SELECT (a) ON keyed_known TO keyed_reader").unwrap();
        assert!(as_reader("a=eq.3").is_ok() && as_reader("a=eq.x").is_err());
        Spi::run("ALTER TABLE keyed_known ALTER a TYPE text").unwrap();
        assert!(as_reader("a=eq.x").is_ok());
        Spi::run("ALTER TABLE keyed_known DROP a").unwrap();
        assert!(as_reader("a=eq.x").is_err());
    }
}
