//! Snapshots: the rows of a table as a client sees them, and the cursor from which its changes follow.
//!
//! One transaction reads both. The rows come in parts through a cursor of the database: a client that reads slowly costs a
//! session and holds back VACUUM, but no memory.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::session::{act_as, Parameters, Sessions};
use super::text::Json;
use deadpool_postgres::{Object, Transaction};
use futures_util::TryStreamExt;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::types::Type;
use tokio_postgres::{IsolationLevel, RowStream};

const SNAPSHOT: &str = include_str!("../../sql/snapshot.sql");
const NO_TIMEOUT: &str = include_str!("../../sql/no_idle_timeout.sql");

/// The rest of a part is read when its client has gone meanwhile: not too much.
const FETCH: &str = "FETCH FORWARD 500 FROM snapshot";
const PART: u64 = 500;

/// A session for a snapshot.
pub struct Reader {
    session: Object,
    _permit: OwnedSemaphorePermit,
}

/// A snapshot that is being read. Dropped, it ends its transaction.
pub struct Snapshot<'a> {
    transaction: Transaction<'a>,
    /// Where the changes go on.
    pub cursor: Cursor,
    /// The columns of the rows, where these are not all.
    shown: Option<Vec<String>>,
    part: Pin<Box<RowStream>>,
}

impl Sessions {
    /// A session for a snapshot, as soon as there is one.
    pub async fn for_snapshot(&self) -> Result<Reader, Fault> {
        let permit = self.snapshots.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Fault::unreachable("the gateway is shutting down"))?;
        Ok(Reader {
            session: self.get().await?,
            _permit: permit,
        })
    }
}

impl Reader {
    /// Begins to read what an interest is about; `limit` is how long that may take. Errors: those of `changes_since` and of
    /// `check_filter`; 42P01 without such a table.
    pub async fn open(
        &mut self,
        interest: &Interest,
        limit: Duration,
    ) -> Result<Snapshot<'_>, Fault> {
        let transaction = self.session.build_transaction();
        let transaction = transaction
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let client = transaction.client();
        act_as(client, &interest.who, limit).await?;
        client.query_typed(NO_TIMEOUT, &[]).await?;
        let relation = &interest.relation;
        let parameters: Parameters = &[
            (&relation.schema, Type::TEXT),
            (&relation.table, Type::TEXT),
            (&interest.filter, Type::TEXT),
            (&interest.events, Type::TEXT_ARRAY),
            (&interest.columns, Type::TEXT_ARRAY),
        ];
        let rows = client.query_typed(SNAPSHOT, parameters).await?;
        let row = rows.first().ok_or_else(|| {
            Fault::new("42P01", format!("there is no table {}", interest.relation))
        })?;
        let (cursor, shown) = (row.try_get::<_, &str>(0)?.into(), row.try_get(1)?);
        let statement = row.try_get::<_, &str>(2)?;
        let declare = format!("DECLARE snapshot NO SCROLL CURSOR FOR {statement}");
        client.query_typed(&declare, &[]).await?;
        let part = client.query_typed_raw(FETCH, NOTHING).await?;
        Ok(Snapshot {
            part: Box::pin(part),
            transaction,
            cursor,
            shown,
        })
    }
}

/// No parameters.
const NOTHING: [(&str, Type); 0] = [];

impl Snapshot<'_> {
    /// The next row, a JSON object; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<String>, Fault> {
        loop {
            if let Some(row) = self.part.try_next().await? {
                let Json(text) = row.try_get(0)?;
                let shown = self.shown.as_deref();
                return Ok(Some(match shown {
                    None => text.to_string(),
                    Some(shown) => only(text, shown)?,
                }));
            }
            if self.part.rows_affected().is_none_or(|rows| rows < PART) {
                return Ok(None);
            }
            let client = self.transaction.client();
            self.part = Box::pin(client.query_typed_raw(FETCH, NOTHING).await?);
        }
    }
}

/// An object with these of its members only. Their values are not parsed.
fn only(object: &str, names: &[String]) -> Result<String, Fault> {
    let mut parser = serde_json::Deserializer::from_str(object);
    let kept = Members { names };
    parser
        .deserialize_map(kept)
        .map_err(|_| Fault::new("XX000", "a row is not a JSON object"))
}

/// Members of an object, by name.
struct Members<'a> {
    names: &'a [String],
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = String;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<String, M::Error> {
        let mut kept = String::from("{");
        while let Some((name, value)) = members.next_entry::<Cow<str>, &RawValue>()? {
            if !self.names.iter().any(|shown| *shown == *name) {
                continue;
            }
            if kept.len() > 1 {
                kept.push(',');
            }
            kept.push_str(&serde_json::Value::from(&*name).to_string());
            kept.push(':');
            kept.push_str(value.get());
        }
        kept.push('}');
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_shown_are_left_out_and_the_others_stay_as_they_are() {
        let row = r#"{"id":12345678901234567890.10,"a\"b":null,"secret":"x","é":{"secret": [1,  2]},"t":"\u0000\n"}"#;
        let shown = ["t", "id", "a\"b", "é"].map(str::to_string);
        assert_eq!(
            only(row, &shown).unwrap(),
            r#"{"id":12345678901234567890.10,"a\"b":null,"é":{"secret": [1,  2]},"t":"\u0000\n"}"#
        );
        assert_eq!(only(row, &[]).unwrap(), "{}");
        assert_eq!(only("{}", &shown).unwrap(), "{}");
        assert!(only("[1]", &shown).is_err());
    }
}
