//! The janitor: what it takes along, and whom it never keeps waiting.

use crate::cluster::Cluster;
use crate::copy::triggers;
use crate::log::{current, switch};
use crate::pg::{quote, Client, Server};
use crate::{check, part, Outcome};

/// Every entry of the log with its segment.
fn entries() -> String {
    let of =
        |segment| format!("SELECT {segment} AS segment, * FROM pgrealtime.change_log_{segment}");
    (0..8).map(of).collect::<Vec<_>>().join(" UNION ALL ")
}

pub fn run() -> Outcome {
    let cluster = Cluster::from_environment();
    let mut writer = cluster.server.connect()?;
    writer.run("CREATE EXTENSION pgrealtime")?;
    cluster.reload(&mut writer, &["pgrealtime.retention = '1s'"])?;
    let server = &cluster.server;
    part("layouts go with their segments", || layouts(server))?;
    part("a layout is there for whoever writes with it", || {
        shared(server)
    })?;
    part("a session that has seen the whole ring", || ring(server))
}

/// A table `name` with an id and a column `a`, captured.
fn make(client: &mut Client, name: &str) -> Outcome {
    client.run(&format!("CREATE TABLE {name} (id bigint, a text)"))?;
    Ok(client.run(&triggers(name))?)
}

/// How many changes of a table a session that knows nothing yet reads after a cursor.
fn read(server: &Server, table: &str, cursor: &str) -> Result<String, String> {
    Ok(server.connect()?.value(&format!(
        "SELECT count(change) FROM pgrealtime.changes_since({}, '{{{table}}}')",
        quote(cursor)
    ))?)
}

fn cursor(client: &mut Client) -> Result<String, String> {
    Ok(client.value("SELECT pgrealtime.current_cursor()")?)
}

/// Every layout of an entry is in its segment, and none is there without an entry.
fn complete(client: &mut Client) -> Outcome {
    let lacking = format!(
        "SELECT count(*) FROM ({}) AS e WHERE operation IN ('I', 'U', 'D') AND NOT EXISTS (
             SELECT FROM pgrealtime.log_layout AS l WHERE l.layout = e.layout AND l.segment = e.segment)",
        entries()
    );
    let left = format!(
        "SELECT count(*) FROM pgrealtime.log_layout AS l WHERE NOT EXISTS (
             SELECT FROM ({}) AS e WHERE l.layout = e.layout AND l.segment = e.segment)",
        entries()
    );
    for (what, query) in [("lacking", lacking), ("left behind", left)] {
        let count = client.value(&query)?;
        check(count == "0", || format!("{count} layouts are {what}"))?;
    }
    Ok(())
}

fn layouts(server: &Server) -> Outcome {
    let mut client = server.connect()?;
    make(&mut client, "renamed")?;
    let mut last = String::from("a");
    for round in 0..12 {
        let start = cursor(&mut client)?;
        for step in 0..20 {
            let next = format!("a{round}_{step}");
            client.run(&format!(
                "ALTER TABLE renamed RENAME {last} TO {next}; INSERT INTO renamed VALUES (1, 'x')"
            ))?;
            last = next;
        }
        let found = read(server, "renamed", &start)?;
        check(found == "20", || format!("{found} changes of 20"))?;
        switch(&mut client)?;
        complete(&mut client)?;
    }
    // Of 240 layouts those of the segments that are left.
    for _ in 0..8 {
        switch(&mut client)?;
    }
    let count = client.value("SELECT count(*) FROM pgrealtime.log_layout")?;
    check(count.parse().unwrap_or(999) < 150, || {
        format!("{count} layouts are kept")
    })
}

/// Savepoints and sessions: what one takes back the other has for itself.
fn shared(server: &Server) -> Outcome {
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut one, "shared")?;
    let start = cursor(&mut one)?;
    let insert = "INSERT INTO shared VALUES (1, 'x')";
    // Taken back with its savepoint, and written again.
    one.run(&format!(
        "BEGIN; SAVEPOINT s; {insert}; ROLLBACK TO s; {insert}; SAVEPOINT t; {insert}; RELEASE t; {insert}; COMMIT"
    ))?;
    // Two at once, of whom one rolls back.
    one.run("ALTER TABLE shared RENAME a TO b")?;
    one.run(&format!("BEGIN; {insert}"))?;
    other.run(insert)?;
    one.run("ROLLBACK")?;
    one.run(insert)?;
    // One prepares, and the other writes in every segment until it is committed.
    one.run("ALTER TABLE shared RENAME b TO c")?;
    one.run(&format!("BEGIN; {insert}; PREPARE TRANSACTION 'shared'"))?;
    other.run(insert)?;
    switch(&mut other)?;
    other.run(insert)?;
    one.run("COMMIT PREPARED 'shared'")?;
    // Registered in one segment, then written with in the next one, in one transaction.
    one.run(&format!("BEGIN; {insert}; SAVEPOINT s"))?;
    let before = current(&mut other)?;
    switch(&mut other)?;
    check(current(&mut other)? != before, || "no switch".to_string())?;
    one.run(&format!("{insert}; ROLLBACK TO s; {insert}; COMMIT"))?;
    let found = read(server, "shared", &start)?;
    check(found == "10", || format!("{found} changes of 10"))?;
    complete(&mut one)
}

/// It registered its layout in a segment that has been emptied since, and is written again now.
fn ring(server: &Server) -> Outcome {
    let (mut writer, mut other) = (server.connect()?, server.connect()?);
    make(&mut writer, "ring")?;
    for _ in 0..18 {
        let start = cursor(&mut writer)?;
        writer.run("INSERT INTO ring VALUES (1, 'x')")?;
        let found = read(server, "ring", &start)?;
        check(found == "1", || format!("{found} changes of 1"))?;
        complete(&mut other)?;
        switch(&mut other)?;
    }
    // It is told of none of the switches before it locks the segment that it knows.
    writer.run("INSERT INTO ring VALUES (1, 'x')")?;
    writer.run("BEGIN; LOCK TABLE ring IN ROW EXCLUSIVE MODE")?;
    for _ in 0..8 {
        switch(&mut other)?;
    }
    let start = cursor(&mut other)?;
    writer.run("INSERT INTO ring VALUES (1, 'x'); COMMIT")?;
    let found = read(server, "ring", &start)?;
    check(found == "1", || format!("{found} changes of 1"))?;
    complete(&mut other)
}
