//! Tests of plans with a projection, which `changes_since` uses and no SQL function exposes.

#[allow(clippy::unwrap_used)]
#[pgrx::pg_schema]
mod tests {
    use crate::change::Operation;
    use crate::message::{write_change, Header, RecordPlan};
    use crate::pg::backend::memory::Memory;
    use crate::pg::call::values::JsonText;
    use crate::pg::row::record::Record;
    use crate::pg::row::record::RowBuffer;
    use crate::pg::row::record::RowShape;
    use crate::timestamp::Timestamp;
    use pgrx::prelude::*;
    use std::rc::Rc;

    /// A message with some columns of a row whose key is column 1; with only the key if none are given.
    #[pg_extern(sql = "
    CREATE FUNCTION tests.projected_message(record record, columns smallint[]) RETURNS json
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';")]
    fn projected_message(record: Record<'_>, columns: Vec<i16>) -> Option<JsonText> {
        let shape = RowShape::of_type(&Rc::new(Memory::new()), record.row_type());
        let plan = if columns.is_empty() {
            RecordPlan::of_key(shape.columns(), &[1])
        } else {
            RecordPlan::new(shape.columns(), Some(&columns), &[1])
        };
        let mut buffer = RowBuffer::default();
        let row = shape.deform(record, &mut buffer)?;
        let header = Header {
            operation: Operation::Update,
            schema: "s",
            table: "t",
            commit_timestamp: Timestamp::EPOCH,
        };
        // Earlier content of the buffer stays.
        let mut out = b"before".to_vec();
        write_change(&mut out, &header, &plan, Some(&row), Some(&row));
        JsonText::new(out.strip_prefix(b"before")?)
    }

    fn projected(columns: &str) -> String {
        let query =
            format!("SELECT tests.projected_message(projected, '{columns}')::text FROM projected");
        Spi::get_one(&query).unwrap().unwrap()
    }

    #[pg_test]
    fn a_projection_holds_the_key_and_the_order_of_columns() {
        Spi::run(
            "CREATE TABLE projected (id int, gone int, b text, c date);
             INSERT INTO projected VALUES (1, 2, 'x', NULL);
             ALTER TABLE projected DROP COLUMN gone",
        )
        .unwrap();
        let message = |columns: &str, record: &str| {
            format!(
                r#"{{"type":"UPDATE","schema":"s","table":"t","commit_timestamp":"2000-01-01T00:00:00.000Z","columns":[{columns}],"record":{record},"old_record":{record},"errors":null}}"#
            )
        };
        let id = r#"{"name":"id","type":"int4"}"#;
        let c = r#"{"name":"c","type":"date"}"#;
        let b = r#"{"name":"b","type":"text"}"#;
        assert_eq!(projected("{}"), message(id, r#"{"id":1}"#));
        assert_eq!(
            projected("{4}"),
            message(&format!("{id},{c}"), r#"{"id":1,"c":null}"#)
        );
        assert_eq!(
            projected("{4,3,1,2,99}"),
            message(&format!("{id},{b},{c}"), r#"{"id":1,"b":"x","c":null}"#)
        );
    }
}
