//! The command `setup`: what a database needs once, as SQL that is printed or run.

use crate::config::arguments::SetupArguments;
use crate::config::{self, Error};
use crate::feed::connect::{ConnectError, Connector};
use tokio_postgres::error::DbError;

/// Why a database is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Config(#[from] Error),
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("nothing was changed: {0}")]
    Refused(String),
}

/// The SQL for these roles. Names are values there: the server itself quotes what it makes statements of.
pub fn sql(arguments: &SetupArguments) -> Result<String, Error> {
    let roles = config::roles(&arguments.roles)?;
    let login_role = arguments.login_role.trim();
    if login_role.is_empty() {
        return Err(Error::NoLoginRole);
    }
    let roles = serde_json::json!(roles).to_string();
    Ok(format!(
        "-- What a database needs for pgrealtime-gateway, once: the extension, a role to log in as, its rights. Made by\n\
         -- pgrealtime-gateway setup. Run it as a superuser, or as a role that may create roles and owns the extension;\n\
         -- running it again changes nothing.\n\
         BEGIN;\n\
         SET LOCAL search_path TO pg_catalog, pg_temp;\n\
         SET LOCAL pgrealtime_gateway.login_role TO {};\n\
         SET LOCAL pgrealtime_gateway.roles TO {};\n\
         SET LOCAL pgrealtime_gateway.create_roles TO {};\n\
         {}\
         COMMIT;\n",
        literal(login_role),
        literal(&roles),
        literal(&arguments.create_roles.to_string()),
        include_str!("../sql/setup.sql"),
    ))
}

/// Runs the SQL, and prints what the server says about it.
pub async fn run(arguments: &SetupArguments) -> Result<(), Failure> {
    let sql = sql(arguments)?;
    let connector = Connector::new(&arguments.database.read()?)?;
    let (said, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let connected = connector.connect_and_hear(said).await?;
    let done = connected.client.batch_execute(&sql).await;
    // The session's end is the end of its notices.
    drop(connected.client);
    let mut count = 0;
    while let Some(notice) = notices.recv().await {
        match notice.severity() {
            "NOTICE" => crate::say!("{}", notice.message()),
            severity => crate::say!("{severity}: {}", notice.message()),
        }
        count += 1;
    }
    if let Err(error) = done {
        return Err(Failure::Refused(refusal(&error)));
    }
    if count == 0 {
        crate::say!("everything was there already");
    }
    Ok(())
}

fn refusal(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        return error.to_string();
    };
    let hint = |error: &DbError| error.hint().map(|hint| format!(" {hint}"));
    let text = format!("{} (SQLSTATE {})", error.message(), error.code().code());
    match hint(error) {
        Some(hint) => format!("{text}.{hint}"),
        None => text,
    }
}

/// A literal as `quote_literal` writes it: right whatever standard_conforming_strings says.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::arguments::{Arguments, Command};

    fn printed(line: &[&str]) -> String {
        let line = ["pgrealtime-gateway", "setup"].iter().chain(line);
        match Arguments::read(line).expect("arguments").command {
            Some(Command::Setup(arguments)) => sql(&arguments).expect("SQL"),
            _ => panic!("no setup"),
        }
    }

    #[test]
    fn names_stay_inside_their_literals() {
        let sql = printed(&[
            "--login-role",
            "x'; DROP ROLE y; --",
            "--roles",
            r#"a\'b,"c",$setup$"#,
        ]);
        assert!(
            sql.contains("login_role TO 'x''; DROP ROLE y; --';\n"),
            "{sql}"
        );
        assert!(
            sql.contains(r#"roles TO E'["a\\\\''b","\\"c\\"","$setup$"]';"#),
            "{sql}"
        );
        assert_eq!(sql.matches("$setup$").count(), 3);
        assert!(sql.contains("create_roles TO 'false';"));
        assert!(printed(&["--create-roles"]).contains("create_roles TO 'true';"));
    }

    #[test]
    fn literals() {
        assert_eq!(literal("a"), "'a'");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }
}
