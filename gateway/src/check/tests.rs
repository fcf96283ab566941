use super::facts::{Facts, Login, Role, Routine, Table, OWN};
use super::judge::judge;
use super::*;
use crate::config::database::TlsMode;

/// A database with which everything is in order.
fn good() -> Facts {
    let routine = |name: &&str| Routine {
        name: name.to_string(),
        there: true,
        executable: true,
    };
    let role = |name: &&str| Role {
        name: name.to_string(),
        there: true,
        granted: true,
        superuser: false,
        bypass: false,
        executes: true,
    };
    Facts {
        version: 150_020,
        version_text: "15.20".to_string(),
        standby: false,
        feedback: false,
        tls: Some("TLSv1.3, X".to_string()),
        local: false,
        extension: Some("0.1.0".to_string()),
        available: Some("0.1.0".to_string()),
        capturing: true,
        login: Login {
            name: "gate".to_string(),
            superuser: false,
            bypass: false,
            creates_roles: false,
            inherits: Vec::new(),
            sessions: -1,
        },
        routines: OWN.iter().map(routine).collect(),
        roles: ["anon", "authenticated"].iter().map(role).collect(),
        free_sessions: 50,
        tables: vec![Table {
            name: "public.goals".to_string(),
            status: "ok".to_string(),
            rls: true,
            roles: vec!["anon".to_string(), "authenticated".to_string()],
        }],
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.database.tls.mode = TlsMode::VerifyFull;
    config
}

/// What is not ok.
fn remarks(facts: &Facts, config: &Config) -> Vec<Line> {
    let mut lines = judge(facts, config);
    lines.retain(|line| line.level != Level::Ok);
    lines
}

/// The one remark about a database that is good but for a change.
fn remark(change: impl FnOnce(&mut Facts)) -> Line {
    let mut facts = good();
    change(&mut facts);
    let mut lines = remarks(&facts, &config());
    let line = lines.pop().expect("a remark");
    assert_eq!(lines, [], "besides {line}");
    line
}

#[track_caller]
fn expect(line: Line, level: Level, what: &str, text: &str) {
    assert_eq!((line.level, line.what), (level, what), "{line}");
    assert!(line.text.contains(text), "{line}");
    assert!(!line.text.contains('\n'), "{line}");
}

#[test]
fn a_good_database_has_no_remarks() {
    assert_eq!(remarks(&good(), &config()), []);
    let line = judge(&good(), &config()).remove(1);
    assert_eq!(line.to_string(), "ok       server         PostgreSQL 15.20");
}

#[test]
fn encryption() {
    let plain = |facts: &mut Facts| facts.tls = None;
    expect(remark(plain), Level::Note, "TLS", "not encrypted");
    let unverified = remarks(&good(), &Config::default()).remove(0);
    expect(
        unverified,
        Level::Note,
        "TLS",
        "sslmode=prefer does not verify",
    );
    let mut local = good();
    (local.tls, local.local) = (None, true);
    assert_eq!(remarks(&local, &Config::default()), []);
}

#[test]
fn servers() {
    expect(
        remark(|facts| facts.version = 140_009),
        Level::Problem,
        "server",
        "needs 15",
    );
    expect(
        remark(|facts| facts.version = 190_000),
        Level::Note,
        "server",
        "up to 18",
    );
    expect(
        remark(|facts| facts.standby = true),
        Level::Note,
        "standby",
        "hot_standby_feedback",
    );
    let fed_back = |facts: &mut Facts| (facts.standby, facts.feedback) = (true, true);
    let mut facts = good();
    fed_back(&mut facts);
    assert_eq!(remarks(&facts, &config()), []);
}

#[test]
fn extensions() {
    let absent = |facts: &mut Facts| {
        facts.extension = None;
        facts.tables.clear();
    };
    expect(remark(absent), Level::Problem, "extension", "setup --run");
    let no_files = |facts: &mut Facts| {
        absent(facts);
        facts.available = None;
    };
    expect(
        remark(no_files),
        Level::Problem,
        "extension",
        "make install",
    );
    let old = |facts: &mut Facts| facts.routines[3].there = false;
    expect(remark(old), Level::Problem, "extension", "lacks fan_out");
    let newer = |facts: &mut Facts| facts.available = Some("0.2.0".to_string());
    expect(
        remark(newer),
        Level::Note,
        "extension",
        "0.2.0 is installed",
    );
    expect(
        remark(|facts| facts.capturing = false),
        Level::Note,
        "extension",
        "pgrealtime.enabled",
    );
    let refused = |facts: &mut Facts| facts.routines[4].executable = false;
    expect(
        remark(refused),
        Level::Problem,
        "rights",
        "gate may not call pgrealtime.wait:",
    );
}

#[test]
fn login_roles() {
    expect(
        remark(|facts| facts.login.superuser = true),
        Level::Problem,
        "login role",
        "superuser",
    );
    expect(
        remark(|facts| facts.login.bypass = true),
        Level::Problem,
        "login role",
        "BYPASSRLS",
    );
    let inherits = |version: u32| {
        remark(|facts| {
            facts.version = version;
            facts.login.inherits = vec!["anon".to_string()];
        })
    };
    expect(
        inherits(150_000),
        Level::Note,
        "login role",
        "of anon: it needs none of them, ALTER ROLE … NOINHERIT",
    );
    expect(
        inherits(160_000),
        Level::Note,
        "login role",
        "of anon: it needs none of them, GRANT … WITH INHERIT FALSE",
    );
    expect(
        remark(|facts| facts.login.creates_roles = true),
        Level::Note,
        "login role",
        "CREATEROLE",
    );
    // Superusers have everything; one line says it.
    let all = |facts: &mut Facts| {
        (facts.login.superuser, facts.login.bypass) = (true, true);
        facts.login.inherits = vec!["anon".to_string()];
        facts.login.creates_roles = true;
    };
    expect(remark(all), Level::Problem, "login role", "superuser");
}

#[test]
fn numbers_of_sessions() {
    // The pool of the configuration has 4, the relay 1.
    expect(
        remark(|facts| facts.login.sessions = 4),
        Level::Problem,
        "sessions",
        "needs 5",
    );
    expect(
        remark(|facts| facts.free_sessions = 2),
        Level::Problem,
        "sessions",
        "max_connections",
    );
    let mut enough = good();
    (enough.login.sessions, enough.free_sessions) = (5, 3);
    assert_eq!(remarks(&enough, &config()), []);
}

#[test]
fn roles() {
    let first = |change: fn(&mut Role)| remark(|facts| change(&mut facts.roles[0]));
    expect(
        first(|role| role.there = false),
        Level::Problem,
        "role",
        "anon does not exist",
    );
    expect(
        first(|role| role.granted = false),
        Level::Problem,
        "role",
        "not granted to gate",
    );
    expect(
        first(|role| role.superuser = true),
        Level::Problem,
        "role",
        "superuser",
    );
    expect(
        first(|role| role.executes = false),
        Level::Problem,
        "role",
        "changes_since",
    );
    expect(
        first(|role| role.bypass = true),
        Level::Note,
        "role",
        "every row (1 tables)",
    );
    expect(
        first(|role| role.name = "gate".to_string()),
        Level::Problem,
        "role",
        "is the login role",
    );
    let blind = |facts: &mut Facts| facts.tables[0].roles.truncate(1);
    expect(
        remark(blind),
        Level::Note,
        "role",
        "authenticated may SELECT from none",
    );
}

#[test]
fn tables() {
    let status = |status: &'static str| remark(|facts| facts.tables[0].status = status.to_string());
    expect(
        status("not captured"),
        Level::Problem,
        "tables",
        "diagnose('public.goals')",
    );
    expect(
        status("not published"),
        Level::Note,
        "tables",
        "not published",
    );
    expect(
        remark(|facts| facts.tables[0].rls = false),
        Level::Note,
        "tables",
        "every row: public.goals",
    );
    let mut none = good();
    none.tables.clear();
    let lines = remarks(&none, &config());
    assert!(
        lines
            .iter()
            .any(|line| line.what == "tables" && line.text.contains("enable")),
        "{lines:?}"
    );
}
