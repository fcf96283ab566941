//! Sessions beside writers and readers: DDL, locks of whole tables, views and prune(), and what sweeps prepared transactions.

use super::session::{End, Session};
use super::{limits, Scene};
use crate::random::Random;
use crate::Outcome;
use std::thread::sleep;
use std::time::Duration;

/// Of the table `shifting`, whose readers meet gaps.
const SHIFTS: [&str; 12] = [
    "ALTER TABLE shifting ADD COLUMN IF NOT EXISTS more int",
    "ALTER TABLE shifting DROP COLUMN IF EXISTS more",
    "ALTER TABLE shifting ALTER n TYPE bigint",
    "ALTER TABLE shifting ALTER n TYPE int",
    "SELECT pgrealtime.enable('shifting', priority => 'high')",
    "SELECT pgrealtime.enable('shifting', deletes => 'key')",
    "SELECT pgrealtime.enable('shifting', deletes => 'policy', operations => '{INSERT,UPDATE,DELETE,TRUNCATE}')",
    "DO $$ BEGIN PERFORM pgrealtime.disable('shifting'); PERFORM pgrealtime.enable('shifting'); END $$",
    "DO $$ BEGIN ALTER PUBLICATION supabase_realtime DROP TABLE shifting; ALTER PUBLICATION supabase_realtime ADD TABLE shifting; END $$",
    "DO $$ BEGIN ALTER TABLE shifting DISABLE TRIGGER ALL; ALTER TABLE shifting ENABLE TRIGGER ALL; END $$",
    "TRUNCATE shifting",
    "SELECT count(*) FROM pgrealtime.repair()",
];

/// Of the table `items`, whose readers notice nothing. A column that comes again under a name would be a gap.
const QUIET: [&str; 7] = [
    "ALTER TABLE items SET (fillfactor = 90)",
    "ALTER TABLE items ALTER pad SET STATISTICS 50",
    "ALTER TABLE items ADD COLUMN spare_N int; ALTER TABLE items DROP COLUMN spare_N",
    "CREATE INDEX ON items (owner); DROP INDEX items_owner_idx",
    "CREATE POLICY nobody ON items FOR SELECT TO pg_monitor USING (false); DROP POLICY nobody ON items",
    "DO $$ BEGIN CREATE TABLE brief (id int PRIMARY KEY); PERFORM pgrealtime.enable('brief'); INSERT INTO brief VALUES (1); DROP TABLE brief; END $$",
    "ANALYZE items",
];

pub fn ddl(scene: &Scene) -> Outcome {
    let mut random = Random::new(scene.seed, 500);
    let mut session = Session::pooled(scene, "ddl");
    while !scene.is_over() {
        sleep(Duration::from_millis(random.below(150)));
        let begin = format!("BEGIN; {}", limits(&mut random, &scene.tally));
        let end = *random.pick(&["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]);
        let mut statements: Vec<String> = Vec::new();
        for _ in 0..1 + random.below(2) {
            let from = if random.chance(60) {
                &SHIFTS[..]
            } else {
                &QUIET[..]
            };
            let number = random.below(u64::MAX).to_string();
            statements.push(random.pick(from).replace("_N", &number));
        }
        let ended = session.transaction(&begin, end, |client| {
            statements.iter().try_for_each(|sql| client.run(sql))
        })?;
        if matches!(ended, End::Done(())) {
            scene.tally.count("DDL");
        }
    }
    Ok(())
}

/// Locks tables from everybody else for a moment.
pub fn locker(scene: &Scene) -> Outcome {
    let mut random = Random::new(scene.seed, 501);
    let mut session = Session::direct(
        scene,
        "locker",
        "SET application_name = 'locker'; SET lock_timeout = '100ms'",
    );
    while !scene.is_over() {
        sleep(Duration::from_millis(random.below(200)));
        let tables = *random.pick(&["items", "shifting", "items, shifting"]);
        let hold = format!(
            "LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({})",
            random.below(40) as f64 / 1e3
        );
        if matches!(
            session.transaction("BEGIN", "COMMIT", |client| client.run(&hold))?,
            End::Done(())
        ) {
            scene.tally.count("locked tables");
        }
    }
    Ok(())
}

/// What those ask for who watch the extension.
const WATCHES: [&str; 7] = [
    "SELECT count(*) FROM pgrealtime.log_status",
    "SELECT count(*) FROM pgrealtime.realtime_configuration",
    "SELECT count(*) FROM pgrealtime.consumer_status",
    "SELECT count(*) FROM pgrealtime.diagnose('items', 'one', '{\"sub\": \"anna\"}')",
    "SELECT count(*) FROM pgrealtime.get_user_realtime_tables()",
    "SELECT pgrealtime.is_realtime_enabled('items')",
    "SELECT pgrealtime.is_row_allowed('items', 'INSERT', '{\"id\": 1, \"owner\": \"anna\"}', 'one', '{\"sub\": \"anna\"}')",
];

pub fn watcher(scene: &Scene) -> Outcome {
    let mut random = Random::new(scene.seed, 502);
    let mut session = Session::pooled(scene, "watcher");
    while !scene.is_over() {
        sleep(Duration::from_millis(random.below(50)));
        let begin = format!("BEGIN; {}", limits(&mut random, &scene.tally));
        let prunes = random.chance(30);
        let sql = if prunes {
            "SELECT pgrealtime.prune()"
        } else {
            random.pick(&WATCHES)
        };
        let done = session.transaction(&begin, "COMMIT", |client| client.value(sql))?;
        if let (true, Ok(emptied)) = (prunes, done.read()) {
            scene.tally.count("pruned");
            scene
                .tally
                .add("segments emptied by prune", emptied.parse().unwrap_or(0));
        }
    }
    Ok(())
}

/// Rolls back what a writer has prepared and left, as it was ended meanwhile.
pub fn sweeper(scene: &Scene) -> Outcome {
    let mut client = scene.server.connect()?;
    client.run("SET application_name = 'spared'")?;
    while !scene.is_over() {
        sleep(Duration::from_millis(300));
        sweep(&mut client, "3 s")?;
    }
    Ok(())
}

pub fn sweep(client: &mut crate::pg::Client, age: &str) -> Outcome {
    let left = client.query(&format!(
        "SELECT gid FROM pg_prepared_xacts WHERE prepared <= now() - interval '{age}'"
    ))?;
    for gid in left.into_iter().flatten().flatten() {
        match client.run(&format!("ROLLBACK PREPARED '{gid}'")) {
            Err(failure) if !["42704", "55000"].contains(&failure.code.as_str()) => {
                return Err(failure.into())
            }
            _ => {}
        }
    }
    Ok(())
}
