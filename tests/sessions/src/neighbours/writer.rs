//! Writers: transactions with savepoints, blocks that catch, timeouts and two phases, and an account of what was committed.

use super::session::{End, Session};
use super::tally::is_lost;
use super::{limits, Scene};
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::Outcome;

/// Rows that all writers change.
pub const SHARED: u64 = 300;

/// Whose rows there are, as the readers' claims have it.
pub const OWNERS: [&str; 3] = ["anna", "bert", "carl"];

pub fn run(scene: &Scene, number: u64) -> Outcome {
    let mut writer = Writer {
        scene,
        number,
        random: Random::new(scene.seed, number),
        statements: 0,
        ids: 0,
    };
    let mut session = Session::pooled(scene, "writer");
    while !scene.is_over() {
        writer.transaction(&mut session)?;
    }
    Ok(())
}

/// A change that the last stage makes: one by one, so that it is known which came.
pub fn last(scene: &Scene, number: u64) -> Outcome {
    let mut session = Session::pooled(scene, "writer");
    let mut writer = Writer {
        scene,
        number: 1_000 + number,
        random: Random::new(scene.seed, number),
        statements: 0,
        ids: 0,
    };
    for _ in 0..3 {
        let sql = writer.change();
        let begin = "BEGIN; SET LOCAL ROLE app";
        match session.transaction(begin, "COMMIT", |client| names(client, &sql))? {
            End::Done(names) => scene.ledger.committed(names),
            _ => return Err("a quiet server failed".to_string()),
        }
    }
    Ok(())
}

struct Writer<'a> {
    scene: &'a Scene,
    number: u64,
    random: Random,
    statements: u64,
    ids: u64,
}

impl Writer<'_> {
    fn transaction(&mut self, session: &mut Session) -> Outcome {
        let scene = self.scene;
        let level = *self.random.pick(&[
            "READ COMMITTED",
            "READ COMMITTED",
            "REPEATABLE READ",
            "SERIALIZABLE",
        ]);
        let begin = format!(
            "BEGIN ISOLATION LEVEL {level}; SET LOCAL ROLE app; {}",
            limits(&mut self.random, &scene.tally)
        );
        let name = format!("neighbours {} {}", self.number, self.statements);
        let (end, fate) = match self.random.below(20) {
            0..=2 => ("ROLLBACK".to_string(), "rolled back"),
            3 => (format!("PREPARE TRANSACTION {}", quote(&name)), "prepared"),
            _ => ("COMMIT".to_string(), "committed"),
        };
        let ended = session.transaction(&begin, &end, |client| {
            let transaction = client.value("SELECT pg_current_xact_id()")?;
            Ok((transaction, self.statements(client)?))
        })?;
        match (ended, fate) {
            (End::Undone(_), _) => scene.tally.count("failed"),
            (_, "rolled back") => scene.tally.count("rolled back"),
            (End::Done((_, names)), "committed") => {
                scene.tally.count("committed");
                scene.ledger.committed(names);
            }
            (End::Done((transaction, names)), _) => {
                scene.tally.count("prepared");
                self.second_phase(session, &name, transaction, names)?;
            }
            (End::Doubt((transaction, names)), _) => {
                scene.tally.count("in doubt");
                scene.ledger.doubtful(transaction, names);
            }
        }
        Ok(())
    }

    /// Ends what was prepared, in whichever session the pooler has.
    fn second_phase(
        &mut self,
        session: &mut Session,
        name: &str,
        transaction: String,
        names: Vec<i64>,
    ) -> Outcome {
        let end = *self.random.pick(&["COMMIT", "COMMIT", "ROLLBACK"]);
        let sql = format!("{end} PREPARED {}", quote(name));
        let ledger = &self.scene.ledger;
        loop {
            match session.attempt(|client| client.run(&sql))? {
                Ok(()) if end == "COMMIT" => ledger.committed(names),
                Ok(()) => {}
                // It was ended by a call whose answer was lost, or swept.
                Err(failure) if failure.code == "42704" => ledger.doubtful(transaction, names),
                Err(_) => continue,
            }
            return Ok(());
        }
    }

    fn statements(&mut self, client: &mut Client) -> Result<Vec<i64>, Failure> {
        let (mut done, mut savepoints) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.random.below(4) * self.random.below(3) {
            match self.random.below(10) {
                0 | 1 => {
                    client.run(&format!("SAVEPOINT s{}", savepoints.len()))?;
                    savepoints.push(done.len());
                }
                2 if !savepoints.is_empty() => self.back(client, &mut done, &mut savepoints)?,
                3 => client.run(&self.other())?,
                _ => {
                    let sql = self.change();
                    let result = if self.random.chance(30) {
                        self.guarded(client, &sql)
                    } else {
                        names(client, &sql)
                    };
                    match result {
                        Ok(names) => done.extend(names),
                        Err(failure) if !savepoints.is_empty() && !is_lost(&failure.code) => {
                            self.scene.tally.count("statements undone");
                            self.back(client, &mut done, &mut savepoints)?;
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
        Ok(done)
    }

    fn back(
        &mut self,
        client: &mut Client,
        done: &mut Vec<i64>,
        savepoints: &mut Vec<usize>,
    ) -> Result<(), Failure> {
        let to = self.random.below(savepoints.len() as u64) as usize;
        client.run(&format!("ROLLBACK TO s{to}"))?;
        done.truncate(savepoints[to]);
        savepoints.truncate(to + 1);
        self.scene.tally.count("to a savepoint");
        Ok(())
    }

    /// In a block that catches cancels and timeouts, and goes on.
    fn guarded(&mut self, client: &mut Client, sql: &str) -> Result<Vec<i64>, Failure> {
        let done = names(client, &format!("SELECT unnest(guarded({}))", quote(sql)))?;
        if done == [0] {
            self.scene.tally.count("caught");
            return Ok(Vec::new());
        }
        Ok(done)
    }

    /// A statement that returns the names of its changes: that of a DELETE is the row's last one, negated.
    fn change(&mut self) -> String {
        self.statements += 1;
        let base = (self.number * 10_000_000 + self.statements) * 10_000;
        let (owner, pad) = (*self.random.pick(&OWNERS), self.pad());
        let one = self.random.below(SHARED);
        let some = format!(
            "id IN ({one}, {}, {})",
            self.random.below(SHARED),
            self.random.below(SHARED)
        );
        match self.random.below(8) {
            0 | 1 => {
                let (first, count) = (self.number * 1_000_000_000 + 10_000 + self.ids, 1 + self.random.below(10));
                self.ids += count;
                format!(
                    "INSERT INTO items (id, owner, version, change, pad)
                     SELECT {first} + i, '{owner}', 1, {base} + i, '{pad}' FROM generate_series(0, {count} - 1) AS i RETURNING change"
                )
            }
            2 => format!(
                "INSERT INTO items (id, owner, version, change, pad) VALUES ({one}, '{owner}', 1, {base}, '{pad}')
                 ON CONFLICT (id) DO UPDATE SET version = items.version + 1, change = excluded.change RETURNING change"
            ),
            3 => format!("DELETE FROM items WHERE {some} RETURNING -change"),
            4 => {
                let mine = self.number * 1_000_000_000 + 10_000 + self.random.below(self.ids.max(1));
                format!("DELETE FROM items WHERE id BETWEEN {mine} AND {mine} + 5 RETURNING -change")
            }
            5 => format!(
                "UPDATE items SET owner = '{owner}', version = version + 1, change = {base} + id WHERE {some} RETURNING change"
            ),
            _ => format!(
                "UPDATE items SET pad = '{pad}', version = version + 1, change = {base} + id WHERE {some} RETURNING change"
            ),
        }
    }

    /// Changes of the table whose settings and columns change, too.
    fn other(&mut self) -> String {
        let (id, n, owner) = (
            self.random.below(200),
            self.random.below(1_000),
            *self.random.pick(&OWNERS),
        );
        match self.random.below(3) {
            0 => format!("DELETE FROM shifting WHERE id = {id}"),
            _ => format!(
                "INSERT INTO shifting (id, owner, n) VALUES ({id}, '{owner}', {n})
                 ON CONFLICT (id) DO UPDATE SET n = excluded.n, owner = excluded.owner"
            ),
        }
    }

    fn pad(&mut self) -> String {
        let length = match self.random.below(400) {
            0 => 20_000,
            1..=9 => 3_000,
            _ => self.random.below(40) as usize,
        };
        self.random.text(length)
    }
}

fn names(client: &mut Client, sql: &str) -> Result<Vec<i64>, Failure> {
    let rows = client.query(sql)?;
    Ok(rows
        .iter()
        .filter_map(|row| row[0].as_ref()?.parse().ok())
        .collect())
}
