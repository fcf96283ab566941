//! Reads connection strings: `postgresql://user@host/name?…` and `host=… user=…`.

use super::uri;
use super::{
    ChannelBinding, Database, Host, Keepalives, Roots, Secret, Session, Tls, TlsMode,
    APPLICATION_NAME,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

type Result<T> = std::result::Result<T, String>;
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

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
struct Parameters<'a> {
    given: HashMap<String, String>,
    environment: Environment<'a>,
}

impl Parameters<'_> {
    fn get(&self, key: &str) -> Option<String> {
        let given = self.given.get(key).cloned();
        let variable = KNOWN
            .iter()
            .find(|(known, variable)| *known == key && !variable.is_empty());
        let from_environment = || variable.and_then(|(_, variable)| (self.environment)(variable));
        given
            .or_else(from_environment)
            .filter(|value| !value.is_empty())
    }

    fn list(&self, key: &str) -> Vec<String> {
        let text = self.get(key).unwrap_or_default();
        if text.is_empty() {
            return Vec::new();
        }
        text.split(',')
            .map(|part| part.trim().to_string())
            .collect()
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        let read = |text: String| {
            text.parse()
                .map_err(|_| format!("{key} is not a number: {text:?}"))
        };
        self.get(key).map(read).transpose()
    }

    /// A time; 0 and negative numbers say that there is none.
    fn time(&self, key: &str, unit: Duration) -> Result<Option<Duration>> {
        let number = self.number::<i32>(key)?;
        Ok(number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
            .map(|number| unit * number))
    }

    /// One of some words.
    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>> {
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

pub(super) fn read(text: &str, environment: Environment) -> Result<Database> {
    let text = text.trim();
    let uri = ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let given = match uri {
        Some(rest) => uri::parameters(rest)?,
        None if text.contains("://") => {
            return Err("it begins with neither postgresql:// nor postgres://".to_string())
        }
        None => uri::words(text)?,
    };
    let given = checked(given)?;
    database(&Parameters { given, environment })
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

fn database(from: &Parameters) -> Result<Database> {
    let home = (from.environment)("HOME").map(PathBuf::from);
    let user = from
        .get("user")
        .ok_or("it names no user: postgresql://USER@host/database")?;
    Ok(Database {
        hosts: hosts(from)?,
        name: from.get("dbname").unwrap_or_else(|| user.clone()),
        user,
        password: from.get("password").map(Secret::new),
        passfile: from
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| existing(home.as_deref(), ".pgpass")),
        options: from.get("options"),
        application_name: from
            .get("application_name")
            .unwrap_or_else(|| APPLICATION_NAME.to_string()),
        tls: tls(from, home.as_deref())?,
        connect_timeout: from
            .time("connect_timeout", Duration::from_secs(1))?
            .unwrap_or(Duration::from_secs(10)),
        tcp_user_timeout: from.time("tcp_user_timeout", Duration::from_millis(1))?,
        keepalives: Keepalives {
            on: from.number::<i32>("keepalives")? != Some(0),
            idle: from.time("keepalives_idle", Duration::from_secs(1))?,
            interval: from.time("keepalives_interval", Duration::from_secs(1))?,
            retries: from.number("keepalives_count")?,
        },
        session: from
            .word("target_session_attrs", SESSIONS)?
            .unwrap_or_default(),
        channel_binding: from.word("channel_binding", BINDINGS)?.unwrap_or_default(),
        shuffled: from
            .word(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
            )?
            .unwrap_or_default(),
    })
}

/// `primary` and `standby` are told apart by whether they take writes.
const SESSIONS: &[(&str, Session)] = &[
    ("any", Session::Any),
    ("read-write", Session::ReadWrite),
    ("read-only", Session::ReadOnly),
    ("primary", Session::ReadWrite),
    ("standby", Session::ReadOnly),
];

const BINDINGS: &[(&str, ChannelBinding)] = &[
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

const MODES: &[(&str, TlsMode)] = &[
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

fn existing(home: Option<&Path>, name: &str) -> Option<PathBuf> {
    Some(home?.join(name)).filter(|path| path.exists())
}

fn hosts(from: &Parameters) -> Result<Vec<Host>> {
    let (names, addresses, ports) = (from.list("host"), from.list("hostaddr"), from.list("port"));
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(format!(
            "{} hosts, but {} in hostaddr",
            names.len(),
            addresses.len()
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(format!("{count} hosts, but {} ports", ports.len()));
    }
    (0..count)
        .map(|number| {
            let of = |list: &[String]| list.get(number).filter(|text| !text.is_empty()).cloned();
            let address = of(&addresses)
                .map(|text| {
                    text.parse()
                        .map_err(|_| format!("hostaddr {text:?} is no IP address"))
                })
                .transpose()?;
            let port = of(&ports).or_else(|| ports.first().filter(|_| ports.len() == 1).cloned());
            let port = port.filter(|text| !text.is_empty());
            let named =
                of(&names).or_else(|| address.map(|address: std::net::IpAddr| address.to_string()));
            Ok(Host {
                name: named.unwrap_or_else(default_host),
                address,
                port: port.map_or(Ok(5432), |text| {
                    let number = text.parse::<u16>().ok().filter(|number| *number > 0);
                    number.ok_or_else(|| BAD_PORT.to_string())
                })?,
            })
        })
        .collect()
}

/// Part of a password may stand where a port should: it is not shown.
const BAD_PORT: &str =
    "a port is not a number from 1 to 65535 (in passwords, : / ? # @ % are percent-encoded)";

/// Where Debian's servers and others have their socket.
fn default_host() -> String {
    let local = "/var/run/postgresql";
    let host = if Path::new(local).is_dir() {
        local
    } else {
        "localhost"
    };
    host.to_string()
}

fn tls(from: &Parameters, home: Option<&Path>) -> Result<Tls> {
    let roots = from.get("sslrootcert").map(|text| match text.as_str() {
        "system" => Roots::System,
        _ => Roots::File(PathBuf::from(text)),
    });
    // With certificates of one's own, require is verify-ca, as for libpq.
    let roots = roots.or_else(|| existing(home, ".postgresql/root.crt").map(Roots::File));
    let asked = from.word("sslmode", MODES)?;
    let mode = match (asked, &roots) {
        (None, Some(Roots::System)) => TlsMode::VerifyFull,
        (Some(TlsMode::Require), Some(Roots::File(_))) => TlsMode::VerifyCa,
        (mode, _) => mode.unwrap_or_default(),
    };
    if roots == Some(Roots::System) && mode != TlsMode::VerifyFull {
        return Err(format!(
            "sslmode={mode} with sslrootcert=system: anybody has a certificate of these; use sslmode=verify-full"
        ));
    }
    let default = |name: &str| existing(home, &format!(".postgresql/{name}"));
    let certificate = from
        .get("sslcert")
        .map(PathBuf::from)
        .or_else(|| default("postgresql.crt"));
    let key = from
        .get("sslkey")
        .map(PathBuf::from)
        .or_else(|| default("postgresql.key"));
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => return Err("sslcert is given without sslkey".to_string()),
        (None, Some(_)) if from.get("sslkey").is_some() => {
            return Err("sslkey is given without sslcert".to_string())
        }
        (None, _) => None,
    };
    let negotiation = &[("postgres", false), ("direct", true)];
    let direct = from
        .word("sslnegotiation", negotiation)?
        .unwrap_or_default();
    if direct && matches!(mode, TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer) {
        return Err(format!(
            "sslnegotiation=direct needs sslmode=require or more, not {mode}"
        ));
    }
    Ok(Tls {
        mode,
        roots,
        identity,
        direct,
    })
}
