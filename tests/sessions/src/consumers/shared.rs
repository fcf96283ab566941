//! Workers that share a consumer, while writers write, workers are ended, and the server is killed.

use super::worker::{finish_prepared, Tally, Worker};
use crate::cluster::Cluster;
use crate::copy::{parse, poll, Copy};
use crate::pg::{Server, LOST};
use crate::random::{knob, Random};
use crate::writer::{End, Writer};
use crate::{check, join, wait_for, Outcome};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const WRITERS: u64 = 4;
const WORKERS: u64 = 3;

/// Rounds of writers and workers. Each second round ends with a crash.
pub fn run(cluster: &Cluster, seed: u64) -> Outcome {
    let mut admin = cluster.server.connect()?;
    admin
        .run("CREATE TABLE worked (n bigint GENERATED ALWAYS AS IDENTITY, change json NOT NULL)")?;
    let (mut copy, start) = Copy::start(&mut admin, false)?;
    admin.run(&format!(
        "SELECT pgrealtime.create_consumer('shared', '{start}')"
    ))?;
    drop(admin);
    let mut random = Random::new(seed, 0);
    let tally = Tally::default();
    for round in 0..knob("PGREALTIME_ROUNDS", 6) {
        one_round(
            cluster,
            seed + round,
            random.below(8_000),
            round % 2 == 1,
            &tally,
        )
        .map_err(|error| format!("round {round}: {error}"))?;
    }
    let mut client = cluster.server.connect()?;
    let mut last = Worker::new(&cluster.server, "shared", Random::new(seed, 1))?;
    let mut nothing = 0;
    while nothing < 2 {
        nothing = if last.drain()? == 0 { nothing + 1 } else { 0 };
    }
    println!("        {tally}");
    tally.check()?;
    // The same changes, no more and no fewer: as one reader gets them who reads them all from the start.
    let (mut cursor, mut expected) = (start, 0);
    client.run("CREATE TEMP TABLE expected (change json NOT NULL)")?;
    loop {
        let rows = client.query(&format!(
            "WITH batch AS MATERIALIZED (SELECT * FROM pgrealtime.changes_since('{cursor}', '{{items}}', max_changes => 100000)),
                  kept AS (INSERT INTO expected SELECT change FROM batch WHERE change IS NOT NULL RETURNING 1)
             SELECT (SELECT cursor FROM batch WHERE change IS NULL), (SELECT count(*) FROM kept)"
        ))?;
        let next = rows[0][0].clone().unwrap_or_default();
        let count: u64 = rows[0][1].as_deref().unwrap_or("0").parse().unwrap_or(0);
        expected += count;
        cursor = next;
        if count == 0 && poll(&mut client, &cursor, 1, false)?.changes.is_empty() {
            break;
        }
    }
    let differing = client.value(
        "WITH w AS (SELECT change::text FROM worked), e AS (SELECT change::text FROM expected)
         SELECT (SELECT count(*) FROM (TABLE w EXCEPT ALL TABLE e) AS more) || ' more, '
             || (SELECT count(*) FROM (TABLE e EXCEPT ALL TABLE w) AS fewer) || ' fewer'",
    )?;
    check(differing == "0 more, 0 fewer", || {
        format!("of {expected} changes: {differing}")
    })?;
    // In the order of each row: every change fits what the changes before have made of the table.
    for row in client.query("SELECT change FROM worked ORDER BY n")? {
        copy.apply(&parse(row[0].as_deref().unwrap_or_default()))?;
    }
    copy.compare(&mut client)
}

fn one_round(cluster: &Cluster, seed: u64, commits: u64, crashes: bool, tally: &Tally) -> Outcome {
    let server = &cluster.server;
    let (over, committed) = (AtomicBool::new(false), AtomicU64::new(0));
    let until = 8_000 + commits;
    thread::scope(|scope| {
        let (over, committed) = (&over, &committed);
        let writers = (0..WRITERS).map(|number| {
            // Writers have different numbers in every round.
            let number = 1 + number + WRITERS * (seed % 1_000);
            scope.spawn(move || write(server, number, seed, over, committed))
        });
        let writers: Vec<_> = writers.collect();
        let workers = (0..WORKERS).map(|number| {
            let random = Random::new(seed, 100 + number);
            scope.spawn(move || work(server, random, over, tally))
        });
        let workers: Vec<_> = workers.collect();
        let killer = scope.spawn(move || end_workers(server, Random::new(seed, 200), over, tally));
        let reached = wait_for("changes to be committed", || {
            let failed = writers.iter().chain(&workers).any(|one| one.is_finished());
            Ok(failed || committed.load(SeqCst) >= until)
        });
        let killed = if crashes { cluster.kill() } else { Ok(()) };
        over.store(true, SeqCst);
        let threads = writers.into_iter().chain(workers).chain([killer]);
        join(threads).and(reached.and(killed))
    })?;
    if crashes {
        tally.crashes.fetch_add(1, SeqCst);
        cluster.restart()?;
    }
    Ok(finish_prepared(
        &mut cluster.server.connect()?,
        &mut Random::new(seed, 300),
    )?)
}

fn is_lost(code: &str) -> bool {
    matches!(code, LOST | "57P01" | "57P02" | "57P03")
}

fn write(
    server: &Server,
    number: u64,
    seed: u64,
    over: &AtomicBool,
    committed: &AtomicU64,
) -> Outcome {
    let mut writer = match Writer::new(server, number, seed) {
        Err(failure) if is_lost(&failure.code) => return Ok(()),
        other => other?,
    };
    writer.may_prepare = false;
    while !over.load(SeqCst) {
        match writer.transaction()? {
            End::Committed(names) => {
                committed.fetch_add(names.len() as u64, SeqCst);
            }
            End::RolledBack => {}
            End::InDoubt(_) | End::Lost => return Ok(()),
        }
    }
    Ok(())
}

/// Works until the round is over; a worker that has lost its session begins another one.
fn work(server: &Server, mut random: Random, over: &AtomicBool, tally: &Tally) -> Outcome {
    while !over.load(SeqCst) {
        let own = Random::new(random.below(u64::MAX), 0);
        let mut worker = match Worker::new(server, "shared", own) {
            Err(failure) if is_lost(&failure.code) => continue,
            other => other?,
        };
        while !over.load(SeqCst) {
            match worker.transaction(tally) {
                Ok(()) => {}
                Err(failure) if is_lost(&failure.code) => break,
                Err(failure) => return Err(format!("worker: {failure}")),
            }
        }
    }
    Ok(())
}

/// Ends a worker's session now and then, wherever it is.
fn end_workers(server: &Server, mut random: Random, over: &AtomicBool, tally: &Tally) -> Outcome {
    let mut client = match server.connect() {
        Err(failure) if is_lost(&failure.code) => return Ok(()),
        other => other?,
    };
    while !over.load(SeqCst) {
        thread::sleep(Duration::from_millis(5 + random.below(60)));
        let ended = client.value(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
             WHERE application_name = 'worker' ORDER BY random() LIMIT 1) AS one",
        );
        match ended {
            Ok(ended) => tally.ended.fetch_add(ended.parse().unwrap_or(0), SeqCst),
            Err(failure) if is_lost(&failure.code) => return Ok(()),
            Err(failure) => return Err(failure.to_string()),
        };
        match finish_prepared(&mut client, &mut random) {
            Err(failure) if is_lost(&failure.code) => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}
