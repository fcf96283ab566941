//! What a relay's call has handed out: applied to the copies of the clients that it is for, and compared.

use super::{Relay, FIRST};
use crate::copy::{parse, Batch, Copy};
use crate::neighbours::reader::become_it;
use crate::neighbours::session::Session;
use crate::pg::Row;
use crate::{check, Outcome};

impl Relay<'_> {
    pub(super) fn hand_out(&mut self, rows: &[Row]) -> Outcome {
        let text = |row: &Row, i: usize| row[i].clone().unwrap_or_default();
        let mut before = self.cursor.clone();
        let (mut broken, mut given) = (Vec::new(), Vec::new());
        for row in rows {
            let (cursor, error) = (text(row, 0), text(row, 3));
            let subscriptions = text(row, 2);
            let of = |id: &String| {
                subscriptions
                    .trim_matches(['{', '}'])
                    .split(',')
                    .any(|one| one == id)
            };
            for (place, client) in self.clients.iter_mut().enumerate() {
                if broken.contains(&place) || !client.subscription.as_ref().is_some_and(of) {
                    continue;
                }
                if error.is_empty() {
                    let change = parse(&text(row, 1));
                    client
                        .copy
                        .apply(&change)
                        .map_err(|error| format!("relay, {:?}: {error}", client.who))?;
                    self.scene.tally.count("relay: changes");
                    given.push(place);
                } else {
                    // It reads what it misses by itself, or the table.
                    let code = error.get(..5).unwrap_or_default();
                    check(["55P03", "72000", "57014", "40P01"].contains(&code), || {
                        format!("fan_out: {error}")
                    })?;
                    self.scene.tally.count(&format!("relay: error rows {code}"));
                    if code == "72000" {
                        client.cursor = None;
                    } else if given.contains(&place) {
                        client.cursor = Some(before.clone());
                    }
                    broken.push(place);
                }
            }
            before = cursor;
        }
        self.cursor = before;
        for (place, client) in self.clients.iter_mut().enumerate() {
            if broken.contains(&place) {
                let end = format!(
                    "SELECT pgrealtime.unsubscribe('{{{}}}')",
                    client.subscription.take().unwrap_or_default()
                );
                if self.session.attempt(|session| session.run(&end))?.is_err()
                    && self.session.is_connected()
                {
                    // It was not heard; a new session has none.
                    self.session = Session::direct(self.scene, "relay", FIRST);
                }
            } else if given.contains(&place) {
                // One that was given nothing may have begun behind this cursor.
                client.cursor = Some(self.cursor.clone());
            }
        }
        Ok(())
    }

    pub(super) fn compare(&mut self) -> Result<bool, String> {
        let (cursor, mut batches) = (self.cursor.clone(), Vec::new());
        let clients: Vec<_> = self.clients.iter().map(|client| client.who).collect();
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let read = self.session.transaction(begin, "COMMIT", |client| {
            let (mut cursor, mut nothing) = (cursor, 0);
            while nothing < 2 {
                let rows = client.query(&format!(
                    "SELECT * FROM pgrealtime.fan_out('{cursor}', 100000)"
                ))?;
                nothing = if rows.len() < 2 { nothing + 1 } else { 0 };
                cursor = rows
                    .last()
                    .and_then(|row| row[0].clone())
                    .unwrap_or_default();
                batches.push(rows);
            }
            let mut tables = Vec::new();
            for (role, subject, _) in clients {
                client.run(&become_it(role, subject))?;
                tables.push(Copy::table(client)?);
                client.run("RESET ROLE")?;
            }
            Ok(tables)
        })?;
        // What was handed out counts, whatever became of the rest.
        for rows in &batches {
            self.hand_out(rows)?;
        }
        let Ok(tables) = read.read() else {
            return Ok(false);
        };
        for (client, table) in self
            .clients
            .iter()
            .zip(&tables)
            .filter(|(client, _)| client.subscription.is_some())
        {
            client
                .copy
                .compare_with(table)
                .map_err(|error| format!("relay, {:?}: {error}", client.who))?;
            self.scene.tally.count("relay: comparisons");
        }
        Ok(true)
    }
}

pub(super) fn batch(rows: &[Row]) -> Batch {
    let mut batch = Batch {
        changes: Vec::new(),
        cursor: String::new(),
    };
    for row in rows {
        batch.cursor = row[0].clone().unwrap_or_default();
        if let Some(message) = &row[1] {
            batch.changes.push((batch.cursor.clone(), parse(message)));
        }
    }
    batch
}
