//! Compares images with the rows that they were made from, by their stored values: 10,000 random changes of random
//! tables in each run.
#![allow(clippy::unwrap_used)]

#[pgrx::pg_schema]
mod tests {
    use crate::feed::relation::Relation;
    use crate::log::decode::Content;
    use crate::log::read::Log;
    use crate::pg::backend::memory::Arena;
    use crate::pg::backend::memory::Memory;
    use crate::pg::call::values::Composite;
    use crate::pg::row::decoded::Decoded;
    use crate::pg::Oid;
    use pgrx::prelude::*;

    /// The tables, a second record of their changes kept by triggers in SQL, and the comparison.
    const IMAGES: &str = include_str!("tests/images.sql");

    /// A row of an entry, as readers of its relation get it. Absent values are NULL.
    #[pg_extern(sql = "
    CREATE FUNCTION tests.logged_row(relation oid, \"position\" bigint, version text) RETURNS record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';")]
    fn logged_row(relation: Oid, position: i64, version: &str) -> Option<Composite> {
        let relation = Relation::open(relation).unwrap();
        let memory = Memory::new();
        let row = row_at(&relation, position, version, memory.arena());
        row.map(|row| Composite::new(&relation.shape, &row))
    }

    /// The columns that are absent from that row.
    #[pg_extern(sql = "
    CREATE FUNCTION tests.logged_absent(relation oid, \"position\" bigint, version text) RETURNS text[]
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';")]
    fn logged_absent(relation: Oid, position: i64, version: &str) -> Vec<String> {
        let relation = Relation::open(relation).unwrap();
        let memory = Memory::new();
        let Some(row) = row_at(&relation, position, version, memory.arena()) else {
            return Vec::new();
        };
        let columns = relation.shape.columns().iter();
        columns
            .filter(|column| row.is_absent(column.number as usize - 1))
            .map(|column| column.name.clone())
            .collect()
    }

    fn row_at<'m>(
        relation: &Relation,
        position: i64,
        version: &str,
        arena: Arena<'m>,
    ) -> Option<Decoded<'m>> {
        let entry = Log::open()
            .unwrap()
            .entry_at(position as u64, arena)
            .unwrap()
            .unwrap();
        let Content::Row(row) = entry.content else {
            return None;
        };
        let rows = relation.rows(&row).unwrap();
        match version {
            "old" => rows.old,
            _ => rows.new,
        }
    }

    #[pg_test]
    fn an_image_is_the_row_it_was_made_of() {
        Spi::run(IMAGES).unwrap();
        let seed: Option<String> = Spi::get_one("SELECT current_setting('gen.seed')").unwrap();
        let seed = seed.unwrap();
        // A faulty decoder may crash the server before anything is compared.
        log!("PGREALTIME_SEED={seed}: comparing images with rows");
        let rows: Option<i64> = Spi::get_one("SELECT gen.run(8, 3)").unwrap();
        assert!(rows.unwrap() >= 10_000);
        // Values must have been cut from new and from old rows.
        for flag in [2, 4] {
            let cut = format!("SELECT count(*) FROM gen.logged WHERE operation <> 'G' AND get_byte(marks, 0) & {flag} <> 0");
            let cut: Option<i64> = Spi::get_one(&cut).unwrap();
            assert!(cut.unwrap() > 0);
        }
    }
}
