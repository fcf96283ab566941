//! What is wrong with the configuration, each in one line that says what to do.

use std::path::PathBuf;

/// Why the configuration cannot be used. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no database: give --db-uri postgresql://user@host/database, or set PGHOST and PGUSER"
    )]
    NoDatabase,
    #[error("the database's URI: {0}")]
    Database(String),
    #[error("no keys to check tokens with: give --jwt-secret-file, --jwks or --api-key")]
    NoKeys,
    #[error("the JWT secret has {0} bytes, and HS256 needs at least 32: make one with openssl rand -base64 48")]
    ShortSecret(usize),
    #[error("{flag} cannot read {}: {error}", path.display())]
    File {
        flag: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{flag}: {} is empty", path.display())]
    EmptyFile { flag: &'static str, path: PathBuf },
    #[error("{one} and {other} are both given: keep one of them")]
    Both {
        one: &'static str,
        other: &'static str,
    },
    #[error("{flag}: {text:?} is not of the form {form}")]
    Form {
        flag: &'static str,
        text: String,
        form: &'static str,
    },
    #[error("--api-key number {0} is not of the form KEY=ROLE")]
    ApiKey(usize),
    #[error("--api-key number {0} is shorter than 16 characters: it could be guessed")]
    ShortApiKey(usize),
    #[error("--api-key number {number} has role {role:?}, which --roles does not name")]
    ApiKeyRole { number: usize, role: String },
    #[error("--roles names no role: give those that tokens may have, such as anon,authenticated")]
    NoRoles,
    #[error("--login-role names no role")]
    NoLoginRole,
    #[error("--log: {0}: write it as in info or pgrealtime_gateway=debug,warn")]
    Filter(String),
    #[error("--listen and --admin-listen are both {0}: they need two ports")]
    OnePort(std::net::SocketAddr),
}
