//! Whether a pooler lends a server session for one transaction only. The relay's subscriptions live in its session.

use super::{unreachable, Line};
use crate::config::Database;
use crate::feed::connect::{ConnectError, Connector};
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
             in session mode. The pooler may serve the rest: --pool-uri",
        )
    })
}

/// Whether --pool-uri leads to the server of a session: another one, a standby even, knows other cursors.
pub(super) async fn check_pool(direct: &Client, pool: &Database) -> Line {
    let connected = match Connector::new(pool) {
        Ok(connector) => connector.connect().await,
        Err(error) => Err(error),
    };
    let compared = match connected {
        Ok(pooled) => both(&pooled.client, direct).await,
        Err(error) => return of_pool(&error),
    };
    match compared {
        Ok((one, other)) if one == other => Line::ok("pool", format!("{pool} is the same server")),
        Ok(_) => Line::problem(
            "pool",
            format!("{pool} (--pool-uri) is another server or database than --db-uri: it knows other cursors"),
        ),
        Err(error) => Line::problem("pool", format!("{pool}: {error}")),
    }
}

fn of_pool(error: &ConnectError) -> Line {
    let what = "pool";
    Line {
        what,
        ..unreachable(error)
    }
}

/// What tells servers and databases apart, of two sessions.
async fn both(one: &Client, other: &Client) -> Result<(Option<String>, Option<String>), Error> {
    let query = "SELECT pg_catalog.concat_ws(' ', EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()), oid) \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    Ok((value(one, query).await?, value(other, query).await?))
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

async fn backend(client: &Client) -> Result<Option<String>, Error> {
    value(client, "SELECT pg_backend_pid()").await
}

/// By the simple protocol: poolers may not know prepared statements.
async fn value(client: &Client, query: &str) -> Result<Option<String>, Error> {
    let messages = client.simple_query(query).await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
        _ => None,
    }))
}
