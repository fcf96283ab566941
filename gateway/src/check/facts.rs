//! What the database says about itself, in one query, and about its realtime tables, as each role.

use crate::config::Config;
use serde::Deserialize;
use tokio_postgres::{Client, Error};

/// The routines that the gateway calls as its login role.
pub(super) const OWN: &[&str] = &[
    "subscribe",
    "resubscribe",
    "unsubscribe",
    "fan_out",
    "wait",
    "wait_for_changes",
    "is_row_allowed",
];
/// Those that it calls as the roles of tokens.
pub(super) const OF_ROLES: &[&str] = &[
    "changes_since",
    "current_cursor",
    "get_user_realtime_tables",
    "diagnose",
];

/// The database, as gateway/sql/check.sql describes it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    pub version: u32,
    pub version_text: String,
    pub standby: bool,
    pub feedback: bool,
    /// The protocol and cipher of the connection, if it is encrypted.
    pub tls: Option<String>,
    /// Whether it is a Unix socket.
    pub local: bool,
    pub extension: Option<String>,
    pub available: Option<String>,
    pub capturing: bool,
    pub login: Login,
    pub routines: Vec<Routine>,
    pub roles: Vec<Role>,
    pub free_sessions: i64,
    #[serde(skip)]
    pub tables: Vec<Table>,
}

/// The role that the gateway logs in as.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Login {
    pub name: String,
    pub superuser: bool,
    pub bypass: bool,
    pub creates_roles: bool,
    /// The roles whose rights it has without SET ROLE.
    pub inherits: Vec<String>,
    /// Sessions that it may have; negative: any number.
    pub sessions: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Routine {
    pub name: String,
    pub there: bool,
    pub executable: bool,
}

/// A role that tokens may have.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Role {
    pub name: String,
    pub there: bool,
    pub granted: bool,
    pub superuser: bool,
    pub bypass: bool,
    /// Whether it may call what the gateway calls as this role.
    pub executes: bool,
}

/// A realtime table that one of the roles may SELECT from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub status: String,
    pub rls: bool,
    /// Those who see it.
    pub roles: Vec<String>,
}

/// Reads everything.
pub(super) async fn read(client: &Client, config: &Config) -> Result<Facts, String> {
    let query = include_str!("../../sql/check.sql");
    let row = client
        .query_one(query, &[&config.roles, &OWN, &OF_ROLES])
        .await;
    let text: String = row.and_then(|row| row.try_get(0)).map_err(told)?;
    let mut facts: Facts = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if facts.extension.is_some() {
        let roles = facts.roles.iter().filter(|role| role.granted);
        let roles: Vec<String> = roles.map(|role| role.name.clone()).collect();
        for role in roles {
            tables(client, &role, &mut facts.tables)
                .await
                .map_err(told)?;
        }
    }
    Ok(facts)
}

/// Adds the tables that a role sees.
async fn tables(client: &Client, role: &str, tables: &mut Vec<Table>) -> Result<(), Error> {
    client.batch_execute("BEGIN READ ONLY").await?;
    let read = async {
        client
            .query("SELECT pg_catalog.set_config('role', $1, true)", &[&role])
            .await?;
        let query = "SELECT pg_catalog.format('%I.%I', schemaname, tablename), status, COALESCE(rls_enabled, false) \
                     FROM pgrealtime.realtime_configuration ORDER BY 1";
        client.query(query, &[]).await
    };
    let rows = read.await;
    client.batch_execute("ROLLBACK").await?;
    for row in rows? {
        let name: String = row.try_get(0)?;
        let role = role.to_string();
        match tables.iter_mut().find(|table| table.name == name) {
            Some(table) => table.roles.push(role),
            None => tables.push(Table {
                name,
                status: row.try_get(1)?,
                rls: row.try_get(2)?,
                roles: vec![role],
            }),
        }
    }
    Ok(())
}

fn told(error: Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}
