//! Why there is no session.

use super::is_refusal;
use crate::config::database::Host;
use std::error::Error as _;
use std::io;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Why no session could be made. No text holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A certificate or key cannot be used, or the pool cannot be made.
    #[error("{0}")]
    Setup(String),
    #[error("{host} is not reached: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("TLS to {host} fails: {reason}")]
    Tls { host: String, reason: String },
    #[error("{host} wants a password, and neither the URI nor a password file has one")]
    NoPassword { host: String },
    /// How the password is asked for, or the server's proof that it knows it.
    #[error("the log-in at {host} fails: {reason}")]
    Login { host: String, reason: String },
    /// What the server says.
    #[error("{host} refuses the session: {message} (SQLSTATE {})", code.code())]
    Refused {
        host: String,
        code: SqlState,
        message: String,
    },
    /// A standby where a primary is wanted, or the other way round.
    #[error("{host} is reached, but {reason} (target_session_attrs)")]
    Session { host: String, reason: String },
}

impl ConnectError {
    /// The SQLSTATE, where the server gave one.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            ConnectError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// A word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            ConnectError::Setup(_) => "setup",
            ConnectError::Unreachable { .. } => "unreachable",
            ConnectError::Tls { .. } => "tls",
            ConnectError::NoPassword { .. } => "password",
            ConnectError::Login { .. } => "login",
            ConnectError::Refused { .. } => "refused",
            ConnectError::Session { .. } => "session",
        }
    }
}

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum Failed {
    Timeout,
    /// The host's name.
    Name(io::Error),
    Postgres(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Failed {
        Failed::Postgres(error)
    }
}

impl Failed {
    /// Whether it may work with the other kind of encryption: TLS failed, or the server's pg_hba.conf has no line for it.
    pub fn may_be_the_encryption(&self) -> bool {
        let Failed::Postgres(error) = self else {
            return false;
        };
        is_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    }

    /// Whether the host's other addresses will say the same.
    pub fn is_final(&self) -> bool {
        match self {
            Failed::Postgres(error) => error.code().is_some_and(is_refusal),
            _ => false,
        }
    }

    /// The error that it is for the pool.
    pub fn into_postgres(self) -> tokio_postgres::Error {
        match self {
            Failed::Postgres(error) => error,
            // The only error that others can make; the crate `postgres` does so, too.
            Failed::Timeout | Failed::Name(_) => tokio_postgres::Error::__private_api_timeout(),
        }
    }

    pub fn explain(self, host: &Host, timeout: Duration) -> ConnectError {
        let host = format!("{}:{}", host.name, host.port);
        let error = match self {
            Failed::Timeout => {
                let reason = format!(
                    "no answer within {} s (connect_timeout)",
                    timeout.as_secs_f64()
                );
                return ConnectError::Unreachable { host, reason };
            }
            Failed::Name(error) => {
                let reason = error.to_string();
                return ConnectError::Unreachable { host, reason };
            }
            Failed::Postgres(error) => error,
        };
        if let Some(refused) = error.as_db_error() {
            return ConnectError::Refused {
                host,
                code: refused.code().clone(),
                message: refused.message().to_string(),
            };
        }
        let source = error.source();
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        if io.is_some_and(|io| {
            io.kind() == io::ErrorKind::PermissionDenied && io.get_ref().is_some()
        }) {
            let reason = io.map(io::Error::to_string).unwrap_or_default();
            return ConnectError::Session { host, reason };
        }
        if is_tls(&error) {
            let reason = tls_reason(&error);
            return ConnectError::Tls { host, reason };
        }
        match chain(&error) {
            text if text.contains("password missing") => ConnectError::NoPassword { host },
            reason if reason.starts_with("authentication error") => {
                ConnectError::Login { host, reason }
            }
            reason => ConnectError::Unreachable { host, reason },
        }
    }
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    // Its kind is private.
    error.to_string() == "error performing TLS handshake"
}

/// What is wrong with the handshake, with what to do about the certificates that are refused most.
fn tls_reason(error: &tokio_postgres::Error) -> String {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    let inner = io.and_then(|io| io.get_ref());
    let Some(rustls::Error::InvalidCertificate(certificate)) =
        inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return match error.source() {
            Some(source) => chain(source),
            None => error.to_string(),
        };
    };
    use rustls::CertificateError as Bad;
    match certificate {
        Bad::UnknownIssuer => "the server's certificate is not signed by a certificate of sslrootcert".to_string(),
        Bad::Expired | Bad::ExpiredContext { .. } => "the server's certificate has expired".to_string(),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "the server's certificate has no subjectAltName for this host; sslmode=verify-ca does not look at names".to_string()
        }
        other => format!("the server's certificate is refused: {other}"),
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
