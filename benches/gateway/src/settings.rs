//! What the environment says about a run.

use crate::Outcome;
use std::str::FromStr;

#[derive(Clone)]
pub struct Settings {
    /// Connection string of the writers.
    pub database: String,
    /// The gateway's program; it takes the rest of its configuration from the environment.
    pub gateway: String,
    pub rounds: u32,
    /// How long rows are written, in a measurement.
    pub seconds: f64,
    /// Idle sockets, sockets of the storm: as many as a process may have files at most.
    pub sockets: usize,
    pub storm: usize,
    /// Which parts are measured, and on what: all by default.
    pub parts: Vec<String>,
    pub servers: Vec<String>,
    pub log: String,
}

impl Settings {
    pub fn read() -> Outcome<Settings> {
        Ok(Settings {
            database: text("DATABASE", ""),
            gateway: text("GATEWAY", "pgrealtime-gateway"),
            rounds: number("ROUNDS", 3)?,
            seconds: number("SECONDS_EACH", 6.0)?,
            sockets: number("SOCKETS", 20_000)?,
            storm: number("STORM", 10_000)?,
            parts: list("PARTS", "idle policies everyone growth sockets joins storm"),
            servers: list("SERVERS", "gateway floor"),
            log: text("LOG", "/dev/null"),
        })
    }
}

fn text(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_string())
}

fn list(name: &str, otherwise: &str) -> Vec<String> {
    text(name, otherwise)
        .split_whitespace()
        .map(str::to_string)
        .collect()
}

fn number<T: FromStr>(name: &str, otherwise: T) -> Outcome<T> {
    match std::env::var(name) {
        Err(_) => Ok(otherwise),
        Ok(value) => value
            .parse()
            .map_err(|_| format!("{name} is not a number: {value}").into()),
    }
}
