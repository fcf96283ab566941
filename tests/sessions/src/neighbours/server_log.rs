//! The server's log after the load: no complaint of the server's own, and no SQLSTATE that no client would be told.

use super::tally::is_allowed;
use crate::cluster::Cluster;
use crate::{check, Outcome};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// What the server says when something of its own is wrong.
const COMPLAINTS: [&str; 10] = [
    "PANIC:",
    "TRAP:",
    "was terminated by signal",
    "internal error",
    "leak",
    "you don't own a lock",
    "still referenced",
    "still active",
    "non-empty SPI stack",
    "pgaudit stack",
];

/// Who may have met an error that the log has; the log does not say who.
const CLIENTS: [&str; 7] = [
    "writer", "consumer", "reader", "relay", "long", "watcher", "ddl",
];

/// Warnings that are meant.
const WARNINGS: [&str; 8] = [
    // To whoever makes a table realtime.
    "may depend on other rows",
    // Where a lock was not to be had in time. The table's status says so as well.
    "but it is not realtime",
    "but its changes are still captured",
    "did not become realtime again",
    "was not repaired",
    "could not follow this command",
    // Of Postgres, where a SAVEPOINT is cancelled while pgaudit logs it: with this extension, or without.
    "AbortSubTransaction while in DEFAULT state",
    // To this test, whose victim has ended by itself.
    "is not a PostgreSQL backend process",
];

/// How many complaints are told.
const MOST: usize = 8;

#[derive(Default)]
struct Reading {
    codes: BTreeMap<String, u64>,
    audited: u64,
    explained: u64,
    /// The last that each process has said.
    last: HashMap<String, Vec<String>>,
    complaints: Vec<String>,
}

pub fn run(cluster: &Cluster, libraries: &[&str]) -> Outcome {
    let place = format!("{}/log", cluster.server.host);
    let file = File::open(place).map_err(|error| error.to_string())?;
    let mut reading = Reading::default();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        reading.line(&String::from_utf8_lossy(&line));
    }
    let codes = reading.codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, number)| format!("{code}: {number}"))
        .collect();
    let (audited, explained) = (reading.audited, reading.explained);
    println!(
        "        {}; {audited} audited, {explained} explained",
        codes.join(", ")
    );
    for (library, seen) in [("pgaudit", audited), ("auto_explain", explained)] {
        check(seen > 0 || !libraries.contains(&library), || {
            format!("{library} has said nothing")
        })?;
    }
    check(reading.complaints.is_empty(), || {
        reading.complaints.join("\n")
    })
}

impl Reading {
    fn line(&mut self, line: &str) {
        // Lines that go on are the text of statements.
        let Some((process, code, said)) = message(line) else {
            if line.starts_with("TRAP:") {
                self.complaints.push(line.to_string());
            }
            return;
        };
        let (audited, explained) = (
            said.starts_with("LOG:  AUDIT:"),
            said.starts_with("LOG:  duration:"),
        );
        self.audited += u64::from(audited);
        self.explained += u64::from(explained);
        let level = said.split(':').next().unwrap_or_default();
        let is_error = ["ERROR", "FATAL", "WARNING"].contains(&level);
        if is_error {
            *self.codes.entry(format!("{level} {code}")).or_default() += 1;
        }
        let of_clients = audited || explained || level == "STATEMENT";
        let complains = COMPLAINTS.iter().any(|complaint| said.contains(complaint));
        let last = self.last.entry(process.to_string()).or_default();
        if !of_clients
            && (complains || is_error && !is_known(code, said))
            && self.complaints.len() < MOST
        {
            self.complaints
                .push(format!("{line}\n    behind {}", last.join("\n           ")));
        }
        last.push(said.chars().take(200).collect());
        if last.len() > 4 {
            last.remove(0);
        }
    }
}

fn is_known(code: &str, said: &str) -> bool {
    WARNINGS.iter().any(|warning| said.contains(warning))
        || CLIENTS.iter().any(|who| is_allowed(who, code))
}

/// The process, the SQLSTATE and the rest of a line with the prefix of `setup`.
fn message(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once("] ")?;
    let (_, process) = before.split_once('[')?;
    let (code, said) = rest.split_once(' ')?;
    let is_code = code.len() == 5
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (is_code && line.starts_with("20")).then_some((process, code, said))
}
