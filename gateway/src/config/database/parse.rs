//! Reads connection strings: `postgresql://user@host/name?…` and `host=… user=…`.

use super::parameters::{Environment, Parameters, Result};
use super::uri;
use super::{
    ChannelBinding, Database, Host, Keepalives, Roots, Secret, Session, Tls, TlsMode,
    APPLICATION_NAME,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    database(&Parameters::new(given, environment)?)
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
        keepalives: keepalives(from)?,
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

fn keepalives(from: &Parameters) -> Result<Keepalives> {
    Ok(Keepalives {
        on: from.number::<i32>("keepalives")? != Some(0),
        idle: from.time("keepalives_idle", Duration::from_secs(1))?,
        interval: from.time("keepalives_interval", Duration::from_secs(1))?,
        retries: from.number("keepalives_count")?,
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
