//! Reading on a standby, and continuing after a failover.

use crate::cluster::Cluster;
use crate::copy::{poll, Copy};
use crate::forged;
use crate::log::{horizon, leave_behind};
use crate::pg::{quote, Client};
use crate::random::{seed, Random};
use crate::writer::{make_items, End, Writer};
use crate::{check, part, refused, wait_for, Outcome};

/// With feedback and without a limit to the delay, what stops replay is a lock, and then for good. The standby asks for
/// commit times that its primary does not keep.
const SETTINGS: [&str; 4] = [
    "track_commit_timestamp=on",
    "hot_standby_feedback=on",
    "wal_receiver_status_interval=1s",
    "max_standby_streaming_delay=-1",
];

struct Pair<'a> {
    primary: &'a Cluster,
    standby: Cluster,
    on_primary: Client,
    on_standby: Client,
}

pub fn run() -> Outcome {
    let seed = seed();
    let primary = Cluster::from_environment();
    let mut on_primary = primary.server.connect()?;
    on_primary.run("CREATE EXTENSION pgrealtime")?;
    make_items(&mut on_primary)?;
    let standby = primary.standby(&SETTINGS)?;
    let mut pair = Pair {
        on_standby: standby.server.connect()?,
        primary: &primary,
        standby,
        on_primary,
    };
    part("cursors go from one server to the other", || {
        pair.there_and_back(seed)
    })?;
    part("a batch that the standby has not received yet", || {
        pair.ahead()
    })?;
    part("a subscription of a standby that lags", || pair.until())?;
    part("a cursor of a standby on one that lags", || pair.between())?;
    part("40 savepoints held open on the primary", || {
        pair.savepoints(40)
    })?;
    part("100 savepoints held open on the primary", || {
        pair.savepoints(100)
    })?;
    part("the primary's cursors while savepoints are open", || {
        pair.of_primary()
    })?;
    part(
        "waiting in a batch that the standby has not received yet",
        || pair.wait(),
    )?;
    part("forged cursors", || pair.forged(seed))?;
    part("a REPEATABLE READ reader across a prune", || pair.prune())?;
    for count in [1, 40, 100] {
        part(
            &format!("{count} savepoints held open over two rotations"),
            || pair.rotations(count),
        )?;
    }
    part("a prepared transaction, and a crash of the primary", || {
        pair.prepared()
    })?;
    part("failover", || pair.failover())
}

impl Pair<'_> {
    /// Waits until the standby has replayed what the primary has committed.
    fn catch_up(&mut self) -> Outcome {
        let mut other = self.standby.server.connect()?;
        self.reach(&mut other)
    }

    /// Waits until a standby has replayed what the primary has committed.
    fn reach(&mut self, on_standby: &mut Client) -> Outcome {
        let lsn = self.on_primary.value("SELECT pg_current_wal_flush_lsn()")?;
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'");
        wait_for("the standby to replay", || {
            Ok(on_standby.value(&replayed)? == "t")
        })
    }

    fn insert(&mut self, id: i64) -> Outcome {
        Ok(self
            .on_primary
            .run(&format!("INSERT INTO items VALUES ({id}, 1, {id}, '')"))?)
    }

    fn there_and_back(&mut self, seed: u64) -> Outcome {
        let mut random = Random::new(seed, 1000);
        let mut writer = Writer::new(&self.primary.server, 1, seed)?;
        let (mut copy, mut cursor) = Copy::start(&mut self.on_primary, false)?;
        let mut received = [0, 0];
        let mut written = 0;
        while written < 3_000 {
            if let End::Committed(names) = writer.transaction()? {
                written += names.len();
            }
            for _ in 0..random.below(3) {
                let place = random.below(2) as usize;
                let client = [&mut self.on_primary, &mut self.on_standby]
                    .into_iter()
                    .nth(place);
                let Some(client) = client else { continue };
                let batch = poll(client, &cursor, 1 + random.below(40), false)?;
                received[place] += batch.changes.len();
                cursor = copy.apply_all(&batch)?;
            }
        }
        writer.finish()?;
        self.catch_up()?;
        cursor = copy.drain(&mut self.on_standby, cursor)?;
        copy.compare(&mut self.on_standby)?;
        copy.drain(&mut self.on_primary, cursor)?;
        copy.compare(&mut self.on_primary)?;
        println!(
            "        {} changes read on the primary, {} on the standby",
            received[0], received[1]
        );
        check(received[0] > 0 && received[1] > 0, || {
            "one of them read nothing".to_string()
        })
    }

    /// The standby is asked to continue a batch whose end it has not replayed yet.
    fn ahead(&mut self) -> Outcome {
        let (mut copy, mut cursor) = Copy::start(&mut self.on_primary, false)?;
        self.catch_up()?;
        self.on_standby.run("SELECT pg_wal_replay_pause()")?;
        for id in -5..0 {
            self.insert(id)?;
        }
        let whole = self
            .on_primary
            .value("SELECT pgrealtime.current_cursor()")?;
        let batch = poll(&mut self.on_primary, &cursor, 2, false)?;
        cursor = copy.apply_all(&batch)?;
        for cursor in [&cursor, &whole] {
            let nothing = poll(&mut self.on_standby, cursor, 10, false)?;
            check(
                nothing.changes.is_empty() && nothing.cursor == *cursor,
                || "the standby said something of what it does not have".to_string(),
            )?;
        }
        self.on_standby.run("SELECT pg_wal_replay_resume()")?;
        self.catch_up()?;
        cursor = copy.drain(&mut self.on_standby, cursor)?;
        check(copy.seen.len() == 5, || {
            format!("{} changes of 5", copy.seen.len())
        })?;
        copy.drain(&mut self.on_primary, cursor)?;
        copy.compare(&mut self.on_primary)
    }

    /// A client that followed the primary comes to a relay on the standby, which has not replayed as much.
    fn until(&mut self) -> Outcome {
        let (mut copy, start) = Copy::start(&mut self.on_primary, false)?;
        self.catch_up()?;
        pause(&mut self.on_standby)?;
        self.insert(-10)?;
        let cursor = copy.drain(&mut self.on_primary, start)?;
        let subscribes = "SELECT cursor FROM pgrealtime.subscribe('items')";
        let older = self.on_standby.value(subscribes)?;
        let hand_over = |until: &str| {
            format!(
                "SELECT cursor, change FROM pgrealtime.changes_since({}, '{{items}}', until => {})",
                quote(&cursor),
                quote(until)
            )
        };
        refused(
            self.on_standby.query(&hand_over(&older)),
            "40001",
            "does not see",
        )?;
        self.on_standby.run("SELECT pg_wal_replay_resume()")?;
        self.catch_up()?;
        for client in [&mut self.on_standby, &mut self.on_primary] {
            let what = "until is older than the cursor";
            refused(client.query(&hand_over(&older)), "40001", what)?;
        }
        let later = self.on_standby.value(subscribes)?;
        let rows = self.on_standby.query(&hand_over(&later))?;
        check(rows.len() == 1 && rows[0][1].is_none(), || {
            format!("there is nothing in between, but {rows:?}")
        })?;
        Ok(self.on_standby.run("DISCARD ALL")?)
    }

    /// A cursor that was begun on the primary and read on the standby, while this lists an id that the primary does not
    /// list: it says how far it is, so that another standby, which lags, does not take it.
    fn between(&mut self) -> Outcome {
        let behind = self.primary.second_standby(&SETTINGS)?;
        let mut on_behind = behind.server.connect()?;
        on_behind.run("SELECT pgrealtime.subscribe('items')")?;
        let mut long = self.elsewhere(1)?;
        self.insert(-22)?;
        let (mut copy, start) = Copy::start(&mut self.on_primary, false)?;
        let mut writer = self.primary.server.connect()?;
        writer.run("BEGIN; INSERT INTO items VALUES (-20, 1, -20, '')")?;
        self.insert(-21)?;
        self.reach(&mut on_behind)?;
        pause(&mut on_behind)?;
        writer.run("COMMIT")?;
        self.catch_up()?;
        let cursor = copy.drain(&mut self.on_standby, start)?;
        check(copy.seen.len() == 2, || {
            format!("{} changes of 2", copy.seen.len())
        })?;
        let waits = format!("CALL pgrealtime.wait({}, '0 s')", quote(&cursor));
        let waited = on_behind.value(&waits)?;
        check(waited == cursor, || {
            "a wait has moved the cursor of another standby".to_string()
        })?;
        let nothing = poll(&mut on_behind, &cursor, 10, false)?;
        check(nothing.cursor == cursor, || {
            "a lagging standby took the cursor of another one".to_string()
        })?;
        on_behind.run("SELECT pg_wal_replay_resume()")?;
        self.reach(&mut on_behind)?;
        let cursor = copy.drain(&mut on_behind, waited)?;
        long.run("COMMIT")?;
        self.catch_up()?;
        copy.drain(&mut self.on_standby, cursor)?;
        copy.compare(&mut self.on_standby)
    }

    /// While a prepared transaction is open, a standby lists what ended with a crash of its primary.
    fn prepared(&mut self) -> Outcome {
        let mut prepares = self.elsewhere(1)?;
        prepares.run("PREPARE TRANSACTION 'open'")?;
        let mut lost = self.elsewhere(0)?;
        lost.run("INSERT INTO quiet VALUES (1)")?;
        self.insert(-7_000)?;
        self.catch_up()?;
        self.primary.kill()?;
        self.primary.restart()?;
        self.on_primary = self.primary.server.connect()?;
        self.on_primary.run("LOAD 'pgrealtime'")?;
        self.primary
            .reload(&mut self.on_primary, &["pgrealtime.retention = '1s'"])?;
        for _ in 0..2 {
            leave_behind(&mut self.on_primary)?;
        }
        self.primary
            .reload(&mut self.on_primary, &["pgrealtime.retention = '24h'"])?;
        self.catch_up()?;
        let (mut copy, cursor) = Copy::start(&mut self.on_standby, false)?;
        self.insert(-7_001)?;
        self.catch_up()?;
        let cursor = copy.drain(&mut self.on_standby, cursor)?;
        self.on_primary.run("COMMIT PREPARED 'open'")?;
        self.insert(-7_002)?;
        self.catch_up()?;
        copy.drain(&mut self.on_standby, cursor)?;
        check(copy.seen.len() == 2, || {
            format!("{} changes of 2", copy.seen.len())
        })?;
        copy.compare(&mut self.on_standby)
    }

    /// A transaction with subtransactions is open on the primary while the standby reads; more than 64 do not fit into
    /// a snapshot.
    fn savepoints(&mut self, count: i64) -> Outcome {
        let mut long = self.primary.server.connect()?;
        long.run("BEGIN")?;
        let first = 1_000_000 * count;
        for i in 0..count {
            long.run(&format!(
                "SAVEPOINT s; INSERT INTO items VALUES ({}, 1, {0}, '')",
                first + i
            ))?;
        }
        self.insert(first - 1)?;
        self.catch_up()?;
        let (mut copy, mut cursor) = Copy::start(&mut self.on_standby, false)?;
        check(copy.rows.contains_key(&(first - 1)), || {
            "the standby lags".to_string()
        })?;
        for i in 2..5 {
            self.insert(first - i)?;
            self.catch_up()?;
            let batch = poll(&mut self.on_standby, &cursor, 10, false)?;
            cursor = copy.apply_all(&batch)?;
        }
        check(copy.seen.len() == 3, || {
            format!("{} changes of 3", copy.seen.len())
        })?;
        long.run("COMMIT")?;
        self.catch_up()?;
        copy.drain(&mut self.on_standby, cursor)?;
        check(copy.seen.len() as i64 == count + 3, || {
            format!("{} changes of {}", copy.seen.len(), count + 3)
        })?;
        copy.compare(&mut self.on_standby)
    }

    /// A transaction that the log does not know of, with savepoints that have written.
    fn elsewhere(&mut self, savepoints: i64) -> Result<Client, String> {
        let mut long = self.primary.server.connect()?;
        long.run("CREATE TABLE IF NOT EXISTS quiet (id bigint)")?;
        long.run("BEGIN")?;
        for i in 0..savepoints {
            long.run(&format!("SAVEPOINT s; INSERT INTO quiet VALUES ({i})"))?;
        }
        Ok(long)
    }

    /// The primary's snapshots list transactions only, the standby's the savepoints, too.
    fn of_primary(&mut self) -> Outcome {
        for (count, first) in [(1, -1_000), (40, -2_000), (100, -3_000)] {
            let mut long = self.elsewhere(count)?;
            self.insert(first)?;
            let (mut copy, cursor) = Copy::start(&mut self.on_primary, false)?;
            for id in 1..4 {
                self.insert(first - id)?;
            }
            self.catch_up()?;
            let all = poll(&mut self.on_standby, &cursor, 10, false)?;
            check(all.changes.len() == 3, || {
                format!("{count}: {} changes of 3", all.changes.len())
            })?;
            // Begun on the primary, continued on the standby.
            let batch = poll(&mut self.on_primary, &cursor, 1, false)?;
            let waits = format!(
                "SELECT pgrealtime.wait_for_changes({}, '{{items}}', '30 s')",
                quote(&batch.cursor)
            );
            check(self.on_standby.value(&waits)? == "t", || {
                format!("{count}: the wait has missed what is there")
            })?;
            let cursor = copy.apply_all(&batch)?;
            let rest = poll(&mut self.on_standby, &cursor, 10, false)?;
            let cursor = copy.apply_all(&rest)?;
            check(copy.seen.len() == 3, || {
                format!("{count}: {} changes of 3 in a batch", copy.seen.len())
            })?;
            // In a snapshot from before the cursor there is still nothing to read.
            let mut reader = self.standby.server.connect()?;
            reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM items")?;
            self.insert(first - 4)?;
            self.catch_up()?;
            let later = self
                .on_primary
                .value("SELECT pgrealtime.current_cursor()")?;
            let nothing = poll(&mut reader, &later, 10, false)?;
            check(
                nothing.changes.is_empty() && nothing.cursor == later,
                || format!("{count}: an older snapshot moved a cursor"),
            )?;
            reader.run("COMMIT")?;
            long.run("COMMIT")?;
            self.catch_up()?;
            copy.drain(&mut self.on_standby, cursor)?;
            copy.compare(&mut self.on_standby)?;
        }
        Ok(())
    }

    /// It wakes up when the standby has the rest of the batch, and when it has what the primary's cursor has seen.
    fn wait(&mut self) -> Outcome {
        let mut watcher = self.standby.server.connect()?;
        let (_, start) = Copy::start(&mut self.on_primary, false)?;
        self.catch_up()?;
        pause(&mut watcher)?;
        for id in [-4_001, -4_002] {
            self.insert(id)?;
        }
        let batch = poll(&mut self.on_primary, &start, 1, false)?.cursor;
        self.on_standby.send(&format!(
            "SELECT pgrealtime.wait_for_changes({}, '{{items}}', '40 s')",
            quote(&batch)
        ))?;
        let naps = format!(
            "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = {}",
            self.on_standby.pid
        );
        wait_for("the session to have looked", || {
            Ok(watcher.value(&naps)? == "t")
        })?;
        watcher.run("SELECT pg_wal_replay_resume()")?;
        let woken = self.on_standby.receive()?;
        check(woken[0][0].as_deref() == Some("t"), || {
            "it was not woken".to_string()
        })
    }

    fn forged(&mut self, seed: u64) -> Outcome {
        let start = self
            .on_primary
            .value("SELECT pgrealtime.current_cursor()")?;
        for id in 0..3 {
            self.insert(-4_100 - id)?;
        }
        let batch = poll(&mut self.on_primary, &start, 1, false)?.cursor;
        self.catch_up()?;
        let of_standby = self
            .on_standby
            .value("SELECT pgrealtime.current_cursor()")?;
        let mut random = Random::new(seed, 3_001);
        let cursors = [start, batch, of_standby];
        forged::attack(&mut self.on_standby, &cursors, 2_000, &mut random, |_| true)
    }

    /// Segments are sealed and emptied while the savepoints are open: a cursor that the standby makes after that is
    /// inside the log, and stays there.
    fn rotations(&mut self, savepoints: i64) -> Outcome {
        let mut long = self.elsewhere(savepoints)?;
        self.primary
            .reload(&mut self.on_primary, &["pgrealtime.retention = '1s'"])?;
        for _ in 0..2 {
            leave_behind(&mut self.on_primary)?;
        }
        self.primary
            .reload(&mut self.on_primary, &["pgrealtime.retention = '24h'"])?;
        self.catch_up()?;
        let (mut copy, mut cursor) = Copy::start(&mut self.on_standby, false)?;
        let first = -5_000 - 10 * savepoints;
        self.insert(first)?;
        self.catch_up()?;
        cursor = copy.drain(&mut self.on_standby, cursor)?;
        long.run("COMMIT")?;
        self.insert(first - 1)?;
        self.catch_up()?;
        copy.drain(&mut self.on_standby, cursor)?;
        check(copy.seen.len() == 2, || {
            format!("{} changes of 2", copy.seen.len())
        })?;
        copy.compare(&mut self.on_standby)
    }

    /// Replay continues past the emptying, and the reader gets an error instead of missing changes.
    fn prune(&mut self) -> Outcome {
        self.primary
            .reload(&mut self.on_primary, &["pgrealtime.retention = '1s'"])?;
        let (_, cursor) = Copy::start(&mut self.on_primary, false)?;
        self.insert(-100)?;
        self.catch_up()?;
        let mut reader = self.standby.server.connect()?;
        reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        let batch = poll(&mut reader, &cursor, 10, false)?;
        check(batch.changes.len() == 1, || {
            "the change is not there".to_string()
        })?;
        let (primary, held) = (
            &mut self.on_primary,
            "SELECT count(backend_xmin) FROM pg_stat_replication",
        );
        wait_for("the standby's feedback", || Ok(primary.value(held)? == "1"))?;
        let before = horizon(primary)?;
        leave_behind(primary)?;
        self.catch_up()?;
        check(horizon(&mut self.on_standby)? != before, || {
            "the standby knows of no prune".to_string()
        })?;
        refused(poll(&mut reader, &cursor, 10, false), "72000", "")?;
        reader.run("ROLLBACK")?;
        refused(poll(&mut reader, &cursor, 10, false), "72000", "")?;
        self.on_primary
            .run("ALTER SYSTEM RESET pgrealtime.retention")?;
        self.on_primary.run("SELECT pg_reload_conf()")?;
        Ok(())
    }

    fn failover(&mut self) -> Outcome {
        let second = self.primary.second_standby(&SETTINGS)?;
        let mut on_second = second.server.connect()?;
        let (mut copy, before) = Copy::start(&mut self.on_primary, false)?;
        for id in [-200, -201, -202] {
            self.insert(id)?;
        }
        // Open until the primary is killed, so that its changes are never committed.
        let mut long = self.elsewhere(100)?;
        long.run("INSERT INTO items VALUES (-206, 1, -206, '')")?;
        self.insert(-207)?;
        self.on_primary.run("DELETE FROM items WHERE id = -207")?;
        self.catch_up()?;
        let of_standby = self
            .on_standby
            .value("SELECT pgrealtime.current_cursor()")?;
        let inside = poll(&mut self.on_primary, &before, 1, false)?.cursor;
        // The next record will have the header of a page in front of it, which is not written before it.
        self.on_primary.run("SELECT pg_switch_wal()")?;
        let idle = self
            .on_primary
            .value("SELECT pgrealtime.current_cursor()")?;
        self.reach(&mut on_second)?;
        pause(&mut on_second)?;
        self.catch_up()?;
        self.on_standby
            .run("ALTER SYSTEM SET primary_conninfo = ''")?;
        self.on_standby.run("SELECT pg_reload_conf()")?;
        let on_standby = &mut self.on_standby;
        wait_for("the standby to stop receiving", || {
            Ok(on_standby.value("SELECT count(*) FROM pg_stat_wal_receiver")? == "0")
        })?;
        // Changes that only the old primary has.
        self.insert(-203)?;
        let beyond = self
            .on_primary
            .value("SELECT pgrealtime.current_cursor()")?;
        let into_beyond = poll(&mut self.on_primary, &before, 1, false)?.cursor;
        let lsn = self.on_primary.value("SELECT pg_current_wal_flush_lsn()")?;
        wait_for("the second standby to receive", || {
            let received = format!("SELECT pg_last_wal_receive_lsn() >= '{lsn}'");
            Ok(on_second.value(&received)? == "t")
        })?;
        self.primary.kill()?;
        self.standby.promote()?;
        let mut client = self.standby.server.connect()?;
        check(client.value("SELECT pg_is_in_recovery()")? == "f", || {
            "it was not promoted".to_string()
        })?;
        client.run("INSERT INTO items VALUES (-204, 1, -204, '')")?;
        for cursor in [&beyond, &into_beyond] {
            refused(poll(&mut client, cursor, 10, false), "72000", "failover")?;
        }
        for cursor in [&of_standby, &idle] {
            let rest = poll(&mut client, cursor, 10, false)?;
            check(rest.changes.len() == 1, || {
                "a cursor of before does not go on".to_string()
            })?;
        }
        promoted_again(&mut client, &second, on_second, &of_standby)?;
        let from_inside = poll(&mut client, &inside, 10, false)?;
        check(from_inside.changes.len() == 4, || {
            format!(
                "a batch begun before the failover: {} changes of 4",
                from_inside.changes.len()
            )
        })?;
        let cursor = copy.drain(&mut client, before)?;
        check(copy.seen.len() == 6, || {
            format!("{} changes of 6", copy.seen.len())
        })?;
        copy.compare(&mut client)?;
        client.run("INSERT INTO items VALUES (-205, 1, -205, '')")?;
        copy.drain(&mut client, cursor)?;
        copy.compare(&mut client)?;
        let mut random = Random::new(0, 3_002);
        let cursors = [of_standby, inside];
        forged::attack(&mut client, &cursors, 2_000, &mut random, |_| true)?;
        // The new primary seals segments of its own.
        self.standby
            .reload(&mut client, &["pgrealtime.retention = '1s'"])?;
        leave_behind(&mut client)?;
        self.standby
            .reload(&mut client, &["pgrealtime.retention = '24h'"])?;
        let (mut copy, cursor) = Copy::start(&mut client, false)?;
        client.run("INSERT INTO items VALUES (-208, 1, -208, '')")?;
        copy.drain(&mut client, cursor)?;
        copy.compare(&mut client)
    }
}

/// Stops replay.
fn pause(on_standby: &mut Client) -> Outcome {
    on_standby.run("SELECT pg_wal_replay_pause()")?;
    wait_for("replay to pause", || {
        Ok(on_standby.value("SELECT pg_get_wal_replay_pause_state()")? == "paused")
    })
}

/// A second standby is promoted, which does not know of the first: its timeline gets the same number.
fn promoted_again(
    first: &mut Client,
    second: &Cluster,
    mut on_second: Client,
    old: &str,
) -> Outcome {
    let cursor = first.value("SELECT pgrealtime.current_cursor()")?;
    // It has not come to where that timeline began, and may still follow it.
    let nothing = poll(&mut on_second, &cursor, 10, false)?;
    check(
        nothing.changes.is_empty() && nothing.cursor == cursor,
        || "a standby said something of a later timeline".to_string(),
    )?;
    on_second.run("SELECT pg_wal_replay_resume()")?;
    wait_for("replay past the beginning of that timeline", || {
        Ok(on_second.value("SELECT count(*) FROM items WHERE id = -203")? == "1")
    })?;
    refused(
        poll(&mut on_second, &cursor, 10, false),
        "72000",
        "failover",
    )?;
    second.promote()?;
    let mut client = second.server.connect()?;
    let timeline = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)";
    let (here, there) = (client.value(timeline)?, first.value(timeline)?);
    check(here == there, || format!("timelines {there} and {here}"))?;
    // It writes past the cursor's position and ids.
    client.run("SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))")?;
    for id in -350..-300 {
        client.run(&format!("INSERT INTO items VALUES ({id}, 1, {id}, '')"))?;
    }
    refused(poll(&mut client, &cursor, 10, false), "72000", "failover")?;
    let rest = poll(&mut client, old, 100, false)?;
    check(rest.changes.len() == 51, || {
        format!("{} changes of 51", rest.changes.len())
    })
}
