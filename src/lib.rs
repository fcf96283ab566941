//! pgrealtime: the module magic, the modules, the SQL files and `_PG_init`; nothing else.

use pgrx::prelude::*;

mod api;
mod capture;
mod capture_trigger;
mod change;
mod diagnose;
mod error;
mod feed;
mod filter;
mod gucs;
mod keyed;
mod log;
mod message;
mod pg;
mod registry;
mod sink;
mod timestamp;

::pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/10_bootstrap.sql", name = "bootstrap", bootstrap);
extension_sql_file!("../sql/20_log.sql", name = "log", requires = ["bootstrap"]);
extension_sql_file!("../sql/90_grants.sql", name = "grants", finalize);

extension_sql_file!(
    "../sql/60_log_status.sql",
    name = "log_status",
    requires = ["consumer_status", log_retention]
);

#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    error::without_backtraces();
    gucs::init();
    log::init();
}

/// `cargo pgrx test` calls this before the first test. It must be in the root of the crate.
#[cfg(test)]
pub mod pg_test {
    pub fn setup(_options: Vec<&str>) {}

    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        let mut options = vec!["max_prepared_transactions = 10"];
        // Pass the seed of random tests to the server: it has another environment than the test program.
        if let Ok(seed) = std::env::var("PGREALTIME_SEED") {
            options.push(format!("pgrealtime_test.seed = '{seed}'").leak());
        }
        options
    }
}
