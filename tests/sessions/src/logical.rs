//! Logical replication beside the log.

use crate::cluster::Cluster;
use crate::copy::{poll, triggers, Copy, ITEMS};
use crate::log::{leave_behind, switch};
use crate::pg::Client;
use crate::random::seed;
use crate::writer::{End, Writer};
use crate::{check, part, refused, wait_for, Outcome};

pub fn run() -> Outcome {
    let seed = seed();
    let cluster = Cluster::from_environment();
    cluster.configure(&["wal_level = logical"])?;
    let other = cluster.another(&[])?;
    let mut both = Both {
        publisher: cluster.server.connect()?,
        subscriber: other.server.connect()?,
        marker: 0,
    };
    let connection = format!(
        "host={} port={} dbname=postgres user=postgres",
        cluster.server.host, cluster.server.port
    );
    both.publisher.run(ITEMS)?;
    both.publisher
        .run("CREATE PUBLICATION everything FOR ALL TABLES")?;
    both.publisher
        .run("SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')")?;
    both.subscriber.run(ITEMS)?;
    // The rows that fill the log below. Without the table the subscriber would stop.
    both.subscriber.run("CREATE TABLE filler (a int)")?;
    both.subscriber.run(&format!(
        "CREATE SUBSCRIPTION everything CONNECTION '{connection}' PUBLICATION everything"
    ))?;
    part("before the extension", || both.arrive())?;
    part("CREATE EXTENSION", || {
        both.publisher.run("CREATE EXTENSION pgrealtime")?;
        cluster.reload(&mut both.publisher, &["pgrealtime.retention = '1s'"])?;
        both.arrive()
    })?;
    part("captures", || both.captures(&cluster, seed))?;
    part("consumers", || {
        let publisher = &mut both.publisher;
        publisher.run("SELECT pgrealtime.create_consumer('decoded')")?;
        publisher.run(
            "DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM pgrealtime.consume('decoded', '{items}'); COMMIT; END LOOP; END $$",
        )?;
        publisher.run("SELECT pgrealtime.move_consumer('decoded')")?;
        publisher.run("SELECT pgrealtime.drop_consumer('decoded')")?;
        both.arrive()
    })?;
    part("prunes", || {
        switch(&mut both.publisher)?;
        leave_behind(&mut both.publisher)?;
        both.publisher
            .run("SELECT pgrealtime.invalidate_cursors()")?;
        both.arrive()
    })?;
    part("the sink wal", || both.emits())?;
    part("REFRESH PUBLICATION", || both.refresh())?;
    part("DROP EXTENSION", || {
        both.publisher.run("DROP EXTENSION pgrealtime CASCADE")?;
        both.arrive()
    })?;
    // Except for DELETEs without an old row, which pgoutput leaves out.
    part("nothing of it was decoded", || {
        let decoded = "SELECT count(*) FILTER (WHERE data LIKE 'table public.items:%') > 100,
            count(*) FILTER (WHERE data LIKE 'table pgrealtime.%' AND data NOT LIKE '%: DELETE: (no-tuple-data)')
            FROM pg_logical_slot_get_changes('decoded', NULL, NULL)";
        let rows = both.publisher.query(decoded)?;
        check(rows[0][0].as_deref() == Some("t"), || {
            "the slot has no changes at all".to_string()
        })?;
        check(rows[0][1].as_deref() == Some("0"), || {
            format!("{:?} rows of the log", rows[0][1])
        })
    })?;
    // The slot must not outlive the cluster that it streams to.
    both.subscriber.run("DROP SUBSCRIPTION everything")?;
    Ok(())
}

struct Both {
    publisher: Client,
    subscriber: Client,
    marker: i64,
}

impl Both {
    /// A row that is written now arrives, and so has everything that was written before it.
    fn arrive(&mut self) -> Outcome {
        self.marker -= 1;
        let marker = self.marker;
        self.publisher.run(&format!(
            "INSERT INTO items VALUES ({marker}, 1, {marker}, '')"
        ))?;
        let there = format!("SELECT count(*) FROM items WHERE id = {marker}");
        wait_for("the subscriber", || {
            Ok(self.subscriber.value(&there)? == "1")
        })?;
        let same = Copy::table(&mut self.publisher)? == Copy::table(&mut self.subscriber)?;
        check(same, || "the subscriber's table differs".to_string())?;
        let errors = self.subscriber.value(
            "SELECT sum(apply_error_count + sync_error_count) FROM pg_stat_subscription_stats",
        )?;
        check(errors == "0", || {
            format!("{errors} errors of the subscription")
        })
    }

    /// FOR ALL TABLES includes every permanent table, an extension's tables too, and the subscriber asks for each by name, as
    /// docs/operations.md explains.
    fn refresh(&mut self) -> Outcome {
        let refused_by = self
            .subscriber
            .run("ALTER SUBSCRIPTION everything REFRESH PUBLICATION");
        refused(refused_by, "3F000", "\"pgrealtime\"")?;
        self.arrive()?;
        self.publisher
            .run("CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA public")?;
        self.subscriber
            .run("ALTER SUBSCRIPTION everything SET PUBLICATION by_schema")?;
        self.arrive()?;
        // Where the tables exist, it finds them and receives nothing for them.
        self.subscriber.run("CREATE EXTENSION pgrealtime")?;
        self.subscriber.run(
            "ALTER SUBSCRIPTION everything SET PUBLICATION everything WITH (copy_data = false)",
        )?;
        self.publisher
            .run("SELECT pgrealtime.invalidate_cursors()")?;
        self.arrive()?;
        let states = self
            .subscriber
            .value("SELECT count(*) || ' ' || min(epoch) FROM pgrealtime.log_state")?;
        check(states == "1 0", || {
            format!("the subscriber's own log has become {states}")
        })
    }

    /// A committed change is one transactional message, a rolled-back one none.
    fn emits(&mut self) -> Outcome {
        for client in [&mut self.publisher, &mut self.subscriber] {
            client.run("CREATE TABLE emitted (id int PRIMARY KEY, a text)")?;
        }
        self.publisher
            .run("SELECT pgrealtime.enable('emitted', sinks => '{wal}')")?;
        self.publisher
            .run("SELECT pg_create_logical_replication_slot('emitted', 'test_decoding')")?;
        self.publisher
            .run("INSERT INTO emitted VALUES (1, 'kept')")?;
        self.publisher.run(
            "BEGIN; SAVEPOINT s; INSERT INTO emitted VALUES (2, 'undone'); ROLLBACK TO s;
             UPDATE emitted SET a = 'changed'; COMMIT",
        )?;
        self.publisher
            .run("BEGIN; INSERT INTO emitted VALUES (3, 'rolled back'); ROLLBACK")?;
        let messages = self.publisher.value(
            r"SELECT string_agg(concat_ws(' ', message->>'type', message->'record', message->'old_record'), ', ')
              FROM (SELECT substring(data FROM 'transactional: 1 prefix: pgrealtime, .* content:(.*)$')::json
                    FROM pg_logical_slot_get_changes('emitted', NULL, NULL) WHERE data LIKE 'message:%') AS m (message)",
        )?;
        check(
            messages
                == r#"INSERT {"id":1,"a":"kept"}, UPDATE {"id":1,"a":"changed"} {"id":1,"a":"kept"}"#,
            || messages.clone(),
        )?;
        self.publisher
            .run("SELECT pg_drop_replication_slot('emitted')")?;
        self.arrive()
    }

    fn captures(&mut self, cluster: &Cluster, seed: u64) -> Outcome {
        self.publisher.run(&triggers("items"))?;
        let (mut copy, cursor) = Copy::start(&mut self.publisher, false)?;
        let mut writer = Writer::new(&cluster.server, 1, seed)?;
        let mut written = 0;
        while written < 2_000 {
            if let End::Committed(names) = writer.transaction()? {
                written += names.len();
            }
        }
        writer.finish()?;
        poll(&mut self.publisher, &cursor, 10, false)
            .map(|_| ())
            .or_else(|failure| match failure.code.as_str() {
                "72000" => Ok(()),
                _ => Err(failure),
            })?;
        // Another layout is another row of the log's own tables.
        self.publisher
            .run("ALTER TABLE items ADD COLUMN more int; ALTER TABLE items DROP COLUMN more")?;
        self.publisher.run("TRUNCATE items")?;
        copy.rows.clear();
        self.arrive()
    }
}
