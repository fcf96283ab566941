//! What a crash may undo, and what it may not.

use crate::cluster::Cluster;
use crate::copy::{poll, Copy};
use crate::pg::{Failure, Server, LOST};
use crate::random::{knob, seed, Random};
use crate::writer::{make_items, End, Writer};
use crate::{check, join, part, wait_for, Outcome};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;

const WRITERS: u64 = 6;

/// What the writers know about their transactions.
#[derive(Default)]
struct Account {
    acknowledged: HashSet<i64>,
    /// Each transaction whose COMMIT was not answered.
    in_doubt: Vec<Vec<i64>>,
}

pub fn run() -> Outcome {
    let seed = seed();
    let cluster = Cluster::from_environment();
    let crashes = knob("PGREALTIME_CRASHES", 20);
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    make_items(&mut admin)?;
    drop(admin);
    part(
        "a reader is told of nothing that a crash takes back",
        || told(&cluster),
    )?;
    part("killed under load, commits are waited for", || {
        Load::new(&cluster, seed, true)?.run(crashes)
    })?;
    cluster.configure(&["synchronous_commit = off", "wal_writer_delay = '10s'"])?;
    part("killed under load, commits are not waited for", || {
        Load::new(&cluster, seed + 1, false)?.run(crashes / 4 + 1)
    })
}

/// Commits that nobody waits for are lost in a crash, but not once a reader has seen them.
fn told(cluster: &Cluster) -> Outcome {
    cluster.configure(&["synchronous_commit = off", "wal_writer_delay = '10s'"])?;
    let insert = |id: i64| -> Result<String, String> {
        let mut writer = cluster.server.connect()?;
        Ok(writer.value(&format!(
            "INSERT INTO items VALUES ({id}, 1, {id}, '') RETURNING id"
        ))?)
    };
    let there = |id: i64| -> Result<bool, String> {
        let mut client = cluster.server.connect()?;
        Ok(client.value(&format!("SELECT count(*) FROM items WHERE id = {id}"))? == "1")
    };
    let crash = || cluster.kill().and_then(|()| cluster.restart());
    // That they are lost at all: the server writes its WAL now and then by itself.
    let mut lost = false;
    for attempt in -10..0 {
        insert(attempt)?;
        crash()?;
        lost = !there(attempt)?;
        if lost {
            break;
        }
    }
    check(lost, || {
        "this server loses no commit: nothing is tested".to_string()
    })?;
    for attempt in -103..-100 {
        let mut reader = cluster.server.connect()?;
        let (mut copy, cursor) = Copy::start(&mut reader, false)?;
        insert(attempt)?;
        let batch = poll(&mut reader, &cursor, 10, false)?;
        crash()?;
        check(batch.changes.len() == 1, || {
            "the change was not delivered".to_string()
        })?;
        check(there(attempt)?, || {
            "a delivered change was lost".to_string()
        })?;
        let cursor = copy.apply_all(&batch)?;
        insert(attempt - 100)?;
        let mut reader = cluster.server.connect()?;
        copy.drain(&mut reader, cursor)?;
        copy.compare(&mut reader)?;
    }
    for attempt in -303..-300 {
        insert(attempt)?;
        let mut reader = cluster.server.connect()?;
        let (mut copy, cursor) = Copy::start(&mut reader, false)?;
        crash()?;
        check(copy.rows.contains_key(&attempt), || {
            "the row was not read".to_string()
        })?;
        check(there(attempt)?, || {
            "a row that was read with a cursor was lost".to_string()
        })?;
        let mut reader = cluster.server.connect()?;
        copy.drain(&mut reader, cursor)?;
        copy.compare(&mut reader)?;
    }
    let mut admin = cluster.server.connect()?;
    admin.run("ALTER SYSTEM RESET synchronous_commit")?;
    admin.run("ALTER SYSTEM RESET wal_writer_delay")?;
    drop(admin);
    cluster.restart()
}

struct Load<'a> {
    cluster: &'a Cluster,
    random: Random,
    seed: u64,
    /// Whether a commit is durable when it is answered.
    durable: bool,
    account: Mutex<Account>,
    committed: AtomicU64,
    copy: Copy,
    cursor: String,
}

impl<'a> Load<'a> {
    fn new(cluster: &'a Cluster, seed: u64, durable: bool) -> Result<Load<'a>, String> {
        let (copy, cursor) = Copy::start(&mut cluster.server.connect()?, false)?;
        Ok(Load {
            cluster,
            random: Random::new(seed, 0),
            seed,
            durable,
            account: Mutex::default(),
            committed: AtomicU64::new(0),
            copy,
            cursor,
        })
    }

    fn run(&mut self, crashes: u64) -> Outcome {
        // A transaction that is prepared before the first crash and committed after the last.
        let mut admin = self.cluster.server.connect()?;
        // A DELETE is named by the negated number of its row's change: no other change may have these.
        let prepared = if self.durable { -100_000 } else { -200_000 };
        admin.run(&format!(
            "BEGIN; INSERT INTO items VALUES ({prepared}, 1, {prepared}, '')"
        ))?;
        admin.run("PREPARE TRANSACTION 'across'")?;
        drop(admin);
        for crash in 0..crashes {
            self.crash(crash)
                .map_err(|error| format!("crash {crash}: {error}"))?;
            self.settle()
                .map_err(|error| format!("after crash {crash}: {error}"))?;
        }
        let mut admin = self.cluster.server.connect()?;
        admin.run("COMMIT PREPARED 'across'")?;
        self.cursor = self.copy.drain(&mut admin, self.cursor.clone())?;
        check(self.copy.rows.contains_key(&prepared), || {
            "the prepared change is missing".to_string()
        })?;
        self.copy.compare(&mut admin)?;
        let account = self.account.lock().unwrap();
        let lost = account.acknowledged.difference(&self.copy.seen).count();
        println!(
            "        {} changes received, {lost} lost by the server",
            self.copy.seen.len()
        );
        check(self.durable == (lost == 0), || {
            format!("{lost} acknowledged changes lost")
        })
    }

    /// Lets everybody work for a random number of commits, then kills the server.
    fn crash(&mut self, crash: u64) -> Outcome {
        let until = self.committed.load(SeqCst) + 20 + self.random.below(1_000);
        let dead = AtomicBool::new(false);
        // Writers have different numbers in every crash of both loads.
        let number = 1 + crash * WRITERS + if self.durable { 0 } else { 10_000 };
        let seed = self.seed + 100 * crash;
        let (cluster, durable) = (self.cluster, self.durable);
        let (account, committed) = (&self.account, &self.committed);
        let (copy, cursor) = (&mut self.copy, &mut self.cursor);
        thread::scope(|scope| {
            let writers: Vec<_> = (number..number + WRITERS)
                .map(|number| {
                    scope.spawn(move || write(&cluster.server, number, seed, account, committed))
                })
                .collect();
            let mut pace = Random::new(seed, 99);
            let pause = (!durable).then_some((committed, &dead));
            let reader = scope.spawn(move || read(&cluster.server, copy, cursor, &mut pace, pause));
            let reached = wait_for("changes to be committed", || {
                let failed = writers.iter().any(|writer| writer.is_finished());
                Ok(failed || committed.load(SeqCst) >= until)
            });
            let killed = cluster.kill();
            dead.store(true, SeqCst);
            join(writers.into_iter().chain([reader])).and(reached.and(killed))
        })?;
        self.cluster.restart()
    }

    /// With the server up again and nobody writing: the log, the table and the writers' account agree.
    fn settle(&mut self) -> Outcome {
        let mut client = self.cluster.server.connect()?;
        self.cursor = self.copy.drain(&mut client, self.cursor.clone())?;
        self.copy.compare(&mut client)?;
        let account = self.account.lock().unwrap();
        let seen = &self.copy.seen;
        if self.durable {
            let missing = account.acknowledged.difference(seen).count();
            check(missing == 0, || {
                format!("{missing} acknowledged changes are missing")
            })?;
        }
        let mut known = account.acknowledged.clone();
        for transaction in &account.in_doubt {
            // A row that one transaction did not delete in the end may have been deleted by another: these names are not its own.
            let written: Vec<_> = transaction.iter().filter(|name| **name > 0).collect();
            let there = written.iter().filter(|name| seen.contains(name)).count();
            check(there == 0 || there == written.len(), || {
                "half a transaction".to_string()
            })?;
            known.extend(transaction);
        }
        let invented = seen.difference(&known).count();
        check(invented == 0, || format!("{invented} changes invented"))
    }
}

fn is_lost(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), LOST | "57P01" | "57P02" | "57P03")
}

fn write(
    server: &Server,
    number: u64,
    seed: u64,
    account: &Mutex<Account>,
    committed: &AtomicU64,
) -> Outcome {
    let mut writer = match Writer::new(server, number, seed) {
        Err(failure) if is_lost(&failure) => return Ok(()),
        other => other?,
    };
    writer.may_prepare = false;
    loop {
        match writer.transaction()? {
            End::Committed(names) => {
                committed.fetch_add(names.len() as u64, SeqCst);
                account.lock().unwrap().acknowledged.extend(names);
            }
            End::RolledBack => {}
            End::InDoubt(names) => {
                account.lock().unwrap().in_doubt.push(names);
                return Ok(());
            }
            End::Lost => return Ok(()),
        }
    }
}

/// Reads until the server is gone. Where commits are not waited for, only now and then: a call makes durable what it
/// has seen, and there would be nothing to lose.
fn read(
    server: &Server,
    copy: &mut Copy,
    cursor: &mut String,
    random: &mut Random,
    pace: Option<(&AtomicU64, &AtomicBool)>,
) -> Outcome {
    let mut client = match server.connect() {
        Err(failure) if is_lost(&failure) => return Ok(()),
        other => other?,
    };
    loop {
        if let Some((committed, dead)) = pace {
            let next = committed.load(SeqCst) + random.below(100);
            wait_for("commits", || {
                Ok(committed.load(SeqCst) >= next || dead.load(SeqCst))
            })?;
        }
        match poll(&mut client, cursor, 1 + random.below(200), false) {
            Ok(batch) => *cursor = copy.apply_all(&batch)?,
            Err(failure) if is_lost(&failure) => return Ok(()),
            Err(failure) => return Err(failure.to_string()),
        }
    }
}
