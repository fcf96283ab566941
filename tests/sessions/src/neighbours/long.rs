//! A session that lives through all of it, and does everything a client may repeat: its memory does not grow.

use super::session::Session;
use super::Scene;
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::{check, Outcome};
use std::fs;

/// By how much its memory contexts may grow, in bytes: a plan that is made anew differs by a few blocks. And its process, which
/// has the library's own memory besides, and whose allocator keeps pieces.
const GROWTH: [i64; 2] = [768 * 1024, 24 * 1024 * 1024];

/// Polls before the first look, after which caches are filled.
const FIRST: u64 = 1_000;

const HELD: &str = "SELECT sum(total_bytes) FROM pg_backend_memory_contexts";

pub struct Long<'a> {
    scene: &'a Scene,
    session: Session<'a>,
    random: Random,
    cursor: String,
    polls: u64,
    held: Option<[i64; 2]>,
}

impl<'a> Long<'a> {
    pub fn new(scene: &'a Scene) -> Long<'a> {
        Long {
            scene,
            session: Session::direct(
                scene,
                "long",
                "SET application_name = 'long'; SET lock_timeout = '100ms'",
            ),
            random: Random::new(scene.seed, 700),
            cursor: String::new(),
            polls: 0,
            held: None,
        }
    }

    pub fn run(&mut self) -> Outcome {
        while !self.scene.is_over() {
            self.turn()?;
        }
        Ok(())
    }

    /// In the quiet: so many polls more, and then what all of them have left.
    pub fn settle(&mut self, polls: u64) -> Outcome {
        while self.held.is_none() {
            self.turn()?;
        }
        let until = self.polls + polls;
        while self.polls < until {
            self.turn()?;
        }
        let held = self.held()?.ok_or("the session is not usable")?;
        let before = self.held.unwrap_or_default();
        let grown = [held[0] - before[0], held[1] - before[1]];
        println!(
            "        {} polls in one session: {} bytes in contexts, {} more than after the first {FIRST}; {} in the process, {} more",
            self.polls, held[0], grown[0], held[1], grown[1]
        );
        check(grown[0] < GROWTH[0] && grown[1] < GROWTH[1], || {
            format!(
                "a session has grown by {grown:?} bytes:\n{}",
                self.largest()
            )
        })
    }

    fn turn(&mut self) -> Outcome {
        self.polls += 1;
        self.scene.tally.count("long: polls");
        if self.polls >= FIRST && self.held.is_none() {
            self.held = self.held()?;
        }
        let (choice, ms) = (self.random.below(100), 1 + self.random.below(20));
        let cursor = quote(&self.cursor);
        let changes = format!(
            "SELECT * FROM pgrealtime.changes_since({cursor}, '{{items}}', max_changes => 300)"
        );
        let result = match choice {
            _ if self.cursor.is_empty() => self
                .session
                .attempt(|client| client.query("SELECT pgrealtime.current_cursor()"))?,
            0..=9 => self.session.attempt(|client| {
                client.query(&format!("BEGIN; SET LOCAL statement_timeout = {ms}"))?;
                let rows = client.query(&changes)?;
                client.run("COMMIT")?;
                Ok(rows)
            })?,
            10..=29 => self.caught(&changes)?.map(|()| Vec::new()),
            30..=34 => self
                .session
                .attempt(|client| client.query("SELECT count(*) FROM pgrealtime.log_status"))?,
            35..=39 => self.session.attempt(subscribe)?,
            40..=44 => {
                let fan_out = format!("SELECT * FROM pgrealtime.fan_out({cursor}, 300)");
                self.session.attempt(|client| client.query(&fan_out))?
            }
            _ => self.session.attempt(|client| client.query(&changes))?,
        };
        match result {
            Ok(rows) => {
                if let Some(Some(cursor)) = rows
                    .last()
                    .map(|row| row[0].clone())
                    .filter(|_| !(10..=39).contains(&choice))
                {
                    self.cursor = cursor;
                }
            }
            Err(failure) if failure.code == "72000" => self.cursor.clear(),
            Err(_) => {}
        }
        Ok(())
    }

    /// An error within a block that catches it: one of a filter, or what others do to the session.
    fn caught(&mut self, changes: &str) -> Result<Result<(), Failure>, String> {
        let wrong = *self.random.pick(&["nothing=eq.1", "id=eq.x", "id=eq.1"]);
        let call = changes.replace("max_changes", &format!("filter => '{wrong}', max_changes"));
        let sql = format!("SELECT caught({})", quote(&call));
        let told = self.session.attempt(|client| client.value(&sql))?;
        if told.as_ref().is_ok_and(|told| told != "done") {
            self.scene.tally.count("long: caught");
        }
        Ok(told.map(|_| ()))
    }

    /// What its memory contexts have, and its process without what is shared.
    fn held(&mut self) -> Result<Option<[i64; 2]>, String> {
        let told = self
            .session
            .attempt(|client| Ok((client.value(HELD)?, client.pid.clone())))?;
        let Ok((contexts, process)) = told else {
            return Ok(None);
        };
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok());
        Ok(contexts
            .parse()
            .ok()
            .map(|contexts| [contexts, kilobytes.unwrap_or(0) * 1024]))
    }

    fn largest(&mut self) -> String {
        let sql = "SELECT name || ' ' || count(*) || ' ' || sum(total_bytes) FROM pg_backend_memory_contexts
                   GROUP BY name ORDER BY sum(total_bytes) DESC LIMIT 8";
        let rows = self.session.attempt(|client| client.query(sql));
        let rows = rows.ok().and_then(Result::ok).unwrap_or_default();
        rows.into_iter()
            .flatten()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A few subscriptions that come and go.
fn subscribe(client: &mut Client) -> Result<Vec<crate::pg::Row>, Failure> {
    client.query(
        "SELECT pgrealtime.unsubscribe(array_agg(s.subscription)) FROM (VALUES ('one'), ('slow')) AS r (role),
         LATERAL pgrealtime.subscribe('items', 'id=gt.10', role_name => r.role::regrole, claims => '{\"sub\": \"anna\"}') AS s",
    )
}
