//! Tests that need several sessions, or a server that is killed: each is a program, tests/<name>/run.

mod bounded;
mod cancel;
mod cluster;
mod consumers;
mod copy;
mod crash;
mod cursor;
mod ddl;
mod forged;
mod gap;
mod janitor;
mod log;
mod logical;
mod neighbours;
mod oracle;
mod overtaken;
mod pg;
mod random;
mod rights;
mod standby;
mod waiting;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// A test stops at its first failure, which is its message.
pub type Outcome = Result<(), String>;

/// Fails unless `holds`.
pub fn check(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(what())
    }
}

/// Fails unless a statement was refused with this SQLSTATE and a message or detail that holds `what`.
pub fn refused<T>(result: Result<T, pg::Failure>, code: &str, what: &str) -> Outcome {
    match result {
        Ok(_) => Err(format!("it was not refused with {code} {what}")),
        Err(failure) if failure.code == code && failure.to_string().contains(what) => Ok(()),
        Err(failure) => Err(format!("not {code} {what}, but {failure}")),
    }
}

/// Waits for a state; fails when it does not come in a time that no healthy run needs.
pub fn wait_for(what: &str, mut reached: impl FnMut() -> Result<bool, String>) -> Outcome {
    let begun = Instant::now();
    while !reached()? {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("waited for a minute: {what}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Waits until all threads have ended; the first error of all.
pub fn join<'s>(threads: impl IntoIterator<Item = ScopedJoinHandle<'s, Outcome>>) -> Outcome {
    let mut outcome = Ok(());
    for thread in threads {
        let ended = thread.join().unwrap_or(Err("panicked".to_string()));
        outcome = outcome.and(ended);
    }
    outcome
}

/// The parts that this run is to have: those with this in their names, or all.
fn chosen() -> Option<String> {
    let part = std::env::var("PGREALTIME_PART").ok();
    part.filter(|part| !part.is_empty())
}

/// Whether a chosen part has been met.
static MET: AtomicBool = AtomicBool::new(false);

/// Runs a named part of a test, unless the run is for other ones. Except in the programs that `main` names, each stands
/// alone.
pub fn part(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    if chosen().is_some_and(|chosen| !name.contains(&chosen)) {
        println!("skipped {name}");
        return Ok(());
    }
    MET.store(true, Relaxed);
    let begun = Instant::now();
    let result = work();
    match &result {
        Ok(()) => println!("ok      {name} ({:.1} s)", begun.elapsed().as_secs_f32()),
        Err(error) => println!("not ok  {name}: {error}"),
    }
    result
}

/// Runs a program whose parts build on each other.
fn whole(run: impl FnOnce() -> Outcome) -> Outcome {
    check(chosen().is_none(), || {
        "its parts cannot be run alone".to_string()
    })?;
    run()
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let result = match name.as_str() {
        "bounded" => bounded::run(),
        "cancel" => cancel::run(),
        "consumers" => consumers::run(),
        "crash" => crash::run(),
        "cursor" => cursor::run(),
        "ddl" => ddl::run(),
        "gap" => gap::run(),
        "janitor" => janitor::run(),
        "logical" => whole(logical::run),
        "neighbours" => whole(neighbours::run),
        "rights" => rights::run(),
        "standby" => standby::run(),
        "waiting" => waiting::run(),
        "oracle" => whole(oracle::run),
        _ => Err(format!("no program {name}")),
    };
    let result = result.and_then(|()| {
        let none = || "no part has PGREALTIME_PART in its name".to_string();
        check(chosen().is_none() || MET.load(Relaxed), none)
    });
    if let Err(error) = result {
        println!("{name} failed: {error}");
        std::process::exit(1);
    }
}
