//! What the facts mean for the gateway, and what to do about them. It needs no database.

use super::facts::{Facts, Role, Table};
use super::Line;
use crate::config::database::TlsMode;
use crate::config::Config;

/// The versions of Postgres that the extension is built for.
const OLDEST: u32 = 15;
const NEWEST: u32 = 18;

pub(super) fn judge(facts: &Facts, config: &Config) -> Vec<Line> {
    let mut lines = vec![encryption(facts, config), version(facts)];
    lines.extend(standby(facts));
    let extension = extension(facts);
    lines.push(extension);
    lines.extend(login(facts));
    lines.push(sessions(facts, config));
    if facts.extension.is_some() {
        lines.push(routines(facts));
    }
    lines.extend(facts.roles.iter().map(|role| self::role(role, facts)));
    if facts.extension.is_some() {
        lines.extend(tables(facts));
    }
    lines
}

fn encryption(facts: &Facts, config: &Config) -> Line {
    let mode = config.database.tls.mode;
    match &facts.tls {
        Some(tls) if matches!(mode, TlsMode::VerifyFull | TlsMode::VerifyCa) => {
            Line::ok("TLS", format!("{tls}, sslmode={mode}"))
        }
        Some(tls) => Line::note(
            "TLS",
            format!("{tls}, but sslmode={mode} does not verify who the server is: sslmode=verify-full does"),
        ),
        None if facts.local => Line::ok("TLS", "none needed: a Unix socket"),
        None => Line::note(
            "TLS",
            format!("the connection is not encrypted (sslmode={mode}): use sslmode=verify-full unless it stays on one machine"),
        ),
    }
}

fn version(facts: &Facts) -> Line {
    let major = facts.version / 10_000;
    let text = format!("PostgreSQL {}", facts.version_text);
    match major {
        OLDEST..=NEWEST => Line::ok("server", text),
        0..OLDEST => Line::problem(
            "server",
            format!("{text}: the extension needs {OLDEST} or later"),
        ),
        _ => Line::note("server", format!("{text}: tested up to {NEWEST}")),
    }
}

fn standby(facts: &Facts) -> Option<Line> {
    match (facts.standby, facts.feedback) {
        (false, _) => None,
        (true, true) => Some(Line::ok("standby", "clients are served from a standby; hot_standby_feedback is on")),
        (true, false) => Some(Line::note(
            "standby",
            "clients are served from a standby, and hot_standby_feedback is off: long snapshots may be cancelled (40001), and \
             are then begun again. Turn it on, or raise max_standby_streaming_delay",
        )),
    }
}

fn extension(facts: &Facts) -> Line {
    let there = match (&facts.extension, &facts.available) {
        (Some(there), _) => there,
        (None, Some(_)) => {
            return Line::problem("extension", "this database does not have pgrealtime: run pgrealtime-gateway setup --run as an administrator")
        }
        (None, None) => {
            return Line::problem("extension", "this server does not have the files of pgrealtime: make install PG_CONFIG=… on the server, then pgrealtime-gateway setup --run")
        }
    };
    let missing: Vec<&str> = facts
        .routines
        .iter()
        .filter(|routine| !routine.there)
        .map(|routine| routine.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Line::problem(
            "extension",
            format!("pgrealtime {there} is too old, it lacks {}: install the new files and run ALTER EXTENSION pgrealtime UPDATE", missing.join(", ")),
        );
    }
    if !facts.capturing {
        return Line::note(
            "extension",
            "pgrealtime.enabled is off for new sessions: changes made by sessions where it is off reach nobody",
        );
    }
    match &facts.available {
        Some(newer) if newer != there => Line::note(
            "extension",
            format!("pgrealtime {there}; {newer} is installed on the server: ALTER EXTENSION pgrealtime UPDATE"),
        ),
        _ => Line::ok("extension", format!("pgrealtime {there}")),
    }
}

fn login(facts: &Facts) -> Vec<Line> {
    let login = &facts.login;
    let mut lines = Vec::new();
    if login.superuser || login.bypass {
        let what = if login.superuser {
            "is a superuser"
        } else {
            "has BYPASSRLS"
        };
        lines.push(Line::problem(
            "login role",
            format!("{} {what}: log in as a role without rights of its own (pgrealtime-gateway setup makes one)", login.name),
        ));
    }
    if !login.inherits.is_empty() && !login.superuser {
        // Since 16 each membership says by itself whether it is inherited.
        let remedy = match facts.version {
            160_000.. => "GRANT … WITH INHERIT FALSE",
            _ => "ALTER ROLE … NOINHERIT",
        };
        let roles = login.inherits.join(", ");
        lines.push(Line::note(
            "login role",
            format!("{} inherits the rights of {roles}: it needs none of them, {remedy} takes them away", login.name),
        ));
    }
    if login.creates_roles && !login.superuser {
        lines.push(Line::note(
            "login role",
            format!(
                "{} has CREATEROLE, which the gateway does not need",
                login.name
            ),
        ));
    }
    if lines.is_empty() {
        lines.push(Line::ok(
            "login role",
            format!(
                "{}: inherits nothing, no rights beyond its roles",
                login.name
            ),
        ));
    }
    lines
}

/// Whether there is room for the gateway's sessions.
fn sessions(facts: &Facts, config: &Config) -> Line {
    let needed = config.pool_size as i64 + 1;
    let limit = facts.login.sessions;
    // Two of them are this check's.
    let free = facts.free_sessions + 2;
    if (0..needed).contains(&limit) {
        return Line::problem(
            "sessions",
            format!(
                "{} may have {limit} sessions, the gateway needs {needed}: ALTER ROLE … CONNECTION LIMIT, or a smaller --pool-size",
                facts.login.name
            ),
        );
    }
    if free < needed {
        return Line::problem(
            "sessions",
            format!("{free} sessions are free on the server, the gateway needs {needed}: raise max_connections, or a smaller --pool-size"),
        );
    }
    Line::ok("sessions", format!("{needed} are needed, {free} are free"))
}

fn routines(facts: &Facts) -> Line {
    let refused = facts
        .routines
        .iter()
        .filter(|routine| routine.there && !routine.executable);
    let names: Vec<&str> = refused.map(|routine| routine.name.as_str()).collect();
    match names.is_empty() {
        true => Line::ok("rights", "the functions of the relay may be called"),
        false => Line::problem(
            "rights",
            format!(
                "{} may not call pgrealtime.{}: run pgrealtime-gateway setup --run with --login-role {0}",
                facts.login.name,
                names.join(", ")
            ),
        ),
    }
}

fn role(role: &Role, facts: &Facts) -> Line {
    let (name, login) = (&role.name, &facts.login.name);
    if !role.there {
        return Line::problem("role", format!("{name} does not exist: take it out of --roles, or create it (setup --create-roles)"));
    }
    if name == login {
        return Line::problem(
            "role",
            format!("{name} is the login role: tokens must have another"),
        );
    }
    if role.superuser {
        return Line::problem(
            "role",
            format!("{name} is a superuser: take it out of --roles"),
        );
    }
    if !role.granted {
        return Line::problem(
            "role",
            format!("{name} is not granted to {login}: run pgrealtime-gateway setup --run"),
        );
    }
    if facts.extension.is_some() && !role.executes {
        return Line::problem(
            "role",
            format!("{name} may not call pgrealtime.changes_since: GRANT USAGE ON SCHEMA pgrealtime and EXECUTE on it"),
        );
    }
    let sees = facts
        .tables
        .iter()
        .filter(|table| table.roles.contains(name))
        .count();
    if role.bypass {
        return Line::note(
            "role",
            format!("{name} has BYPASSRLS: a token with it receives every row ({sees} tables)"),
        );
    }
    match sees {
        0 if facts.extension.is_some() => Line::note(
            "role",
            format!(
                "{name} may SELECT from none of the realtime tables: its clients receive nothing"
            ),
        ),
        _ => Line::ok("role", format!("{name} sees {sees} realtime tables")),
    }
}

/// What of a table's `status` only matters to other receivers than the gateway.
const HARMLESS: &[&str] = &["not published", "broadcast topic"];

fn tables(facts: &Facts) -> Vec<Line> {
    if facts.tables.is_empty() {
        let text = "none that one of the roles may SELECT from: SELECT pgrealtime.enable('…') makes one, GRANT SELECT shows it";
        return vec![Line::note("tables", text)];
    }
    let mut lines = Vec::new();
    let bad = |table: &&Table| table.status != "ok";
    for table in facts.tables.iter().filter(bad) {
        let text = format!(
            "{} has status {:?}: SELECT * FROM pgrealtime.diagnose({}) says what to do",
            table.name,
            table.status,
            literal(&table.name)
        );
        lines.push(match HARMLESS.contains(&table.status.as_str()) {
            true => Line::note("tables", text),
            false => Line::problem("tables", text),
        });
    }
    let open: Vec<&str> = facts
        .tables
        .iter()
        .filter(|table| !table.rls)
        .map(|table| table.name.as_str())
        .collect();
    if !open.is_empty() {
        lines.push(Line::note(
            "tables",
            format!(
                "without row level security, whoever may SELECT receives every row: {}",
                open.join(", ")
            ),
        ));
    }
    let fine = facts.tables.iter().filter(|table| !bad(table)).count();
    lines.insert(0, Line::ok("tables", format!("{fine} in order")));
    lines
}

/// As `quote_literal`, for a text that is shown.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
