//! The keys that tokens are signed with: a shared secret, and a JWKS.

use super::Refusal;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};

/// The keys of the gateway.
#[derive(Default)]
pub struct Keys {
    secret: Option<DecodingKey>,
    set: Vec<Known>,
}

/// A key of a JWKS, and the algorithms that its type allows.
struct Known {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] = &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];

impl Keys {
    /// Keys of a shared secret.
    pub fn with_secret(mut self, secret: &str) -> Keys {
        self.secret = Some(DecodingKey::from_secret(secret.as_bytes()));
        self
    }

    /// Adds the keys of a JWKS. Errors: a text that is no JWKS. A key of a type that is not known is left out, and named
    /// in the list that is returned.
    pub fn with_set(mut self, text: &str) -> Result<(Keys, Vec<String>), serde_json::Error> {
        let set: JwkSet = serde_json::from_str(text)?;
        let mut left_out = Vec::new();
        self.set.clear();
        for jwk in &set.keys {
            match known(jwk) {
                Some(known) => self.set.push(known),
                None => left_out.push(
                    jwk.common
                        .key_id
                        .clone()
                        .unwrap_or_else(|| "without an id".to_string()),
                ),
            }
        }
        Ok((self, left_out))
    }

    /// How many keys of the set can be used.
    pub fn set_size(&self) -> usize {
        self.set.len()
    }

    /// Whether the set has a key of this id.
    pub fn knows(&self, id: &str) -> bool {
        self.set.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Checks a signature. Errors: [`Refusal::Signer`] without a key for it, [`Refusal::Signature`] where it is by another.
    pub(super) fn check(
        &self,
        algorithm: &str,
        id: Option<&str>,
        signed: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        let algorithm: Algorithm = algorithm.parse().map_err(|_| Refusal::Signer)?;
        let named = id.and_then(|id| self.set.iter().find(|key| key.id.as_deref() == Some(id)));
        let key = match (named, &self.secret) {
            (Some(known), _) if known.algorithms.contains(&algorithm) => &known.key,
            (None, Some(secret)) if HMAC.contains(&algorithm) => secret,
            _ => return Err(Refusal::Signer),
        };
        match verify(signature, signed.as_bytes(), key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::Signature),
        }
    }
}

fn known(jwk: &Jwk) -> Option<Known> {
    let algorithms: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::OctetKey(_) => HMAC,
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) => match pair.curve {
            EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        },
        _ => return None,
    };
    Some(Known {
        id: jwk.common.key_id.clone(),
        algorithms,
        key: DecodingKey::from_jwk(jwk).ok()?,
    })
}
