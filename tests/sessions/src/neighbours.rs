//! Neighbours that mean no good: libraries that look into everything, a pooler of transactions, timeouts, and somebody who
//! cancels, stops and terminates sessions under load; afterwards nothing is lost, stuck or left behind.

mod consumer;
mod hostile;
mod ledger;
mod long;
mod others;
mod pooler;
mod quiet;
mod reader;
mod relay;
mod server_log;
mod session;
mod setup;
mod shifting;
mod statements;
mod tally;
mod writer;

use crate::cluster::Cluster;
use crate::copy::Copy;
use crate::pg::{Client, Server};
use crate::random::{knob, seed, Random};
use crate::{check, part, Outcome};
use ledger::Ledger;
use long::Long;
use pooler::Pooler;
use relay::Relay;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use tally::Tally;

const WRITERS: u64 = 5;
const WORKERS: u64 = 2;

/// While the load lasts. Readers that come again within this time meet no gap.
const RETENTION: &str = "pgrealtime.retention = '8s'";

/// How long after its time a run waits for what has not happened yet.
const PATIENCE: Duration = Duration::from_secs(600);

/// What all sessions share.
pub struct Scene {
    server: Server,
    /// The same server, through the pooler.
    pooled: Server,
    seed: u64,
    tally: Tally,
    ledger: Ledger,
    over: AtomicBool,
}

impl Scene {
    fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }
}

/// What limits a transaction: a short timeout, or at least one that keeps sessions of the pool from waiting for each other.
fn limits(random: &mut Random, tally: &Tally) -> String {
    let ms = 1 + random.below(50);
    let limit = match random.below(10) {
        0..=2 => format!("SET LOCAL statement_timeout = {ms}"),
        3..=4 => format!("SET LOCAL lock_timeout = {ms}"),
        _ => return "SET LOCAL lock_timeout = '2s'".to_string(),
    };
    tally.count("timeouts set");
    format!("SET LOCAL lock_timeout = '2s'; {limit}")
}

/// Those whose copies outlive the load.
struct Followers<'a> {
    readers: Vec<reader::Reader<'a>>,
    shifting: Vec<shifting::Reader<'a>>,
    relay: Relay<'a>,
    long: Long<'a>,
}

pub fn run() -> Outcome {
    let (cluster, seed) = (Cluster::from_environment(), seed());
    let seconds = knob("PGREALTIME_SECONDS", 30);
    let libraries = setup::neighbours(&cluster)?;
    let discards = Random::new(seed, 0).chance(50);
    let pooler = match pooler::is_installed() {
        true => Some(Pooler::start(&cluster.server, discards)?),
        false => None,
    };
    match pooler {
        Some(_) => {
            println!("        through PgBouncer, DISCARD ALL after each transaction: {discards}")
        }
        None => println!("        WITHOUT PgBouncer, which is not installed: all connect directly"),
    }
    let mut admin = cluster.server.connect()?;
    admin.run("SET application_name = 'spared'")?;
    setup::schema(&mut admin)?;
    let (start, cursor) = Copy::start(&mut admin, false)?;
    admin.run(&consumer::SETUP.replace("FROM_HERE", &crate::pg::quote(&cursor)))?;
    let scene = Scene {
        server: cluster.server.clone(),
        pooled: pooler
            .as_ref()
            .map_or(&cluster.server, |pooler| &pooler.server)
            .clone(),
        seed,
        tally: Tally::default(),
        ledger: Ledger::default(),
        over: AtomicBool::new(false),
    };
    let mut followers = Followers {
        readers: (0..reader::READERS.len())
            .map(|i| reader::Reader::new(&scene, i))
            .collect(),
        shifting: (0..shifting::NUMBER)
            .map(|i| shifting::Reader::new(&scene, i))
            .collect(),
        relay: Relay::new(&scene),
        long: Long::new(&scene),
    };
    cluster.reload(&mut admin, &[RETENTION])?;
    let load = part(
        "the load, cancelled, stopped and terminated at random moments",
        || storm(&scene, &mut followers, seconds),
    );
    scene.tally.print();
    load?;
    // From here on no gap is to be excused.
    cluster.reload(&mut admin, &["pgrealtime.retention = '1d'"])?;
    part("transactions end, and nothing is left prepared", || {
        quiet::ends(&mut admin, &scene)
    })?;
    part(
        "readers, consumers and the relay come to what is there",
        || {
            settle(&scene, &mut followers)?;
            writer::last(&scene, 1)?;
            followers
                .readers
                .iter_mut()
                .try_for_each(reader::Reader::last)?;
            followers
                .shifting
                .iter_mut()
                .try_for_each(shifting::Reader::last)?;
            followers.relay.settle()?;
            consumer::settle(&scene)?;
            consumer::compare(&scene, &mut admin, &start)
        },
    )?;
    part("what one session keeps does not grow", || {
        followers.long.settle(100 * seconds)
    })?;
    part("pg_stat_statements is not filled", || {
        statements::run(&scene, 5 * seconds as usize)
    })?;
    drop(followers);
    if let Some(pooler) = &pooler {
        println!("        PgBouncer: {}", pooler.totals()?);
    }
    drop(pooler);
    part("no session is stuck, and nothing is locked", || {
        quiet::nothing_left(&mut admin)
    })?;
    part("no ended session keeps the log from being emptied", || {
        quiet::is_emptied(&cluster, &mut admin)
    })?;
    part("the server's log has no complaint", || {
        server_log::run(&cluster, &libraries)
    })
}

fn settle(scene: &Scene, followers: &mut Followers) -> Outcome {
    followers
        .readers
        .iter_mut()
        .try_for_each(reader::Reader::settle)?;
    followers
        .shifting
        .iter_mut()
        .try_for_each(shifting::Reader::settle)?;
    followers.relay.settle()?;
    consumer::settle(scene)
}

fn storm(scene: &Scene, followers: &mut Followers, seconds: u64) -> Outcome {
    let until = Instant::now() + Duration::from_secs(seconds);
    // The first failure ends the load, a panic as well.
    let ending = |work: &mut dyn FnMut() -> Outcome| {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err("panicked".to_string()));
        if result.is_err() {
            scene.over.store(true, SeqCst);
        }
        result
    };
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 1..=WRITERS {
            threads.push(scope.spawn(move || ending(&mut || writer::run(scene, number))));
        }
        for number in 0..WORKERS {
            threads.push(scope.spawn(move || ending(&mut || consumer::run(scene, number))));
        }
        let Followers {
            readers,
            shifting,
            relay,
            long,
        } = followers;
        for reader in readers {
            threads.push(scope.spawn(move || ending(&mut || reader.run())));
        }
        for reader in shifting {
            threads.push(scope.spawn(move || ending(&mut || reader.run())));
        }
        threads.push(scope.spawn(move || ending(&mut || relay.run())));
        threads.push(scope.spawn(move || ending(&mut || long.run())));
        for other in [
            others::ddl,
            others::locker,
            others::watcher,
            others::sweeper,
            hostile::run,
        ] {
            threads.push(scope.spawn(move || ending(&mut || other(scene))));
        }
        while !scene.is_over() {
            let now = Instant::now();
            let whole = now >= until && scene.tally.missing().is_none();
            if whole || now > until + PATIENCE {
                scene.over.store(true, SeqCst);
            }
            sleep(Duration::from_millis(20));
        }
        crate::join(threads)
    })?;
    let missing = scene.tally.missing();
    check(missing.is_none(), || {
        format!("never happened: {}", missing.unwrap_or_default())
    })
}

/// The value of a query, once in a session that nobody disturbs.
fn is(client: &mut Client, sql: &str, expected: &str) -> Outcome {
    let value = client.value(sql)?;
    check(value == expected, || {
        format!("{value:?} instead of {expected:?}: {sql}")
    })
}
