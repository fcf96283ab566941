//! Consumers: what several workers make of the changes that they share.

mod shared;
mod worker;

use crate::cluster::Cluster;
use crate::log::{leave_behind, switch};
use crate::pg::{Client, Server};
use crate::random::seed;
use crate::writer::make_items;
use crate::{check, part, refused, wait_for, Outcome};

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
        shared::run(&cluster, seed)
    })?;
    part("a consumer that is not used falls out of the log", || {
        falls_out(&cluster)
    })?;
    part("a standby shows consumers, and goes on with them", || {
        fails_over(&cluster)
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

/// A consumer moves on no standby, and is there after a failover.
fn fails_over(cluster: &Cluster) -> Outcome {
    let mut client = cluster.server.connect()?;
    client.run("SELECT pgrealtime.create_consumer('stands')")?;
    insert(&mut client, -40)?;
    client.value(&consume("stands"))?;
    insert(&mut client, -41)?;
    let standby = cluster.standby(&[])?;
    let mut other = standby.server.connect()?;
    wait_for("the standby to follow", || {
        Ok(other.value("SELECT count(*) FROM items WHERE id = -41")? == "1")
    })?;
    refused(other.query(&consume("stands")), "25006", "recovery")?;
    let lag = other.value(
        "SELECT lag_changes || coalesce(problem, '') FROM pgrealtime.consumer_status WHERE name = 'stands'",
    )?;
    check(lag == "1", || format!("the standby shows {lag}"))?;
    drop(client);
    standby.promote()?;
    for expected in ["-41", ""] {
        let got = other.value(&consume("stands"))?;
        check(got == expected, || {
            format!("after the failover {got:?} instead of {expected:?}")
        })?;
    }
    Ok(())
}
