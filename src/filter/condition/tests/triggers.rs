//! Triggers made from random filters: what the catalog has of their WHEN is what the filter means, also after a dump and
//! a restore.

use super::cases::group;
use super::oracle::{make_table, settings};
use super::values::SETUP;
use super::Random;
use crate::change::Operation;
use crate::filter::condition::{compile, Condition, Purpose, When};
use crate::pg::Oid;
use pgrx::prelude::*;

const FILTERS: usize = 300;
const FUNCTION: &str =
    "CREATE FUNCTION kinds.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";
/// As pg_dump sets them.
const OF_A_DUMP: &str =
    "SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3; SET search_path = ''";

/// Returns how many conditions were compared.
pub fn run(seed: u64) -> usize {
    let mut random = Random::new(seed);
    Spi::run(SETUP).unwrap();
    Spi::run(FUNCTION).unwrap();
    make_table(&mut random, "kinds.t");
    let relation = Spi::get_one::<Oid>("SELECT 'kinds.t'::regclass::oid")
        .unwrap()
        .unwrap();
    let mut before: Option<When> = None;
    let mut compared = 0;
    for _ in 0..FILTERS {
        settings(&mut random);
        let filter = group(&mut random, 2).expr.to_string();
        let condition: Condition = compile(relation, &filter, Purpose::RowFilter)
            .unwrap()
            .unwrap();
        for operation in [Operation::Insert, Operation::Update, Operation::Delete] {
            let when = condition.when(relation, operation).unwrap().unwrap();
            Spi::run(&format!(
                "CREATE TRIGGER t AFTER {} ON kinds.t FOR EACH ROW WHEN ({}) EXECUTE FUNCTION kinds.nothing()",
                operation.name(),
                when.sql()
            ))
            .unwrap();
            assert!(when.is(&stored()), "seed {seed}: {filter}");
            Spi::run(OF_A_DUMP).unwrap();
            let dumped = Spi::get_one::<String>(
                "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 't'",
            );
            Spi::run("DROP TRIGGER t ON kinds.t").unwrap();
            Spi::run(&dumped.unwrap().unwrap()).unwrap();
            assert!(when.is(&stored()), "seed {seed}: {filter} after a restore");
            if let Some(other) = before.filter(|other| *other != when) {
                assert!(
                    !other.is(&stored()),
                    "seed {seed}: {filter} is not {}",
                    other.sql()
                );
            }
            Spi::run("DROP TRIGGER t ON kinds.t; RESET search_path").unwrap();
            before = Some(when);
            compared += 1;
        }
    }
    compared
}

fn stored() -> String {
    let stored = Spi::get_one("SELECT tgqual::text FROM pg_trigger WHERE tgname = 't'");
    stored.unwrap().unwrap()
}
