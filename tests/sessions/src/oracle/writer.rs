//! Random statements of a session that writes, in transactions with savepoints.

use super::kind::Kind;
use super::schema::{ident, Cascade, Column, Schema, Table};
use crate::pg::{Client, Failure, Server};
use crate::random::Random;

pub const WRITERS: u64 = 3;

/// What a statement may fail with: another session's lock, a key that is there, a parent that is not, a row that the
/// same statement or its trigger changes twice, a row that another session moves.
const EXPECTED: [&str; 8] = [
    "55P03", "23505", "23503", "21000", "27000", "40001", "55006", "40P01",
];

/// What readers of a table must read again for, counted at commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gaps {
    /// Statements that leave a gap.
    pub certain: u64,
    /// And those that do if they find a row.
    pub possible: u64,
}

pub struct Writer {
    number: u64,
    client: Client,
    open: bool,
    savepoints: Vec<usize>,
    /// Tables with a gap in the open transaction, and whether it is certain.
    gaps: Vec<(usize, bool)>,
}

impl Writer {
    pub fn new(server: &Server, schema: &Schema, number: u64) -> Result<Writer, Failure> {
        let mut client = server.connect()?;
        // All sessions take turns: who waits for another one's lock would wait for ever.
        client.run(&format!(
            "SET search_path = {}; SET lock_timeout = '5ms'",
            schema.name
        ))?;
        Ok(Writer {
            number,
            client,
            open: false,
            savepoints: Vec::new(),
            gaps: Vec::new(),
        })
    }

    /// One more step; true when it was a statement that writes.
    pub fn step(
        &mut self,
        schema: &Schema,
        ids: &mut [u64],
        gaps: &mut [Gaps],
        random: &mut Random,
    ) -> Result<bool, String> {
        if !self.open {
            if random.chance(40) {
                self.client.run("BEGIN")?;
                self.open = true;
            }
        } else {
            match random.below(100) {
                0..=11 => return self.end(true, gaps).map(|()| false),
                12..=15 => return self.end(false, gaps).map(|()| false),
                16..=22 => {
                    self.client
                        .run(&format!("SAVEPOINT s{}", self.savepoints.len()))?;
                    self.savepoints.push(self.gaps.len());
                    return Ok(false);
                }
                23..=27 if !self.savepoints.is_empty() => {
                    let to = random.below(self.savepoints.len() as u64) as usize;
                    self.roll_back_to(to)?;
                    return Ok(false);
                }
                28..=30 if !self.savepoints.is_empty() => {
                    let to = random.below(self.savepoints.len() as u64) as usize;
                    self.client.run(&format!("RELEASE s{to}"))?;
                    self.savepoints.truncate(to);
                    return Ok(false);
                }
                _ => {}
            }
        }
        let place = random.below(schema.tables.len() as u64) as usize;
        let (sql, gap) = self.statement(&schema.tables[place], place, ids, random);
        match self.client.run(&sql) {
            Ok(()) => {
                self.gaps.extend(gap.map(|certain| (place, certain)));
                if !self.open {
                    self.account(gaps);
                }
            }
            Err(failure) if EXPECTED.contains(&failure.code.as_str()) => {
                self.failed(gaps, random)?
            }
            Err(failure) => return Err(format!("writer: {failure}: {sql}")),
        }
        Ok(true)
    }

    fn failed(&mut self, gaps: &mut [Gaps], random: &mut Random) -> Result<(), String> {
        match self.savepoints.len() {
            _ if !self.open => Ok(()),
            open if open > 0 && random.chance(80) => self.roll_back_to(open - 1),
            _ => self.end(false, gaps),
        }
    }

    fn roll_back_to(&mut self, to: usize) -> Result<(), String> {
        self.client.run(&format!("ROLLBACK TO s{to}"))?;
        self.gaps.truncate(self.savepoints[to]);
        self.savepoints.truncate(to + 1);
        Ok(())
    }

    /// Commits or rolls back what is open.
    pub fn end(&mut self, commit: bool, gaps: &mut [Gaps]) -> Result<(), String> {
        if self.open {
            self.client
                .run(if commit { "COMMIT" } else { "ROLLBACK" })?;
        }
        if !commit {
            self.gaps.clear();
        }
        self.account(gaps);
        (self.open, self.savepoints) = (false, Vec::new());
        Ok(())
    }

    fn account(&mut self, gaps: &mut [Gaps]) {
        for (table, certain) in self.gaps.drain(..) {
            gaps[table].certain += certain as u64;
            gaps[table].possible += 1;
        }
    }

    /// A statement, and whether it leaves a gap for certain or perhaps.
    fn statement(
        &self,
        table: &Table,
        place: usize,
        ids: &mut [u64],
        random: &mut Random,
    ) -> (String, Option<bool>) {
        let name = &table.name;
        if random.chance(1) && random.chance(60) {
            return (format!("TRUNCATE {name} CASCADE"), None);
        }
        if table.cascade != Cascade::No {
            return (cascading(table, place, ids, random), None);
        }
        let leaf = (!table.leaves.is_empty()).then(|| random.pick(&table.leaves));
        match (leaf, random.below(500)) {
            (Some(leaf), 0) => (format!("TRUNCATE {}", leaf.name), Some(true)),
            (Some(leaf), 1) => {
                let (leaf, bound) = (&leaf.name, &leaf.bound);
                let sql = format!("ALTER TABLE {name} DETACH PARTITION {leaf}; ALTER TABLE {name} ATTACH PARTITION {leaf} {bound}");
                (sql, Some(true))
            }
            (_, 2) => {
                let sql = self.change(table, name, random);
                (
                    format!("SET pgrealtime.enabled = off; {sql}; RESET pgrealtime.enabled"),
                    Some(false),
                )
            }
            (Some(leaf), 3..=60) => (self.change(table, &leaf.name, random), None),
            _ => (self.write(table, random), None),
        }
    }

    fn write(&self, table: &Table, random: &mut Random) -> String {
        let name = &table.name;
        match random.below(100) {
            0..=29 => {
                let rows: Vec<String> = (0..1 + random.below(4))
                    .map(|_| self.row(table, random))
                    .collect();
                let conflict = if random.chance(60) {
                    " ON CONFLICT DO NOTHING"
                } else {
                    ""
                };
                format!(
                    "INSERT INTO {name} ({}) VALUES {}{conflict}",
                    written(table),
                    rows.join(", ")
                )
            }
            30..=39 => format!(
                "INSERT INTO {name} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
                written(table),
                self.row(table, random),
                table.column_list(&table.key),
                assignments(table, name, random)
            ),
            40..=47 => self.merge(table, random),
            48..=55 => {
                let key = *random.pick(&table.key);
                let value = self.key_value(&table.columns[key], random);
                format!(
                    "UPDATE {name} SET {} = {value} WHERE {}",
                    ident(&table.columns[key].name),
                    self.some_rows(table, random)
                )
            }
            _ => self.change(table, name, random),
        }
    }

    /// Changes or deletes rows of a table or a partition of it, in place.
    fn change(&self, table: &Table, target: &str, random: &mut Random) -> String {
        let rows = match random.below(100) {
            0..=1 => "true".to_string(),
            _ => self.some_rows(table, random),
        };
        match random.below(100) {
            0..=24 => format!("DELETE FROM {target} WHERE {rows}"),
            _ => format!(
                "UPDATE {target} SET {} WHERE {rows}",
                assignments(table, target, random)
            ),
        }
    }

    fn merge(&self, table: &Table, random: &mut Random) -> String {
        let keys: Vec<&Column> = table.key.iter().map(|key| &table.columns[*key]).collect();
        let source: Vec<String> = keys
            .iter()
            .map(|key| format!("{} AS {}", self.key_value(key, random), ident(&key.name)))
            .collect();
        let on: Vec<String> = keys
            .iter()
            .map(|key| format!("t.{0} = s.{0}", ident(&key.name)))
            .collect();
        let matched = *random.pick(&["DELETE", "DO NOTHING"]);
        let values: Vec<String> = columns(table)
            .map(|(place, column)| match table.key.contains(&place) {
                true => format!("s.{}", ident(&column.name)),
                false => value(column, random),
            })
            .collect();
        format!(
            "MERGE INTO {} t USING (SELECT {}) s ON {} WHEN MATCHED AND {} THEN {matched} \
             WHEN MATCHED THEN UPDATE SET {} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
            table.name,
            source.join(", "),
            on.join(" AND "),
            random.pick(&["true", "false", "false"]),
            assignments(table, "t", random),
            written(table),
            values.join(", ")
        )
    }

    fn row(&self, table: &Table, random: &mut Random) -> String {
        let values: Vec<String> = columns(table)
            .map(|(place, column)| match table.key.contains(&place) {
                true => self.key_value(column, random),
                false => value(column, random),
            })
            .collect();
        format!("({})", values.join(", "))
    }

    /// Mostly rows that are this writer's: others would wait for one another all the time.
    fn some_rows(&self, table: &Table, random: &mut Random) -> String {
        let first = table
            .columns
            .iter()
            .find(|column| column.name == "k0")
            .unwrap_or(&table.columns[table.key[0]]);
        format!("{} = {}", ident(&first.name), self.key_value(first, random))
    }

    fn key_value(&self, column: &Column, random: &mut Random) -> String {
        let number = match (column.name.as_str(), random.below(100)) {
            ("k0", 0..=89) => self.number * 8 + random.below(8),
            ("k0", _) => random.below(WRITERS * 8),
            _ => random.below(3),
        };
        if column.kind == Kind::Enum {
            return value(column, random);
        }
        column.kind.literal(&column.kind.key_value(number, random))
    }
}

/// The columns that are written.
fn columns(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| !column.generated)
}

fn written(table: &Table) -> String {
    table.column_list(&columns(table).map(|(place, _)| place).collect::<Vec<_>>())
}

fn value(column: &Column, random: &mut Random) -> String {
    if !column.not_null && random.chance(15) {
        return "NULL".to_string();
    }
    column.kind.literal(&column.kind.value(random))
}

fn assignments(table: &Table, target: &str, random: &mut Random) -> String {
    let free: Vec<&Column> = columns(table)
        .filter(|(place, _)| !table.key.contains(place))
        .map(|(_, column)| column)
        .collect();
    let mut chosen: Vec<&Column> = free.iter().filter(|_| random.chance(30)).copied().collect();
    if chosen.is_empty() {
        chosen.push(random.pick::<&Column>(&free));
    }
    let set = chosen.into_iter().map(|column| {
        let name = ident(&column.name);
        match random.below(12) {
            // Nothing changes; a trigger sees an UPDATE all the same.
            0 => format!("{name} = {target}.{name}"),
            _ => format!("{name} = {}", value(column, random)),
        }
    });
    set.collect::<Vec<_>>().join(", ")
}

/// Keys count up and policies' columns stay as they are, see [`Cascade`].
fn cascading(table: &Table, place: usize, ids: &mut [u64], random: &mut Random) -> String {
    let name = &table.name;
    let old =
        |ids: &[u64], of: usize, random: &mut Random| ids[of].saturating_sub(random.below(30));
    match random.below(10) {
        0..=5 => {
            ids[place] += 1;
            let middle = match table.cascade {
                Cascade::Parent => random.below(3),
                _ => old(ids, 0, random),
            };
            format!(
                "INSERT INTO {name} VALUES ({}, {middle}, 'u{}')",
                ids[place],
                random.below(5)
            )
        }
        6..=8 => format!(
            "UPDATE {name} SET note = 'u{}' WHERE id = {}",
            random.below(5),
            old(ids, place, random)
        ),
        _ => format!("DELETE FROM {name} WHERE id = {}", old(ids, place, random)),
    }
}
