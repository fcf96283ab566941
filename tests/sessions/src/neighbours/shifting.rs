//! Readers of a table whose columns, settings and publication change: they meet gaps, and say how many.

use super::reader::become_it;
use super::session::Session;
use super::{limits, Scene};
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::{check, Outcome};
use std::collections::BTreeMap;

type Rows = BTreeMap<String, String>;

const SUBJECTS: [&str; 2] = ["anna", "carl"];
pub const NUMBER: usize = SUBJECTS.len();

pub struct Reader<'a> {
    scene: &'a Scene,
    session: Session<'a>,
    random: Random,
    subject: &'static str,
    rows: Rows,
    cursor: Option<String>,
    applied: u64,
}

impl<'a> Reader<'a> {
    pub fn new(scene: &'a Scene, number: usize) -> Reader<'a> {
        Reader {
            scene,
            session: Session::pooled(scene, "reader"),
            random: Random::new(scene.seed, 200 + number as u64),
            subject: SUBJECTS[number],
            rows: Rows::new(),
            cursor: None,
            applied: 0,
        }
    }

    pub fn run(&mut self) -> Outcome {
        while !self.scene.is_over() {
            let compares = self.random.chance(10);
            self.turn(compares, true)?;
        }
        Ok(())
    }

    /// In the quiet: to the SELECT, and then once more without reading the table again.
    pub fn settle(&mut self) -> Outcome {
        self.turn(true, false)?;
        self.turn(true, false)?;
        check(self.cursor.is_some(), || {
            "a reader meets gaps in the quiet".to_string()
        })
    }

    pub fn last(&mut self) -> Outcome {
        self.turn(true, false)?;
        check(self.cursor.is_some(), || {
            "a reader meets a gap at the end".to_string()
        })
    }

    fn turn(&mut self, compares: bool, hostile: bool) -> Outcome {
        let limits = if hostile {
            limits(&mut self.random, &self.scene.tally)
        } else {
            String::new()
        };
        let level = if compares || self.cursor.is_none() {
            "REPEATABLE READ"
        } else {
            "READ COMMITTED"
        };
        // A snapshot does not protect from TRUNCATE, which shows the table empty to older ones as well: no snapshot before the lock.
        let begin = format!(
            "BEGIN ISOLATION LEVEL {level} READ ONLY; {limits}; LOCK TABLE shifting IN ACCESS SHARE MODE; {}",
            become_it("one", self.subject)
        );
        let known = self
            .cursor
            .clone()
            .map(|cursor| (cursor, self.rows.clone()));
        let starts = known.is_none();
        let read = self.session.transaction(&begin, "COMMIT", |client| {
            let (mut cursor, mut rows) = match known {
                Some(known) => known,
                None => (
                    client.value("SELECT pgrealtime.current_cursor()")?,
                    table(client)?,
                ),
            };
            let (mut applied, mut nothing) = (0, 0);
            while nothing < if compares { 2 } else { 1 } {
                let changes = apply(client, &mut cursor, &mut rows)?;
                nothing = if changes == 0 { nothing + 1 } else { 0 };
                applied += changes;
                if !compares {
                    break;
                }
            }
            let now = if compares { Some(table(client)?) } else { None };
            Ok((cursor, rows, applied, now))
        })?;
        self.scene.tally.count("reader: polls");
        match read.read() {
            Err(failure) if failure.code == "72000" || failure.code == "55000" => {
                self.cursor = None;
                let what = if failure.code == "72000" {
                    "reader: gaps"
                } else {
                    "reader: not enabled"
                };
                self.scene.tally.count(what);
            }
            Err(_) => {}
            Ok((cursor, rows, applied, now)) => {
                self.applied = if starts { 0 } else { self.applied } + applied;
                self.scene.tally.add("reader: changes", applied);
                if let Some(now) = now {
                    check(now == rows, || self.differs(&now, &rows))?;
                    let what = if self.applied > 0 {
                        "reader: comparisons"
                    } else {
                        "reader: comparisons of what was just read"
                    };
                    self.scene.tally.count(what);
                }
                (self.cursor, self.rows) = (Some(cursor), rows);
            }
        }
        Ok(())
    }

    fn differs(&self, now: &Rows, rows: &Rows) -> String {
        let id = now
            .keys()
            .chain(rows.keys())
            .find(|id| now.get(*id) != rows.get(*id));
        let of = |rows: &Rows| id.and_then(|id| rows.get(id).cloned());
        format!(
            "{}: row {id:?} of shifting is {:?}, the copy has {:?}",
            self.subject,
            of(now),
            of(rows)
        )
    }
}

const ROW: &str = "jsonb_strip_nulls(to_jsonb(t))::text";

fn table(client: &mut Client) -> Result<Rows, Failure> {
    let rows = client.query(&format!("SELECT id, {ROW} FROM shifting AS t"))?;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| (text(&row[0]), text(&row[1])))
        .collect())
}

/// Applies a batch by key, as the documentation says: how many changes it had.
fn apply(client: &mut Client, cursor: &mut String, rows: &mut Rows) -> Result<u64, Failure> {
    let batch = client.query(&format!(
        "SELECT cursor, change->>'type', change->'old_record'->>'id', change->'record'->>'id',
                jsonb_strip_nulls((change->'record')::jsonb)::text, change->>'errors'
         FROM pgrealtime.changes_since({}, '{{shifting}}')",
        quote(cursor)
    ))?;
    let (mut changes, mut to) = (0, cursor.clone());
    let mut after = rows.clone();
    for row in batch {
        to = row[0].clone().unwrap_or_default();
        let Some(kind) = &row[1] else {
            continue;
        };
        changes += 1;
        if kind == "TRUNCATE" {
            after.clear();
        }
        if let Some(id) = &row[2] {
            after.remove(id);
        }
        let Some(id) = &row[3] else {
            continue;
        };
        let mut record = row[4].clone();
        if row[5].is_some() {
            let now = client.query(&format!("SELECT {ROW} FROM shifting AS t WHERE id = {id}"))?;
            record = now.into_iter().flatten().next().flatten();
        }
        if let Some(record) = record {
            after.insert(id.clone(), record);
        }
    }
    (*cursor, *rows) = (to, after);
    Ok(changes)
}
