//! Many sessions see the same due step: few of them ask for a janitor, and whoever asked keeps nobody from asking later.

use super::{drain, janitors, make};
use crate::cluster::Cluster;
use crate::log::current;
use crate::pg::Client;
use crate::{check, wait_for, Outcome};
use std::process::Command;

const SESSIONS: usize = 40;

/// The number of seconds, as sessions count them when they ask.
const SECOND: &str = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint";

/// Its janitors cannot start while this lives.
struct Stopped(String);

impl Stopped {
    fn new(client: &mut Client) -> Result<Stopped, String> {
        let postmaster =
            client.value("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")?;
        signal("-STOP", &postmaster)?;
        Ok(Stopped(postmaster))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = signal("-CONT", &self.0);
    }
}

fn signal(name: &str, pid: &str) -> Outcome {
    let sent = Command::new("kill").args([name, pid]).status();
    check(sent.is_ok_and(|status| status.success()), || {
        format!("kill {name} {pid} failed")
    })
}

/// A cluster with as many slots as sessions, so that none of the crowd fails to start a janitor.
pub fn run(beside: &Cluster) -> Outcome {
    let cluster = beside.another(&[
        "fsync=off",
        "max_worker_processes=60",
        "log_min_messages=debug1",
        "pgrealtime.retention=1s",
    ])?;
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    make(&mut admin, "crowd")?;
    drain(&mut admin)?;
    wait_for("no janitor", || Ok(janitors(&mut admin)? == "0"))?;
    let mut crowd = (0..SESSIONS)
        .map(|_| cluster.server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    let started = || {
        let line = "starting background worker process \"pgrealtime janitor\"";
        cluster.log().matches(line).count()
    };
    let (before, began) = (started(), second(&mut admin)?);
    let stopped = Stopped::new(&mut admin)?;
    make_due(&mut admin, "crowd")?;
    for client in &mut crowd {
        client.run("INSERT INTO crowd VALUES (1, 'x')")?;
    }
    let asked = second(&mut admin)? - began + 1;
    drop(stopped);
    // The server starts them in the order of its slots; this one has the last.
    admin.run("SELECT pgrealtime.prune()")?;
    let count = started() - before;
    check(count as i64 <= asked + 1, || {
        format!("{count} janitors in {asked} s, with that of prune()")
    })
}

fn second(client: &mut Client) -> Result<i64, String> {
    let second = client.value(SECOND)?;
    second.parse().map_err(|_| format!("no number: {second}"))
}

/// The segment that is written is old, and not empty.
fn make_due(client: &mut Client, table: &str) -> Outcome {
    client.run(&format!("INSERT INTO {table} VALUES (1, 'x')"))?;
    Ok(client.run("UPDATE pgrealtime.log_state SET current_since = '2001-01-01'")?)
}

/// The only slot is taken when a session asks. Whatever becomes of that session, others ask again.
pub fn outlived(beside: &Cluster) -> Outcome {
    let cluster = beside.another(&[
        "fsync=off",
        // The other one is for logical replication.
        "max_worker_processes=2",
        "pgrealtime.retention=1s",
    ])?;
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    make(&mut admin, "outlived")?;
    for end in [
        "COMMIT",
        "ROLLBACK",
        "ROLLBACK TO s; COMMIT",
        "PREPARE TRANSACTION 'outlived'",
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ] {
        outlives(&cluster, &mut admin, end).map_err(|error| format!("{end}: {error}"))?;
    }
    Ok(())
}

fn outlives(cluster: &Cluster, admin: &mut Client, end: &str) -> Outcome {
    let insert = "INSERT INTO outlived VALUES (1, 'x')";
    // The slot is free again when a janitor of its own has had it.
    wait_for("the slot", || {
        match admin.run("SELECT pgrealtime.prune()") {
            Err(failure) if failure.code == "53000" => Ok(false),
            pruned => Ok(pruned.map(|()| true)?),
        }
    })?;
    let none = || cluster.log().matches("no background worker slot").count();
    let parallel = take_slot(cluster, admin)?;
    make_due(admin, "outlived")?;
    let (mut one, mut other) = (cluster.server.connect()?, cluster.server.connect()?);
    let before = none();
    one.run("BEGIN; SAVEPOINT s")?;
    wait_for("a session to ask", || {
        one.run(insert)?;
        Ok(none() > before)
    })?;
    let ended = one.run(end);
    check(ended.is_ok() != end.contains("terminate"), || {
        format!("{ended:?}")
    })?;
    let kept = admin.value(
        "SELECT count(*) FROM pg_locks WHERE pid IS NULL AND classid = 'pgrealtime.log_segment'::regclass",
    )?;
    check(kept == "0", || {
        "the prepared transaction keeps others from asking".to_string()
    })?;
    let segment = current(&mut other)?;
    admin.run(&format!("SELECT pg_terminate_backend({})", parallel.pid))?;
    wait_for("a switch", || {
        other.run(insert)?;
        Ok(current(&mut other)? != segment)
    })?;
    if end.contains("PREPARE") {
        admin.run("COMMIT PREPARED 'outlived'")?;
    }
    // A lock without its process would be the next one's that gets its place.
    drop((one, other));
    let left = "SELECT count(*) FROM pg_locks WHERE classid = 'pgrealtime.log_segment'::regclass AND pid <> pg_backend_pid()";
    wait_for("the turns to end with their sessions", || {
        Ok(admin.value(left)? == "0")
    })
}

/// A session whose parallel worker has the slot.
fn take_slot(cluster: &Cluster, admin: &mut Client) -> Result<Client, String> {
    let mut parallel = cluster.server.connect()?;
    parallel.run(
        "SELECT set_config(name, 'on', false) FROM pg_settings
         WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
         SET max_parallel_workers_per_gather = 1",
    )?;
    let workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'";
    parallel.send("SELECT pg_sleep(3600)")?;
    wait_for("the parallel worker", || Ok(admin.value(workers)? == "1"))?;
    Ok(parallel)
}
