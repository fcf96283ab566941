//! A reader: a role with its claims, filter and columns, and a copy that only changes bring forward.

mod replay;

use super::filter::{self, Condition};
use super::json::Json;
use super::policy;
use super::schema::{subset, Cascade, Schema, Table, READERS};
use super::writer::Gaps;
use crate::pg::{quote, Client, Failure, Row};
use crate::random::Random;
use crate::{check, Outcome};
use replay::key;
use std::collections::BTreeMap;

type Copy = BTreeMap<String, Json>;

#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub polls: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub truncates: u64,
    /// Readers that were sent back to their tables.
    pub again: u64,
    pub compared: u64,
    pub denied: u64,
}

impl Tally {
    pub fn add(&mut self, more: &Tally) {
        self.polls += more.polls;
        self.inserts += more.inserts;
        self.updates += more.updates;
        self.deletes += more.deletes;
        self.truncates += more.truncates;
        self.again += more.again;
        self.compared += more.compared;
        self.denied += more.denied;
    }
}

pub struct Reader {
    role: &'static str,
    claims: String,
    /// Places of the tables that it follows.
    tables: Vec<usize>,
    asked: Option<Vec<usize>>,
    filter: Option<Condition>,
    net: bool,
    /// Whether it reads several times in one REPEATABLE READ transaction, now and then.
    pub holds: bool,
    open: bool,
    /// `None` until it starts.
    cursor: Option<String>,
    copies: Vec<Copy>,
    /// Gaps of its tables when it read them.
    known: Vec<Gaps>,
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
        Reader {
            role,
            claims: policy::claims(random),
            copies: vec![Copy::new(); tables.len()],
            known: Vec::new(),
            tables,
            asked,
            filter,
            net: random.chance(40),
            holds: random.chance(25),
            open: false,
            cursor: None,
        }
    }

    pub fn describe(&self, schema: &Schema) -> String {
        let names: Vec<&str> = self
            .tables
            .iter()
            .map(|place| schema.tables[*place].name.as_str())
            .collect();
        format!(
            "{} {} follows {names:?}, filter {:?}, columns {:?}, net {}",
            self.role,
            self.claims,
            self.filter.as_ref().map(|filter| &filter.text),
            self.asked,
            self.net
        )
    }

    pub fn waits(&self) -> bool {
        self.cursor.is_none()
    }

    fn become_it(&self) -> String {
        format!(
            "SET LOCAL ROLE {}; SET LOCAL request.jwt.claims = {}",
            self.role,
            quote(&self.claims)
        )
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

    fn read_tables(&self, client: &mut Client, schema: &Schema) -> Result<Vec<Copy>, String> {
        let mut copies = Vec::new();
        for place in &self.tables {
            let table = &schema.tables[*place];
            let rows = client.query(&self.select(table))?;
            let row = |row: Row| Json::parse(row[0].as_deref().unwrap_or("null"));
            let copy: Copy = rows
                .into_iter()
                .map(row)
                .map(|row| (key(table, &row), row))
                .collect();
            copies.push(copy);
        }
        Ok(copies)
    }

    /// Goes on after another session's lock was in the way: what was read before it counts.
    pub fn gives_way(&mut self, client: &mut Client, error: String) -> Outcome {
        check(error.starts_with("55P03"), || error)?;
        self.open = false;
        Ok(client.run("ROLLBACK")?)
    }

    /// SELECT and cursor in one transaction. False when it may read nothing, which the server has to say as well.
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
                .query(&self.call(schema, &cursor, 10))
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
        self.cursor = Some(cursor);
        Ok(true)
    }

    fn call(&self, schema: &Schema, cursor: &str, max: u64) -> String {
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

    /// One poll at some moment, by itself or as one of several in a transaction, or a look at the table in between.
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
            client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
            client.run(&self.become_it())?;
            self.open = true;
        } else if random.chance(10) {
            return self.drain_and_compare(client, schema, gaps, tally);
        }
        let max = match random.below(3) {
            0 => 1 + random.below(3),
            1 => 1 + random.below(30),
            _ => 1000,
        };
        self.poll(client, schema, gaps, tally, max, random.below(100))
            .map(|_| ())
    }

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
            client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
            client.run(&self.become_it())?;
            self.open = true;
            // A call may only finish an older batch: two without a change are the end.
            let mut nothing = 0;
            while nothing < 2 && self.open {
                let changes = self.poll(client, schema, gaps, tally, 100_000, 100)?;
                nothing = if changes == 0 { nothing + 1 } else { 0 };
            }
            // Unless it had to begin anew.
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
        for (i, place) in self.tables.iter().enumerate() {
            let told = self.known[*place].certain == gaps[*place].certain;
            check(told, || {
                format!("{}: a gap was not told", schema.tables[*place].name)
            })?;
            self.compare(client, &schema.tables[*place], &self.copies[i], &tables[i])?;
        }
        Ok(())
    }

    fn compare(&self, client: &mut Client, table: &Table, copy: &Copy, rows: &Copy) -> Outcome {
        let mut differing: Vec<&String> = copy
            .keys()
            .chain(rows.keys())
            .filter(|key| copy.get(*key) != rows.get(*key))
            .collect();
        // The known limit: the parent is gone when the DELETE of its child is judged, which nobody receives then.
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
        let show = |row: Option<&Json>| row.map_or("nothing".to_string(), Json::to_string);
        Err(format!(
            "{}: the copy differs from the SELECT in {} rows, the first with key {key}\n  copy:   {}\n  SELECT: {}",
            table.name,
            differing.len(),
            show(copy.get(*key)),
            show(rows.get(*key))
        ))
    }

    /// One call; how many changes it brought.
    fn poll(
        &mut self,
        client: &mut Client,
        schema: &Schema,
        gaps: &[Gaps],
        tally: &mut Tally,
        max: u64,
        chance: u64,
    ) -> Result<usize, String> {
        let call = self.call(schema, self.cursor.as_deref().unwrap_or(""), max);
        tally.polls += 1;
        let call = match self.open {
            true => call,
            false => format!("{}; {call}", self.become_it()),
        };
        let mut rows = match client.query(&call) {
            Ok(rows) => rows,
            Err(failure) if failure.code == "72000" => {
                return self.again(client, schema, gaps, tally, &failure)
            }
            Err(failure) => return Err(failure.to_string()),
        };
        let changes = rows.iter().filter(|row| row[1].is_some()).count();
        // A changed key is two net changes, and each TRUNCATE stays.
        let most = if self.net {
            2 * max as usize
        } else {
            max as usize
        };
        check(changes <= most, || format!("{changes} changes of {max}"))?;
        // What a client loses before it has worked on it comes again.
        if chance < 10 {
            if self.net {
                return Ok(changes);
            }
            rows.truncate(rows.len() / 2);
        }
        for row in &rows {
            if let Some(change) = &row[1] {
                self.apply(schema, &Json::parse(change), tally)
                    .map_err(|wrong| format!("{wrong}: {change}"))?;
            }
        }
        if let Some(last) = rows.last() {
            self.cursor = last[0].clone();
        }
        Ok(changes)
    }

    fn again(
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
