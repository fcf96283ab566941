//! Reads a JWKS from where the configuration says it is.

use crate::config::JwksPlace;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Why the keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the JWKS {place} cannot be read: {reason}")]
    Unread { place: String, reason: String },
    #[error("{place} is not a JWKS: {reason}")]
    NotKeys { place: String, reason: String },
}

/// Longest JWKS in bytes.
const MAX_SET: u64 = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The text of a JWKS. It blocks.
pub(super) fn read(place: &JwksPlace) -> Result<String, KeysError> {
    let read = match place {
        JwksPlace::Text(text) => Ok(text.clone()),
        JwksPlace::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        JwksPlace::Url(url) => fetch(url).map_err(|error| error.to_string()),
    };
    read.map_err(|reason| KeysError::Unread {
        place: name(place),
        reason,
    })
}

/// What a place is called in messages. A URL may have a key in its query.
pub(super) fn name(place: &JwksPlace) -> String {
    match place {
        JwksPlace::Text(_) => "of the configuration".to_string(),
        JwksPlace::File(path) => path.display().to_string(),
        JwksPlace::Url(url) => url.split(['?', '#']).next().unwrap_or_default().to_string(),
    }
}

fn fetch(url: &str) -> Result<String, ureq::Error> {
    let tls = TlsConfig::builder().root_certs(roots()).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .tls_config(tls)
        .build()
        .into();
    let mut response = agent.get(url).header("accept", "application/json").call()?;
    response
        .body_mut()
        .with_config()
        .limit(MAX_SET)
        .read_to_string()
}

/// The system's certificates, since an authentication server may be a company's own; Mozilla's where it has none.
fn roots() -> RootCerts {
    let system = rustls_native_certs::load_native_certs().certs;
    if system.is_empty() {
        return RootCerts::WebPki;
    }
    let roots = system
        .iter()
        .map(|one| Certificate::from_der(one).to_owned());
    RootCerts::Specific(Arc::new(roots.collect()))
}
