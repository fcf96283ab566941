//! Tokens of the readers: HS256.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The gateway is started with it.
pub const SECRET: &str = "a-secret-of-the-benchmark-with-32-characters";
/// The role of all readers.
pub const ROLE: &str = "bench_reader";

/// A token of one user, who belongs to a team. Valid until 2100.
pub fn token(user: u32, team: u32) -> String {
    let claims = format!(
        r#"{{"aud":"authenticated","exp":4102444800,"role":"{ROLE}","sub":"00000000-0000-4000-8000-{user:012}","team":{team}}}"#
    );
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else {
        return String::new();
    };
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}
