//! The relay's statements.

use super::book::Id;
use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, RowStream, SimpleQueryMessage, Statement};

const SUBSCRIBE: &str = include_str!("../../sql/subscribe.sql");

/// Waits for five seconds at most: then the relay has shown that it lives. The texts are always the same: pg_stat_statements
/// keeps a place for each text of CALL (before PostgreSQL 17), and one for each cursor would leave none for anything else.
const WAIT: &str =
    "CALL pgrealtime.wait(pg_catalog.current_setting('pgrealtime_gateway.cursor'), '5 s')";
const LOOK: &str =
    "CALL pgrealtime.wait(pg_catalog.current_setting('pgrealtime_gateway.cursor'), '0 s')";
const SET_CURSOR: &str = "SELECT pg_catalog.set_config('pgrealtime_gateway.cursor', $1, false)";

/// How long an answer to `wait` may take. A server that has vanished says nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Settings of the relay's session: nothing may end a wait, or a fan_out that has much to do. It waits for nobody's lock:
/// everybody would wait with it.
const SETTINGS: &str =
    "SET statement_timeout = 0; SET lock_timeout = '100ms'; SET idle_session_timeout = 0";

/// The relay's session, and its prepared statements.
pub struct Session {
    client: Client,
    subscribe: Statement,
    resubscribe: Statement,
    unsubscribe: Statement,
    fan_out: Statement,
    set_cursor: Statement,
}

impl Session {
    pub async fn new(client: Client) -> Result<Session, Fault> {
        client.batch_execute(SETTINGS).await?;
        let text = Type::TEXT;
        let list = Type::TEXT_ARRAY;
        let types = [&text, &text, &text, &list, &list, &text, &text].map(Clone::clone);
        let resubscribe = "SELECT pgrealtime.resubscribe($1, pg_catalog.quote_ident($2)::pg_catalog.regrole, $3::pg_catalog.jsonb)";
        let fan_out = "SELECT cursor, change, subscriptions, error FROM pgrealtime.fan_out($1, $2)";
        Ok(Session {
            subscribe: client.prepare_typed(SUBSCRIBE, &types).await?,
            resubscribe: client
                .prepare_typed(resubscribe, &[Type::INT4, Type::TEXT, Type::TEXT])
                .await?,
            unsubscribe: client.prepare("SELECT pgrealtime.unsubscribe($1)").await?,
            fan_out: client.prepare(fan_out).await?,
            set_cursor: client.prepare(SET_CURSOR).await?,
            client,
        })
    }

    /// Where the log is now.
    pub async fn current_cursor(&self) -> Result<Cursor, Fault> {
        let row = self
            .client
            .query_one("SELECT pgrealtime.current_cursor()", &[])
            .await?;
        Ok(row.try_get::<_, &str>(0)?.into())
    }

    /// A subscription, and the cursor that it begins at.
    pub async fn subscribe(&self, interest: &Interest) -> Result<(Id, Cursor), Fault> {
        let Interest {
            relation,
            filter,
            events,
            columns,
            who,
        } = interest;
        let made = self
            .client
            .query_opt(
                &self.subscribe,
                &[
                    &relation.schema,
                    &relation.table,
                    filter,
                    events,
                    columns,
                    &who.role.as_ref(),
                    &who.claims.as_ref(),
                ],
            )
            .await?;
        let made =
            made.ok_or_else(|| Fault::new("42P01", format!("there is no table {relation}")))?;
        Ok((made.try_get(0)?, made.try_get::<_, &str>(1)?.into()))
    }

    /// Gives a subscription the role and the claims of another interest.
    pub async fn resubscribe(&self, id: Id, interest: &Interest) -> Result<(), Fault> {
        let who = &interest.who;
        self.client
            .query_one(
                &self.resubscribe,
                &[&id, &who.role.as_ref(), &who.claims.as_ref()],
            )
            .await?;
        Ok(())
    }

    pub async fn unsubscribe(&self, ids: &[Id]) -> Result<(), Fault> {
        self.client.query_one(&self.unsubscribe, &[&ids]).await?;
        Ok(())
    }

    /// Waits for changes after a cursor, or until a next statement was sent; a short wait only looks. Returns the cursor to read
    /// from. The CALL is a simple query: before PostgreSQL 17 the server sees only behind such a one that the next has come.
    pub async fn wait(&self, from: &Cursor, is_short: bool) -> Result<Cursor, Fault> {
        let call = if is_short { LOOK } else { WAIT };
        let cursor: &str = from;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&cursor];
        // Sent together: a statement that is sent between them would be one that the wait does not see.
        let both = async {
            tokio::join!(
                self.client.execute(&self.set_cursor, &parameters),
                self.client.simple_query(call)
            )
        };
        let answer = timeout(PATIENCE, both).await;
        let (set, answer) =
            answer.map_err(|_| Fault::unreachable("the database does not answer"))?;
        set?;
        for message in answer? {
            if let SimpleQueryMessage::Row(row) = message {
                if let Some(cursor) = row.try_get(0)? {
                    return Ok(cursor.into());
                }
            }
        }
        Err(Fault::new("XX000", "wait returned no cursor"))
    }

    /// What the subscriptions receive after a cursor, row by row.
    pub async fn fan_out(&self, from: &Cursor, max_changes: i32) -> Result<RowStream, Fault> {
        let from: &str = from;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&from, &max_changes];
        Ok(self.client.query_raw(&self.fan_out, parameters).await?)
    }
}
