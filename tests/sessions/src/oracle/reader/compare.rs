//! The proof: a reader's copy, updated by changes, equals the result of its SELECT.

use super::{Copy, Reader};
use crate::oracle::json::Json;
use crate::oracle::schema::{Cascade, Schema, Table};
use crate::oracle::tally::Tally;
use crate::oracle::writer::Gaps;
use crate::pg::Client;
use crate::{check, Outcome};

impl Reader {
    /// Reads to the end of the log as one snapshot has it, and compares with the tables in that snapshot.
    pub fn drain_and_compare(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
    ) -> Outcome {
        if self.waits() {
            return Ok(());
        }
        if self.open {
            client.run("COMMIT")?;
            self.open = false;
        }
        loop {
            self.begin(client)?;
            // A call may only finish an older batch: two without a change are the end.
            let mut nothing = 0;
            while nothing < 2 && self.open {
                let changes = self.poll(client, schema, gaps, tally, 100_000, 100)?;
                nothing = if changes == 0 { nothing + 1 } else { 0 };
            }
            nothing = 0;
            while nothing < 2 && self.open && self.chooses_by_itself() {
                let changes = self.poll_chosen(client, schema, gaps, tally, 100_000)?;
                nothing = if changes == 0 { nothing + 1 } else { 0 };
            }
            // Unless it had to read the tables again.
            if self.open {
                break;
            }
            if self.waits() {
                return Ok(());
            }
        }
        let tables = self.read_tables(client, schema)?;
        client.run("COMMIT")?;
        self.open = false;
        tally.compared += 1;
        self.compare_chosen(schema)?;
        for (i, place) in self.tables.iter().enumerate() {
            let told = self.known[*place].certain == gaps[*place].certain;
            check(told, || {
                format!("{}: a gap was not told", schema.tables[*place].name)
            })?;
            if !schema.tables[*place].loose {
                self.compare(client, &schema.tables[*place], &self.copies[i], &tables[i])?;
            }
        }
        Ok(())
    }

    pub(in crate::oracle) fn compare(
        &self,
        client: &mut Client,
        table: &Table,
        copy: &Copy,
        rows: &Copy,
    ) -> Outcome {
        let mut differing: Vec<&String> = copy
            .keys()
            .chain(rows.keys())
            .filter(|key| copy.get(*key) != rows.get(*key))
            .collect();
        // The known limit: if the parent is gone when the DELETE of its child is judged, nobody receives that DELETE.
        if table.cascade == Cascade::Child && !table.deletes_by_key && !differing.is_empty() {
            let there = client.query("SELECT id FROM child")?;
            let there: Vec<String> = there
                .into_iter()
                .filter_map(|row| row.into_iter().next()?)
                .collect();
            differing.retain(|key| rows.contains_key(*key) || there.contains(key));
        }
        let Some(key) = differing.first() else {
            return Ok(());
        };
        let show = |rows: Option<&Vec<Json>>| {
            let rows = rows.iter().flat_map(|rows| rows.iter());
            let rows: Vec<String> = rows.map(Json::to_string).collect();
            match rows.is_empty() {
                true => "nothing".to_string(),
                false => rows.join(", "),
            }
        };
        Err(format!(
            "{}: the copy differs from the SELECT in {} rows, the first with key {key}\n  copy:   {}\n  SELECT: {}",
            table.name,
            differing.len(),
            show(copy.get(*key)),
            show(rows.get(*key))
        ))
    }
}
