use super::*;
use crate::config::ApiKey;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use jsonwebtoken::{encode, Algorithm, EncodingKey, Header};
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

const NOW: i64 = 1_800_000_000;
const SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

fn token(id: Option<&str>, secret: &str, claims: Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = id.map(str::to_string);
    encode(
        &header,
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .expect("a token")
}

fn good() -> Value {
    json!({"role": "anon", "exp": NOW + 9})
}

fn set(keys: &[(&str, &str)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, secret)| json!({"kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret)}))
        .collect();
    json!({ "keys": keys }).to_string()
}

fn of(place: JwksPlace, at_most_every: Duration) -> KeySources {
    KeySources {
        jwks: Some(Jwks {
            place,
            refresh: Duration::from_secs(3600),
            at_most_every,
        }),
        ..KeySources::default()
    }
}

#[test]
fn api_keys_stand_for_roles() {
    let sources = KeySources {
        secret: Some(Secret::new(SECRET)),
        api_keys: vec![ApiKey {
            key: Secret::new("sb_publishable_x"),
            role: "an \"anon\"".to_string(),
        }],
        ..KeySources::default()
    };
    let keyring = Keyring::open(&sources).expect("keys");
    let claims = keyring.verify(" sb_publishable_x ", NOW).expect("claims");
    assert_eq!(
        (claims.role.as_str(), claims.expires),
        ("an \"anon\"", i64::MAX)
    );
    assert_eq!(claims.text, r#"{"role":"an \"anon\""}"#);
    assert_eq!(
        keyring.verify("sb_publishable_y", NOW),
        Err(Refusal::Malformed)
    );
    assert_eq!(keyring.verify("", NOW), Err(Refusal::Missing));
    assert!(keyring.verify(&token(None, SECRET, good()), NOW).is_ok());
    assert!(keyring.has_keys());
}

#[test]
fn required_claims() {
    let required = [("iss", "https://a"), ("level", "2"), ("ok", "true")];
    let sources = KeySources {
        secret: Some(Secret::new(SECRET)),
        required_claims: required
            .map(|(claim, value)| (claim.to_string(), value.to_string()))
            .to_vec(),
        ..KeySources::default()
    };
    let keyring = Keyring::open(&sources).expect("keys");
    let verify = |iss: Value, level: Value| {
        let claims =
            json!({"role": "anon", "exp": NOW + 9, "iss": iss, "level": level, "ok": true});
        keyring
            .verify(&token(None, SECRET, claims), NOW)
            .map(|claims| claims.role)
    };
    assert_eq!(verify(json!("https://a"), json!(2)), Ok("anon".to_string()));
    assert_eq!(
        verify(json!("https://a"), json!("2")),
        Ok("anon".to_string())
    );
    for (iss, level) in [
        (json!("https://b"), json!(2)),
        (json!("https://a"), json!(3)),
        (json!("https://a"), Value::Null),
        (json!(["https://a"]), json!(2)),
    ] {
        assert_eq!(verify(iss, level), Err(Refusal::Malformed));
    }
    // Signatures and times count first.
    assert_eq!(
        keyring.verify(&token(None, "x", good()), NOW),
        Err(Refusal::Signature)
    );
}

#[test]
fn a_file_that_is_no_set_is_refused() {
    let path = std::env::temp_dir().join(format!("pgrealtime-jwks-{}", std::process::id()));
    let sources = of(JwksPlace::File(path.clone()), Duration::ZERO);
    assert!(matches!(
        Keyring::open(&sources),
        Err(KeysError::Unread { .. })
    ));
    std::fs::write(&path, "not a set").expect("a file");
    assert!(matches!(
        Keyring::open(&sources),
        Err(KeysError::NotKeys { .. })
    ));
    std::fs::write(&path, set(&[("k", "a secret of the file")])).expect("a file");
    let keyring = Keyring::open(&sources).expect("keys");
    assert!(keyring
        .verify(&token(Some("k"), "a secret of the file", good()), NOW)
        .is_ok());
    std::fs::remove_file(&path).expect("the file");
}

/// An authentication server: what it answers can be changed, and it counts.
struct Server {
    url: String,
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
}

impl Server {
    fn start(status: u16, body: String) -> Arc<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Arc::new(Server {
            url: format!("http://{address}/jwks?secret=x"),
            answer: Mutex::new((status, body)),
            asked: AtomicUsize::new(0),
        });
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).expect("a request") > 0);
                let (status, body) = own.answer.lock().expect("an answer").clone();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream
                    .write_all(format!("{head}{body}").as_bytes())
                    .expect("written");
                own.asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        server
    }

    fn answers(&self, status: u16, body: String) {
        *self.answer.lock().expect("an answer") = (status, body);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn a_set_of_a_server_is_kept_up_to_date() {
    let server = Server::start(503, String::new());
    let keyring =
        Keyring::open(&of(JwksPlace::Url(server.url.clone()), Duration::ZERO)).expect("keys");
    assert!(!keyring.has_keys());
    tokio::spawn(keyring.clone().follow());
    until("asked", || server.asked() > 0).await;
    assert!(!keyring.has_keys());

    // It is read as soon as it is there, without waiting for the regular time.
    server.answers(200, set(&[("one", "the first secret")]));
    until("the first set", || keyring.has_keys()).await;
    let first = token(Some("one"), "the first secret", good());
    assert!(keyring.verify(&first, NOW).is_ok());

    // A token of a new key makes it ask.
    server.answers(
        200,
        set(&[("one", "the first secret"), ("two", "the second secret")]),
    );
    let second = token(Some("two"), "the second secret", good());
    assert_eq!(keyring.verify(&second, NOW), Err(Refusal::Signer));
    until("the second key", || keyring.verify(&second, NOW).is_ok()).await;

    // What is not a set, and what is an error, changes nothing.
    for (status, body) in [
        (200, "<html>".to_string()),
        (500, set(&[])),
        (200, "x".repeat(2 << 20)),
    ] {
        let asked = server.asked();
        server.answers(status, body);
        until("asked again", || {
            let unknown = token(Some("three"), "x", good());
            assert_eq!(keyring.verify(&unknown, NOW), Err(Refusal::Signer));
            server.asked() > asked + 1
        })
        .await;
        assert!(keyring.verify(&first, NOW).is_ok() && keyring.verify(&second, NOW).is_ok());
    }

    // A key that is taken away is refused after the next reading.
    server.answers(200, set(&[("two", "the second secret")]));
    until("the first key has gone", || {
        let _ = keyring.verify(&token(Some("three"), "x", good()), NOW);
        keyring.verify(&first, NOW) == Err(Refusal::Signer)
    })
    .await;
}

/// Whoever sends tokens with made-up keys cannot make the gateway flood the authentication server.
#[tokio::test]
async fn unknown_keys_are_looked_for_only_so_often() {
    let server = Server::start(200, set(&[("one", "the first secret")]));
    let every = Duration::from_millis(200);
    let keyring = Keyring::open(&of(JwksPlace::Url(server.url.clone()), every)).expect("keys");
    let began = Instant::now();
    tokio::spawn(keyring.clone().follow());
    until("asked four times", || {
        let unknown = token(Some("three"), "x", good());
        assert!(keyring.verify(&unknown, NOW).is_err());
        server.asked() >= 4
    })
    .await;
    let asked = server.asked() as u32;
    assert!(
        began.elapsed() >= every * (asked - 1),
        "{asked} times in {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn known_keys_with_a_bad_signature_ask_nobody() {
    let server = Server::start(200, set(&[("one", "the first secret")]));
    let keyring =
        Keyring::open(&of(JwksPlace::Url(server.url.clone()), Duration::ZERO)).expect("keys");
    tokio::spawn(keyring.clone().follow());
    until("the set", || keyring.has_keys() && server.asked() == 1).await;
    let asked = server.asked();
    for _ in 0..50 {
        let bad = token(Some("one"), "x", good());
        assert_eq!(keyring.verify(&bad, NOW), Err(Refusal::Signature));
        let without = token(None, "x", good());
        assert_eq!(keyring.verify(&without, NOW), Err(Refusal::Signer));
    }
    // The next one would be after these.
    let unknown = token(Some("three"), "x", good());
    assert_eq!(keyring.verify(&unknown, NOW), Err(Refusal::Signer));
    until("asked once more", || server.asked() > asked).await;
    assert_eq!(server.asked(), asked + 1);
}

/// A URL may have a key in it.
#[test]
fn errors_show_no_query() {
    let place = JwksPlace::Url("http://127.0.0.1:1/jwks?secret=x".to_string());
    let error = source::read(&place)
        .expect_err("nobody listens")
        .to_string();
    assert!(
        error.contains("http://127.0.0.1:1/jwks ") && !error.contains("secret"),
        "{error}"
    );
}
