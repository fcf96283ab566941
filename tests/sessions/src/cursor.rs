//! What a cursor promises, and when it is refused.

use crate::cluster::Cluster;
use crate::copy::{poll, triggers, Batch, Copy, ITEMS};
use crate::forged;
use crate::log::{current, horizon, leave_behind, switch};
use crate::overtaken;
use crate::pg::{quote, Client, Failure};
use crate::random::{seed, Random};
use crate::{check, part, refused, wait_for, Outcome};

const BEGIN_REPEATABLE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

struct Sessions {
    cluster: Cluster,
    reader: Client,
    writer: Client,
    other: Client,
}

pub fn run() -> Outcome {
    let cluster = Cluster::from_environment();
    let mut all = Sessions {
        reader: cluster.server.connect()?,
        writer: cluster.server.connect()?,
        other: cluster.server.connect()?,
        cluster,
    };
    all.writer.run("CREATE EXTENSION pgrealtime")?;
    all.writer.run(ITEMS)?;
    all.writer.run(&triggers("items"))?;
    for name in ["one", "two"] {
        all.writer
            .run(&format!("CREATE TABLE {name} (id bigint PRIMARY KEY)"))?;
        all.writer.run(&triggers(name))?;
    }
    all.writer.run("CREATE DATABASE second")?;
    part("taken by a transaction that writes", || {
        all.own_transaction()
    })?;
    part("per row in the order of commits, whatever the ids", || {
        all.order()
    })?;
    part("cut inside a transaction", || all.split())?;
    part("a batch goes on in an older snapshot", || {
        all.older_snapshot()
    })?;
    part("taken long after its snapshot", || all.late())?;
    part("an entry whose change wrote no WAL", || all.unlogged())?;
    part("entries that write no WAL", || all.log_unlogged())?;
    part("read-only transactions", || all.read_only())?;
    part("serializable transactions", || all.serializable())?;
    part("skipped captures", || all.skipped())?;
    part("no cursor at all", || all.malformed())?;
    part("forged cursors", || all.forged())?;
    part("ALTER TABLE waits for a poll", || all.altered())?;
    part("an older copy of the volume", || all.restored())?;
    part("an older copy of the volume, twice", || {
        all.restored_twice()
    })?;
    part("invalidate_cursors", || all.invalidate())?;
    let retention = ["pgrealtime.retention = '6s'"];
    all.cluster.reload(&mut all.writer, &retention)?;
    part("a change that was overtaken", || {
        overtaken::is_found(&mut all.reader, &mut all.writer, &mut all.other)
    })?;
    let retention = ["pgrealtime.retention = '1s'"];
    all.cluster.reload(&mut all.writer, &retention)?;
    part("a REPEATABLE READ reader across a prune", || {
        all.across_prune()
    })?;
    part("a writer that learns late of a switch", || {
        all.late_writer()
    })?;
    part("an old transaction in another database", || all.elsewhere())?;
    part("prepared transactions open for three rotations", || {
        all.prepared()
    })?;
    part("the extension is made again", || all.recreated())
}

impl Sessions {
    fn cursor(&mut self) -> Result<String, Failure> {
        self.reader.value("SELECT pgrealtime.current_cursor()")
    }

    fn insert(&mut self, id: i64) -> Outcome {
        Ok(self.writer.run(&insert(id))?)
    }

    /// The ids of the changes after a cursor, read to the end, `max` at a time.
    fn after(&mut self, cursor: &str, max: u64) -> Result<Vec<i64>, String> {
        let mut ids = Vec::new();
        let mut cursor = cursor.to_string();
        let mut nothing = 0;
        while nothing < 2 {
            let batch = poll(&mut self.reader, &cursor, max, false)?;
            nothing = if batch.changes.is_empty() {
                nothing + 1
            } else {
                0
            };
            ids.extend(ids_of(&batch));
            cursor = batch.cursor;
        }
        Ok(ids)
    }

    fn own_transaction(&mut self) -> Outcome {
        let taken = "SELECT pgrealtime.current_cursor()";
        self.writer.run("BEGIN")?;
        let first = self.writer.value(taken)?;
        self.insert(1)?;
        // Now its own id is among those that a snapshot lists, but its own snapshot does not.
        self.other.run(&insert(9))?;
        let second = self.writer.value(taken)?;
        self.writer.run("SAVEPOINT s")?;
        self.insert(2)?;
        let third = self.writer.value(taken)?;
        self.writer.run("RELEASE s")?;
        self.insert(3)?;
        for cursor in [&first, &second, &third] {
            let own = poll(&mut self.writer, cursor, 10, false)?;
            let ids = ids_of(&own);
            check(ids.iter().all(|id| *id == 9), || {
                "its own changes are not committed".to_string()
            })?;
        }
        self.writer.run("COMMIT")?;
        for (cursor, expected) in [
            (first, vec![1, 9, 2, 3]),
            (second, vec![1, 2, 3]),
            (third, vec![1, 2, 3]),
        ] {
            let ids = self.after(&cursor, 2)?;
            check(ids == expected, || {
                format!("changes {ids:?} instead of {expected:?}")
            })?;
        }
        Ok(())
    }

    /// The transaction with the lower id changes the row later.
    fn order(&mut self) -> Outcome {
        self.insert(11)?;
        let (mut copy, cursor) = Copy::start(&mut self.reader, false)?;
        self.writer.run("BEGIN")?;
        self.insert(10)?;
        let update = |change| {
            format!("UPDATE items SET version = version + 1, change = {change} WHERE id = 11")
        };
        self.other.run(&update(1_001))?;
        self.writer.run(&update(1_002))?;
        self.writer.run("COMMIT")?;
        copy.drain(&mut self.reader, cursor)?;
        copy.compare(&mut self.reader)?;
        check(copy.seen.len() == 3, || {
            format!("{} changes of 3", copy.seen.len())
        })
    }

    /// Batches of one change, while another transaction commits in between.
    fn split(&mut self) -> Outcome {
        let start = self.cursor()?;
        self.writer.run("BEGIN")?;
        for id in 20..25 {
            self.insert(id)?;
        }
        self.other.run(&insert(25))?;
        let middle = self.cursor()?;
        self.insert(26)?;
        self.writer.run("COMMIT")?;
        let first = poll(&mut self.reader, &start, 2, false)?;
        self.other.run(&insert(27))?;
        let rest = self.after(&first.cursor, 1)?;
        let ids: Vec<i64> = ids_of(&first).into_iter().chain(rest).collect();
        check(ids == [20, 21, 22, 23, 24, 25, 26, 27], || {
            format!("changes {ids:?}")
        })?;
        // The cursor of every row goes on behind this row.
        let all = poll(&mut self.reader, &start, 100, false)?;
        for (place, (cursor, _)) in all.changes.iter().enumerate() {
            let rest = self.after(cursor, 3)?;
            check(rest == ids[place + 1..], || {
                format!("after change {place}: {rest:?}")
            })?;
        }
        let ids = self.after(&middle, 1)?;
        check(ids == [20, 21, 22, 23, 24, 26, 27], || {
            format!("after the middle: {ids:?}")
        })
    }

    fn older_snapshot(&mut self) -> Outcome {
        self.other.run(BEGIN_REPEATABLE)?;
        self.other.run("SELECT 1 FROM items")?;
        let cursor = self.cursor()?;
        self.writer.run(&format!(
            "BEGIN; {}; {}; {}; COMMIT",
            insert(30),
            insert(31),
            insert(32)
        ))?;
        let first = poll(&mut self.reader, &cursor, 1, false)?;
        for cursor in [&first.cursor, &self.cursor()?] {
            let nothing = poll(&mut self.other, cursor, 10, false)?;
            check(
                nothing.changes.is_empty() && nothing.cursor == *cursor,
                || "an older snapshot moved a cursor".to_string(),
            )?;
        }
        self.other.run("COMMIT")?;
        let ids = self.after(&first.cursor, 10)?;
        check(ids == [31, 32], || {
            format!("changes {ids:?} instead of 31, 32")
        })
    }

    /// More transactions began between the snapshot and the position than are looked up one by one, with more entries
    /// than a call looks at.
    fn late(&mut self) -> Outcome {
        self.other.run(BEGIN_REPEATABLE)?;
        self.other.run("SELECT 1 FROM items")?;
        for id in 100..350 {
            self.insert(id)?;
        }
        self.writer.run("DELETE FROM items WHERE id = 100")?;
        let cursor = self.other.value("SELECT pgrealtime.current_cursor()")?;
        self.other.run("COMMIT")?;
        for max in [1, 7, 1_000] {
            let ids = self.after(&cursor, max)?;
            let expected: Vec<i64> = (100..350).chain([100]).collect();
            check(ids == expected, || {
                format!("{} changes of 251, {max} a call", ids.len())
            })?;
        }
        // Calls that look at many entries and deliver none.
        let (mut at, mut deletes) = (cursor, 0);
        for _ in 0..10 {
            let rows = self.reader.query(&format!(
                "SELECT cursor, change IS NULL FROM pgrealtime.changes_since({}, '{{items}}', events => '{{DELETE}}', max_changes => 1)",
                quote(&at)
            ))?;
            deletes += rows
                .iter()
                .filter(|row| row[1].as_deref() == Some("f"))
                .count();
            at = rows
                .last()
                .and_then(|row| row[0].clone())
                .unwrap_or_default();
        }
        check(deletes == 1, || format!("{deletes} DELETEs instead of 1"))
    }

    /// Its position must not be that of what its session wrote before it had an id.
    fn unlogged(&mut self) -> Outcome {
        self.writer
            .run("CREATE UNLOGGED TABLE unlogged (id bigint PRIMARY KEY)")?;
        self.writer.run(&triggers("unlogged"))?;
        self.writer.run("INSERT INTO unlogged VALUES (1)")?;
        self.other.run("INSERT INTO unlogged VALUES (2)")?;
        let cursor = self.cursor()?;
        self.writer.run("INSERT INTO unlogged VALUES (3), (4)")?;
        let count = self.reader.value(&format!(
            "SELECT count(change) FROM pgrealtime.changes_since({}, '{{unlogged}}')",
            quote(&cursor)
        ))?;
        check(count == "2", || format!("{count} changes of 2"))
    }

    /// Under wal_level = minimal, in the transaction that makes the extension, nothing but the position itself tells
    /// one entry from the next.
    fn log_unlogged(&mut self) -> Outcome {
        let settings = ["wal_level=minimal", "max_wal_senders=0", "fsync=off"];
        let minimal = self.cluster.another(&settings)?;
        let mut client = minimal.server.connect()?;
        client.run("CREATE TABLE old (id bigint PRIMARY KEY)")?;
        client.run(
            "BEGIN; CREATE EXTENSION pgrealtime; CREATE TABLE fresh (id bigint PRIMARY KEY)",
        )?;
        // Without the gap entry that CREATE TRIGGER makes for readers of before.
        client.run("ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE")?;
        client.run(&(triggers("old") + &triggers("fresh")))?;
        let mut at = client.value("SELECT pgrealtime.current_cursor()")?;
        for statement in [
            "INSERT INTO old SELECT generate_series(1, 50)",
            "INSERT INTO fresh SELECT generate_series(51, 100)",
            "SAVEPOINT s; INSERT INTO fresh VALUES (0), (-1); ROLLBACK TO s",
            "INSERT INTO old SELECT generate_series(101, 150)",
            "COMMIT",
            "INSERT INTO old SELECT generate_series(151, 200)",
        ] {
            client.run(statement)?;
        }
        let mut ids: Vec<String> = Vec::new();
        loop {
            let rows = client.query(&format!(
                "SELECT cursor, change->'record'->>'id' FROM pgrealtime.changes_since({}, '{{old, fresh}}', max_changes => 7)",
                quote(&at)
            ))?;
            at = rows
                .last()
                .and_then(|row| row[0].clone())
                .unwrap_or_default();
            let before = ids.len();
            ids.extend(rows.into_iter().filter_map(|mut row| row.pop().flatten()));
            if ids.len() == before || ids.len() > 1_000 {
                break;
            }
        }
        let expected: Vec<String> = (1..=200).map(|id| id.to_string()).collect();
        check(ids == expected, || {
            format!("changes {ids:?} instead of 1 to 200")
        })
    }

    fn read_only(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        self.insert(40)?;
        for begin in [
            "BEGIN READ ONLY",
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
            "BEGIN",
        ] {
            self.reader.run(begin)?;
            let batch = poll(&mut self.reader, &cursor, 10, true)?;
            check(ids_of(&batch) == [40], || {
                "the change is not there".to_string()
            })?;
            self.cursor()?;
            let xid = self
                .reader
                .value("SELECT pg_current_xact_id_if_assigned()")?;
            check(xid.is_empty(), || {
                format!("reading has taken the transaction id {xid}")
            })?;
            self.reader.run("COMMIT")?;
        }
        Ok(())
    }

    /// Two transactions that read only what the other does not write, and append: only the log's tables could conflict.
    fn serializable(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        for round in 0..3 {
            for (client, name) in [(&mut self.writer, "one"), (&mut self.other, "two")] {
                client.run("BEGIN ISOLATION LEVEL SERIALIZABLE")?;
                let read = format!(
                    "SELECT count(*) FROM pgrealtime.changes_since({}, '{{{name}}}')",
                    quote(&cursor)
                );
                client.run(&read)?;
                client.run(&format!("SELECT count(*) FROM {name}"))?;
            }
            self.writer
                .run(&format!("INSERT INTO one VALUES ({round})"))?;
            self.other
                .run(&format!("INSERT INTO two VALUES ({round})"))?;
            self.writer.run("COMMIT")?;
            self.other.run("COMMIT")?;
            // Now with layouts that nobody has written yet.
            self.writer.run("ALTER TABLE one ADD COLUMN IF NOT EXISTS more int; ALTER TABLE two ADD COLUMN IF NOT EXISTS more int")?;
        }
        Ok(())
    }

    fn skipped(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        self.writer.run("SET pgrealtime.enabled = off")?;
        self.writer
            .run(&format!("BEGIN; {}; ROLLBACK", insert(50)))?;
        check(self.after(&cursor, 10)?.is_empty(), || {
            "a rolled-back gap".to_string()
        })?;
        self.writer
            .run(&format!("BEGIN; {}; {}; COMMIT", insert(50), insert(51)))?;
        self.writer.run("RESET pgrealtime.enabled")?;
        refused(poll(&mut self.reader, &cursor, 10, false), "72000", "items")?;
        let others = format!(
            "SELECT count(*) FROM pgrealtime.changes_since({}, '{{one}}')",
            quote(&cursor)
        );
        self.reader.run(&others)?;
        let cursor = self.cursor()?;
        self.insert(52)?;
        let ids = self.after(&cursor, 10)?;
        check(ids == [52], || format!("changes {ids:?} instead of 52"))
    }

    fn malformed(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        let mut texts = vec![
            "".to_string(),
            "x".to_string(),
            "é".to_string(),
            "A".repeat(10_000),
        ];
        texts.push(cursor[1..].to_string());
        texts.push(cursor[..cursor.len() - 1].to_string());
        texts.push(format!("{cursor}A"));
        for at in 0..cursor.len() {
            let mut damaged = cursor.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            texts.push(String::from_utf8_lossy(&damaged).into_owned());
        }
        for text in texts.iter().filter(|text| **text != cursor) {
            refused(
                poll(&mut self.reader, text, 10, false),
                "22P02",
                "invalid cursor",
            )
            .map_err(|error| format!("{error}: {text}"))?;
        }
        let mut second = self.cluster.server.database("second").connect()?;
        second.run("CREATE EXTENSION pgrealtime")?;
        let foreign = second.value("SELECT pgrealtime.current_cursor()")?;
        refused(
            poll(&mut self.reader, &foreign, 10, false),
            "72000",
            "database",
        )
    }

    /// As a role that sees every second row.
    fn forged(&mut self) -> Outcome {
        self.writer.run(
            "CREATE ROLE forger;
             GRANT SELECT ON items TO forger;
             GRANT EXECUTE ON FUNCTION pgrealtime.wait_for_changes TO forger;
             ALTER TABLE items ENABLE ROW LEVEL SECURITY;
             CREATE POLICY even ON items FOR SELECT TO forger USING (id % 2 = 0)",
        )?;
        let start = self.cursor()?;
        self.other
            .run(&format!("BEGIN; {}; {}", insert(59), insert(58)))?;
        for id in 54..58 {
            self.insert(id)?;
        }
        let middle = self.cursor()?;
        self.other.run("COMMIT")?;
        let batch = poll(&mut self.reader, &start, 2, false)?.cursor;
        let mut forger = self.cluster.server.connect()?;
        forger.run("SET ROLE forger")?;
        let mut random = Random::new(seed(), 3_000);
        forged::attack(
            &mut forger,
            &[start, middle, batch],
            10_000,
            &mut random,
            |id| id % 2 == 0,
        )?;
        self.writer
            .run("ALTER TABLE items DISABLE ROW LEVEL SECURITY")?;
        Ok(())
    }

    /// What a poll reads cannot be changed while it reads. Afterwards it holds no locks, not even in an open transaction, except
    /// those that policies take until its end.
    fn altered(&mut self) -> Outcome {
        self.writer.run(
            "CREATE ROLE patient;
             CREATE TABLE slow (id bigint PRIMARY KEY, a int);
             ALTER TABLE slow ENABLE ROW LEVEL SECURITY;
             GRANT SELECT ON slow TO patient;
             CREATE FUNCTION waits() RETURNS boolean LANGUAGE plpgsql AS
               'BEGIN PERFORM pg_advisory_lock_shared(1); PERFORM pg_advisory_unlock_shared(1); RETURN true; END';
             CREATE POLICY waits ON slow USING (waits())",
        )?;
        self.writer.run(&triggers("slow"))?;
        let cursor = self.cursor()?;
        self.writer
            .run("INSERT INTO slow VALUES (1, 1), (2, 2), (3, 3)")?;
        let poll = format!(
            "SELECT count(change) FROM pgrealtime.changes_since({}, '{{slow}}')",
            quote(&cursor)
        );
        let mut slow = self.cluster.server.connect()?;
        // What it keeps of the policies needs no lock to be used.
        slow.run("SET ROLE patient")?;
        slow.run(&poll)?;
        slow.run("BEGIN")?;
        self.writer.run("SELECT pg_advisory_lock(1)")?;
        slow.send_to_wait(&poll, &mut self.reader)?;
        self.other
            .send_to_wait("ALTER TABLE slow ALTER a TYPE bigint", &mut self.reader)?;
        self.writer.run("SELECT pg_advisory_unlock(1)")?;
        let rows = slow.receive()?;
        check(rows[0][0].as_deref() == Some("3"), || {
            format!("{rows:?} changes of 3")
        })?;
        slow.run("COMMIT; RESET ROLE")?;
        self.other.receive()?;
        let cursor = self.cursor()?;
        self.writer.run("INSERT INTO slow VALUES (4, 4)")?;
        slow.run("BEGIN")?;
        let poll = format!(
            "SELECT count(change) FROM pgrealtime.changes_since({}, '{{slow}}', 'a=gt.0')",
            quote(&cursor)
        );
        check(slow.value(&poll)? == "1", || {
            "the change is not there".to_string()
        })?;
        self.other.run(
            "SET lock_timeout = '10s'; ALTER TABLE slow ADD COLUMN b int; RESET lock_timeout",
        )?;
        Ok(slow.run("COMMIT")?)
    }

    /// An older copy of the volume starts as after a crash, on the same timeline. What it writes then is not what earlier cursors
    /// have seen.
    fn restored(&mut self) -> Outcome {
        let cluster = self.cluster.another(&["fsync=off"])?;
        let mut client = cluster.server.connect()?;
        client.run("CREATE EXTENSION pgrealtime")?;
        client.run(ITEMS)?;
        client.run(&triggers("items"))?;
        cluster.kill()?;
        cluster.copy_volume()?;
        cluster.restart()?;
        let mut client = cluster.server.connect()?;
        let start = client.value("SELECT pgrealtime.current_cursor()")?;
        for id in 0..5 {
            client.run(&insert(id))?;
        }
        let end = client.value("SELECT pgrealtime.current_cursor()")?;
        let batch = poll(&mut client, &start, 1, false)?.cursor;
        cluster.kill()?;
        cluster.restore_volume()?;
        cluster.restart()?;
        let mut client = cluster.server.connect()?;
        let newer = |client: &mut Client| -> Outcome {
            for cursor in [&end, &batch] {
                refused(poll(client, cursor, 10, false), "72000", "newer")?;
                let wait = format!(
                    "SELECT pgrealtime.wait_for_changes({}, '{{items}}', '0 s')",
                    quote(cursor)
                );
                refused(client.value(&wait), "72000", "newer")?;
            }
            Ok(())
        };
        newer(&mut client)?;
        // It has written past the cursors' positions, but has not given out as many ids.
        client.run("SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))")?;
        newer(&mut client)?;
        let (mut copy, cursor) = Copy::start(&mut client, false)?;
        client.run(&insert(9))?;
        copy.drain(&mut client, cursor)?;
        copy.compare(&mut client)
    }

    /// The same copy is restored twice, and each time all cursors are made invalid.
    fn restored_twice(&mut self) -> Outcome {
        let cluster = self.cluster.another(&["fsync=off"])?;
        let mut client = cluster.server.connect()?;
        client.run("CREATE EXTENSION pgrealtime")?;
        client.run(ITEMS)?;
        client.run(&triggers("items"))?;
        cluster.kill()?;
        cluster.copy_volume()?;
        let mut of_first = None;
        for ids in [0..5, 10..30] {
            cluster.restart()?;
            client = cluster.server.connect()?;
            client.run("SELECT pgrealtime.invalidate_cursors()")?;
            for id in ids {
                client.run(&insert(id))?;
            }
            let Some(cursor) = &of_first else {
                of_first = Some(client.value("SELECT pgrealtime.current_cursor()")?);
                cluster.kill()?;
                cluster.restore_volume()?;
                continue;
            };
            // It has written past the cursor's position and ids.
            let what = "invalidate_cursors";
            refused(poll(&mut client, cursor, 10, false), "72000", what)?;
        }
        Ok(())
    }

    fn invalidate(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        self.writer
            .run("BEGIN; SELECT pgrealtime.invalidate_cursors(); ROLLBACK")?;
        poll(&mut self.reader, &cursor, 10, false)?;
        self.writer.run("SELECT pgrealtime.invalidate_cursors()")?;
        refused(
            poll(&mut self.reader, &cursor, 10, false),
            "72000",
            "invalidate_cursors",
        )?;
        let cursor = self.cursor()?;
        poll(&mut self.reader, &cursor, 10, false)?;
        Ok(())
    }

    /// Entries that were removed from the log are an error also in a snapshot in which they still existed.
    fn across_prune(&mut self) -> Outcome {
        // Long until the reader has its snapshot, so that a slow machine does not lose the cursor before.
        self.cluster
            .reload(&mut self.writer, &["pgrealtime.retention = '1h'"])?;
        let cursor = self.cursor()?;
        self.insert(60)?;
        self.reader.run(BEGIN_REPEATABLE)?;
        let batch = poll(&mut self.reader, &cursor, 10, false)?;
        check(ids_of(&batch) == [60], || {
            "the change is not there".to_string()
        })?;
        let own = self.cursor()?;
        self.cluster
            .reload(&mut self.writer, &["pgrealtime.retention = '1s'"])?;
        leave_behind(&mut self.writer)?;
        for cursor in [&cursor, &own] {
            refused(
                poll(&mut self.reader, cursor, 10, false),
                "72000",
                "left the change log",
            )?;
            self.reader
                .run("ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        }
        Ok(self.reader.run("COMMIT")?)
    }

    /// It holds every lock but the segment's already, so that it processes no notice of the switch before it locks the segment
    /// that it knows.
    fn late_writer(&mut self) -> Outcome {
        self.writer.run("CREATE TABLE late (captured boolean)")?;
        self.writer.run(
            "CREATE TRIGGER captured AFTER INSERT ON late FOR EACH ROW WHEN (new.captured)
             EXECUTE FUNCTION pgrealtime.capture_change()",
        )?;
        self.other.run("SET plan_cache_mode = force_generic_plan")?;
        self.other
            .run("PREPARE late AS INSERT INTO late VALUES ($1)")?;
        self.other.run("EXECUTE late (true)")?;
        self.other.run("EXECUTE late (true)")?;
        self.other.run("BEGIN")?;
        self.other.run("EXECUTE late (false)")?;
        switch(&mut self.writer)?;
        let seals = "SELECT count(*) FROM pgrealtime.log_segment WHERE seal IS NULL";
        self.writer.run("SELECT pgrealtime.prune()")?;
        check(self.writer.value(seals)? == "0", || {
            "the old segment was not sealed".to_string()
        })?;
        self.other.run("EXECUTE late (true)")?;
        let current = current(&mut self.writer)?;
        self.other.run("COMMIT")?;
        let found = format!(
            "SELECT count(*) FROM pgrealtime.change_log_{current} WHERE relation = 'late'::regclass"
        );
        check(self.writer.value(&found)? == "1", || {
            "it wrote into a sealed segment".to_string()
        })
    }

    /// Its id is in every snapshot, but it has written nothing here.
    fn elsewhere(&mut self) -> Outcome {
        let mut second = self.cluster.server.database("second").connect()?;
        second.run("BEGIN; SELECT pg_current_xact_id()")?;
        let old = self.cursor()?;
        for _ in 0..2 {
            leave_behind(&mut self.writer)?;
        }
        refused(
            poll(&mut self.reader, &old, 10, false),
            "72000",
            "left the change log",
        )?;
        let cursor = self.cursor()?;
        self.insert(80)?;
        let before = horizon(&mut self.writer)?;
        let ids = self.after(&cursor, 10);
        // Valid as long as no later segment has been emptied; then the test shows nothing.
        if horizon(&mut self.writer)? == before {
            check(ids? == [80], || "the change is not there".to_string())?;
        }
        Ok(second.run("COMMIT")?)
    }

    /// Each holds the segment that it wrote, and what came after it, until it is committed; then it is delivered.
    fn prepared(&mut self) -> Outcome {
        let (long, short) = (
            ["pgrealtime.retention = '1h'"],
            ["pgrealtime.retention = '1s'"],
        );
        let ids = 100_000..100_003;
        // Short only while prepared transactions hold the log: at all other times a slow machine would lose the cursors.
        self.cluster.reload(&mut self.writer, &long)?;
        let cursor = self.cursor()?;
        for id in ids.clone() {
            self.other.run(&format!(
                "BEGIN; {}; PREPARE TRANSACTION 'p{id}'",
                insert(id)
            ))?;
            self.cluster.reload(&mut self.writer, &short)?;
            switch(&mut self.writer)?;
        }
        self.cluster.restart()?;
        (self.reader, self.writer, self.other) = (
            self.cluster.server.connect()?,
            self.cluster.server.connect()?,
            self.cluster.server.connect()?,
        );
        let now = self.cursor()?;
        // Longer than the retention: only that they could not be sealed keeps the segments.
        let expired =
            "SELECT max(closed_at) < now() - interval '1.2 s' FROM pgrealtime.log_segment";
        wait_for("the segments to be old", || {
            Ok(self.writer.value(expired)? == "t")
        })?;
        self.writer.run("SELECT pgrealtime.prune()")?;
        // Retention begins when a segment is sealed, which is after the commit.
        self.cluster.reload(&mut self.writer, &long)?;
        for id in ids.clone() {
            check(
                self.after(&cursor, 10)?.len() as i64 == id - ids.start,
                || "too early".to_string(),
            )?;
            self.other.run(&format!("COMMIT PREPARED 'p{id}'"))?;
            self.other.run("SELECT pgrealtime.prune()")?;
            for cursor in [&now, &cursor] {
                let found = self.after(cursor, 10)?;
                let expected: Vec<i64> = (ids.start..=id).collect();
                check(found == expected, || {
                    format!("changes {found:?} instead of {expected:?}")
                })?;
            }
        }
        self.cluster.reload(&mut self.writer, &short)
    }

    fn recreated(&mut self) -> Outcome {
        let cursor = self.cursor()?;
        self.writer.run("DROP EXTENSION pgrealtime CASCADE")?;
        refused(
            poll(&mut self.reader, &cursor, 10, false),
            "3F000",
            "pgrealtime",
        )?;
        self.writer.run("CREATE EXTENSION pgrealtime")?;
        self.writer.run(&triggers("items"))?;
        // The log's id tells, whatever the epochs are.
        refused(
            poll(&mut self.reader, &cursor, 10, false),
            "72000",
            "created again",
        )?;
        let cursor = self.cursor()?;
        self.insert(90)?;
        let ids = self.after(&cursor, 10)?;
        check(ids == [90], || format!("changes {ids:?} instead of 90"))
    }
}

fn insert(id: i64) -> String {
    format!("INSERT INTO items VALUES ({id}, 1, {id}, '')")
}

/// The ids of the changed rows.
fn ids_of(batch: &Batch) -> Vec<i64> {
    let rows = batch
        .changes
        .iter()
        .map(|(_, change)| change.new.as_ref().or(change.old.as_ref()));
    rows.flatten().map(|(id, _)| *id).collect()
}
