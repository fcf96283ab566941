//! Compares the sizes that the janitor measures with those that Postgres reports.
#![allow(clippy::unwrap_used)]

#[pgrx::pg_schema]
mod tests {
    use crate::log::append::append_gap;
    use crate::log::entry::GapCause;
    use crate::log::segments;
    use crate::pg::storage::segment_files;
    use crate::pg::Oid;
    use pgrx::prelude::*;

    #[pg_test]
    fn a_segment_is_measured_with_all_that_belongs_to_it() {
        let current = segments::current_segment().unwrap();
        let place = &current.place;
        // Other tests may have left pages behind: what they wrote was rolled back, the files stay as long as they are.
        for _ in 0..3_000 {
            append_gap(Oid::from(1), GapCause::Skipped).unwrap();
        }
        assert!(!segment_files::is_empty(place));
        // The parts that are written. Their free space maps come on top.
        let parts = Spi::get_one_with_args::<i64>(
            "WITH tables AS (SELECT oid FROM pg_class WHERE oid = $1
                 UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid = $1)
             SELECT sum(pg_relation_size(oid))::bigint FROM (
                 SELECT oid FROM tables UNION ALL
                 SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM tables)) AS parts (oid)",
            &[place.table.into()],
        );
        assert_eq!(segment_files::bytes(place) as i64, parts.unwrap().unwrap());
    }
}
