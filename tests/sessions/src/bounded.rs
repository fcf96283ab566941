//! The log stays within its limits, and no writer waits for that.

use crate::cluster::Cluster;
use crate::copy::triggers;
use crate::log::{current, horizon, leave_behind, switch};
use crate::pg::{quote, Client, Failure, Server};
use crate::random::knob;
use crate::{check, join, part, refused, wait_for, Outcome};
use std::thread;

const MEGABYTE: u64 = 1024 * 1024;

/// Of a log of 60 MB, in which a segment has 10.
const MOST: u64 = 80 * MEGABYTE;

pub fn run() -> Outcome {
    let cluster = Cluster::from_environment();
    let mut writer = cluster.server.connect()?;
    prepare(&mut writer)?;
    // The default of all parts.
    cluster.reload(&mut writer, &["pgrealtime.retention = '1s'"])?;
    part("by size", || by_size(&cluster, &mut writer))?;
    part("by age", || by_age(&cluster, &mut writer))?;
    part("readers in open transactions", || {
        readers(&cluster, &mut writer)
    })?;
    part("prune() beside the janitor", || {
        by_hand(&cluster, &mut writer)
    })?;
    part("DROP DATABASE right after load", || drop_database(&cluster))?;
    part("no worker slot is free", || no_slot(&cluster))
}

/// A table whose rows have 4 kB, and which uses no disk space itself.
fn prepare(client: &mut Client) -> Outcome {
    client.run("CREATE EXTENSION pgrealtime")?;
    client.run("CREATE UNLOGGED TABLE big (id bigint PRIMARY KEY, pad text)")?;
    Ok(client.run(&triggers("big"))?)
}

/// Writes a megabyte of entries.
fn write(client: &mut Client) -> Outcome {
    // Data that does not compress.
    let rows = "INSERT INTO big SELECT i, string_agg(md5(random()::text), '')
        FROM generate_series(1, 250) AS i, generate_series(1, 128) GROUP BY i";
    Ok(client.run(&format!("BEGIN; TRUNCATE big; {rows}; COMMIT"))?)
}

/// Bytes of all segments.
fn size(client: &mut Client) -> Result<u64, Failure> {
    let size = client.value(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class
         WHERE relnamespace = 'pgrealtime'::regnamespace AND relkind = 'r' AND relname LIKE 'change\\_log\\__'",
    )?;
    Ok(size.parse().unwrap_or(0))
}

/// A log of 60 MB with a writer and no reader: it exceeds its limit by two segments at most.
fn by_size(cluster: &Cluster, writer: &mut Client) -> Outcome {
    let mut watcher = cluster.server.connect()?;
    cluster.reload(
        writer,
        &[
            "pgrealtime.max_log_size = '60MB'",
            "pgrealtime.retention = '1h'",
        ],
    )?;
    let volume = knob("PGREALTIME_MEGABYTES", 200);
    let (mut largest, mut above) = (0, 0);
    for _ in 0..volume {
        write(writer)?;
        let now = size(&mut watcher)?;
        largest = now.max(largest);
        if now > MOST {
            // The machine was too busy for the janitor: after a few more writes it must have run.
            above += 1;
            wait_for("the log to become smaller", || {
                writer.run(
                    "INSERT INTO big VALUES (0, '') ON CONFLICT (id) DO UPDATE SET pad = ''",
                )?;
                Ok(size(&mut watcher)? <= MOST)
            })?;
        }
    }
    println!(
        "        {volume} MB written, at most {} MB kept, {above} times above",
        largest / MEGABYTE
    );
    check(above * 10 < volume, || {
        "the janitor does not keep up".to_string()
    })?;
    check(largest > 30 * MEGABYTE, || {
        "less was kept than should be".to_string()
    })
}

/// A retention of two seconds: once the janitor has run, at most two segments hold older entries.
fn by_age(cluster: &Cluster, writer: &mut Client) -> Outcome {
    cluster.reload(
        writer,
        &[
            "pgrealtime.max_log_size = '10GB'",
            "pgrealtime.retention = '2s'",
        ],
    )?;
    let mut watcher = cluster.server.connect()?;
    let old =
        "SELECT count(*) FROM pgrealtime.log_segment WHERE now() - closed_at > interval '2 s'";
    let (mut emptied, mut last) = (0, horizon(writer)?);
    wait_for("the ring to be emptied twice", || {
        writer.run("INSERT INTO big VALUES (0, '') ON CONFLICT (id) DO UPDATE SET pad = ''")?;
        wait_for("old segments to be emptied", || {
            writer.run("UPDATE big SET pad = pad WHERE id = 0")?;
            Ok(watcher.value(old)?.parse().unwrap_or(9) <= 2)
        })?;
        let now = horizon(&mut watcher)?;
        emptied += u32::from(now != last);
        last = now;
        Ok(emptied >= 16)
    })
}

/// A reader delays the emptying of the segments that it locks, but no writer.
fn readers(cluster: &Cluster, writer: &mut Client) -> Outcome {
    cluster.reload(writer, &["pgrealtime.retention = '1s'"])?;
    let mut reader = cluster.server.connect()?;
    let cursor = reader.value("SELECT pgrealtime.current_cursor()")?;
    // A call releases the segments when it ends, even in an open transaction.
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
    reader.run(&format!(
        "SELECT * FROM pgrealtime.changes_since({}, '{{big}}')",
        quote(&cursor)
    ))?;
    leave_behind(writer)?;
    reader.run("COMMIT")?;
    // Segments that another program reads, such as pg_dump, stay, and the ring fills up behind them.
    let segment = current(writer)?;
    reader.run(&format!(
        "BEGIN; LOCK TABLE pgrealtime.change_log_{segment} IN ACCESS SHARE MODE"
    ))?;
    writer.run("SET lock_timeout = '20s'")?;
    for _ in 0..7 {
        switch(writer)?;
    }
    let full = current(writer)?;
    let (before, held) = (horizon(writer)?, size(writer)?);
    for _ in 0..20 {
        write(writer)?;
        writer.run("SELECT pgrealtime.prune()")?;
    }
    check(current(writer)? == full, || {
        "a segment that is held was taken for free".to_string()
    })?;
    check(horizon(writer)? == before, || {
        "a segment that is held was emptied".to_string()
    })?;
    reader.run("COMMIT")?;
    wait_for("the segments to be emptied", || {
        writer.run("SELECT pgrealtime.prune()")?;
        Ok(horizon(writer)? != before && size(writer)? < held + 10 * MEGABYTE)
    })?;
    Ok(writer.run("RESET lock_timeout")?)
}

/// Several sessions prune while the janitor does: they wait for each other, but not in a circle.
fn by_hand(cluster: &Cluster, writer: &mut Client) -> Outcome {
    cluster.reload(writer, &["pgrealtime.retention = '1s'"])?;
    // No session waits for another one's transaction.
    let (mut first, mut second) = (cluster.server.connect()?, cluster.server.connect()?);
    first.run("BEGIN; SELECT pgrealtime.prune()")?;
    second.run("SELECT pgrealtime.prune()")?;
    first.run("COMMIT")?;
    let prune = || -> Outcome {
        let mut client = cluster.server.connect()?;
        let last = horizon(&mut client)?;
        wait_for("a segment to be emptied", || {
            client.run("INSERT INTO big VALUES (0, '') ON CONFLICT (id) DO UPDATE SET pad = ''")?;
            client.run("SELECT pgrealtime.prune()")?;
            Ok(horizon(&mut client)? != last)
        })
    };
    for _ in 0..5 {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(prune)).collect();
            join(threads)
        })?;
    }
    Ok(())
}

/// Whether a janitor is at work in a database.
fn janitors(client: &mut Client) -> Result<String, Failure> {
    client.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pgrealtime janitor'")
}

/// It waits five seconds for other sessions to go, the janitor among them.
fn drop_database(cluster: &Cluster) -> Outcome {
    let mut admin = cluster.server.connect()?;
    for _ in 0..3 {
        admin.run("CREATE DATABASE loaded")?;
        let server: Server = cluster.server.database("loaded");
        let mut client = server.connect()?;
        prepare(&mut client)?;
        wait_for("two switches", || {
            write(&mut client)?;
            Ok(current(&mut client)? == "2")
        })?;
        drop(client);
        admin.run("DROP DATABASE loaded")?;
    }
    wait_for("the janitors to be gone", || {
        Ok(janitors(&mut admin)? == "0")
    })
}

/// Logged once in a session, and requested again.
fn no_slot(cluster: &Cluster) -> Outcome {
    // One is the launcher's of logical replication, the other a parallel query's.
    cluster.configure(&["max_worker_processes = 2", "max_parallel_workers = 2"])?;
    let mut writer = cluster.server.connect()?;
    let mut parallel = cluster.server.connect()?;
    let mut admin = cluster.server.connect()?;
    parallel.run(
        "SELECT set_config(name, 'on', false) FROM pg_settings
         WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
         SET max_parallel_workers_per_gather = 1",
    )?;
    parallel.send("SELECT pg_sleep(3600)")?;
    let workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'";
    wait_for("the parallel worker", || Ok(admin.value(workers)? == "1"))?;
    let said = || {
        cluster
            .log()
            .matches("no background worker slot is free")
            .count()
    };
    wait_for("the server to say so", || {
        write(&mut writer)?;
        Ok(said() > 0)
    })?;
    refused(
        writer.run("SELECT pgrealtime.prune()"),
        "53000",
        "no background worker is free",
    )?;
    let before = current(&mut writer)?;
    for _ in 0..20 {
        write(&mut writer)?;
    }
    check(current(&mut writer)? == before, || {
        "some janitor was at work".to_string()
    })?;
    admin.run(&format!("SELECT pg_terminate_backend({})", parallel.pid))?;
    wait_for("the janitor", || {
        write(&mut writer)?;
        Ok(current(&mut writer)? != before)
    })?;
    check(said() == 1, || format!("said {} times", said()))
}
