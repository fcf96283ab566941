//! Random filters over random rows with every kind of column: compares our condition with SQL written for the same
//! meaning.

use super::cases::{group, Case};
use super::values::{Kind, INCOMPARABLE, KINDS, SETUP};
use super::Random;
use crate::filter::condition::{compile, Purpose};
use crate::pg::sql::literal::quote;
use crate::pg::Oid;
use pgrx::prelude::*;

const TABLES: usize = 4;
const ROWS: usize = 50;
const BATCHES: usize = 24;
const FILTERS_OF_BATCH: usize = 110;

/// Runs the oracle, and returns how many verdicts were compared.
pub fn run(seed: u64) -> usize {
    let mut random = Random::new(seed);
    Spi::run(SETUP).unwrap();
    let (mut verdicts, mut passed) = (0, 0);
    for table in 0..TABLES {
        let name = format!("kinds.t{table}");
        make_table(&mut random, &name);
        let relation: Oid = Spi::get_one(&format!("SELECT '{name}'::regclass::oid"))
            .unwrap()
            .unwrap();
        refuses_the_incomparable(relation);
        for batch in 0..BATCHES {
            settings(&mut random);
            let cases: Vec<Case> = (0..FILTERS_OF_BATCH)
                .map(|_| group(&mut random, 2))
                .collect();
            passed += check(seed, relation, &name, &cases, batch % 2 == 0);
            verdicts += cases.len() * ROWS;
        }
    }
    assert!(
        passed > verdicts / 20,
        "seed {seed}: only {passed} of {verdicts} rows passed their filter"
    );
    verdicts
}

/// Random session settings. They must not matter when a filter is compiled or evaluated.
pub fn settings(random: &mut Random) {
    let zone = random.pick(&["UTC", "Asia/Tokyo", "America/New_York"]);
    let dates = random.pick(&["ISO, MDY", "SQL, DMY", "German, DMY", "Postgres, YMD"]);
    let intervals = random.pick(&["postgres", "sql_standard", "iso_8601", "postgres_verbose"]);
    let bytes = random.pick(&["hex", "escape"]);
    let digits = random.pick(&["1", "0", "-5"]);
    Spi::run(&format!(
        "SET TimeZone = '{zone}'; SET DateStyle = '{dates}'; SET IntervalStyle = '{intervals}';
         SET bytea_output = '{bytes}'; SET extra_float_digits = '{digits}'"
    ))
    .unwrap();
}

pub fn make_table(random: &mut Random, name: &str) {
    let mut kinds: Vec<&Kind> = KINDS.iter().collect();
    for i in (1..kinds.len()).rev() {
        kinds.swap(i, random.below(i + 1));
    }
    let columns: Vec<String> = kinds
        .iter()
        .map(|kind| format!("\"{}\" {}", kind.name, kind.declaration))
        .collect();
    Spi::run(&format!("CREATE TABLE {name} ({})", columns.join(", "))).unwrap();
    // A dropped column leaves a gap in the numbers.
    Spi::run(&format!(
        "ALTER TABLE {name} ADD gone int, ADD late text DEFAULT 'a'; ALTER TABLE {name} DROP gone"
    ))
    .unwrap();
    for _ in 0..ROWS {
        let values: Vec<String> = kinds
            .iter()
            .map(|kind| match random.below(5) {
                0 => String::from("NULL"),
                _ => quote(random.pick(kind.values)),
            })
            .collect();
        Spi::run(&format!(
            "INSERT INTO {name} VALUES ({})",
            values.join(", ")
        ))
        .unwrap();
    }
}

fn refuses_the_incomparable(relation: Oid) {
    for name in INCOMPARABLE {
        for operator in ["eq", "neq", "lt", "isdistinct", "cs"] {
            let filter = format!("{name}={operator}.1");
            assert!(
                compile(relation, &filter, Purpose::Reader).is_err(),
                "{filter}"
            );
        }
    }
}

/// Compares the verdicts on every row of a batch in one query, and returns how many were true.
fn check(seed: u64, relation: Oid, table: &str, cases: &[Case], image: bool) -> usize {
    let alias = image.then_some("new");
    let mut lines = Vec::new();
    for (k, case) in cases.iter().enumerate() {
        let filter = case.expr.to_string();
        let ours = match compile(relation, &filter, Purpose::RowFilter) {
            Ok(Some(condition)) => condition.render(alias),
            other => panic!("seed {seed}: {filter}: {other:?}"),
        };
        lines.push(format!("({k}, ({ours}) IS TRUE, ({}) IS TRUE)", case.sql));
    }
    let source = match image {
        true => format!("unnest((SELECT array_agg(whole) FROM {table} whole)) AS new"),
        false => table.to_owned(),
    };
    let query = format!(
        "SELECT coalesce(min(k) FILTER (WHERE ours <> theirs), -1)::int, count(*) FILTER (WHERE ours)
         FROM {source}, LATERAL (VALUES {}) AS verdict(k, ours, theirs)",
        lines.join(",\n")
    );
    let (differs, passed) = Spi::get_two::<i32, i64>(&query).unwrap();
    if let Ok(k) = usize::try_from(differs.unwrap()) {
        panic!(
            "seed {seed}: {} is taken for {}, not for {}",
            cases[k].expr, lines[k], cases[k].sql
        );
    }
    passed.unwrap() as usize
}
