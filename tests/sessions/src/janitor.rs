//! The janitor: what it removes, and that it never makes writers wait.

mod crowd;

use crate::cluster::Cluster;
use crate::copy::triggers;
use crate::log::{current, horizon, leave_behind, switch};
use crate::pg::{quote, Client, Server};
use crate::{check, join, part, refused, wait_for, Outcome};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

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
    part("a session that has seen the whole ring", || ring(server))?;
    part("prune() in a transaction that has written", || {
        own_entries(server)
    })?;
    part("nobody waits for who has called prune()", || {
        open_transaction(server)
    })?;
    part(
        "the janitor waits for nobody while others wait for it",
        || invalidated(server),
    )?;
    part("prune() is cancelled, or its worker ended", || {
        cancelled(server)
    })?;
    part("sessions prune, others write", || busy(server))?;
    part("there always is somebody who reads", || readers(server))?;
    part("the clock was set back", || clock(&cluster))?;
    part("few of many sessions ask for a janitor", || {
        crowd::run(&cluster)
    })?;
    part("whoever asked in vain keeps nobody from asking", || {
        crowd::outlived(&cluster)
    })?;
    part("settings of the database and the server", || {
        settings(&cluster)
    })?;
    part("an idle database starts no janitor", || idle(&cluster))
}

/// A table `name` with an id and a column `a`, captured.
fn make(client: &mut Client, name: &str) -> Outcome {
    client.run(&format!("CREATE TABLE {name} (id bigint, a text)"))?;
    Ok(client.run(&triggers(name))?)
}

/// How many changes of a table a session that knows nothing yet reads after a cursor.
fn read(server: &Server, table: &str, cursor: &str) -> Result<String, String> {
    Ok(server.connect()?.value(&format!(
        "SET lock_timeout = '20s'; SELECT count(change) FROM pgrealtime.changes_since({}, '{{{table}}}')",
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
    make(&mut client, "altered")?;
    let mut last = String::from("b");
    for round in 0..12 {
        let start = cursor(&mut client)?;
        for step in 0..20 {
            let next = format!("a{round}_{step}");
            client.run(&format!(
                "ALTER TABLE altered DROP COLUMN IF EXISTS {last}, ADD COLUMN {next} int; INSERT INTO altered VALUES (1, 'x')"
            ))?;
            last = next;
        }
        let found = read(server, "altered", &start)?;
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

/// Savepoints and sessions: a layout that one rolls back stays registered for the other.
fn shared(server: &Server) -> Outcome {
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut one, "shared")?;
    let start = cursor(&mut one)?;
    let insert = "INSERT INTO shared VALUES (1, 'x')";
    // Rolled back with its savepoint, and written again.
    one.run(&format!(
        "BEGIN; SAVEPOINT s; {insert}; ROLLBACK TO s; {insert}; SAVEPOINT t; {insert}; RELEASE t; {insert}; COMMIT"
    ))?;
    // Two sessions at once, one of which rolls back.
    one.run("ALTER TABLE shared ADD COLUMN b int")?;
    one.run(&format!("BEGIN; {insert}"))?;
    other.run(insert)?;
    one.run("ROLLBACK")?;
    one.run(insert)?;
    // One prepares, and the other writes in every segment until it is committed.
    one.run("ALTER TABLE shared ADD COLUMN c int")?;
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
    // It processes no notice of the switches before it locks the segment that it knows.
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

/// Waits until the retention of a segment would be over, had it been sealed when it was closed.
fn outlast(client: &mut Client, segment: &str) -> Outcome {
    let over = format!(
        "SELECT closed_at < clock_timestamp() - interval '1.5 s' FROM pgrealtime.log_segment WHERE segment = {segment}"
    );
    wait_for("the segment to be old", || {
        client.run("SELECT pgrealtime.prune()")?;
        match client.value(&over)?.as_str() {
            "" if current(client)? == segment => Ok(false),
            "" => Err(format!("segment {segment} was emptied")),
            over => Ok(over == "t"),
        }
    })
}

/// Prepared or not, it is kept from its own segment just as others are.
fn own_entries(server: &Server) -> Outcome {
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut one, "own")?;
    let insert = "INSERT INTO own VALUES (1, 'x')";
    for end in ["COMMIT", "PREPARE TRANSACTION 'own'"] {
        let start = cursor(&mut other)?;
        one.run(&format!("BEGIN; {insert}"))?;
        let segment = current(&mut one)?;
        wait_for("a switch", || {
            one.run("SELECT pgrealtime.prune()")?;
            Ok(current(&mut one)? != segment)
        })?;
        one.run(&format!("SAVEPOINT s; {insert}"))?;
        outlast(&mut one, &segment)?;
        one.run(&format!("ROLLBACK TO s; {insert}; SAVEPOINT t; {insert}"))?;
        one.run("SELECT pgrealtime.prune(); RELEASE t")?;
        one.run(&format!("{insert}; {end}"))?;
        if end != "COMMIT" {
            one.run("SELECT pgrealtime.prune()")?;
            one.run("COMMIT PREPARED 'own'")?;
        }
        let found = read(server, "own", &start)?;
        check(found == "4", || format!("{found} changes of 4"))?;
    }
    complete(&mut one)
}

/// It has emptied a segment, and its transaction goes on.
fn open_transaction(server: &Server) -> Outcome {
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut one, "open")?;
    other.run("SET lock_timeout = '20s'")?;
    one.run("BEGIN")?;
    let before = horizon(&mut other)?;
    wait_for("a segment to be emptied", || {
        other.run("INSERT INTO open VALUES (1, 'x')")?;
        one.run("SELECT pgrealtime.prune()")?;
        Ok(horizon(&mut one)? != before)
    })?;
    let start = cursor(&mut other)?;
    other.run("INSERT INTO open VALUES (1, 'x')")?;
    let found = read(server, "open", &start)?;
    check(found == "1", || format!("{found} changes of 1"))?;
    leave_behind(&mut other)?;
    Ok(one.run("ROLLBACK")?)
}

/// Somebody keeps it from the log's state, and a segment is due to be emptied.
fn invalidated(server: &Server) -> Outcome {
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut one, "invalidated")?;
    other.run("SET lock_timeout = '20s'")?;
    let insert = "INSERT INTO invalidated VALUES (1, 'x')";
    switch(&mut other)?;
    other.run("SELECT pgrealtime.prune()")?;
    other.run(insert)?;
    let due = "SELECT count(*) > 0 AND bool_and(sealed_at < clock_timestamp() - interval '1.2 s') FROM pgrealtime.log_segment";
    one.run("BEGIN; SELECT pgrealtime.invalidate_cursors()")?;
    wait_for("a segment to be due", || Ok(other.value(due)? == "t"))?;
    let pruner = server.clone();
    let pruned = thread::spawn(move || pruner.connect()?.run("SELECT pgrealtime.prune()"));
    wait_for("the janitor", || Ok(janitors(&mut other)? == "1"))?;
    let start = cursor(&mut other)?;
    for _ in 0..20 {
        other.run(insert)?;
        read(server, "invalidated", &start)?;
    }
    let pruned = pruned.join().map_err(|_| "panicked".to_string())?;
    refused(pruned, "55P03", "holds a lock")?;
    one.run("SELECT pgrealtime.prune(); COMMIT")?;
    other.run(insert)?;
    Ok(other.run("SELECT pgrealtime.prune()")?)
}

/// How many janitors are there.
fn janitors(client: &mut Client) -> Result<String, String> {
    Ok(client
        .value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pgrealtime janitor'")?)
}

/// The janitor of a `prune()` cannot start, and ends when its caller gives up.
fn cancelled(server: &Server) -> Outcome {
    let (mut admin, mut watcher) = (server.connect()?, server.connect()?);
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    make(&mut admin, "cancelled")?;
    let prune = "SELECT pgrealtime.prune()";
    let mut until = |count: &str, end: &str| -> Outcome {
        wait_for("the janitor to come or go", || {
            Ok(janitors(&mut watcher)? == count)
        })?;
        Ok(watcher.run(end)?)
    };
    admin.run("BEGIN; LOCK TABLE pgrealtime.log_segment IN SHARE ROW EXCLUSIVE MODE")?;
    until("0", "")?;
    one.send(prune)?;
    until("1", &format!("SELECT pg_cancel_backend({})", one.pid))?;
    refused(one.receive(), "57014", "user request")?;
    until("0", "")?;
    one.run("SET statement_timeout = '300ms'")?;
    refused(one.run(prune), "57014", "statement timeout")?;
    until("0", "")?;
    // Caught, the transaction goes on.
    let start = cursor(&mut one)?;
    one.run(
        "BEGIN; INSERT INTO cancelled VALUES (1, 'x');
         DO $$ BEGIN PERFORM pgrealtime.prune(); EXCEPTION WHEN query_canceled THEN NULL; END $$;
         INSERT INTO cancelled VALUES (2, 'x'); COMMIT; RESET statement_timeout",
    )?;
    let found = read(server, "cancelled", &start)?;
    check(found == "2", || format!("{found} changes of 2"))?;
    until("0", "")?;
    // One at a time: the other one waits for its turn as for any lock, the first one for the janitor's patience to end.
    one.send(prune)?;
    until("1", "SET lock_timeout = '100ms'")?;
    other.run("SET lock_timeout = '100ms'")?;
    refused(other.run(prune), "55P03", "lock timeout")?;
    refused(one.receive(), "55P03", "holds a lock")?;
    until("0", "")?;
    // A caller whose worker is ended gets an error; a session that is ended leaves no worker behind.
    one.send(prune)?;
    until(
        "1",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pgrealtime janitor'",
    )?;
    refused(one.receive(), "55000", "ended before it was done")?;
    until("0", "")?;
    one.send(prune)?;
    until("1", &format!("SELECT pg_terminate_backend({})", one.pid))?;
    until("0", "")?;
    admin.run("COMMIT")?;
    Ok(admin.run(prune)?)
}

/// Every writer's transaction is open for longer than the retention, while others prune.
fn busy(server: &Server) -> Outcome {
    let over = AtomicBool::new(false);
    let mut admin = server.connect()?;
    for number in 0..3 {
        make(&mut admin, &format!("busy_{number}"))?;
    }
    let prune = || -> Outcome {
        let mut client = server.connect()?;
        while !over.load(SeqCst) {
            client.run("SELECT pgrealtime.prune()")?;
        }
        Ok(())
    };
    let write = |number: i32| -> Outcome {
        let mut client = server.connect()?;
        let insert = format!("INSERT INTO busy_{number} VALUES (1, 'x')");
        for round in 0..3 {
            client.run(&format!(
                "BEGIN; {insert}; SAVEPOINT s; {insert}; RELEASE s"
            ))?;
            // Others switch: it need not be the current one any more.
            let segment = client.value(
                "SELECT right(c.relname, 1) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
                 WHERE l.pid = pg_backend_pid() AND l.mode = 'RowExclusiveLock' AND c.relname LIKE 'change\\_log\\__'",
            )?;
            outlast(&mut client, &segment)?;
            client.run(&format!("SAVEPOINT t; {insert}; ROLLBACK TO t; {insert}"))?;
            // Its own transaction is unfinished for it; an older cursor may be left behind by what others have written.
            let start = cursor(&mut client)?;
            if round == 1 {
                client.run(&format!("PREPARE TRANSACTION 'busy_{number}'"))?;
                client.run(&format!("COMMIT PREPARED 'busy_{number}'"))?;
            } else {
                client.run("COMMIT")?;
            }
            let found = read(server, &format!("busy_{number}"), &start)?;
            check(found == "3", || format!("{found} changes of 3"))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let pruners: Vec<_> = (0..4).map(|_| scope.spawn(prune)).collect();
        let write = &write;
        let writers: Vec<_> = (0..3).map(|i| scope.spawn(move || write(i))).collect();
        let written = join(writers);
        over.store(true, SeqCst);
        let pruned = join(pruners);
        written.and(pruned)
    })?;
    complete(&mut admin)
}

/// Goes on until the log is empty, of what was rolled back, too; needs a short retention.
fn drain(client: &mut Client) -> Outcome {
    let left = "SELECT sum(pg_relation_size(oid)) + (SELECT count(*) FROM pgrealtime.log_segment) FROM pg_class
         WHERE relnamespace = 'pgrealtime'::regnamespace AND relkind = 'r' AND relname LIKE 'change\\_log\\__'";
    wait_for("the log to be empty", || {
        client.run("SELECT pgrealtime.prune()")?;
        Ok(client.value(left)? == "0")
    })
}

/// What is emptied last is the newest, whatever the clock said when it was closed.
fn clock(cluster: &Cluster) -> Outcome {
    let mut client = cluster.server.connect()?;
    make(&mut client, "clock")?;
    drain(&mut client)?;
    cluster.reload(&mut client, &["pgrealtime.retention = '1h'"])?;
    let mut cursors = Vec::new();
    for _ in 0..3 {
        cursors.push(cursor(&mut client)?);
        client.run("INSERT INTO clock VALUES (1, 'x')")?;
        client.run("UPDATE pgrealtime.log_state SET current_since = '2001-01-01'")?;
        client.run("SELECT pgrealtime.prune()")?;
    }
    client.run("SELECT pgrealtime.prune()")?;
    client.run(
        "UPDATE pgrealtime.log_segment AS l SET sealed_at = '2001-01-01', closed_at = '2001-01-01'::timestamptz - interval '1 s' * n
         FROM (SELECT segment, row_number() OVER (ORDER BY closed_at) FROM pgrealtime.log_segment) AS o (segment, n)
         WHERE l.segment = o.segment",
    )?;
    let emptied = client.value("SELECT pgrealtime.prune()")?;
    check(emptied == "3", || format!("{emptied} of 3 were emptied"))?;
    for cursor in cursors {
        let query = format!(
            "SELECT * FROM pgrealtime.changes_since({}, '{{clock}}')",
            quote(&cursor)
        );
        refused(client.query(&query), "72000", "left the change log")?;
    }
    cluster.reload(&mut client, &["pgrealtime.retention = '1s'"])
}

/// What they would have the janitor wait for: a safe snapshot, a standby that has gone.
fn settings(cluster: &Cluster) -> Outcome {
    let server = &cluster.server;
    let (mut client, mut other) = (server.connect()?, server.connect()?);
    make(&mut client, "settings")?;
    let database = client.value("SELECT quote_ident(current_database())")?;
    for setting in [
        "default_transaction_isolation = serializable",
        "default_transaction_read_only = on",
        "default_transaction_deferrable = on",
        "lock_timeout = 1",
        "search_path = nowhere",
    ] {
        client.run(&format!("ALTER DATABASE {database} SET {setting}"))?;
    }
    other.run("CREATE TABLE elsewhere (a int)")?;
    other.run("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM elsewhere; INSERT INTO elsewhere VALUES (1)")?;
    cluster.reload(&mut client, &["synchronous_standby_names = 'nobody'"])?;
    client.run("SET synchronous_commit = local")?;
    for _ in 0..2 {
        let before = current(&mut client)?;
        wait_for("a switch", || {
            client.run("INSERT INTO settings VALUES (1, 'x')")?;
            Ok(current(&mut client)? != before)
        })?;
    }
    client.run("SELECT pgrealtime.prune()")?;
    other.run("ROLLBACK")?;
    client.run(&format!("ALTER DATABASE {database} RESET ALL"))?;
    cluster.reload(&mut client, &["synchronous_standby_names = ''"])
}

/// Nothing is due: neither readers nor writers start a janitor.
fn idle(cluster: &Cluster) -> Outcome {
    let server = &cluster.server;
    let (mut one, mut other) = (server.connect()?, server.connect()?);
    let mut reader = server.connect()?;
    make(&mut one, "idle")?;
    cluster.reload(&mut one, &["log_min_messages = debug1"])?;
    let started = || {
        let line = "starting background worker process \"pgrealtime janitor\"";
        cluster.log().matches(line).count()
    };
    // For more than ten looks of each; the janitor of prune() is the last that the server is asked for.
    let none_started = |what: &str, clients: &mut [&mut Client]| -> Outcome {
        let before = started();
        let start = cursor(clients[0])?;
        let until = clients[0].value("SELECT clock_timestamp() + interval '2.5 s'")?;
        let over = format!("SELECT clock_timestamp() > {}", quote(&until));
        wait_for("time to pass", || {
            for client in clients.iter_mut() {
                client.run(&format!(
                    "SELECT * FROM pgrealtime.changes_since({}, '{{idle}}')",
                    quote(&start)
                ))?;
            }
            Ok(clients[0].value(&over)? == "t")
        })?;
        clients[0].run("SELECT pgrealtime.prune()")?;
        let count = started() - before;
        check(count == 1, || {
            format!("{what}: {count} janitors instead of one")
        })
    };
    drain(&mut other)?;
    none_started("nothing is there", &mut [&mut other])?;
    // A closed segment that a writer holds, for itself and for others.
    // Its INSERT may start a janitor that switches at once; an empty segment is not switched before.
    let segment = current(&mut other)?;
    one.run("BEGIN; INSERT INTO idle VALUES (1, 'x')")?;
    wait_for("a switch", || {
        other.run("SELECT pgrealtime.prune()")?;
        Ok(current(&mut other)? != segment)
    })?;
    none_started("a writer", &mut [&mut other, &mut one])?;
    one.run("COMMIT")?;
    // One that is due, and that somebody reads.
    other.run("SELECT pgrealtime.prune()")?;
    reader.run(&format!(
        "BEGIN; LOCK TABLE pgrealtime.change_log_{segment} IN ACCESS SHARE MODE"
    ))?;
    // A janitor has waited for it in vain, and logs that.
    let delayed = "SELECT emptying_delayed_since IS NOT NULL FROM pgrealtime.log_status";
    wait_for("the segment to be due", || {
        other.run("SELECT pgrealtime.prune()")?;
        Ok(other.value(delayed)? == "t")
    })?;
    none_started("a reader", &mut [&mut other, &mut reader])?;
    reader.run("COMMIT")?;
    let start = cursor(&mut other)?;
    wait_for("a look to start a janitor", || {
        other.run(&format!(
            "SELECT * FROM pgrealtime.changes_since({}, '{{idle}}')",
            quote(&start)
        ))?;
        Ok(other.value("SELECT count(*) FROM pgrealtime.log_segment")? == "0")
    })?;
    check(other.value(delayed)? == "f", || {
        "it still says that it is delayed".to_string()
    })?;
    cluster.reload(&mut one, &["log_min_messages = warning"])
}

/// So many that at no time nobody holds the segments.
fn readers(server: &Server) -> Outcome {
    let over = AtomicBool::new(false);
    let mut writer = server.connect()?;
    make(&mut writer, "readers")?;
    let read = || -> Outcome {
        let mut client = server.connect()?;
        let mut start = cursor(&mut client)?;
        while !over.load(SeqCst) {
            let batch = client.query(&format!(
                "SELECT cursor FROM pgrealtime.changes_since({}, '{{readers}}')",
                quote(&start)
            ));
            match batch {
                Ok(rows) => {
                    let last = rows.into_iter().next_back();
                    start = last
                        .and_then(|row| row.into_iter().next()?)
                        .unwrap_or(start);
                }
                Err(failure) if failure.code == "72000" => start = cursor(&mut client)?,
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..24).map(|_| scope.spawn(read)).collect();
        let mut last = horizon(&mut writer)?;
        let mut emptied = 0;
        let result = wait_for("segments to be emptied", || {
            writer.run("INSERT INTO readers SELECT i, 'x' FROM generate_series(1, 100) AS i")?;
            let now = horizon(&mut writer)?;
            emptied += u32::from(now != last);
            last = now;
            Ok(emptied >= 10)
        });
        over.store(true, SeqCst);
        join(readers).and(result)
    })
}
