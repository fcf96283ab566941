use super::*;
use jsonwebtoken::{encode, Algorithm, EncodingKey, Header as Head};
use serde_json::json;

const SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";
const NOW: i64 = 1_800_000_000;

fn signed(algorithm: Algorithm, claims: &Value, secret: &str) -> String {
    encode(
        &Head::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .expect("a token")
}

fn keys() -> Keys {
    Keys::default().with_secret(SECRET)
}

#[test]
fn a_token_of_the_shared_secret() {
    let claims =
        json!({"role": "authenticated", "exp": NOW + 10, "sub": "7", "aud": "x", "nbf": NOW + 99});
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = signed(algorithm, &claims, SECRET);
        let read = verify(&token, &keys(), NOW).expect("claims");
        assert_eq!(
            (read.role.as_str(), read.expires),
            ("authenticated", NOW + 10)
        );
        assert_eq!(
            serde_json::from_str::<Value>(&read.text).expect("JSON"),
            claims
        );
        // White space and percent signs are what clients put in between.
        let spaced = format!(" {}\n", token.replace('.', "%2E"));
        assert_eq!(verify(&spaced, &keys(), NOW), Ok(read));
    }
}

#[test]
fn what_is_refused_and_how() {
    let good = json!({"role": "a", "exp": NOW + 10});
    let token = signed(Algorithm::HS256, &good, SECRET);
    for (token, refusal) in [
        (String::new(), Refusal::Missing),
        ("abc".to_string(), Refusal::Malformed),
        ("a.b.c".to_string(), Refusal::Malformed),
        (format!("{token}.x"), Refusal::Malformed),
        (signed(Algorithm::HS256, &good, "other"), Refusal::Signature),
        (token[..token.len() - 2].to_string(), Refusal::Signature),
        (
            signed(Algorithm::HS256, &json!({"role": "a"}), SECRET),
            Refusal::Fields,
        ),
        (
            signed(Algorithm::HS256, &json!({"exp": NOW + 1}), SECRET),
            Refusal::Fields,
        ),
        (
            signed(
                Algorithm::HS256,
                &json!({"role": "", "exp": NOW + 1}),
                SECRET,
            ),
            Refusal::Fields,
        ),
        (
            signed(Algorithm::HS256, &json!({"role": "a", "exp": "1"}), SECRET),
            Refusal::Fields,
        ),
        (
            signed(Algorithm::HS256, &json!({"role": "a", "exp": NOW}), SECRET),
            Refusal::Expired(0),
        ),
        (
            signed(
                Algorithm::HS256,
                &json!({"role": "a", "exp": NOW - 7}),
                SECRET,
            ),
            Refusal::Expired(7),
        ),
        (
            signed(
                Algorithm::HS256,
                &json!({"role": "a", "exp": NOW + 1, "iat": "x"}),
                SECRET,
            ),
            Refusal::Malformed,
        ),
        (
            signed(Algorithm::HS256, &json!([1]), SECRET),
            Refusal::Malformed,
        ),
    ] {
        assert_eq!(verify(&token, &keys(), NOW), Err(refusal), "{token}");
    }
    let huge = signed(
        Algorithm::HS256,
        &json!({"role": "a", "exp": NOW + 1, "x": "y".repeat(MAX_TOKEN)}),
        SECRET,
    );
    assert_eq!(verify(&huge, &keys(), NOW), Err(Refusal::Malformed));
    // Fractions of a second are rounded.
    let half = signed(
        Algorithm::HS256,
        &json!({"role": "a", "exp": NOW as f64 + 0.6}),
        SECRET,
    );
    assert_eq!(
        verify(&half, &keys(), NOW).map(|claims| claims.expires),
        Ok(NOW + 1)
    );
}

/// The header of a token names an algorithm, but the key is of one type.
#[test]
fn the_key_decides_the_algorithm() {
    let claims = URL_SAFE_NO_PAD.encode(format!("{{\"role\":\"a\",\"exp\":{}}}", NOW + 9));
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"HS256 "}"#,
    ] {
        let token = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(
            verify(&token, &keys(), NOW),
            Err(Refusal::Signer),
            "{header}"
        );
    }
    let set = json!({"keys": [{"kty": "oct", "kid": "k", "k": URL_SAFE_NO_PAD.encode("another secret of the set")}]});
    let (keys, left_out) = keys().with_set(&set.to_string()).expect("a JWKS");
    assert!(left_out.is_empty());
    let good = json!({"role": "a", "exp": NOW + 10});
    let by = |id: &str, secret: &str| {
        let mut head = Head::new(Algorithm::HS256);
        head.kid = Some(id.to_string());
        encode(&head, &good, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    };
    assert!(verify(&by("k", "another secret of the set"), &keys, NOW).is_ok());
    assert_eq!(
        verify(&by("k", SECRET), &keys, NOW),
        Err(Refusal::Signature)
    );
    // With an id that the set does not have, or none, the shared secret counts.
    assert!(verify(&by("other", SECRET), &keys, NOW).is_ok());
    assert!(verify(&signed(Algorithm::HS256, &good, SECRET), &keys, NOW).is_ok());
}
