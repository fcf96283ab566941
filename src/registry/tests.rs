//! Enables and disables tables with names of every kind. (Without dev-dependencies, since the library is built without
//! them for these tests.)

#![allow(clippy::unwrap_used)]

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pg::catalog::names;
    use crate::pg::Oid;
    use crate::registry::{disable, enable, is_enabled, realtime_tables, Request};
    use pgrx::prelude::*;
    use pgrx::spi::{quote_identifier, quote_qualified_identifier};

    const PIECES: [&str; 14] = [
        "a", "B", ".", "\"", "'", "\\", " ", "é", "{x}", "$1", ";--", "select", "\n", "表",
    ];

    /// The name with this number: up to five pieces in any combination.
    fn name(seed: usize) -> String {
        let mut rest = seed.wrapping_mul(2_654_435_761) % 537_824;
        let mut name = String::new();
        loop {
            name.push_str(PIECES[rest % PIECES.len()]);
            rest /= PIECES.len();
            if rest == 0 {
                return name;
            }
        }
    }

    #[pg_test]
    fn parse_reads_what_postgres_quotes() {
        for seed in 0..5_000 {
            let (schema, relation) = (name(seed), name(seed + 1));
            let read = names::parse(&quote_qualified_identifier(&schema, &relation)).unwrap();
            assert_eq!((read.schema, read.relation), (Some(schema), relation));
        }
    }

    #[pg_test]
    fn any_name_can_be_enabled_and_disabled() {
        for seed in 0..60 {
            let (schema, relation, column) = (name(seed), name(seed + 1), name(seed + 2));
            let schema = format!("s{schema}");
            let table = quote_qualified_identifier(&schema, &relation);
            Spi::run(&format!(
                "CREATE SCHEMA {}; CREATE TABLE {table} ({} int PRIMARY KEY)",
                quote_identifier(&schema),
                quote_identifier(&column)
            ))
            .unwrap();
            let oid =
                Spi::get_one_with_args::<Oid>("SELECT $1::regclass::oid", &[table.as_str().into()])
                    .unwrap();
            let columns = Some(vec![Some(column)]);
            let request = Request {
                columns,
                ..Request::default()
            };
            enable(oid, request).unwrap();
            assert!(is_enabled(&table).unwrap(), "{table}");
            let shown = realtime_tables().unwrap();
            let is_shown = shown
                .iter()
                .any(|one| one.name == relation && one.schema == schema && one.status == "ok");
            assert!(is_shown, "{table}");
            disable(oid).unwrap();
            assert!(!is_enabled(&table).unwrap(), "{table}");
            Spi::run(&format!(
                "DROP SCHEMA {} CASCADE",
                quote_identifier(&schema)
            ))
            .unwrap();
        }
    }

    #[pg_test]
    fn ownership_is_checked_first() {
        Spi::run("CREATE ROLE registry_nobody; SET ROLE registry_nobody").unwrap();
        let refused = enable(Some(Oid::from(1259)), Request::default()).unwrap_err();
        assert_eq!(refused.message(), "must be owner of table pg_class");
    }
}
