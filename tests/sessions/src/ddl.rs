//! DDL under traffic.

use crate::cluster::Cluster;
use crate::copy::triggers;
use crate::pg::{quote, Client, Failure, Server};
use crate::random::{knob, seed, Random};
use crate::{check, join, part, refused, wait_for, Outcome};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;

const TABLE: &str = "CREATE TABLE churn (id bigint PRIMARY KEY, a int, b text)";

/// The errors that a session may get whose table, column, function or schema was just dropped or changed.
const EXPECTED: [&str; 12] = [
    "0A000", // a cached plan's result type changed
    "22003", // a column of another type
    "3F000", // no schema
    "40P01", // deadlock
    "42703", // no column
    "42704", // no object
    "42804", // a column of another type
    "42883", // no function
    "42P01", // no table
    "55000", // a table that is not captured
    "55006", // a table that is in use
    "72000", // a cursor that is not inside the log
];

/// A statement holds no lock on the functions that it calls. If one is dropped between planning and execution, Postgres
/// raises an internal error.
fn is_postgres_own(message: &str) -> bool {
    message.contains("cache lookup failed for function")
}

struct Traffic {
    server: Server,
    seed: u64,
    over: AtomicBool,
    written: AtomicU64,
    read: AtomicU64,
    told: Mutex<BTreeMap<String, u64>>,
}

pub fn run() -> Outcome {
    let seed = seed();
    let cluster = Cluster::from_environment();
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    cluster.reload(
        &mut admin,
        &["pgrealtime.retention = '1s'", "deadlock_timeout = '50ms'"],
    )?;
    let started = admin.value("SELECT pg_postmaster_start_time()")?;
    let rounds = knob("PGREALTIME_ROUNDS", 40);
    let with = |rounds: u64, ddl: fn(&mut Random) -> String| {
        let traffic = Traffic {
            server: cluster.server.clone(),
            seed,
            over: AtomicBool::new(false),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            told: Mutex::default(),
        };
        traffic.run(rounds, ddl)
    };
    part("ALTER TABLE waits for COPY", || copy(&cluster))?;
    part("a gap outlasts lock_timeout", || gap_waits(&cluster))?;
    part("prune() waits for DROP EXTENSION", || prune_waits(&cluster))?;
    part("columns come, go and change their types", || {
        with(4 * rounds, columns)
    })?;
    part("the table is dropped and made again", || {
        with(4 * rounds, table)
    })?;
    part("the extension is dropped and made again", || {
        with(rounds, extension)
    })?;
    part("the server goes on", || {
        let log = cluster.log();
        for sign in [
            "terminated by signal",
            "PANIC:",
            "TRAP:",
            "cache lookup failed",
            "could not open relation",
        ] {
            let line = log
                .lines()
                .find(|line| line.contains(sign) && !is_postgres_own(line));
            check(line.is_none(), || format!("the server's log has: {sign}"))?;
        }
        let mut admin = cluster.server.connect()?;
        check(
            admin.value("SELECT pg_postmaster_start_time()")? == started,
            || "it was started again".to_string(),
        )
    })
}

/// The rows of a COPY are captured when it ends, as they were stored: an ALTER TABLE that has come meanwhile waits, and
/// what is written after it is of another layout. A reader of before is told of values that ALTER TABLE changed.
fn copy(cluster: &Cluster) -> Outcome {
    let connect = || cluster.server.connect();
    let (mut writer, mut owner, mut reader) = (connect()?, connect()?, connect()?);
    owner.run("CREATE TABLE copied (id int PRIMARY KEY, a int, b text)")?;
    owner.run(&triggers("copied"))?;
    let alters = [
        ("ALTER TABLE copied ADD COLUMN c int DEFAULT 7", None, "abc"),
        (
            "ALTER TABLE copied ALTER a TYPE text USING 'changed'",
            None,
            "abc",
        ),
        ("ALTER TABLE copied DROP COLUMN c", Some("ab"), "ab"),
    ];
    let rows = |from: u64, to: u64| -> String {
        let row = |id| format!("{id}\t{id}\tb{id}\n");
        (from..to).map(row).collect()
    };
    for (round, (alter, before, after)) in alters.into_iter().enumerate() {
        let first = 10_000 * round as u64;
        let cursor = reader.value("SELECT pgrealtime.current_cursor()")?;
        writer.run("BEGIN")?;
        writer.send("COPY copied (id, a, b) FROM STDIN")?;
        writer.copy(&rows(first, first + 1_000))?;
        let holds = format!(
            "SELECT count(*) FROM pg_locks WHERE pid = {} AND relation = 'copied'::regclass",
            writer.pid
        );
        wait_for("COPY to begin", || Ok(reader.value(&holds)? == "1"))?;
        owner.send_to_wait(alter, &mut reader)?;
        writer.copy(&rows(first + 1_000, first + 2_000))?;
        writer.copy_done()?;
        writer.receive()?;
        let insert = |id: u64| format!("INSERT INTO copied VALUES ({id}, {id}, 'b{id}')");
        writer.run(&(insert(first + 2_000) + "; COMMIT"))?;
        owner.receive()?;
        let altered = reader.value("SELECT pgrealtime.current_cursor()")?;
        for (client, id) in [(&mut writer, 2_001), (&mut owner, 2_002)] {
            client.run(&insert(first + id))?;
        }
        match before {
            Some(before) => expect_copied(&mut reader, &cursor, first, 2_001, before)?,
            None => refused(
                reader.value(&format!(
                    "SELECT count(*) FROM pgrealtime.changes_since({}, '{{copied}}', max_changes => 100000)",
                    quote(&cursor)
                )),
                "72000",
                "copied",
            )?,
        }
        expect_copied(&mut reader, &altered, first + 2_001, 2, after)?;
    }
    Ok(owner.run("DROP TABLE copied")?)
}

/// Whether so many changes, from this id on, have these columns besides the id, and the values that were written.
fn expect_copied(
    reader: &mut Client,
    cursor: &str,
    first: u64,
    count: u64,
    columns: &str,
) -> Outcome {
    let found = reader.value(&format!(
        "SELECT concat_ws(' ', count(*), count(DISTINCT id), string_agg(DISTINCT columns, ','),
             bool_and(coalesce(r->>'a', id::text) = id::text AND coalesce(r->>'b', 'b' || id) = 'b' || id AND coalesce(r->>'c', '7') = '7'))
         FROM pgrealtime.changes_since({}, '{{copied}}', max_changes => 100000),
             LATERAL (SELECT change->'record', (change->'record'->>'id')::int) AS row (r, id),
             LATERAL (SELECT string_agg(key, '' ORDER BY key) FROM json_each_text(r) WHERE key <> 'id' AND value IS NOT NULL) AS of (columns)
         WHERE change IS NOT NULL AND id >= {first} AND id < {first} + {count}",
        quote(cursor)
    ))?;
    let expected = format!("{count} {count} {columns} t");
    check(found == expected, || {
        format!("{found} instead of {expected}")
    })
}

/// However long another session holds the log, DDL either logs its gap entry or fails and changes nothing.
fn gap_waits(cluster: &Cluster) -> Outcome {
    let connect = || cluster.server.connect();
    let (mut holder, mut owner, mut reader) = (connect()?, connect()?, connect()?);
    owner.run("CREATE TABLE told (id int PRIMARY KEY, a int); INSERT INTO told VALUES (1, 1)")?;
    owner.run(&triggers("told"))?;
    let read = |cursor: &str| {
        format!(
            "SELECT count(*) FROM pgrealtime.changes_since({}, '{{told}}')",
            quote(cursor)
        )
    };
    let hold: String = (0..8)
        .map(|i| format!("LOCK TABLE pgrealtime.change_log_{i} IN SHARE MODE;"))
        .collect();
    for timeout in ["lock_timeout", "statement_timeout"] {
        let cursor = reader.value("SELECT pgrealtime.current_cursor()")?;
        holder.run(&format!("BEGIN; {hold}"))?;
        let fails = timeout == "statement_timeout";
        let wait = if fails { "200ms" } else { "1ms" };
        owner.run(&format!("SET {timeout} = '{wait}'"))?;
        owner.send_to_wait(
            "ALTER TABLE told ALTER a TYPE text USING 'x', ALTER a SET DEFAULT 'y'",
            &mut reader,
        )?;
        if fails {
            refused(owner.receive(), "57014", "statement timeout")?;
        } else {
            // Many times its lock_timeout; then it goes on.
            holder.run("SELECT pg_sleep(0.2)")?;
        }
        holder.run("COMMIT")?;
        if !fails {
            owner.receive()?;
            refused(reader.value(&read(&cursor)), "72000", "told")?;
            owner.run("RESET lock_timeout; ALTER TABLE told ALTER a DROP DEFAULT, ALTER a TYPE int USING 1")?;
        }
    }
    owner.run("RESET statement_timeout")?;
    check(owner.value("SELECT a FROM told")? == "1", || {
        "the table is changed".to_string()
    })?;
    Ok(owner.run("DROP TABLE told")?)
}

/// After it there is either no log, which is an error, or a new one, which it prunes.
fn prune_waits(cluster: &Cluster) -> Outcome {
    let mut admin = cluster.server.connect()?;
    let mut watcher = cluster.server.connect()?;
    for make in ["", "CREATE EXTENSION pgrealtime"] {
        let mut pruner = cluster.server.connect()?;
        pruner.run("SELECT pgrealtime.prune()")?;
        admin.run("BEGIN; DROP EXTENSION pgrealtime CASCADE")?;
        pruner.run("BEGIN")?;
        pruner.send_to_wait("SELECT pgrealtime.prune()", &mut watcher)?;
        admin.run(&format!("{make}; COMMIT"))?;
        let pruned = pruner.receive();
        if make.is_empty() {
            refused(pruned, "42P01", "does not exist")?;
            admin.run("CREATE EXTENSION pgrealtime")?;
        } else {
            pruned?;
            let held = format!(
                "SELECT count(*) FROM pg_locks WHERE pid = {} AND relation = 'pgrealtime.log_segment'::regclass",
                pruner.pid
            );
            check(watcher.value(&held)? == "0", || {
                "it holds the new log".to_string()
            })?;
        }
        pruner.run("ROLLBACK")?;
    }
    Ok(())
}

fn columns(random: &mut Random) -> String {
    let number = random.below(3);
    match random.below(6) {
        0 => format!("ALTER TABLE churn ADD COLUMN IF NOT EXISTS c{number} int DEFAULT 7"),
        1 => format!("ALTER TABLE churn DROP COLUMN IF EXISTS c{number}"),
        2 => "ALTER TABLE churn ALTER a TYPE bigint".to_string(),
        3 => "ALTER TABLE churn ALTER a TYPE text USING a::text; ALTER TABLE churn ALTER a TYPE int USING 0".to_string(),
        4 => "ALTER TABLE churn RENAME b TO bb; ALTER TABLE churn RENAME bb TO b".to_string(),
        _ => "TRUNCATE churn".to_string(),
    }
}

fn table(random: &mut Random) -> String {
    let triggers = triggers("churn");
    match random.below(3) {
        0 => format!("DROP TABLE IF EXISTS churn; {TABLE}; {triggers}"),
        1 => "DROP TABLE IF EXISTS churn".to_string() + ";" + TABLE,
        _ => format!("ALTER TABLE churn RENAME TO old; {TABLE}; {triggers}; DROP TABLE old"),
    }
}

fn extension(random: &mut Random) -> String {
    let make = format!("CREATE EXTENSION pgrealtime; {}", triggers("churn"));
    match random.below(2) {
        0 => format!("DROP EXTENSION pgrealtime CASCADE; {make}"),
        _ => format!("BEGIN; DROP EXTENSION pgrealtime CASCADE; COMMIT; BEGIN; {make}; COMMIT"),
    }
}

impl Traffic {
    fn run(&self, rounds: u64, ddl: fn(&mut Random) -> String) -> Outcome {
        let mut admin = self.server.connect()?;
        admin.run(&format!(
            "DROP TABLE IF EXISTS churn; {TABLE}; {}",
            triggers("churn")
        ))?;
        let changed = thread::scope(|scope| {
            let writers: Vec<_> = (0..4).map(|i| scope.spawn(move || self.write(i))).collect();
            let readers: Vec<_> = (0..3).map(|i| scope.spawn(move || self.read(i))).collect();
            let pruners: Vec<_> = (0..2).map(|_| scope.spawn(|| self.prune())).collect();
            let changed = self.change(rounds, ddl);
            self.over.store(true, SeqCst);
            let threads = writers.into_iter().chain(readers).chain(pruners);
            join(threads).and(changed)
        });
        println!("        told: {:?}", self.told.lock().unwrap());
        changed?;
        // Now, without other sessions: the last table is captured and read.
        admin.run(&format!(
            "DROP TABLE IF EXISTS churn; {TABLE}; {}",
            triggers("churn")
        ))?;
        let cursor = admin.value("SELECT pgrealtime.current_cursor()")?;
        admin.run("INSERT INTO churn VALUES (1, 1, 'one')")?;
        let read = format!(
            "SELECT change->'record'->>'b' FROM pgrealtime.changes_since({}, '{{churn}}')",
            quote(&cursor)
        );
        check(admin.value(&read)? == "one", || {
            "the change is not there".to_string()
        })
    }

    /// Changes the tables, each time once some have written and read.
    fn change(&self, rounds: u64, ddl: fn(&mut Random) -> String) -> Outcome {
        let mut random = Random::new(self.seed, 500);
        let mut admin = self.server.connect()?;
        for _ in 0..rounds {
            let written = self.written.load(SeqCst) + random.below(30);
            let read = self.read.load(SeqCst) + random.below(5);
            wait_for("traffic", || {
                Ok(self.written.load(SeqCst) > written && self.read.load(SeqCst) > read)
            })?;
            let result = admin.run(&ddl(&mut random));
            if result.is_err() {
                admin.run("ROLLBACK")?;
            }
            self.expect("DDL", result)?;
            // Whatever an error left undone.
            admin.run("CREATE EXTENSION IF NOT EXISTS pgrealtime")?;
            admin.run(&TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))?;
        }
        Ok(())
    }

    /// Counts an error that was expected.
    fn expect(&self, who: &str, result: Result<(), Failure>) -> Outcome {
        let Err(failure) = result else {
            return Ok(());
        };
        let expected =
            EXPECTED.contains(&failure.code.as_str()) || is_postgres_own(&failure.message);
        check(expected, || format!("{who}: {failure}"))?;
        *self.told.lock().unwrap().entry(failure.code).or_default() += 1;
        Ok(())
    }

    fn write(&self, number: u64) -> Outcome {
        let mut random = Random::new(self.seed, 100 + number);
        let mut client = self.server.connect()?;
        while !self.over.load(SeqCst) {
            let id = random.below(1_000);
            let statement = match random.below(4) {
                0 => format!("DELETE FROM churn WHERE id = {id}"),
                1 => format!("UPDATE churn SET b = 'changed' WHERE id BETWEEN {id} AND {id} + 5"),
                2 => format!("BEGIN; INSERT INTO churn (id) VALUES ({id}) ON CONFLICT DO NOTHING; SAVEPOINT s; UPDATE churn SET b = 's' WHERE id = {id}; ROLLBACK TO s; COMMIT"),
                _ => format!("INSERT INTO churn (id, b) VALUES ({id}, 'b') ON CONFLICT (id) DO UPDATE SET b = 'again'"),
            };
            let result = client.run(&statement);
            if result.is_err() {
                client.run("ROLLBACK")?;
            }
            self.expect("writer", result)?;
            self.written.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    /// Retention by hand, with the janitor's locks.
    fn prune(&self) -> Outcome {
        let mut client = self.server.connect()?;
        while !self.over.load(SeqCst) {
            let result = client.run("SELECT pgrealtime.prune()");
            self.expect("prune", result)?;
        }
        Ok(())
    }

    fn read(&self, number: u64) -> Outcome {
        let mut random = Random::new(self.seed, 200 + number);
        let mut client = self.server.connect()?;
        let mut cursor = String::new();
        while !self.over.load(SeqCst) {
            if cursor.is_empty() {
                match client.value("SELECT pgrealtime.current_cursor()") {
                    Ok(start) => cursor = start,
                    Err(failure) => {
                        self.expect("reader", Err(failure))?;
                        self.read.fetch_add(1, SeqCst);
                        continue;
                    }
                }
            }
            let result = client.query(&format!(
                "SELECT * FROM pgrealtime.changes_since({}, '{{churn}}', max_changes => {}, net => {})",
                quote(&cursor),
                1 + random.below(200),
                number == 2
            ));
            let at = result
                .as_ref()
                .ok()
                .and_then(|rows| rows.last()?.first()?.clone());
            self.expect("reader", result.map(|_| ()))?;
            cursor = at.unwrap_or_default();
            self.read.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}
