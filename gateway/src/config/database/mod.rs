//! Where the database is: a connection string as libpq takes it, checked and taken apart.

mod parameters;
mod parse;
mod passfile;
#[cfg(test)]
mod tests;
mod uri;

use super::error::Error;
use super::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What the gateway's sessions are called in pg_stat_activity.
const APPLICATION_NAME: &str = "pgrealtime-gateway";

/// A database, as a connection string and the environment of libpq describe it.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// At least one.
    pub hosts: Vec<Host>,
    pub user: String,
    /// One for all hosts. Without it the password file counts.
    pub password: Option<Secret>,
    pub passfile: Option<PathBuf>,
    /// Named as the user unless given.
    pub name: String,
    pub options: Option<String>,
    pub application_name: String,
    pub tls: Tls,
    pub connect_timeout: Duration,
    pub tcp_user_timeout: Option<Duration>,
    pub keepalives: Keepalives,
    pub session: Session,
    pub channel_binding: ChannelBinding,
    /// Whether hosts are tried in random order.
    pub shuffled: bool,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name or address, or the directory of a Unix socket.
    pub name: String,
    /// Where it is, if its name is not to be looked up.
    pub address: Option<std::net::IpAddr>,
    pub port: u16,
}

impl Host {
    /// Whether it is reached through a Unix socket.
    pub fn is_local(&self) -> bool {
        self.address.is_none() && self.name.starts_with('/')
    }
}

/// How the connection is encrypted, and what is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    pub mode: TlsMode,
    pub roots: Option<Roots>,
    /// A certificate for the server, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether TLS begins without a request for it (PostgreSQL 17).
    pub direct: bool,
}

/// The modes of libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The certificates that a server's is signed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    File(PathBuf),
    /// Those of the operating system.
    System,
}

/// TCP keepalives; the system's settings unless given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalives {
    pub on: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub retries: Option<u32>,
}

/// Which servers will do (`target_session_attrs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Session {
    #[default]
    Any,
    ReadWrite,
    ReadOnly,
}

/// Whether the password is bound to the TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    Disable,
    #[default]
    Prefer,
    Require,
}

impl Database {
    /// A database at one host, with libpq's defaults for everything else.
    pub fn at(host: Host, user: &str, name: &str) -> Database {
        Database {
            hosts: vec![host],
            user: user.to_string(),
            password: None,
            passfile: None,
            name: name.to_string(),
            options: None,
            application_name: APPLICATION_NAME.to_string(),
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(10),
            tcp_user_timeout: None,
            keepalives: Keepalives {
                on: true,
                idle: None,
                interval: None,
                retries: None,
            },
            session: Session::Any,
            channel_binding: ChannelBinding::Prefer,
            shuffled: false,
        }
    }

    /// Reads a connection string, with the process's environment for what it leaves out.
    pub fn read(text: &str) -> Result<Database, Error> {
        Database::read_with(text, &|name| std::env::var(name).ok())
    }

    /// The same with another environment.
    pub fn read_with(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Database, Error> {
        parse::read(text, environment).map_err(Error::Database)
    }

    /// The password for a host: the one that is given, or the password file's.
    pub fn password_for(&self, host: &Host) -> Option<Secret> {
        let given = self.password.clone();
        given.or_else(|| passfile::find(self.passfile.as_deref()?, self, host))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}@", self.user)?;
        for (number, host) in self.hosts.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{}:{}", host.name, host.port)?;
        }
        write!(f, "/{}", self.name)
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            TlsMode::Disable => "disable",
            TlsMode::Allow => "allow",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        })
    }
}
