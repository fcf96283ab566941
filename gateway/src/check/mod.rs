//! The command `check`: whether the gateway could serve with this configuration and this database, line by line.

mod facts;
mod judge;
mod pooler;
#[cfg(test)]
mod tests;

use crate::config::{Config, JwksPlace};
use crate::feed::connect::{ConnectError, Connected, Connector};
use crate::token::Keyring;
use std::fmt;

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Ok,
    /// It works, and there is something to know.
    Note,
    /// It does not work, or is not safe.
    Problem,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub level: Level,
    pub what: &'static str,
    /// What was found, and what to do about it.
    pub text: String,
}

impl Line {
    fn ok(what: &'static str, text: impl Into<String>) -> Line {
        Line::new(Level::Ok, what, text)
    }

    fn note(what: &'static str, text: impl Into<String>) -> Line {
        Line::new(Level::Note, what, text)
    }

    fn problem(what: &'static str, text: impl Into<String>) -> Line {
        Line::new(Level::Problem, what, text)
    }

    fn new(level: Level, what: &'static str, text: impl Into<String>) -> Line {
        let text = text.into();
        Line { level, what, text }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        };
        write!(f, "{level:<8} {:<14} {}", self.what, self.text)
    }
}

/// Checks everything, prints each line, and returns whether there is no problem.
pub async fn run(config: &Config) -> bool {
    let mut problems = 0;
    let mut notes = 0;
    let mut print = |lines: Vec<Line>| {
        for line in lines {
            crate::say!("{line}");
            problems += usize::from(line.level == Level::Problem);
            notes += usize::from(line.level == Level::Note);
        }
    };
    print(keys(config).await);
    print(vec![files(config)]);
    print(database(config).await);
    match (problems, notes) {
        (0, 0) => crate::say!("all is well"),
        (problems, notes) => crate::say!("problems: {problems}, notes: {notes}"),
    }
    problems == 0
}

/// Whether tokens can be verified.
async fn keys(config: &Config) -> Vec<Line> {
    let keyring = match Keyring::open(&config.keys) {
        Ok(keyring) => keyring,
        Err(error) => return vec![Line::problem("keys", error.to_string())],
    };
    let mut names = Vec::new();
    if config.keys.secret.is_some() {
        names.push("a shared secret".to_string());
    }
    if !config.keys.api_keys.is_empty() {
        names.push(format!("{} API keys", config.keys.api_keys.len()));
    }
    let mut lines = Vec::new();
    if let Some(jwks) = &config.keys.jwks {
        match keyring.read_now(&jwks.place).await {
            Ok(count) => names.push(format!("a JWKS of {count} keys")),
            Err(error) => lines.push(Line::problem(
                "keys",
                format!("{error}. The gateway would start and go on asking"),
            )),
        }
        if matches!(&jwks.place, JwksPlace::Url(url) if url.starts_with("http://")) {
            lines.push(Line::note(
                "keys",
                "the JWKS comes by http: who can change it on the way can make tokens",
            ));
        }
    }
    if !names.is_empty() {
        lines.insert(0, Line::ok("keys", names.join(", ")));
    }
    lines
}

/// Whether there may be as many sockets as the configuration says.
fn files(config: &Config) -> Line {
    let sockets = config.limits.sockets;
    match crate::serve::file_limit() {
        Some(soft) if soft < sockets + crate::serve::OTHER_FILES => Line::note(
            "files",
            format!("a process may open {soft} files here, --max-sockets is {sockets}: raise ulimit -n (LimitNOFILE= for systemd)"),
        ),
        _ => Line::ok("files", format!("enough for {sockets} sockets")),
    }
}

async fn database(config: &Config) -> Vec<Line> {
    let connected = match Connector::new(&config.database) {
        Ok(connector) => connect(&connector).await,
        Err(error) => Err(error),
    };
    let (first, second) = match connected {
        Ok(sessions) => sessions,
        Err(error) => return vec![unreachable(&error)],
    };
    let reached = format!(
        "{} on {}:{}",
        config.database, first.host.name, first.host.port
    );
    let mut lines = vec![Line::ok("database", reached)];
    lines.extend(pooler::check(&first.client, &second.client).await);
    if let Some(pool) = &config.pool_database {
        lines.push(pooler::check_pool(&first.client, pool).await);
    }
    match facts::read(&first.client, config).await {
        Ok(facts) => lines.extend(judge::judge(&facts, config)),
        Err(error) => lines.push(Line::problem(
            "database",
            format!("it cannot be examined: {error}"),
        )),
    }
    lines
}

/// Two sessions: that they are two tells a pooler.
async fn connect(connector: &Connector) -> Result<(Connected, Connected), ConnectError> {
    let first = connector.connect().await?;
    let second = connector.connect().await?;
    Ok((first, second))
}

fn unreachable(error: &ConnectError) -> Line {
    let code = error.code().map(|code| code.code()).unwrap_or_default();
    let hint = match (code, error.kind()) {
        ("28P01", _) => ". Is the password right? psql -c '\\password ROLE' sets it",
        ("28000", _) => {
            ". The role must exist (pgrealtime-gateway setup) and pg_hba.conf must let it in"
        }
        ("3D000", _) => ". The URI must name an existing database",
        ("53300", _) => ". Raise max_connections, or end sessions",
        ("57P03", _) => ". The server starts or stops: try again",
        (_, "unreachable") => {
            ". Is the server up, and does it listen there (listen_addresses, port, firewall)?"
        }
        _ => "",
    };
    Line::problem("database", format!("{error}{hint}"))
}
