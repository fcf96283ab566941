//! Tests of conditions inside the server: against Postgres as the oracle, and for cases that SQL cannot reach.
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod cases;
pub mod oracle;
pub mod triggers;
pub mod values;

use pgrx::Spi;

/// The splitmix64 generator: small, and the same everywhere, so that a seed replays a run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// `PGREALTIME_SEED`, which the test program passes to the server as a setting, or the clock.
pub fn seed() -> u64 {
    let given: Option<String> =
        Spi::get_one("SELECT nullif(current_setting('pgrealtime_test.seed', true), '')").unwrap();
    match given {
        Some(text) => text.parse().unwrap(),
        None => Spi::get_one::<i64>("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8")
            .unwrap()
            .unwrap() as u64,
    }
}

#[pgrx::pg_schema]
mod tests {
    use super::{oracle, seed, triggers};
    use crate::error::{report, Error};
    use crate::filter::condition::{compile, Purpose};
    use crate::pg::backend::act_as::CANONICAL;
    use crate::pg::catalog::acting::act_as;
    use crate::pg::Oid;
    use pgrx::prelude::*;
    use std::panic::AssertUnwindSafe;

    fn relation(name: &str) -> Oid {
        Spi::get_one(&format!("SELECT '{name}'::regclass::oid"))
            .unwrap()
            .unwrap()
    }

    #[pg_test]
    fn a_filter_means_what_sql_means() {
        let seed = seed();
        let verdicts = oracle::run(seed);
        log!("PGREALTIME_SEED={seed}: {verdicts} verdicts compared");
        assert!(verdicts >= 10_000);
    }

    #[pg_test]
    fn the_catalog_has_of_a_trigger_what_its_filter_means() {
        let seed = seed();
        let compared = triggers::run(seed);
        log!("PGREALTIME_SEED={seed}: {compared} conditions compared");
        assert!(compared >= 500);
    }

    #[pg_test]
    fn the_tree_needs_no_names() {
        Spi::run("CREATE TABLE trees (a int, b text)").unwrap();
        let condition = compile(relation("trees"), "b=eq.x", Purpose::Reader)
            .unwrap()
            .unwrap();
        assert!(
            condition.tree().starts_with("{OPEXPR :opno 98 "),
            "{}",
            condition.tree()
        );
        assert!(
            condition.tree().contains("{VAR :varno 1 :varattno 2 "),
            "{}",
            condition.tree()
        );
    }

    #[pg_test]
    fn a_blank_filter_is_none() {
        Spi::run("CREATE TABLE blank (a int)").unwrap();
        assert_eq!(compile(relation("blank"), " \t", Purpose::Reader), Ok(None));
    }

    fn state() -> (String, String, String) {
        let sql = "SELECT current_user::text, current_setting('search_path') || current_setting('TimeZone'),
                   current_setting('request.jwt.claims')";
        let (user, settings, claims) = Spi::get_three::<String, String, String>(sql).unwrap();
        (user.unwrap(), settings.unwrap(), claims.unwrap())
    }

    #[pg_test]
    fn acting_as_a_role_is_undone_on_every_way_out() {
        Spi::run("CREATE ROLE actor; SET TimeZone = 'Asia/Tokyo'; SET request.jwt.claims = 'mine'")
            .unwrap();
        let actor: Oid = Spi::get_one("SELECT 'actor'::regrole::oid")
            .unwrap()
            .unwrap();
        let before = state();
        let within = act_as(actor, &CANONICAL, || Ok(state())).unwrap();
        assert_eq!(
            within,
            (
                "actor".into(),
                "pg_catalog, pg_tempUTC".into(),
                String::new()
            )
        );
        assert_eq!(state(), before);

        let refused: Result<(), Error> =
            act_as(actor, &[], || Err(Error::syntax_error(report("no"))));
        assert!(refused.is_err());
        assert_eq!(state(), before);

        let raised = PgTryBuilder::new(AssertUnwindSafe(|| {
            let _ = act_as(actor, &CANONICAL, || {
                Spi::run("SET request.jwt.claims = 'theirs'").unwrap();
                ereport!(
                    ERROR,
                    PgSqlErrorCode::ERRCODE_DIVISION_BY_ZERO,
                    "raised within"
                );
                #[allow(unreachable_code)]
                Ok(())
            });
            false
        }))
        .catch_when(PgSqlErrorCode::ERRCODE_DIVISION_BY_ZERO, |_| true)
        .execute();
        assert!(raised);
        assert_eq!(state(), before);
    }

    #[pg_test(error = "cannot create temporary table within security-restricted operation")]
    fn acting_as_a_role_is_restricted() {
        let me: Oid = Spi::get_one("SELECT current_user::regrole::oid")
            .unwrap()
            .unwrap();
        let _ = act_as(me, &[], || {
            Spi::run("CREATE TEMP TABLE planted ()").unwrap();
            Ok(())
        });
    }

    /// Not an assertion: prints the cost of parsing. Run with `cargo test -- --ignored --nocapture nanoseconds`.
    #[cfg(test)]
    #[test]
    #[ignore = "a measurement"]
    fn nanoseconds_per_parse() {
        const TURNS: u32 = 1_000_000;
        let start = std::time::Instant::now();
        for _ in 0..TURNS {
            let filter =
                std::hint::black_box("organization_id=eq.6d9b5bb0-3f5d-4a39-9a76-0ab6a7bd6ec8");
            std::hint::black_box(crate::filter::parse::parse(filter)).unwrap();
        }
        println!(
            "{} ns per parse",
            start.elapsed().as_nanos() / u128::from(TURNS)
        );
    }
}
