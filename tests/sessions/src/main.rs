//! Tests that need several sessions, or a server that is killed: each is a program, tests/<name>/run.

mod bounded;
mod cluster;
mod copy;
mod crash;
mod cursor;
mod ddl;
mod forged;
mod gap;
mod janitor;
mod log;
mod logical;
mod oracle;
mod pg;
mod random;
mod standby;
mod writer;

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

/// Runs a named part of a test.
pub fn part(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    let begun = Instant::now();
    let result = work();
    match &result {
        Ok(()) => println!("ok      {name} ({:.1} s)", begun.elapsed().as_secs_f32()),
        Err(error) => println!("not ok  {name}: {error}"),
    }
    result
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let result = match name.as_str() {
        "bounded" => bounded::run(),
        "crash" => crash::run(),
        "cursor" => cursor::run(),
        "ddl" => ddl::run(),
        "gap" => gap::run(),
        "janitor" => janitor::run(),
        "logical" => logical::run(),
        "standby" => standby::run(),
        "oracle" => oracle::run(),
        _ => Err(format!("no program {name}")),
    };
    if let Err(error) = result {
        println!("{name} failed: {error}");
        std::process::exit(1);
    }
}
