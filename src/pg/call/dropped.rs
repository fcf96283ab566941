//! The objects that an sql_drop event lists.

use crate::pg::catalog::relation::relation_by_name;
use pgrx::pg_sys::Oid;
use pgrx::spi::OwnedPreparedStatement;
use pgrx::Spi;
use std::cell::OnceCell;

const DROPPED: &str = "SELECT d.objid, d.address_names[1], d.address_names[2], \
     d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_class'::pg_catalog.regclass, \
     d.object_type OPERATOR(pg_catalog.=) 'index', \
     CASE WHEN d.objsubid OPERATOR(pg_catalog.<>) 0 THEN d.address_names[3] END \
     FROM pg_catalog.pg_event_trigger_dropped_objects() AS d \
     WHERE NOT d.is_temporary AND d.object_type OPERATOR(pg_catalog.<>) 'view' AND d.classid OPERATOR(pg_catalog.=) ANY \
     (ARRAY['pg_catalog.pg_class', 'pg_catalog.pg_trigger', 'pg_catalog.pg_constraint']::pg_catalog.regclass[]::pg_catalog.oid[])";

thread_local! {
    /// Kept for as long as the session, and never freed: it ends after SPI does.
    static PLAN: OnceCell<&'static OwnedPreparedStatement> = const { OnceCell::new() };
}

/// What a command has dropped.
#[derive(Debug, Default)]
pub struct Dropped {
    /// The relations, and those that are still there and have lost a trigger or a constraint.
    pub relations: Vec<Oid>,
    /// The relations, composite types among them, that have lost a column, and its name.
    pub columns: Vec<(Oid, String)>,
    /// Whether it listed an index. No event says which table the index belonged to.
    pub index: bool,
}

/// What the running command has dropped, as its sql_drop event lists it. Raises an error if somebody has revoked
/// EXECUTE on Postgres's function.
pub fn dropped() -> Dropped {
    let read = Spi::connect(|client| {
        let plan: &'static OwnedPreparedStatement = PLAN.with(|plan| match plan.get() {
            Some(plan) => Ok(*plan),
            None => {
                let made = client.prepare(DROPPED, &[])?.keep();
                Ok::<_, pgrx::spi::Error>(*plan.get_or_init(|| Box::leak(Box::new(made))))
            }
        })?;
        let mut all = Dropped::default();
        for row in client.select(plan, None, &[])? {
            all.index |= row.get::<bool>(5)? == Some(true);
            if let Some(column) = row.get::<String>(6)? {
                let of = row.get::<Oid>(1)?;
                all.columns.extend(of.map(|of| (of, column)));
            } else if row.get::<bool>(4)? != Some(true) {
                all.relations.extend(row.get::<Oid>(1)?);
            } else if let (Some(schema), Some(table)) = (row.get(2)?, row.get(3)?) {
                all.relations.extend(relation_by_name(schema, table));
            }
        }
        Ok::<_, pgrx::spi::Error>(all)
    });
    read.unwrap_or_else(|error| {
        // SPI's own status codes: not reachable with this query.
        pgrx::error!("could not read what was dropped: {error}");
    })
}
