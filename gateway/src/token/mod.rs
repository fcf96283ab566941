//! Tokens: who a client is. The key decides the algorithm, never the token's header.

mod keyring;
mod keys;
mod source;

pub use keyring::{Keyring, KeysError};
pub use keys::Keys;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde::Deserialize;
use serde_json::Value;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    pub role: String,
    /// Seconds since 1970.
    pub expires: i64,
    /// All claims, as a JSON object. They reach the database as `request.jwt.claims`.
    pub text: String,
}

/// Why a token is refused. The texts are those of the peer, since applications match on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No token, and no API key.
    Missing,
    Malformed,
    /// A signature by another key.
    Signature,
    /// An algorithm or a key that the gateway does not have.
    Signer,
    /// Lacks `role` or `exp`.
    Fields,
    /// This many seconds ago.
    Expired(i64),
}

impl Refusal {
    /// The code in front of the text where a join is refused.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Missing | Refusal::Malformed => "MalformedJWT",
            Refusal::Signature => "JwtSignatureError",
            Refusal::Signer => "JwtSignerError",
            Refusal::Fields | Refusal::Expired(_) => "InvalidJWTToken",
        }
    }

    /// The text for a handshake.
    pub fn at_handshake(&self) -> String {
        match self {
            Refusal::Missing => "API key is missing".to_string(),
            Refusal::Expired(_) => "Token has expired".to_string(),
            _ => self.text(),
        }
    }

    /// The text for a join or a system message.
    pub fn text(&self) -> String {
        match self {
            Refusal::Missing | Refusal::Malformed => {
                "The token provided is not a valid JWT".to_string()
            }
            Refusal::Signature => "Failed to validate JWT signature".to_string(),
            Refusal::Signer => {
                "Failed to generate JWT signer, check your JWT secret or JWKS".to_string()
            }
            Refusal::Fields => "Fields `role` and `exp` are required in JWT".to_string(),
            Refusal::Expired(seconds) => format!("Token has expired {seconds} seconds ago"),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

/// Longest token in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Verifies a token at a time in seconds since 1970. `exp` has no leeway; `aud`, `nbf` and `sub` are not looked at; `iat`,
/// where there is one, must be a number.
pub fn verify(token: &str, keys: &Keys, now: i64) -> Result<Claims, Refusal> {
    let token = cleaned(token)?;
    if token.is_empty() {
        return Err(Refusal::Missing);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed);
    };
    if token.len() > MAX_TOKEN {
        return Err(Refusal::Malformed);
    }
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed);
    let header: Header =
        serde_json::from_slice(&decoded(header)?).map_err(|_| Refusal::Malformed)?;
    let signed = &token[..token.len() - signature.len() - 1];
    keys.check(&header.alg, header.kid.as_deref(), signed, signature)?;
    let text = String::from_utf8(decoded(payload)?).map_err(|_| Refusal::Malformed)?;
    read(text, now)
}

/// A token without what clients put in between: percent signs and white space.
fn cleaned(token: &str) -> Result<String, Refusal> {
    let decoded = percent_encoding::percent_decode_str(token).decode_utf8();
    let decoded = decoded.map_err(|_| Refusal::Malformed)?;
    Ok(decoded.chars().filter(|one| !one.is_whitespace()).collect())
}

/// The key that a token says it is signed with. Nothing of it has been verified.
fn key_id(token: &str) -> Option<String> {
    let token = cleaned(token)
        .ok()
        .filter(|token| token.len() <= MAX_TOKEN)?;
    let (header, _) = token.split_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    header.kid
}

fn read(text: String, now: i64) -> Result<Claims, Refusal> {
    let claims: Value = serde_json::from_str(&text).map_err(|_| Refusal::Malformed)?;
    if !claims.is_object() {
        return Err(Refusal::Malformed);
    }
    let role = claims["role"].as_str().filter(|role| !role.is_empty());
    let expires = number(&claims["exp"]);
    let (Some(role), Some(expires)) = (role, expires) else {
        return Err(Refusal::Fields);
    };
    if !claims["iat"].is_null() && !claims["iat"].is_number() {
        return Err(Refusal::Malformed);
    }
    if expires <= now {
        return Err(Refusal::Expired(now - expires));
    }
    let role = role.to_string();
    Ok(Claims {
        role,
        expires,
        text,
    })
}

/// A time; fractions are rounded.
fn number(value: &Value) -> Option<i64> {
    let rounded = || {
        value
            .as_f64()
            .filter(|seconds| seconds.abs() < 1e15)
            .map(|seconds| seconds.round() as i64)
    };
    value
        .as_i64()
        .filter(|seconds| seconds.abs() < 1_000_000_000_000_000)
        .or_else(rounded)
}

#[cfg(test)]
mod tests;
