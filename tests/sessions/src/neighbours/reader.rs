//! Readers: roles that keep a copy of what they may see, updated by changes alone, in whichever session the pooler has.

use super::session::Session;
use super::{limits, Scene};
use crate::copy::{poll, Copy};
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::{check, Outcome};

/// Who reads: role, subject of the claims, whether net changes.
pub const READERS: [(&str, &str, bool); 4] = [
    ("one", "anna", false),
    ("one", "bert", true),
    ("slow", "carl", false),
    ("all_rows", "dora", false),
];

pub fn become_it(role: &str, subject: &str) -> String {
    let claims = quote(&format!("{{\"sub\": \"{subject}\"}}"));
    format!("SET LOCAL ROLE {role}; SELECT set_config('request.jwt.claims', {claims}, true)")
}

pub struct Reader<'a> {
    scene: &'a Scene,
    session: Session<'a>,
    random: Random,
    who: (&'static str, &'static str, bool),
    copy: Copy,
    cursor: Option<String>,
    /// Changes since it read the table.
    applied: u64,
}

impl<'a> Reader<'a> {
    pub fn new(scene: &'a Scene, number: usize) -> Reader<'a> {
        Reader {
            scene,
            session: Session::pooled(scene, "reader"),
            random: Random::new(scene.seed, 100 + number as u64),
            who: READERS[number],
            copy: Copy::default(),
            cursor: None,
            applied: 0,
        }
    }

    /// Reads until the load is over.
    pub fn run(&mut self) -> Outcome {
        while !self.scene.is_over() {
            match self.random.below(20) {
                _ if self.cursor.is_none() => self.start(true)?,
                0 => self.compare(true)?,
                1..=3 => self.wait()?,
                _ => self.poll()?,
            }
        }
        Ok(())
    }

    /// In the quiet, it comes to its own SELECT; a gap that it still meets is its last.
    pub fn settle(&mut self) -> Outcome {
        for _ in 0..3 {
            if self.cursor.is_none() {
                self.start(false)?;
            }
            self.compare(false)?;
            if self.cursor.is_some() {
                return Ok(());
            }
        }
        Err(format!("{:?} meets gaps in the quiet", self.who))
    }

    /// What is written after `settle` comes as changes: nothing is read again.
    pub fn last(&mut self) -> Outcome {
        let before = self.applied;
        self.compare(false)?;
        check(self.cursor.is_some(), || {
            format!("{:?} meets a gap at the end", self.who)
        })?;
        check(self.applied > before || self.who.0 != "all_rows", || {
            "the last changes did not come".to_string()
        })
    }

    fn begin(&mut self, level: &str, hostile: bool) -> String {
        let limits = if hostile {
            limits(&mut self.random, &self.scene.tally)
        } else {
            String::new()
        };
        format!(
            "BEGIN ISOLATION LEVEL {level} READ ONLY; {}; {limits}",
            become_it(self.who.0, self.who.1)
        )
    }

    fn start(&mut self, hostile: bool) -> Outcome {
        let begin = self.begin("REPEATABLE READ", hostile);
        let started = self.session.transaction(&begin, "COMMIT", |client| {
            let cursor = client.value("SELECT pgrealtime.current_cursor()")?;
            Ok((cursor, Copy::table(client)?))
        })?;
        if let Ok((cursor, rows)) = started.read() {
            self.copy = Copy {
                rows,
                net: self.who.2,
                ..Copy::default()
            };
            self.cursor = Some(cursor);
            self.applied = 0;
            self.scene.tally.count("reader: table read");
        }
        Ok(())
    }

    fn poll(&mut self) -> Outcome {
        let max = *self.random.pick(&[1, 20, 1_000, 1_000]);
        let (begin, net) = (self.begin("READ COMMITTED", true), self.who.2);
        let Some(cursor) = self.cursor.clone() else {
            return Ok(());
        };
        let end = *self.random.pick(&["COMMIT", "ROLLBACK"]);
        let polled = self
            .session
            .transaction(&begin, end, |client| poll(client, &cursor, max, net))?;
        self.scene.tally.count("reader: polls");
        match polled.read() {
            Ok(batch) => {
                self.count(batch.changes.len());
                self.cursor = Some(
                    self.copy
                        .apply_all(&batch)
                        .map_err(|error| self.named(error))?,
                );
            }
            Err(failure) => self.failed(&failure),
        }
        Ok(())
    }

    fn named(&self, error: String) -> String {
        format!("reader {} {}: {error}", self.who.0, self.who.1)
    }

    fn count(&mut self, changes: usize) {
        self.applied += changes as u64;
        self.scene.tally.add("reader: changes", changes as u64);
    }

    fn failed(&mut self, failure: &Failure) {
        if failure.code == "72000" {
            self.cursor = None;
            self.scene.tally.count("reader: gaps");
        }
    }

    fn wait(&mut self) -> Outcome {
        let cursor = quote(self.cursor.as_deref().unwrap_or_default());
        let begin = self.begin("READ COMMITTED", true);
        let wait = format!("SELECT pgrealtime.wait_for_changes({cursor}, '{{items}}', '30 ms')");
        let waited = self
            .session
            .transaction(&begin, "COMMIT", |client| client.run(&wait))?;
        if let Err(failure) = waited.read() {
            self.failed(&failure);
        }
        Ok(())
    }

    /// To the end of what one snapshot shows, and to the SELECT of this snapshot.
    fn compare(&mut self, hostile: bool) -> Outcome {
        let begin = self.begin("REPEATABLE READ", hostile);
        let Some(mut cursor) = self.cursor.clone() else {
            return Ok(());
        };
        let (mut changes, mut wrong) = (0, None);
        let copy = &mut self.copy;
        let net = self.who.2;
        let read = self.session.transaction(&begin, "COMMIT", |client| {
            (changes, wrong) = (0, None);
            match to_the_end(client, copy, &mut cursor, net, &mut changes) {
                Err(Wrong::Failed(failure)) => Err(failure),
                Err(Wrong::Differs(error)) => {
                    wrong = Some(error);
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        })?;
        if let Some(error) = wrong {
            return Err(self.named(error));
        }
        // What came before an error counts.
        self.cursor = Some(cursor);
        self.count(changes);
        match read.read() {
            Err(failure) => self.failed(&failure),
            Ok(()) if self.applied > 0 => self.scene.tally.count("reader: comparisons"),
            Ok(()) => self
                .scene
                .tally
                .count("reader: comparisons of what was just read"),
        }
        Ok(())
    }
}

enum Wrong {
    Failed(Failure),
    Differs(String),
}

/// A call may only finish an older batch: the end is reached after two without a change.
fn to_the_end(
    client: &mut Client,
    copy: &mut Copy,
    cursor: &mut String,
    net: bool,
    changes: &mut usize,
) -> Result<(), Wrong> {
    let mut nothing = 0;
    while nothing < 2 {
        let batch = poll(client, cursor, 100_000, net).map_err(Wrong::Failed)?;
        nothing = if batch.changes.is_empty() {
            nothing + 1
        } else {
            0
        };
        *cursor = copy.apply_all(&batch).map_err(Wrong::Differs)?;
        *changes += batch.changes.len();
    }
    let table = Copy::table(client).map_err(Wrong::Failed)?;
    copy.compare_with(&table).map_err(Wrong::Differs)
}
