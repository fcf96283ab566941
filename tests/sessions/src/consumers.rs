//! Consumers: what several workers make of the changes that they share.

mod worker;

use crate::cluster::Cluster;
use crate::copy::{parse, poll, Copy};
use crate::log::{leave_behind, switch};
use crate::pg::{Client, Server, LOST};
use crate::random::{knob, seed, Random};
use crate::writer::{make_items, End, Writer};
use crate::{check, join, part, refused, wait_for, Outcome};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use worker::{finish_prepared, Tally, Worker};

const WRITERS: u64 = 4;
const WORKERS: u64 = 3;

pub fn run() -> Outcome {
    let seed = seed();
    let cluster = Cluster::from_environment();
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    make_items(&mut admin)?;
    drop(admin);
    let server = &cluster.server;
    part("a second worker waits, and gets what comes after", || {
        waits(server)
    })?;
    part("a worker that is ended has done nothing", || ended(server))?;
    part("two consumers in opposite order", || deadlock(server))?;
    part("workers share a consumer, and the server is killed", || {
        shared(&cluster, seed)
    })?;
    part("a consumer that is not used falls out of the log", || {
        falls_out(&cluster)
    })
}

/// A statement that reads with a consumer, and returns the ids of what came.
fn consume(name: &str) -> String {
    format!(
        "SELECT string_agg(change -> 'record' ->> 'id', ',') FROM pgrealtime.consume('{name}', '{{items}}')"
    )
}

fn insert(client: &mut Client, id: i64) -> Outcome {
    Ok(client.run(&format!("INSERT INTO items VALUES ({id}, 1, {id}, '')"))?)
}

fn waits(server: &Server) -> Outcome {
    let (mut first, mut second) = (server.connect()?, server.connect()?);
    let mut admin = server.connect()?;
    admin.run("SELECT pgrealtime.create_consumer('waits')")?;
    insert(&mut admin, -1)?;
    first.run("BEGIN")?;
    let got = first.value(&consume("waits"))?;
    check(got == "-1", || format!("the first worker got {got}"))?;
    second.send_to_wait(&format!("{} -- 1", consume("waits")), &mut admin)?;
    // The second worker's statement does not see this one.
    insert(&mut admin, -2)?;
    first.run("COMMIT")?;
    let got = second.receive()?;
    check(got == [[None]], || {
        format!("a statement that waited: {got:?}")
    })?;
    let got = second.value(&consume("waits"))?;
    check(got == "-2", || format!("the second worker got {got}"))?;
    // A rollback is waited for, too.
    insert(&mut admin, -3)?;
    first.run("BEGIN")?;
    first.value(&consume("waits"))?;
    second.send_to_wait(&format!("{} -- 2", consume("waits")), &mut admin)?;
    first.run("ROLLBACK")?;
    let got = second.receive()?;
    check(got == [[Some("-3".to_string())]], || {
        format!("after a rollback: {got:?}")
    })?;
    // So is one to a savepoint, which gives the consumer back.
    insert(&mut admin, -4)?;
    first.run("BEGIN; SAVEPOINT s")?;
    first.value(&consume("waits"))?;
    second.send_to_wait(&format!("{} -- 3", consume("waits")), &mut admin)?;
    first.run("ROLLBACK TO s")?;
    let got = second.receive()?;
    check(got == [[Some("-4".to_string())]], || {
        format!("after a rollback to a savepoint: {got:?}")
    })?;
    let got = first.value(&consume("waits"))?;
    check(got.is_empty(), || format!("-4 came again: {got}"))?;
    first.run("COMMIT")?;
    // One that is dropped and made again is another one, which the new transaction has as well.
    first.run("BEGIN")?;
    first.run("SELECT pgrealtime.drop_consumer('waits')")?;
    first.run("SELECT pgrealtime.create_consumer('waits')")?;
    second.send_to_wait(&format!("{} -- 4", consume("waits")), &mut admin)?;
    first.run("COMMIT")?;
    second.receive()?;
    first.run("BEGIN")?;
    first.value(&consume("waits"))?;
    second.send_to_wait(&format!("{} -- 5", consume("waits")), &mut admin)?;
    first.run("SELECT pgrealtime.drop_consumer('waits')")?;
    first.run("COMMIT")?;
    refused(second.receive(), "42704", "does not exist")
}

fn ended(server: &Server) -> Outcome {
    let (mut first, mut second) = (server.connect()?, server.connect()?);
    let mut admin = server.connect()?;
    admin.run("SELECT pgrealtime.create_consumer('ended')")?;
    insert(&mut admin, -10)?;
    first.run("BEGIN")?;
    first.value(&consume("ended"))?;
    second.send_to_wait(&format!("{} -- 4", consume("ended")), &mut admin)?;
    admin.run(&format!("SELECT pg_terminate_backend({})", first.pid))?;
    let got = second.receive()?;
    check(got == [[Some("-10".to_string())]], || {
        format!("after the other worker was ended: {got:?}")
    })
}

fn deadlock(server: &Server) -> Outcome {
    let (mut first, mut second) = (server.connect()?, server.connect()?);
    let mut admin = server.connect()?;
    admin.run("SELECT pgrealtime.create_consumer('one'), pgrealtime.create_consumer('two')")?;
    insert(&mut admin, -20)?;
    for client in [&mut first, &mut second] {
        client.run("SET deadlock_timeout = '50ms'")?;
        client.run("BEGIN")?;
    }
    first.value(&consume("one"))?;
    second.value(&consume("two"))?;
    first.send_to_wait(&consume("two"), &mut admin)?;
    let second_got = second.query(&consume("one"));
    // One of them is ended. The other one waits for its rollback.
    if second_got.is_err() {
        refused(second_got, "40P01", "deadlock")?;
        second.run("ROLLBACK")?;
        first.receive()?;
        first.run("COMMIT")?;
    } else {
        second.run("COMMIT")?;
        refused(first.receive(), "40P01", "deadlock")?;
        first.run("ROLLBACK")?;
    }
    for name in ["one", "two"] {
        let got = first.value(&consume(name))?;
        check(got.is_empty(), || {
            format!("{name} was left behind at {got}")
        })?;
    }
    Ok(())
}

/// Rounds of writers and workers. Each second round ends with a crash.
fn shared(cluster: &Cluster, seed: u64) -> Outcome {
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

/// A short retention: first the views warn, then the consumer is refused, and a move mends it.
fn falls_out(cluster: &Cluster) -> Outcome {
    let mut client = cluster.server.connect()?;
    let seen = "SELECT (kept_for > '0') || ' ' || coalesce(problem, 'ok') FROM pgrealtime.consumer_status WHERE name = 'left'";
    let warned = "SELECT coalesce(consumers_at_risk ->> 'left', 'no') FROM pgrealtime.log_status";
    client.run("SELECT pgrealtime.create_consumer('left')")?;
    // Whoever keeps the log's retention would have to wait for days.
    cluster.reload(&mut client, &["pgrealtime.retention = '1s'"])?;
    switch(&mut client)?;
    leave_behind(&mut client)?;
    check(
        client
            .value(seen)?
            .starts_with("false read the table again: "),
        || "the view says nothing of a consumer that is refused".to_string(),
    )?;
    check(client.value(warned)? == "00:00:00", || {
        "log_status does not warn".to_string()
    })?;
    refused(
        client.query(&consume("left")),
        "72000",
        "have left the change log",
    )?;
    client.run("SELECT pgrealtime.move_consumer('left')")?;
    insert(&mut client, -30)?;
    let got = client.value(&consume("left"))?;
    check(got == "-30", || format!("after the move: {got}"))?;
    // A segment that was sealed long ago: the consumer has less than a tenth of the retention left.
    cluster.reload(&mut client, &["pgrealtime.retention = '1d'"])?;
    client.run("SELECT pgrealtime.create_consumer('stays')")?;
    check(client.value(warned)? == "no", || {
        "a warning for nothing".to_string()
    })?;
    cluster.reload(&mut client, &["pgrealtime.retention = '1s'"])?;
    switch(&mut client)?;
    cluster.reload(&mut client, &["pgrealtime.retention = '1d'"])?;
    client.run("SELECT pgrealtime.prune()")?;
    client.run("UPDATE pgrealtime.log_segment SET sealed_at = sealed_at - interval '23 h'")?;
    let left = client.value(warned)?;
    check(
        left.starts_with("00:59:") || left.starts_with("01:00:"),
        || format!("the time that is left is {left}"),
    )?;
    client.run(&consume("left"))?;
    check(client.value(warned)? == "no", || {
        "a consumer that was used is still at risk".to_string()
    })?;
    cluster.reload(&mut client, &["pgrealtime.retention = '24h'"])
}
