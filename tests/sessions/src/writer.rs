//! A writer of the table `items`: transactions of random length with savepoints, and an exact account of what was committed.

use crate::copy::{triggers, ITEMS};
use crate::pg::{Client, Failure, Row, Server};
use crate::random::Random;
use crate::Outcome;

/// Rows that all writers change.
const SHARED: u64 = 4000;

/// Makes the table `items`, captured, with the rows that all writers change.
pub fn make_items(client: &mut Client) -> Outcome {
    client.run(ITEMS)?;
    client.run(&triggers("items"))?;
    Ok(client.run(&format!(
        "INSERT INTO items SELECT i, 1, i + 1, 'first' FROM generate_series(0, {SHARED} - 1) AS i"
    ))?)
}

/// The outcome of a transaction.
pub enum End {
    /// The names of its changes, as `Change::name` has them.
    Committed(Vec<i64>),
    RolledBack,
    /// The connection was lost while it was being committed: all of these or none of them.
    InDoubt(Vec<i64>),
    /// The connection was lost before.
    Lost,
}

pub struct Writer {
    number: u64,
    random: Random,
    client: Client,
    statement: u64,
    ids: u64,
    own: Vec<u64>,
    prepared: Option<(String, Vec<i64>)>,
    pub may_prepare: bool,
}

impl Writer {
    pub fn new(server: &Server, number: u64, seed: u64) -> Result<Writer, Failure> {
        let mut client = server.connect()?;
        client.run("SET deadlock_timeout = '20ms'")?;
        Ok(Writer {
            number,
            random: Random::new(seed, number),
            client,
            statement: 0,
            ids: 0,
            own: Vec::new(),
            prepared: None,
            may_prepare: true,
        })
    }

    /// Runs a transaction. An error that concurrent writers do not explain comes back as an error.
    pub fn transaction(&mut self) -> Result<End, String> {
        if self.random.chance(50) {
            if let Some((name, changes)) = self.prepared.take() {
                self.client.run(&format!("COMMIT PREPARED '{name}'"))?;
                return Ok(End::Committed(changes));
            }
        }
        let prepare = self.may_prepare && self.prepared.is_none() && self.random.chance(3);
        match self.body(prepare) {
            Ok(changes) => self.end(changes, prepare),
            Err(failure) => self.failed(failure),
        }
    }

    /// Commits what is still prepared.
    pub fn finish(&mut self) -> Result<Vec<i64>, Failure> {
        match self.prepared.take() {
            None => Ok(Vec::new()),
            Some((name, changes)) => self
                .client
                .run(&format!("COMMIT PREPARED '{name}'"))
                .map(|()| changes),
        }
    }

    fn failed(&mut self, failure: Failure) -> Result<End, String> {
        match failure.code.as_str() {
            "40P01" => match self.client.run("ROLLBACK") {
                Ok(()) => Ok(End::RolledBack),
                // Killed between a deadlock's error and the answer to it.
                Err(failure) => self.failed(failure),
            },
            crate::pg::LOST | "57P01" | "57P02" | "57P03" => Ok(End::Lost),
            _ => Err(format!("writer {}: {failure}", self.number)),
        }
    }

    fn end(&mut self, changes: Vec<i64>, prepare: bool) -> Result<End, String> {
        if prepare {
            let name = format!("{}-{}", self.number, self.statement);
            self.client.run(&format!("PREPARE TRANSACTION '{name}'"))?;
            self.prepared = Some((name, changes));
            return Ok(End::RolledBack);
        }
        if self.random.chance(15) {
            return match self.client.run("ROLLBACK") {
                Ok(()) => Ok(End::RolledBack),
                Err(failure) => self.failed(failure),
            };
        }
        match self.client.run("COMMIT") {
            Ok(()) => Ok(End::Committed(changes)),
            Err(failure) => match self.failed(failure)? {
                End::Lost => Ok(End::InDoubt(changes)),
                _ => Err("COMMIT failed".to_string()),
            },
        }
    }

    fn body(&mut self, private: bool) -> Result<Vec<i64>, Failure> {
        // What is prepared locks its rows until somebody commits it: only rows of its own.
        let own = if private {
            std::mem::take(&mut self.own)
        } else {
            Vec::new()
        };
        let result = self.statements(private);
        if private {
            self.own = own;
        }
        result
    }

    fn statements(&mut self, private: bool) -> Result<Vec<i64>, Failure> {
        let mut changes = Vec::new();
        let mut savepoints = Vec::new();
        self.client.run("BEGIN")?;
        // Most are short, some long: commits come out of start order.
        let length = 1 + self.random.below(4) * self.random.below(6) * self.random.below(3);
        for _ in 0..length {
            match self.random.below(10) {
                0 => {
                    self.client
                        .run(&format!("SAVEPOINT s{}", savepoints.len()))?;
                    savepoints.push(changes.len());
                }
                1 if !savepoints.is_empty() => {
                    let to = self.random.below(savepoints.len() as u64) as usize;
                    self.client.run(&format!("ROLLBACK TO s{to}"))?;
                    changes.truncate(savepoints[to]);
                    savepoints.truncate(to + 1);
                }
                2 if !savepoints.is_empty() => {
                    let to = self.random.below(savepoints.len() as u64) as usize;
                    self.client.run(&format!("RELEASE s{to}"))?;
                    savepoints.truncate(to);
                }
                3..=5 => self.insert(&mut changes)?,
                6 => self.delete(private, &mut changes)?,
                7 if !private => self.upsert(&mut changes)?,
                8 => self.change_key(&mut changes)?,
                _ if private => self.insert(&mut changes)?,
                _ => self.update(&mut changes)?,
            }
        }
        Ok(changes)
    }

    /// The number that the names of a statement's changes begin with; the rest is a row's.
    fn base(&mut self) -> u64 {
        self.statement += 1;
        (self.number * 10_000_000 + self.statement) * 10_000
    }

    fn fresh_ids(&mut self, count: u64) -> std::ops::Range<u64> {
        let from = self.number * 1_000_000_000 + SHARED + self.ids;
        self.ids += count;
        from..from + count
    }

    fn pad(&mut self) -> String {
        let length = match self.random.below(200) {
            0 => 20_000,
            1..=3 => 3_000,
            _ => self.random.below(40) as usize,
        };
        self.random.text(length)
    }

    fn insert(&mut self, changes: &mut Vec<i64>) -> Result<(), Failure> {
        let count = 1 + self.random.below(20);
        let (base, ids, pad) = (self.base(), self.fresh_ids(count), self.pad());
        let first = ids.start;
        self.own.extend(ids);
        let sql = format!(
            "INSERT INTO items SELECT {first} + i, 1, {base} + i, '{pad}' FROM generate_series(0, {count} - 1) AS i RETURNING change"
        );
        names(self.client.query(&sql)?, 1, changes);
        Ok(())
    }

    fn update(&mut self, changes: &mut Vec<i64>) -> Result<(), Failure> {
        let (base, ids) = (self.base(), self.shared());
        let pad = if self.random.chance(20) {
            format!("'{}'", self.pad())
        } else {
            "pad".to_string()
        };
        let sql = format!(
            "UPDATE items SET version = version + 1, change = {base} + id, pad = {pad} WHERE id IN ({ids}) RETURNING change"
        );
        names(self.client.query(&sql)?, 1, changes);
        Ok(())
    }

    fn upsert(&mut self, changes: &mut Vec<i64>) -> Result<(), Failure> {
        let (base, id, pad) = (self.base(), self.random.below(SHARED), self.pad());
        let sql = format!(
            "INSERT INTO items VALUES ({id}, 1, {base}, '{pad}') \
             ON CONFLICT (id) DO UPDATE SET version = items.version + 1, change = excluded.change RETURNING change"
        );
        names(self.client.query(&sql)?, 1, changes);
        Ok(())
    }

    fn delete(&mut self, private: bool, changes: &mut Vec<i64>) -> Result<(), Failure> {
        let ids = if private || self.random.chance(70) {
            self.own_ids()
        } else {
            self.shared()
        };
        let sql = format!("DELETE FROM items WHERE id IN ({ids}) RETURNING change");
        names(self.client.query(&sql)?, -1, changes);
        Ok(())
    }

    fn change_key(&mut self, changes: &mut Vec<i64>) -> Result<(), Failure> {
        let Some(id) = self.own.pop() else {
            return Ok(());
        };
        let (base, to) = (self.base(), self.fresh_ids(1).start);
        let sql = format!(
            "UPDATE items SET id = {to}, version = version + 1, change = {base} WHERE id = {id} RETURNING change"
        );
        self.own.push(to);
        names(self.client.query(&sql)?, 1, changes);
        Ok(())
    }

    fn shared(&mut self) -> String {
        let count = 1 + self.random.below(8);
        list((0..count).map(|_| self.random.below(SHARED)))
    }

    fn own_ids(&mut self) -> String {
        let mut ids = Vec::new();
        for _ in 0..self.random.below(10) {
            if self.own.is_empty() {
                break;
            }
            let at = self.random.below(self.own.len() as u64) as usize;
            ids.push(self.own.swap_remove(at));
        }
        if ids.is_empty() {
            return "-1".to_string();
        }
        list(ids.into_iter())
    }
}

fn list(ids: impl Iterator<Item = u64>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

fn names(rows: Vec<Row>, sign: i64, changes: &mut Vec<i64>) {
    changes.extend(
        rows.iter()
            .filter_map(|row| row[0].as_ref()?.parse::<i64>().ok())
            .map(|name| sign * name),
    );
}
