//! The configuration: what the command line, the environment and files say, checked.

pub mod arguments;
pub mod database;
mod error;
mod limits;
mod read;
mod secret;
#[cfg(test)]
mod tests;

pub use arguments::LogFormat;
pub use database::Database;
pub use error::Error;
pub use limits::Limits;
pub use read::roles;
pub use secret::Secret;

use std::net::SocketAddr;
use std::time::Duration;

/// The configuration of a gateway that serves.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: Database,
    /// Another way to it for the pool; `None` for the same.
    pub pool_database: Option<Database>,
    /// Connections for catch-ups and snapshots. The relay's is one more.
    pub pool_size: usize,
    pub keys: KeySources,
    /// Roles that tokens may have, in the order given, each once.
    pub roles: Vec<String>,
    /// Address for clients.
    pub listen: SocketAddr,
    /// Address of /live, /ready and /metrics.
    pub admin_listen: SocketAddr,
    /// Whether there is the developer's page.
    pub page: bool,
    /// Time over which clients are asked to leave when the gateway stops.
    pub drain: Duration,
    pub limits: Limits,
    pub log: Log,
}

/// What tokens are checked with.
#[derive(Debug, Clone, Default)]
pub struct KeySources {
    pub secret: Option<Secret>,
    pub jwks: Option<Jwks>,
    pub api_keys: Vec<ApiKey>,
    /// Claims that every token must have with this value. API keys are not asked for them.
    pub required_claims: Vec<(String, String)>,
}

/// A set of public keys, and when it is read again.
#[derive(Debug, Clone)]
pub struct Jwks {
    pub place: JwksPlace,
    /// How often it is read.
    pub refresh: Duration,
    /// How often unknown keys may cause it to be read.
    pub at_most_every: Duration,
}

/// Where a JWKS is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksPlace {
    File(std::path::PathBuf),
    /// http or https.
    Url(String),
    /// The set itself.
    Text(String),
}

/// An opaque API key, and the role that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub key: Secret,
    pub role: String,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// A filter as of tracing's EnvFilter.
    pub filter: String,
    pub format: LogFormat,
}

/// A configuration for tests: a database that is not there, a secret of 32 letters, the roles anon and authenticated,
/// any free port.
impl Default for Config {
    fn default() -> Config {
        let nowhere = database::Host {
            name: "127.0.0.1".to_string(),
            address: None,
            port: 1,
        };
        Config {
            database: Database::at(nowhere, "pgrealtime_gateway", "postgres"),
            pool_database: None,
            pool_size: 4,
            keys: KeySources {
                secret: Some(Secret::new("s".repeat(32))),
                ..KeySources::default()
            },
            roles: vec!["anon".to_string(), "authenticated".to_string()],
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            page: true,
            drain: Duration::from_secs(1),
            limits: Limits::default(),
            log: Log {
                filter: "info".to_string(),
                format: LogFormat::Text,
            },
        }
    }
}
