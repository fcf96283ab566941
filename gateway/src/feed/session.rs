//! Sessions of the pool, each for one transaction as a client's role: what the relay does not read.
//!
//! Statements are unnamed and every setting is of the transaction, so that the pool may go through a transaction pooler.

use super::connect::Connector;
use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::{Interest, Relation, Who};
use super::locked::Locked;
use super::pace::{self, Size};
use super::text::{named, Json};
use crate::metrics as names;
use deadpool_postgres::{Object, Pool, PoolError, Timeouts};
use futures_util::TryStreamExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, RowStream};

/// The pool, and how long a statement in it may take.
#[derive(Clone)]
pub struct Sessions {
    pool: Pool,
    /// What makes the sessions of the pool.
    connector: Connector,
    statement_timeout: Duration,
    /// How long a session is waited for. `None`: until there is one, in the order of those who wait.
    wait: Option<Duration>,
    /// A permit for each snapshot. There are fewer than sessions: catch-ups find one that no slow client holds.
    pub(super) snapshots: Arc<Semaphore>,
}

/// What `changes_since` returned.
pub struct Batch {
    pub changes: Vec<(Arc<str>, Cursor)>,
    /// Where to go on from.
    pub end: Cursor,
    /// Whether there was more than was wanted.
    pub is_cut: bool,
}

const CHANGES_SINCE: &str = include_str!("../../sql/changes_since.sql");
const ACT_AS: &str = include_str!("../../sql/act_as.sql");

pub(super) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

impl Sessions {
    pub fn new(pool: Pool, connector: Connector, statement_timeout: Duration) -> Sessions {
        let snapshots = (pool.status().max_size / 2).max(1);
        Sessions {
            snapshots: Arc::new(Semaphore::new(snapshots)),
            pool,
            connector,
            statement_timeout,
            wait: None,
        }
    }

    /// The same pool, with other limits for a statement, and for the time until there is a session.
    pub fn with_limits(&self, statement_timeout: Duration, wait: Duration) -> Sessions {
        Sessions {
            pool: self.pool.clone(),
            connector: self.connector.clone(),
            statement_timeout,
            wait: Some(wait),
            snapshots: self.snapshots.clone(),
        }
    }

    /// A session, when it is the turn of whoever asks.
    pub async fn get(&self) -> Result<Object, Fault> {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        ::metrics::gauge!(names::POOL_IN_USE).set(in_use as f64);
        ::metrics::gauge!(names::POOL_WAITING).set(status.waiting as f64);
        let timeouts = Timeouts {
            wait: self.wait,
            ..Timeouts::default()
        };
        self.pool
            .timeout_get(&timeouts)
            .await
            .map_err(|error| match error {
                // Only a log-in fails here. Whatever the server says of it, it is nothing that the client has done.
                PoolError::Backend(error) => self.connector.explain(error).into(),
                other => Fault::unreachable(other.to_string()),
            })
    }

    /// What the interest receives after `from`, up to `until`. Errors: those of `changes_since`; 42P01 without such a table;
    /// 55P03 where it is known to be locked when there is a session.
    pub async fn changes_since(
        &self,
        interest: &Interest,
        from: &Cursor,
        until: Option<&Cursor>,
        size: Size,
        locked: &Locked,
    ) -> Result<Batch, Fault> {
        locked.peek(interest, Instant::now())?;
        let Relation { schema, table } = &interest.relation;
        let parameters: [(&(dyn ToSql + Sync), Type); 8] = [
            (schema, Type::TEXT),
            (table, Type::TEXT),
            (&from.as_ref(), Type::TEXT),
            (&interest.filter, Type::TEXT),
            (&interest.events, Type::TEXT_ARRAY),
            (&interest.columns, Type::TEXT_ARRAY),
            (&size.changes, Type::INT4),
            (&until.map(AsRef::as_ref), Type::TEXT),
        ];
        let mut client = self.get().await?;
        locked.ask(interest, Instant::now())?;
        let transaction = client.build_transaction().read_only(true).start().await?;
        act_as(transaction.client(), &interest.who, self.statement_timeout).await?;
        let client = transaction.client();
        let rows = client.query_typed_raw(CHANGES_SINCE, parameters).await?;
        let read = collect(rows, size.bytes).await?;
        if !read.as_ref().is_some_and(|batch| batch.is_cut) {
            transaction.commit().await?;
        }
        read.ok_or_else(|| Fault::new("42P01", format!("there is no table {}", interest.relation)))
    }

    /// The realtime tables that a role may read.
    pub async fn tables(&self, who: &Who) -> Result<Vec<Relation>, Fault> {
        let rows = self
            .query_as(
                who,
                "SELECT schema_name, table_name FROM pgrealtime.get_user_realtime_tables()",
                &[],
            )
            .await?;
        Ok(rows.iter().map(named).collect::<Result<_, _>>()?)
    }

    /// What a statement returns in a read-only transaction of a role.
    pub(super) async fn query_as(
        &self,
        who: &Who,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let mut client = self.get().await?;
        let transaction = client.build_transaction().read_only(true).start().await?;
        act_as(transaction.client(), who, self.statement_timeout).await?;
        let rows = transaction
            .client()
            .query_typed(statement, parameters)
            .await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

/// The rows of `changes_since`, as long as they have fewer bytes. What is left is dropped as it comes: it takes no memory.
async fn collect(rows: RowStream, bytes: usize) -> Result<Option<Batch>, Fault> {
    let mut rows = pin!(rows);
    let (mut changes, mut end, mut taken): (Vec<(Arc<str>, Cursor)>, _, _) = (Vec::new(), None, 0);
    let mut is_cut = false;
    while let Some(row) = rows.try_next().await? {
        if taken >= bytes && !changes.is_empty() {
            is_cut = true;
            break;
        }
        let cursor: Cursor = row.try_get::<_, &str>(0)?.into();
        match row.try_get::<_, Option<Json>>(1)? {
            Some(Json(change)) => {
                taken += pace::cost(change);
                changes.push((change.into(), cursor));
            }
            None => end = Some(cursor),
        }
    }
    // A last change may have the cursor to go on from.
    let last = || changes.last().map(|(_, cursor)| cursor.clone());
    Ok(end.or_else(last).map(|end| Batch {
        changes,
        end,
        is_cut,
    }))
}

/// Makes the rest of the transaction one of a role with claims.
pub async fn act_as(client: &Client, who: &Who, statement_timeout: Duration) -> Result<(), Fault> {
    let milliseconds = statement_timeout.as_millis().to_string();
    let parameters: Parameters = &[
        (&who.role.as_ref(), Type::TEXT),
        (&who.claims.as_ref(), Type::TEXT),
        (&milliseconds, Type::TEXT),
    ];
    client.query_typed(ACT_AS, parameters).await?;
    Ok(())
}
