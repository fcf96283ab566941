//! Values as the database sends them.

use super::interest::Relation;
use std::error::Error;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::Row;

/// A value of type json: its text, which is not parsed.
pub struct Json<'a>(pub &'a str);

impl<'a> FromSql<'a> for Json<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Json<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Json(std::str::from_utf8(raw)?))
    }

    fn accepts(found: &Type) -> bool {
        *found == Type::JSON
    }
}

/// A row of a schema and a table.
pub fn named(row: &Row) -> Result<Relation, tokio_postgres::Error> {
    Ok(Relation {
        schema: row.try_get::<_, String>(0)?.into(),
        table: row.try_get::<_, String>(1)?.into(),
    })
}
