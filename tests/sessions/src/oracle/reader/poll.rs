//! A reader's calls of `changes_since`.

use super::Reader;
use crate::check;
use crate::oracle::json::Json;
use crate::oracle::schema::Schema;
use crate::oracle::tally::Tally;
use crate::oracle::writer::Gaps;
use crate::pg::{quote, Client, Failure, Row};

impl Reader {
    pub(in crate::oracle) fn call(
        &self,
        schema: &Schema,
        cursor: &str,
        max: u64,
        events: Option<&[String]>,
    ) -> String {
        let names: Vec<String> = self
            .tables
            .iter()
            .map(|place| format!("{}.{}", schema.name, schema.tables[*place].name))
            .collect();
        let mut call = format!(
            "SELECT * FROM pgrealtime.changes_since({}, '{{{}}}', max_changes => {max}, net => {}",
            quote(cursor),
            names.join(","),
            self.net
        );
        if let Some(events) = events {
            call += &format!(", events => '{{{}}}'", events.join(","));
        }
        if let Some(filter) = &self.filter {
            call += &format!(", filter => {}", quote(&filter.text));
        }
        if let Some(asked) = &self.asked {
            let columns = &schema.tables[self.tables[0]].columns;
            let names: Vec<String> = asked
                .iter()
                .map(|place| quote(&columns[*place].name))
                .collect();
            call += &format!(", columns => ARRAY[{}]::text[]", names.join(", "));
        }
        call + ")"
    }

    /// One call; how many changes it brought.
    pub(super) fn poll(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
        max: u64,
        chance: u64,
    ) -> Result<usize, String> {
        tally.polls += 1;
        // The same call has the same answer only in one snapshot: transactions that committed in between are read, too, and may
        // end a batch earlier.
        let twice = !self.open && self.net && self.chosen.is_some();
        if twice {
            self.begin(client)?;
        }
        let cursor = self.cursor.clone().unwrap_or_default();
        let mut rows = match self.ask(client, &self.call(schema, &cursor, max, None)) {
            Ok(rows) => rows,
            Err(failure) if failure.code == "72000" => {
                return self.again(client, schema, gaps, tally, &failure)
            }
            Err(failure) => return Err(failure.to_string()),
        };
        self.check_net_chosen(client, schema, tally, max, &rows)?;
        if twice {
            client.run("COMMIT")?;
            self.open = false;
        }
        let changes = rows.iter().filter(|row| row[1].is_some()).count();
        // A changed key is two net changes, and each TRUNCATE stays.
        let most = if self.net {
            2 * max as usize
        } else {
            max as usize
        };
        check(changes <= most, || format!("{changes} changes of {max}"))?;
        // Changes that a client lost before it had processed them are delivered again.
        if chance < 10 {
            if self.net {
                return Ok(changes);
            }
            rows.truncate(rows.len() / 2);
        }
        for row in &rows {
            if let Some(change) = &row[1] {
                let parsed = Json::parse(change);
                self.apply(schema, &parsed, tally)
                    .map_err(|wrong| format!("{wrong}: {change}"))?;
                self.expect_chosen(parsed);
            }
        }
        if let Some(last) = rows.last() {
            self.cursor = last[0].clone();
        }
        Ok(changes)
    }

    /// The rows of a call, by itself as the reader or in the transaction that is open.
    pub(super) fn ask(&self, client: &mut Client, call: &str) -> Result<Vec<Row>, Failure> {
        match self.open {
            true => client.query(call),
            false => client.query(&format!("{}; {call}", self.become_it())),
        }
    }

    pub(super) fn again(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
        failure: &Failure,
    ) -> Result<usize, String> {
        let of = |place: &usize| {
            format!(
                "changes of table {}.{} are missing",
                schema.name, schema.tables[*place].name
            )
        };
        let had = |place: &usize| {
            failure.message == of(place) && gaps[*place].possible > self.known[*place].possible
        };
        check(self.tables.iter().any(had), || {
            format!("there is no gap: {failure}")
        })?;
        if self.open {
            client.run("ROLLBACK")?;
            self.open = false;
        }
        tally.again += 1;
        self.cursor = None;
        self.start(client, schema, gaps, tally)?;
        Ok(0)
    }
}
