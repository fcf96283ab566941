//! Whether a pooler lends a server session for one transaction only. The relay's subscriptions live in its session.

use super::Line;
use std::time::Duration;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Time to wait for a session: a pooler without a free one lets clients wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// A first session says who serves it; the second one then holds a server session. If the pooler gave it that of the
/// first, the first one is served by another now, or waits.
pub(super) async fn check(first: &Client, second: &Client) -> Option<Line> {
    let pooled = tokio::time::timeout(PATIENCE, is_pooled(first, second)).await;
    // Ends the transaction of the second one, whatever came out.
    let _ = tokio::time::timeout(PATIENCE, second.batch_execute("ROLLBACK")).await;
    let pooled = pooled.unwrap_or(Ok(true));
    matches!(pooled, Ok(true)).then(|| {
        Line::problem(
            "pooler",
            "the connection goes through a pooler in transaction mode: give a URI to the database itself, or to the pooler \
             in session mode",
        )
    })
}

async fn is_pooled(first: &Client, second: &Client) -> Result<bool, Error> {
    let before = backend(first).await?;
    second.batch_execute("BEGIN").await?;
    let held = backend(second).await?;
    if held == before {
        return Ok(true);
    }
    Ok(backend(first).await? != before)
}

/// By the simple protocol: poolers may not know prepared statements.
async fn backend(client: &Client) -> Result<Option<String>, Error> {
    let messages = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
        _ => None,
    }))
}
