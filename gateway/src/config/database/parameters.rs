//! The parameters of a connection string, and their values by type.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

pub(super) type Result<T> = std::result::Result<T, String>;
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The parameters that are known, with libpq's environment variable for each that has one.
const KNOWN: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("dbname", "PGDATABASE"),
    ("options", "PGOPTIONS"),
    ("application_name", ""),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("tcp_user_timeout", ""),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
];

/// Parameters of libpq that change nothing here.
const WITHOUT_EFFECT: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "sslcompression",
    "sslsni",
];

/// The parameters of a connection string.
pub(super) struct Parameters<'a> {
    given: HashMap<String, String>,
    pub environment: Environment<'a>,
}

impl<'a> Parameters<'a> {
    /// The parameters, if all are known.
    pub fn new(
        pairs: Vec<(String, String)>,
        environment: Environment<'a>,
    ) -> Result<Parameters<'a>> {
        let given = checked(pairs)?;
        Ok(Parameters { given, environment })
    }

    /// The value that is given, or the environment's.
    pub fn get(&self, key: &str) -> Option<String> {
        let given = self.given.get(key).cloned();
        let variable = KNOWN
            .iter()
            .find(|(known, variable)| *known == key && !variable.is_empty());
        let from_environment = || variable.and_then(|(_, variable)| (self.environment)(variable));
        given
            .or_else(from_environment)
            .filter(|value| !value.is_empty())
    }

    /// The parts between commas.
    pub fn list(&self, key: &str) -> Vec<String> {
        let text = self.get(key).unwrap_or_default();
        if text.is_empty() {
            return Vec::new();
        }
        text.split(',')
            .map(|part| part.trim().to_string())
            .collect()
    }

    /// A number.
    pub fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        let read = |text: String| {
            text.parse()
                .map_err(|_| format!("{key} is not a number: {text:?}"))
        };
        self.get(key).map(read).transpose()
    }

    /// A time; 0 and negative numbers say that there is none.
    pub fn time(&self, key: &str, unit: Duration) -> Result<Option<Duration>> {
        let number = self.number::<i32>(key)?;
        Ok(number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
            .map(|number| unit * number))
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        let names = || {
            words
                .iter()
                .map(|(word, _)| *word)
                .collect::<Vec<_>>()
                .join(", ")
        };
        found
            .map(|(_, value)| Some(*value))
            .ok_or_else(|| format!("{key} {text:?} is not one of {}", names()))
    }
}

fn checked(pairs: Vec<(String, String)>) -> Result<HashMap<String, String>> {
    let mut given = HashMap::new();
    for (key, value) in pairs {
        match key.as_str() {
            // What JDBC's URIs have.
            "ssl" if value == "true" => {
                drop(given.insert("sslmode".to_string(), "require".to_string()))
            }
            _ if KNOWN.iter().any(|(known, _)| *known == key) => drop(given.insert(key, value)),
            _ if WITHOUT_EFFECT.contains(&key.as_str()) => {}
            _ if key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_') =>
            {
                return Err(format!("the parameter {key:?} is not known; see --help"))
            }
            _ => return Err("a parameter is not known; see --help".to_string()),
        }
    }
    Ok(given)
}
