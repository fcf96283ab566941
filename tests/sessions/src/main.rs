//! Tests that need several sessions, or a server that is killed: each is a program, tests/<name>/run.

mod copy;
mod gap;
mod pg;
mod random;
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
        "gap" => gap::run(),
        _ => Err(format!("no program {name}")),
    };
    if let Err(error) = result {
        println!("not ok  {name}: {error}");
        std::process::exit(1);
    }
}
