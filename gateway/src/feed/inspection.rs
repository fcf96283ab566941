//! What a role may follow, and why it receives nothing: for developers.

use super::fault::Fault;
use super::interest::{Relation, Who};
use super::session::Sessions;
use super::text::Json;
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::Row;

const TABLES: &str = include_str!("../../sql/tables.sql");
const DIAGNOSE: &str = include_str!("../../sql/diagnose.sql");

/// How long the database may take for an answer: others wait for the session.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a developer waits for a session.
const WAIT: Duration = Duration::from_secs(5);

/// Answers as the JSON texts that the database made.
#[derive(Clone)]
pub struct Inspection(Sessions);

impl Inspection {
    pub fn new(sessions: &Sessions) -> Inspection {
        Inspection(sessions.with_limits(STATEMENT_TIMEOUT, WAIT))
    }

    /// The realtime tables that a role may read, with their columns.
    pub async fn tables(&self, who: &Who) -> Result<String, Fault> {
        let rows = self.0.query_as(who, TABLES, &[]).await?;
        let text = rows.first().map(json).transpose()?.flatten();
        Ok(text.unwrap_or_else(|| "[]".to_string()))
    }

    /// Every check of `pgrealtime.diagnose`. Errors: 42P01 without such a table, 42501 where the role may not read it.
    pub async fn diagnose(
        &self,
        who: &Who,
        relation: &Relation,
        filter: Option<&str>,
    ) -> Result<String, Fault> {
        let Relation { schema, table } = relation;
        let rows = self
            .0
            .query_as(
                who,
                DIAGNOSE,
                &[
                    (schema, Type::TEXT),
                    (table, Type::TEXT),
                    (&filter, Type::TEXT),
                ],
            )
            .await?;
        let text = rows.first().map(json).transpose()?.flatten();
        text.ok_or_else(|| Fault::new("42P01", format!("there is no table {relation}")))
    }
}

fn json(row: &Row) -> Result<Option<String>, tokio_postgres::Error> {
    let text = row.try_get::<_, Option<Json>>(0)?;
    Ok(text.map(|Json(text)| text.to_string()))
}
