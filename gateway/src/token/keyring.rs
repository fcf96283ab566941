//! The keys of a running gateway: the shared secret, a JWKS that is kept up to date, and opaque API keys.

use super::{key_id, source, verify, Claims, Keys, Refusal};
use crate::config::{Jwks, JwksPlace, KeySources, Secret};
use crate::metrics;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use source::KeysError;

/// Verifies tokens. Clones share their keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    sources: KeySources,
    api_keys: HashMap<Secret, Claims>,
    keys: RwLock<Current>,
    /// A token names a key that is not there.
    wanted: Notify,
}

/// The keys, and the text of the set that they were read from.
struct Current {
    keys: Arc<Keys>,
    text: Option<String>,
}

/// Between two attempts while no set could be read yet.
const FIRST_RETRY: Duration = Duration::from_secs(2);

impl Keyring {
    /// Reads the keys. Errors: a file that cannot be read, or is no JWKS. What has a URL is read by [`Keyring::follow`],
    /// since its server may start later.
    pub fn open(sources: &KeySources) -> Result<Keyring, KeysError> {
        let claims = |role: &str| Claims {
            role: role.to_string(),
            expires: i64::MAX,
            text: serde_json::json!({ "role": role }).to_string(),
        };
        let api_keys = sources.api_keys.iter();
        let keyring = Keyring(Arc::new(Inner {
            sources: sources.clone(),
            api_keys: api_keys
                .map(|api| (api.key.clone(), claims(&api.role)))
                .collect(),
            keys: RwLock::new(Current {
                keys: Arc::new(with_secret(sources)),
                text: None,
            }),
            wanted: Notify::new(),
        }));
        match &sources.jwks {
            Some(jwks) if !matches!(jwks.place, JwksPlace::Url(_)) => {
                keyring.take(&jwks.place, source::read(&jwks.place)?)?;
            }
            _ => {}
        }
        Ok(keyring)
    }

    /// Who a client is, by its token or API key, at a time in seconds since 1970. An API key never expires.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, Refusal> {
        let verified = match self.0.api_keys.get(&Secret::new(token.trim())) {
            Some(claims) => Ok(claims.clone()),
            None => self.verify_token(token, now),
        };
        if let Err(refusal) = &verified {
            ::metrics::counter!(metrics::TOKENS_REFUSED, "reason" => reason(refusal)).increment(1);
        }
        verified
    }

    fn verify_token(&self, token: &str, now: i64) -> Result<Claims, Refusal> {
        let keys = self.keys();
        let verified = verify(token, &keys, now);
        let unsigned = matches!(verified, Err(Refusal::Signer | Refusal::Signature));
        let unknown = || key_id(token).is_some_and(|id| !keys.knows(&id));
        if unsigned && self.0.sources.jwks.is_some() && unknown() {
            self.0.wanted.notify_one();
        }
        let claims = verified?;
        match self.has_required_claims(&claims) {
            true => Ok(claims),
            false => Err(Refusal::Malformed),
        }
    }

    fn has_required_claims(&self, claims: &Claims) -> bool {
        let required = &self.0.sources.required_claims;
        if required.is_empty() {
            return true;
        }
        let Ok(values) = serde_json::from_str::<serde_json::Value>(&claims.text) else {
            return false;
        };
        let text = |claim: &str| match &values[claim] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        required
            .iter()
            .all(|(claim, wanted)| !values[claim].is_null() && text(claim) == *wanted)
    }

    /// Whether there is a key: a JWKS of a URL may not have been read yet.
    pub fn has_keys(&self) -> bool {
        let sources = &self.0.sources;
        let read = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        sources.secret.is_some() || !sources.api_keys.is_empty() || read.text.is_some()
    }

    /// Reads the JWKS once, and returns how many keys of it can be used.
    pub async fn read_now(&self, place: &JwksPlace) -> Result<usize, KeysError> {
        let (keyring, wanted) = (self.clone(), place.clone());
        let reading = tokio::task::spawn_blocking(move || {
            source::read(&wanted).and_then(|text| keyring.take(&wanted, text))
        });
        let read = reading.await.map_err(|error| KeysError::Unread {
            place: source::name(place),
            reason: error.to_string(),
        })?;
        read.map(|()| self.keys().set_size())
    }

    /// Keeps the JWKS up to date, for as long as the gateway runs.
    pub async fn follow(self) {
        let Some(jwks) = self.0.sources.jwks.clone() else {
            return;
        };
        if matches!(jwks.place, JwksPlace::Text(_)) {
            return;
        }
        loop {
            let began = Instant::now();
            self.refresh(&jwks.place).await;
            let next = if self.has_read() {
                jwks.refresh
            } else {
                FIRST_RETRY.min(jwks.refresh)
            };
            self.until(began, next, &jwks).await;
        }
    }

    /// Waits for the next regular time, or for a token with an unknown key, but not too short.
    async fn until(&self, began: Instant, next: Duration, jwks: &Jwks) {
        tokio::select! {
            () = tokio::time::sleep_until(began + next) => {}
            () = self.0.wanted.notified() => tokio::time::sleep_until(began + jwks.at_most_every).await,
        }
    }

    fn has_read(&self) -> bool {
        let read = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        read.text.is_some()
    }

    /// Reads the set again. What cannot be read leaves the keys as they are.
    async fn refresh(&self, place: &JwksPlace) {
        let result = match self.read_now(place).await {
            Ok(_) => "ok",
            Err(error) => {
                tracing::error!(%error, "the keys stay as they were");
                "error"
            }
        };
        ::metrics::counter!(metrics::JWKS_READS, "result" => result).increment(1);
    }

    /// Uses a set from now on.
    fn take(&self, place: &JwksPlace, text: String) -> Result<(), KeysError> {
        let same = |current: &Current| current.text.as_deref() == Some(text.as_str());
        if same(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let read = with_secret(&self.0.sources).with_set(&text);
        let (keys, left_out) = read.map_err(|error| KeysError::NotKeys {
            place: source::name(place),
            reason: error.to_string(),
        })?;
        for id in left_out {
            tracing::warn!(
                id,
                "a key of the JWKS is of a kind that is not known; it is left out"
            );
        }
        tracing::info!(place = source::name(place), "the JWKS is read");
        let mut current = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current {
            keys: Arc::new(keys),
            text: Some(text),
        };
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        let read = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        read.keys.clone()
    }
}

fn with_secret(sources: &KeySources) -> Keys {
    match &sources.secret {
        Some(secret) => Keys::default().with_secret(secret.reveal()),
        None => Keys::default(),
    }
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => "missing",
        Refusal::Malformed => "malformed",
        Refusal::Signature => "signature",
        Refusal::Signer => "signer",
        Refusal::Fields => "fields",
        Refusal::Expired(_) => "expired",
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
