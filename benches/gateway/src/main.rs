//! The load client of the gateway's benchmark, and its floor: see benches/gateway/run.

mod connection;
mod floor;
mod frame;
mod histogram;
mod load;
mod measure;
mod message;
mod process;
mod seen;
mod server;
mod settings;
mod socket;
mod storm;
mod swarm;
mod token;
mod writer;

use std::error::Error;
use std::sync::OnceLock;
use std::time::Instant;

/// The first error ends a measurement.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Microseconds of a clock that only goes forward, the same for writers and readers; always of 13 digits.
fn stamp() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    1_000_000_000_000 + BEGUN.get_or_init(Instant::now).elapsed().as_micros() as u64
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["floor", address, control] => floor::serve(address, control).await,
        ["measure", results] => measure::all(results).await,
        _ => Err("usage: load floor ADDRESS CONTROL | load measure RESULTS".into()),
    }
}
