//! A worker: takes changes with a consumer and keeps them in the table `worked`, in transactions that end in every way.

use crate::pg::{Client, Failure, Server};
use crate::random::Random;
use crate::{check, Outcome};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// What has happened in a run, so that what never happens is noticed.
#[derive(Default)]
pub struct Tally {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    /// Rolled back to a savepoint before the consumer.
    taken_back: AtomicU64,
    prepared: AtomicU64,
    /// Errors of lock_timeout.
    in_use: AtomicU64,
    pub ended: AtomicU64,
    pub crashes: AtomicU64,
}

impl Tally {
    fn all(&self) -> [(&'static str, &AtomicU64); 7] {
        [
            ("committed", &self.committed),
            ("rolled back", &self.rolled_back),
            ("to a savepoint", &self.taken_back),
            ("prepared", &self.prepared),
            ("in use", &self.in_use),
            ("ended", &self.ended),
            ("crashes", &self.crashes),
        ]
    }

    pub fn check(&self) -> Outcome {
        let never = self.all().into_iter().find(|(_, n)| n.load(SeqCst) == 0);
        check(never.is_none(), || {
            format!("never happened: {}", never.map_or("", |(what, _)| what))
        })
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let all = self
            .all()
            .map(|(what, n)| format!("{} {what}", n.load(SeqCst)));
        f.write_str(&all.join(", "))
    }
}

pub struct Worker {
    client: Client,
    consumer: &'static str,
    random: Random,
}

impl Worker {
    pub fn new(server: &Server, consumer: &'static str, random: Random) -> Result<Worker, Failure> {
        let mut client = server.connect()?;
        client.run("SET application_name = 'worker'; SET deadlock_timeout = '20ms'")?;
        Ok(Worker {
            client,
            consumer,
            random,
        })
    }

    /// Takes a batch; the number of changes.
    fn take(&mut self, max: u64) -> Result<u64, Failure> {
        let taken = self.client.value(&format!(
            "WITH kept AS (INSERT INTO worked (change)
                 SELECT change FROM pgrealtime.consume('{}', '{{items}}', max_changes => {max})
                 WHERE change IS NOT NULL RETURNING 1)
             SELECT count(*) FROM kept",
            self.consumer
        ))?;
        Ok(taken.parse().unwrap_or(0))
    }

    /// Takes all that a call gives.
    pub fn drain(&mut self) -> Result<u64, Failure> {
        self.take(100_000)
    }

    /// A transaction that ends in one way or another.
    pub fn transaction(&mut self, tally: &Tally) -> Result<(), Failure> {
        match self.attempt(tally) {
            Err(failure) if failure.code == "55P03" => {
                tally.in_use.fetch_add(1, SeqCst);
                self.client.run("ROLLBACK")
            }
            other => other,
        }
    }

    fn attempt(&mut self, tally: &Tally) -> Result<(), Failure> {
        let level = *self.random.pick(&[
            "READ COMMITTED",
            "READ COMMITTED",
            "REPEATABLE READ",
            "SERIALIZABLE",
        ]);
        self.client.run(&format!("BEGIN ISOLATION LEVEL {level}"))?;
        let timeout = *self.random.pick(&["1ms", "2s", "2s"]);
        self.client
            .run(&format!("SET LOCAL lock_timeout = '{timeout}'"))?;
        for _ in 0..1 + self.random.below(3) {
            let max = 1 + self.random.below(300);
            match self.random.below(5) {
                0 => {
                    self.client.run("SAVEPOINT s")?;
                    self.take(max)?;
                    self.client.run("ROLLBACK TO s")?;
                    tally.taken_back.fetch_add(1, SeqCst);
                }
                1 => {
                    self.client.run("SAVEPOINT s")?;
                    self.take(max)?;
                    self.client.run("RELEASE s")?;
                }
                _ => {
                    self.take(max)?;
                }
            }
        }
        match self.random.below(20) {
            0..=3 => {
                self.client.run("ROLLBACK")?;
                tally.rolled_back.fetch_add(1, SeqCst);
            }
            4 => {
                // A worker that is ended in between leaves it to `finish_prepared`.
                let name = format!("worker {}", self.client.pid);
                self.client.run(&format!("PREPARE TRANSACTION '{name}'"))?;
                self.client.run(&format!("COMMIT PREPARED '{name}'"))?;
                tally.prepared.fetch_add(1, SeqCst);
            }
            _ => {
                self.client.run("COMMIT")?;
                tally.committed.fetch_add(1, SeqCst);
            }
        }
        Ok(())
    }
}

/// Ends what workers that are gone have prepared, which keeps the consumer until then.
pub fn finish_prepared(client: &mut Client, random: &mut Random) -> Result<(), Failure> {
    let left = client.query(
        "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'worker %'
         AND split_part(gid, ' ', 2)::int NOT IN (SELECT pid FROM pg_stat_activity)",
    )?;
    for gid in left.into_iter().flatten().flatten() {
        let how = *random.pick(&["COMMIT", "ROLLBACK"]);
        client.run(&format!("{how} PREPARED '{gid}'"))?;
    }
    Ok(())
}
