//! Failed calls leave no memory behind in a session.

use crate::pg::{quote, Client, Server};
use crate::{check, Outcome};
use std::fs;

/// Rounds after which caches are filled, and rounds that may then take no more.
const FIRST: usize = 20;
const ROUNDS: usize = 200;

/// How much the contexts of Postgres may grow meanwhile (a plan that is made anew differs by a few blocks), and the
/// process, whose allocator keeps pieces.
const CONTEXTS: i64 = 512 * 1024;
const PROCESS: i64 = 16 * 1024 * 1024;

const SETUP: &str = "
CREATE TABLE big (id bigint PRIMARY KEY, pad text NOT NULL);
ALTER TABLE big ENABLE ROW LEVEL SECURITY;
CREATE POLICY slow ON big USING (slowly(id));
GRANT ALL ON big TO app;
CREATE FUNCTION refuse(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = 'U0001'; END $$;
CREATE TABLE refused (id bigint PRIMARY KEY, pad text NOT NULL);
ALTER TABLE refused ENABLE ROW LEVEL SECURITY;
CREATE POLICY raising ON refused USING (refuse(id)) WITH CHECK (true);
GRANT ALL ON refused TO app;
CREATE TYPE bad AS ENUM ('x');
CREATE FUNCTION bad_json(bad) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE CAST (bad AS json) WITH FUNCTION bad_json(bad);
CREATE TABLE unsayable (id bigint PRIMARY KEY, word bad, pad text);
GRANT ALL ON unsayable TO app;
CREATE TABLE keyless (id bigint);
ALTER TABLE keyless OWNER TO app;
SELECT pgrealtime.enable('big');
SELECT pgrealtime.enable('refused');
SELECT pgrealtime.enable('unsayable');
";

/// Calls that fail each in a way of its own; FROM_HERE is a cursor before all changes.
const CALLS: [&str; 16] = [
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{refused}')",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{refused}', net => true)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{unsayable}')",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{big}', max_changes => 100000)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{big}', max_changes => 100000, net => true)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{big}', filter => 'nothing=eq.1')",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{big}', filter => 'id=eq.x')",
    "SELECT count(*) FROM pgrealtime.changes_since('no cursor', '{big}')",
    "SELECT count(*) FROM pgrealtime.diagnose('big', 'postgres')",
    "SELECT count(*) FROM pgrealtime.diagnose('pg_class')",
    "SELECT count(*) FROM pgrealtime.diagnose('refused', filter => 'id=eq.x')",
    "SELECT pgrealtime.check_filter('big', 'id=eq.1,pad=like.')",
    "SELECT pgrealtime.check_filter('big', 'pad=match.(')",
    "SELECT pgrealtime.enable('keyless')",
    "SELECT pgrealtime.wait_for_changes(FROM_HERE, '{keyless}')",
    "SELECT pgrealtime.change_message('UPDATE', u, u) FROM unsayable AS u",
];

/// Runs calls that fail in one session, caught and not, as a role whom policies stop and as one whom they do not.
pub fn run(server: &Server) -> Outcome {
    let mut client = server.connect()?;
    client.run(SETUP)?;
    let start = client.value("SELECT pgrealtime.current_cursor()")?;
    client.run(
        "INSERT INTO big SELECT i, repeat('x', 300) FROM generate_series(1, 30000) AS i;
         INSERT INTO refused SELECT i, repeat('x', 3000) FROM generate_series(1, 2000) AS i;
         INSERT INTO unsayable SELECT i, 'x', repeat('x', 3000) FROM generate_series(1, 2000) AS i;",
    )?;
    let mut failures = 0;
    for role in ["app", "postgres"] {
        held(&mut client, role)?;
        for round in 0..FIRST {
            calls(&mut client, &start, round)?;
        }
        let before = held(&mut client, role)?;
        for round in 0..ROUNDS {
            failures += calls(&mut client, &start, round)?;
        }
        let after = held(&mut client, role)?;
        let (contexts, process) = (after.0 - before.0, after.1 - before.1);
        println!("        as {role}: {contexts} bytes in contexts, {process} in the process");
        check(contexts < CONTEXTS && process < PROCESS, || {
            format!("after {ROUNDS} rounds as {role} contexts hold {contexts} bytes more, the process {process}:\n{}", largest(&mut client))
        })?;
    }
    check(failures > ROUNDS, || {
        format!("only {failures} calls failed")
    })
}

/// A few calls, by the round; how many failed.
fn calls(client: &mut Client, start: &str, round: usize) -> Result<usize, String> {
    let mut failures = 0;
    for i in 0..4 {
        let call = CALLS[(round * 4 + i) % CALLS.len()].replace("FROM_HERE", &quote(start));
        if round % 2 == 1 {
            // A timeout while it is being caught is one more failure.
            let told = client.value(&format!("SELECT caught({})", quote(&call)));
            failures += usize::from(told != Ok("done".to_string()));
        } else {
            failures += usize::from(client.run(&call).is_err());
        }
    }
    Ok(failures)
}

/// Bytes that the session's memory contexts have, and those of its process that are not shared.
fn held(client: &mut Client, role: &str) -> Result<(i64, i64), String> {
    client.run("SET statement_timeout = 0; RESET ROLE")?;
    let contexts = client.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts")?;
    let status = fs::read_to_string(format!("/proc/{}/status", client.pid)).unwrap_or_default();
    let anonymous = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse::<i64>().ok());
    client.run(&format!("SET statement_timeout = '15ms'; SET ROLE {role}"))?;
    Ok((
        contexts.parse().unwrap_or(i64::MAX),
        anonymous.unwrap_or(0) * 1024,
    ))
}

fn largest(client: &mut Client) -> String {
    let rows = client.query(
        "RESET ROLE; SET statement_timeout = 0;
         SELECT name || ' ' || count(*) || ' ' || sum(total_bytes) FROM pg_backend_memory_contexts
         GROUP BY name ORDER BY sum(total_bytes) DESC LIMIT 5",
    );
    let rows = rows.unwrap_or_default().into_iter().flatten().flatten();
    rows.collect::<Vec<_>>().join("\n")
}
