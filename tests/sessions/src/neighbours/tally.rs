//! What has happened in a run: counts by name, and the SQLSTATEs that clients saw, each with the reason why it may be seen.

use crate::pg::{Failure, LOST};
use crate::{check, Outcome};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// SQLSTATEs that clients may see: who may, and why.
const ALLOWED: [(&str, &str, &str); 19] = [
    ("", "57014", "cancelled, or statement_timeout"),
    ("", "57P01", "terminated"),
    ("", "55P03", "lock_timeout"),
    ("", "40P01", "sessions lock rows and tables in any order"),
    ("", LOST, "the connection ended with its server session"),
    (
        "",
        "08P01",
        "PgBouncer ends a client whose server session was terminated",
    ),
    (
        "writer",
        "40001",
        "a snapshot older than another writer's change",
    ),
    (
        "writer",
        "55000",
        "COMMIT PREPARED while a stopped session still has the transaction",
    ),
    (
        "writer",
        "42704",
        "a prepared transaction that was left alone for too long was rolled back",
    ),
    (
        "consumer",
        "40001",
        "a snapshot older than another worker's use of the consumer",
    ),
    ("consumer", "72000", "the log no longer has what comes next"),
    ("reader", "72000", "a gap: DDL, or the log was emptied"),
    ("reader", "55000", "the table is not enabled for a moment"),
    ("relay", "72000", "the log was emptied"),
    (
        "relay",
        "40001",
        "the client has come further than the cursor of subscribe",
    ),
    ("long", "72000", "the log was emptied"),
    (
        "watcher",
        "53000",
        "prune: janitors of other sessions and parallel workers have all slots",
    ),
    ("watcher", "55000", "prune: its worker was terminated"),
    (
        "ddl",
        "55000",
        "the table cannot be enabled as it is, or has events of triggers that wait",
    ),
];

/// What has to happen before a run may end; otherwise it has tested less than it says.
const NEEDED: [&str; 23] = [
    "cancelled",
    "terminated",
    "stopped",
    "locked tables",
    "DDL",
    "committed",
    "rolled back",
    "to a savepoint",
    "caught",
    "prepared",
    "timeouts set",
    "reader: polls",
    "reader: changes",
    "reader: comparisons",
    "reader: gaps",
    "consumer: consumed",
    "consumer: moved",
    "relay: changes",
    "relay: restarts",
    "relay: comparisons",
    "long: polls",
    "long: caught",
    "pruned",
];

const NEEDED_CODES: [&str; 4] = ["57014", "57P01", "55P03", "72000"];

#[derive(Default)]
pub struct Tally {
    counts: Mutex<BTreeMap<String, u64>>,
    codes: Mutex<BTreeMap<(String, &'static str), u64>>,
}

impl Tally {
    pub fn add(&self, what: &str, number: u64) {
        *self
            .counts
            .lock()
            .unwrap()
            .entry(what.to_string())
            .or_default() += number;
    }

    pub fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub fn of(&self, what: &str) -> u64 {
        self.counts.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    /// Counts a failure; an error if nothing explains it.
    pub fn failed(&self, who: &'static str, failure: &Failure) -> Outcome {
        let code = failure.code.clone();
        if code == "72000" {
            self.count(&format!("gap for a {who}: {}", failure.detail));
        }
        *self.codes.lock().unwrap().entry((code, who)).or_default() += 1;
        check(is_allowed(who, &failure.code), || {
            format!("{who}: {failure}")
        })
    }

    /// What is still to come.
    pub fn missing(&self) -> Option<&'static str> {
        let codes = self.codes.lock().unwrap();
        let seen = |code: &str| codes.keys().any(|(seen, _)| seen == code);
        NEEDED
            .into_iter()
            .find(|what| self.of(what) == 0)
            .or_else(|| NEEDED_CODES.into_iter().find(|code| !seen(code)))
    }

    pub fn print(&self) {
        for (what, number) in self.counts.lock().unwrap().iter() {
            println!("        {what}: {number}");
        }
        let mut by_code: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((code, who), number) in self.codes.lock().unwrap().iter() {
            by_code
                .entry(code.clone())
                .or_default()
                .push(format!("{who} {number}"));
        }
        for (code, who) in by_code {
            println!("        SQLSTATE {code}: {}", who.join(", "));
        }
    }
}

pub fn is_allowed(who: &str, code: &str) -> bool {
    ALLOWED
        .iter()
        .any(|(of, allowed, _)| *allowed == code && (of.is_empty() || *of == who))
}

/// Whether this ends the connection.
pub fn is_lost(code: &str) -> bool {
    matches!(code, LOST | "57P01" | "08P01")
}
