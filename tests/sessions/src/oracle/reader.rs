//! A reader: a role with its claims, filter and columns, and a copy that is updated only by changes.

mod chosen;
mod compare;
mod poll;
mod replay;

use super::filter::{self, Condition};
use super::json::Json;
use super::policy;
use super::schema::{subset, Schema, Table, READERS};
use super::tally::Tally;
use super::writer::Gaps;
use crate::pg::{quote, Client, Row};
use crate::random::Random;
use crate::{check, Outcome};
use chosen::Chosen;
use replay::key;
use std::collections::BTreeMap;

/// Rows by key, with their number; of a table without a key by all their values.
pub(super) type Copy = BTreeMap<String, Vec<Json>>;

pub struct Reader {
    pub(super) role: &'static str,
    pub(super) claims: String,
    /// Places of the tables that it follows.
    pub(super) tables: Vec<usize>,
    pub(super) asked: Option<Vec<usize>>,
    pub(super) filter: Option<Condition>,
    net: bool,
    /// The same reader, but for the events that it asks for.
    chosen: Option<Chosen>,
    /// Whether it reads several times in one REPEATABLE READ transaction, now and then.
    pub holds: bool,
    open: bool,
    /// `None` until it starts.
    cursor: Option<String>,
    pub(super) copies: Vec<Copy>,
    /// Gaps of its tables when it read them.
    pub(super) known: Vec<Gaps>,
}

impl Reader {
    pub fn random(schema: &Schema, random: &mut Random) -> Reader {
        let role = *random.pick(&READERS);
        let mut tables = subset(schema.tables.len(), random);
        let (mut asked, mut filter) = (None, None);
        if random.chance(60) {
            tables.truncate(1);
            let table = &schema.tables[tables[0]];
            let selectable = table.selectable(role);
            if random.chance(40) && !selectable.is_empty() {
                asked = Some(
                    subset(selectable.len(), random)
                        .iter()
                        .map(|i| selectable[*i])
                        .collect(),
                );
            }
            if random.chance(70) {
                filter = filter::random(table, &selectable, random);
            }
        }
        let keyed = |place: &usize| !schema.tables[*place].deferrable;
        let net = random.chance(40) && tables.iter().all(keyed);
        Reader {
            role,
            claims: policy::claims(random),
            copies: vec![Copy::new(); tables.len()],
            known: Vec::new(),
            tables,
            asked,
            filter,
            net,
            chosen: random.chance(40).then(|| Chosen::random(random)),
            holds: random.chance(25),
            open: false,
            cursor: None,
        }
    }

    /// A reader of one table, for a subscription.
    pub fn of_one_table(schema: &Schema, random: &mut Random) -> Reader {
        let mut reader = Reader::random(schema, random);
        reader.tables.truncate(1);
        reader.copies.truncate(1);
        (reader.net, reader.chosen, reader.holds) = (false, None, false);
        reader
    }

    pub fn describe(&self, schema: &Schema) -> String {
        let names: Vec<&str> = self
            .tables
            .iter()
            .map(|place| schema.tables[*place].name.as_str())
            .collect();
        format!(
            "{} {} follows {names:?}, filter {:?}, columns {:?}, net {}, events {:?}",
            self.role,
            self.claims,
            self.filter.as_ref().map(|filter| &filter.text),
            self.asked,
            self.net,
            self.chosen.as_ref().map(|chosen| &chosen.events)
        )
    }

    pub fn waits(&self) -> bool {
        self.cursor.is_none()
    }

    pub(super) fn become_it(&self) -> String {
        format!(
            "SET LOCAL ROLE {}; SET LOCAL request.jwt.claims = {}",
            self.role,
            quote(&self.claims)
        )
    }

    /// A transaction of its own, with one snapshot.
    fn begin(&mut self, client: &mut Client) -> Outcome {
        client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        client.run(&self.become_it())?;
        self.open = true;
        Ok(())
    }

    fn delivered(&self, table: &Table) -> Vec<usize> {
        table.delivered(self.role, self.asked.as_ref())
    }

    /// Its SELECT of one of its tables.
    fn select(&self, table: &Table) -> String {
        let conditions: Vec<String> = [&self.filter, &table.row_filter]
            .into_iter()
            .flatten()
            .map(|one| format!("({})", one.sql))
            .collect();
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!(
            "SELECT row_to_json(x) FROM (SELECT {} FROM {}{filter}) x",
            table.column_list(&self.delivered(table)),
            table.name
        )
    }

    pub(super) fn read_tables(
        &self,
        client: &mut Client,
        schema: &Schema,
    ) -> Result<Vec<Copy>, String> {
        let mut copies = Vec::new();
        for place in &self.tables {
            let table = &schema.tables[*place];
            let rows = client.query(&self.select(table))?;
            let row = |row: Row| Json::parse(row[0].as_deref().unwrap_or("null"));
            let mut copy = Copy::new();
            for row in rows.into_iter().map(row) {
                copy.entry(key(table, &row)).or_default().push(row);
            }
            copies.push(copy);
        }
        Ok(copies)
    }

    /// Continues after an error caused by another session's lock: changes that were read before it count.
    pub fn gives_way(&mut self, client: &mut Client, error: String) -> Outcome {
        check(error.starts_with("55P03"), || error)?;
        self.open = false;
        Ok(client.run("ROLLBACK")?)
    }

    /// SELECT and cursor in one transaction. False when the role may read nothing; then the server has to refuse it as well.
    pub fn start(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
    ) -> Result<bool, String> {
        client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        client.run(&self.become_it())?;
        let cursor = client.value("SELECT pgrealtime.current_cursor()")?;
        let denied = self
            .tables
            .iter()
            .any(|place| schema.tables[*place].selectable(self.role).is_empty());
        if denied {
            let code = client
                .query(&self.call(schema, &cursor, 10, None))
                .err()
                .map(|failure| failure.code);
            client.run("ROLLBACK")?;
            check(code.as_deref() != Some("55P03"), || "55P03".to_string())?;
            check(code.as_deref() == Some("42501"), || {
                format!("{code:?} for a table without any privilege")
            })?;
            tally.denied += 1;
            return Ok(false);
        }
        self.copies = self.read_tables(client, schema)?;
        self.known = gaps.to_vec();
        client.run("COMMIT")?;
        if let Some(chosen) = &mut self.chosen {
            chosen.begin(&cursor);
        }
        self.cursor = Some(cursor);
        Ok(true)
    }

    /// One poll, alone or as one of several in a transaction, or a comparison with the table in between.
    pub fn act(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
        random: &mut Random,
    ) -> Outcome {
        if self.waits() {
            return Ok(());
        }
        if self.open {
            if random.chance(40) {
                let end = if random.chance(50) {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                };
                client.run(end)?;
                self.open = false;
            }
        } else if self.holds && random.chance(30) {
            self.begin(client)?;
        } else if random.chance(10) {
            return self.drain_and_compare(client, schema, gaps, tally);
        }
        let max = match random.below(3) {
            0 => 1 + random.below(3),
            1 => 1 + random.below(30),
            _ => 1000,
        };
        if self.chooses_by_itself() && random.chance(50) {
            return self
                .poll_chosen(client, schema, gaps, tally, max)
                .map(|_| ());
        }
        self.poll(client, schema, gaps, tally, max, random.below(100))
            .map(|_| ())
    }
}
