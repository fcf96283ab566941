//! What sessions know of their rows by the server's answers, compared with the tables and the log.

use crate::pg::{quote, Client};
use crate::{check, Outcome};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

/// What became of a row that a session tried to insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Committed,
    /// Rolled back, or refused.
    Failed,
    /// The connection was lost before the answer came, or several transactions were one command.
    Doubtful,
}

#[derive(Default)]
pub struct Ledger(Mutex<HashMap<(&'static str, u64), Fate>>);

impl Ledger {
    pub fn note(&self, rows: impl IntoIterator<Item = (&'static str, u64)>, fate: Fate) {
        let mut known = self.0.lock().unwrap();
        known.extend(rows.into_iter().map(|row| (row, fate)));
    }

    /// The rows that are there against those that should be; those of an earlier phase are not looked at.
    pub fn compare(&self, table: &'static str, rows: &BTreeMap<u64, String>) -> Outcome {
        let known = self.0.lock().unwrap();
        for ((of, id), fate) in known.iter().filter(|((of, _), _)| *of == table) {
            let there = rows.contains_key(id);
            let wrong = match fate {
                Fate::Committed => !there,
                Fate::Failed => there,
                Fate::Doubtful => false,
            };
            check(!wrong, || {
                let is = if there { "is" } else { "is not" };
                format!("the row {id} of {of} was {fate:?} and {is} there")
            })?;
        }
        Ok(())
    }
}

pub fn rows(client: &mut Client, table: &str) -> Result<BTreeMap<u64, String>, String> {
    let rows = client.query(&format!("SELECT id, pad FROM {table}"))?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let text = |i: usize| row[i].clone().unwrap_or_default();
            (text(0).parse().unwrap_or_default(), text(1))
        })
        .collect())
}

/// The table as the log has it; each change is checked against the state before it.
pub fn replay(
    client: &mut Client,
    table: &str,
    start: &str,
) -> Result<BTreeMap<u64, String>, String> {
    let (mut copy, mut cursor) = (BTreeMap::new(), start.to_string());
    loop {
        let batch = client.query(&format!(
            "SELECT cursor, change->>'type', coalesce(change->'record'->>'id', change->'old_record'->>'id'), change->'record'->>'pad'
             FROM pgrealtime.changes_since({}, '{{{table}}}', max_changes => 10000)",
            quote(&cursor)
        ))?;
        let mut changes = 0;
        for row in &batch {
            cursor = row[0].clone().unwrap_or_default();
            let Some(kind) = &row[1] else {
                continue;
            };
            changes += 1;
            let id: u64 = row[2]
                .clone()
                .unwrap_or_default()
                .parse()
                .unwrap_or_default();
            let pad = row[3].clone().unwrap_or_default();
            let fits = match kind.as_str() {
                "INSERT" => copy.insert(id, pad).is_none(),
                "UPDATE" => copy.insert(id, pad).is_some(),
                _ => copy.remove(&id).is_some(),
            };
            check(fits, || {
                format!("{kind} of row {id} of {table} does not fit")
            })?;
        }
        if changes == 0 {
            return Ok(copy);
        }
    }
}

pub fn same(table: &str, rows: &BTreeMap<u64, String>, copy: &BTreeMap<u64, String>) -> Outcome {
    let lacks = |a: &BTreeMap<u64, String>, b: &BTreeMap<u64, String>| {
        a.iter()
            .find(|(id, pad)| b.get(id) != Some(pad))
            .map(|(id, _)| *id)
    };
    let (lost, invented) = (lacks(rows, copy), lacks(copy, rows));
    check(lost.is_none() && invented.is_none(), || {
        format!("the log does not tell of {lost:?} of {table} as it is, and tells of {invented:?} otherwise")
    })
}
