//! A subscription's own calls of `changes_since`, as its reader.

use super::expected::{check_end, Event, Expected};
use super::received::Received;
use super::subscriber::Subscriber;
use crate::oracle::schema::Schema;
use crate::pg::{quote, Client, Failure, Row};

impl Subscriber {
    /// Its own call.
    pub(super) fn call(
        &self,
        schema: &Schema,
        cursor: &str,
        until: Option<&str>,
        max: u64,
    ) -> String {
        let call = self
            .reader
            .call(schema, cursor, max, self.events.as_deref());
        match until {
            None => call,
            Some(until) => format!("{}, until => {})", call.trim_end_matches(')'), quote(until)),
        }
    }

    fn ask(&self, client: &mut Client, call: &str) -> Result<Result<Vec<Row>, Failure>, String> {
        client.run("SAVEPOINT s")?;
        let answer = client.query(&format!("{}; {call}", self.reader.become_it()));
        client.run("ROLLBACK TO s")?;
        Ok(answer)
    }

    /// What it has to receive until a cursor of `fan_out`, which gave it these rows. `None` where its own calls have come
    /// further than that: it began behind some of the batch that the cursor is in.
    pub fn expected(
        &self,
        client: &mut Client,
        schema: &Schema,
        own: &[&Received],
        until: &str,
    ) -> Result<Option<Expected>, String> {
        let mut expected = Expected {
            cursor: self.own.clone(),
            ..Expected::default()
        };
        let mut gaps = own
            .iter()
            .filter(|row| row.error.as_deref() == Some("72000"));
        loop {
            let call = self.call(schema, &expected.cursor, Some(until), 100_000);
            let failure = match self.ask(client, &call)? {
                Ok(rows) => {
                    let changes = rows.iter().filter_map(|row| row[1].clone());
                    expected.events.extend(changes.map(Event::Change));
                    let next = rows
                        .last()
                        .and_then(|last| last[0].clone())
                        .unwrap_or_default();
                    let is_end = next == expected.cursor || next == until;
                    expected.cursor = next;
                    if is_end {
                        break;
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            let skip = failure.detail.split("skip_cursor: ").nth(1);
            match (failure.code.as_str(), skip) {
                ("55P03", _) => return Err(failure.to_string()),
                ("40001", None) => return Ok(None),
                ("72000", _) => {
                    expected.events.push(Event::Gap);
                    expected.cursor = match gaps.next() {
                        Some(row) => row.cursor.clone(),
                        None => return Err(format!("it was not told: {failure}")),
                    };
                }
                (code @ ("42501" | "42P01" | "42703" | "55000"), None) => {
                    check_end(code, own).map_err(|error| format!("{error}: {failure}"))?;
                    let end = (!own.is_empty()).then(|| Event::Always(code.to_string()));
                    expected.events = end.into_iter().collect();
                    expected.cursor = until.to_string();
                    return Ok(Some(expected));
                }
                (code, Some(skip)) => {
                    expected.events.push(Event::Raised(code.to_string()));
                    expected.cursor = skip.trim().to_string();
                }
                (code, None) => {
                    expected.events.push(Event::Always(code.to_string()));
                    expected.cursor = until.to_string();
                    return Ok(Some(expected));
                }
            }
        }
        // What comes before a gap is not delivered, also if the gap is later in the batch than this call went.
        if expected.events.len() > own.len() {
            let rest = self.ask(client, &self.call(schema, until, None, 1))?;
            expected.lost = rest.is_err_and(|failure| failure.code == "72000");
        }
        Ok(Some(expected))
    }
}
