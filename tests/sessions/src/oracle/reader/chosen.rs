//! A reader that asks for some events only: it has to receive these events exactly as a reader of all events does.
//!
//! Net changes depend on where a batch ends. The chosen events do not move that, so net changes are compared batch by batch.
//! Otherwise both read at their own pace, and the changes until one moment are compared key by key.

use super::{replay::key, Reader};
use crate::oracle::json::Json;
use crate::oracle::schema::{Cascade, Schema, Table};
use crate::oracle::tally::Tally;
use crate::oracle::writer::Gaps;
use crate::pg::{Client, Row};
use crate::random::Random;
use crate::{check, Outcome};

#[derive(Debug, Default)]
pub struct Chosen {
    /// As they are asked for, in any case of letters.
    pub events: Vec<String>,
    cursor: String,
    got: Vec<Json>,
    /// What the other reader got of these events.
    expected: Vec<Json>,
}

impl Chosen {
    pub fn random(random: &mut Random) -> Chosen {
        let mut events: Vec<String> = Vec::new();
        for event in ["INSERT", "UPDATE", "DELETE", "TRUNCATE"] {
            if random.chance(45) {
                let lower = random.chance(30);
                events.push(if lower {
                    event.to_lowercase()
                } else {
                    event.to_string()
                });
            }
        }
        Chosen {
            events,
            ..Chosen::default()
        }
    }

    pub fn begin(&mut self, cursor: &str) {
        (self.got, self.expected) = (Vec::new(), Vec::new());
        self.cursor = cursor.to_string();
    }

    fn has(&self, change: &Json) -> bool {
        let kind = change.get("type").map_or("", Json::text);
        self.events
            .iter()
            .any(|event| event.eq_ignore_ascii_case(kind))
    }
}

impl Reader {
    /// Whether its events come by calls of their own.
    pub(super) fn chooses_by_itself(&self) -> bool {
        self.chosen.is_some() && !self.net
    }

    pub(super) fn expect_chosen(&mut self, change: Json) {
        let net = self.net;
        if let Some(chosen) = self
            .chosen
            .as_mut()
            .filter(|chosen| !net && chosen.has(&change))
        {
            chosen.expected.push(change);
        }
    }

    /// One call for the events; how many changes it brought.
    pub(super) fn poll_chosen(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
        max: u64,
    ) -> Result<usize, String> {
        let Some(chosen) = &self.chosen else {
            return Ok(0);
        };
        let call = self.call(schema, &chosen.cursor, max, Some(&chosen.events));
        let rows = match self.ask(client, &call) {
            Ok(rows) => rows,
            Err(failure) if failure.code == "72000" => {
                return self.again(client, schema, gaps, tally, &failure)
            }
            Err(failure) => return Err(failure.to_string()),
        };
        let changes = changes(&rows);
        check(changes.len() <= max as usize, || {
            format!("{} changes of {max}", changes.len())
        })?;
        tally.chosen += changes.len() as u64;
        let count = changes.len();
        if let Some(chosen) = &mut self.chosen {
            chosen.got.extend(changes);
            if let Some(cursor) = rows.last().and_then(|last| last[0].clone()) {
                chosen.cursor = cursor;
            }
        }
        Ok(count)
    }

    /// Both have read to the same moment.
    pub(super) fn compare_chosen(&mut self, schema: &Schema) -> Outcome {
        let Some(chosen) = &mut self.chosen else {
            return Ok(());
        };
        // The changes of a row keep their order, those of transactions need not: a reader that waited for a transaction got it
        // later. Without a key the row of a change is not known.
        let of = |change: &Json| {
            let name = change.get("table").map_or("", Json::text);
            let table = schema.tables.iter().find(|table| table.name == name);
            let row = change.get("old_record").or(change.get("record"));
            match (table, row) {
                (Some(table), _) if table.deferrable => change.to_string(),
                (Some(table), Some(row)) => format!("{name} {}", key(table, row)),
                _ => name.to_string(),
            }
        };
        let (mut got, mut expected) = (
            std::mem::take(&mut chosen.got),
            std::mem::take(&mut chosen.expected),
        );
        // The child's policy looks at its parent, which may exist when one reader reads, and not when the other does.
        let is_judged_once = |change: &Json| {
            let name = change.get("table").map_or("", Json::text);
            let of_child = |table: &Table| table.name == name && table.cascade == Cascade::Child;
            !schema.tables.iter().any(of_child)
        };
        got.retain(is_judged_once);
        expected.retain(is_judged_once);
        got.sort_by_cached_key(of);
        expected.sort_by_cached_key(of);
        let differs = got
            .iter()
            .zip(&expected)
            .find(|(got, expected)| got != expected);
        check(got.len() == expected.len() && differs.is_none(), || {
            format!(
                "{} changes of the events, {} for the reader of all; the first that differs: {}",
                got.len(),
                expected.len(),
                differs.map_or("none".to_string(), |(got, expected)| format!(
                    "\n  got:      {got}\n  expected: {expected}"
                ))
            )
        })
    }

    /// The same batch of net changes, with the events.
    pub(super) fn check_net_chosen(
        &self,
        client: &mut Client,
        schema: &Schema,
        tally: &mut Tally,
        max: u64,
        all: &[Row],
    ) -> Outcome {
        let Some(chosen) = self.chosen.as_ref().filter(|_| self.net) else {
            return Ok(());
        };
        let cursor = self.cursor.clone().unwrap_or_default();
        let call = self.call(schema, &cursor, max, Some(&chosen.events));
        let got = changes(&self.ask(client, &call)?);
        let mut expected = changes(all);
        expected.retain(|change| chosen.has(change));
        tally.chosen += got.len() as u64;
        check(got == expected, || {
            let show = |changes: &[Json]| {
                changes
                    .iter()
                    .map(|change| format!("\n    {change}"))
                    .collect::<String>()
            };
            format!(
                "net changes of the events\n  got: {}\n  expected: {}",
                show(&got),
                show(&expected)
            )
        })
    }
}

fn changes(rows: &[Row]) -> Vec<Json> {
    let change = |row: &Row| row[1].as_deref().map(Json::parse);
    rows.iter().filter_map(change).collect()
}
