//! Random statements of a session that writes, in transactions with savepoints.

mod statement;

use super::schema::Schema;
use crate::pg::{Client, Failure, Server};
use crate::random::Random;

pub const WRITERS: u64 = 3;

/// The errors that a statement may meet: another session's lock, a duplicate key, a missing parent, a row that the same
/// statement or its trigger changes twice, a row that another session moves.
const EXPECTED: [&str; 8] = [
    "55P03", "23505", "23503", "21000", "27000", "40001", "55006", "40P01",
];

/// Gaps, for which readers must read a table again; counted at commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gaps {
    /// Statements that leave a gap.
    pub certain: u64,
    /// And those that do if they find a row.
    pub possible: u64,
}

/// A transaction that is prepared, and its gaps.
struct Prepared {
    name: String,
    gaps: Vec<(usize, bool)>,
}

pub struct Writer {
    number: u64,
    prepared: Option<Prepared>,
    /// Transactions that were prepared, rows that exchanged their keys.
    pub prepares: u64,
    pub swaps: u64,
    client: Client,
    open: bool,
    savepoints: Vec<usize>,
    /// Tables with a gap in the open transaction, and whether the gap is certain.
    gaps: Vec<(usize, bool)>,
}

impl Writer {
    pub fn new(server: &Server, schema: &Schema, number: u64) -> Result<Writer, Failure> {
        let mut client = server.connect()?;
        // All sessions take turns in one thread: a session that waited for another one's lock would wait forever.
        client.run(&format!(
            "SET search_path = {}; SET lock_timeout = '5ms'",
            schema.name
        ))?;
        Ok(Writer {
            number,
            prepared: None,
            prepares: 0,
            swaps: 0,
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
        if random.chance(3) {
            self.finish_prepared(random.chance(60), gaps)?;
        }
        if !self.open {
            if random.chance(40) {
                self.client.run("BEGIN")?;
                self.open = true;
            }
        } else {
            match random.below(100) {
                0..=2 if self.prepared.is_none() => {
                    return self.prepare(schema, gaps).map(|()| false)
                }
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
        let Some(statement) = self.statement(&schema.tables[place], place, ids, random) else {
            return Ok(false);
        };
        let lost = schema.tables[place].may_lose_order().then_some(false);
        let (sql, gap) = (statement.sql, statement.gap.or(lost));
        match self.client.run(&sql) {
            Ok(()) => {
                self.swaps += statement.swaps as u64;
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
        let mut commits = commit;
        if self.open {
            let end = if commit { "COMMIT" } else { "ROLLBACK" };
            commits &= self.try_to(end)?;
        }
        if !commits {
            self.gaps.clear();
        }
        self.account(gaps);
        (self.open, self.savepoints) = (false, Vec::new());
        Ok(())
    }

    /// Ends the transaction; false when a constraint that was deferred has undone it.
    fn try_to(&mut self, end: &str) -> Result<bool, String> {
        match self.client.run(end) {
            Ok(()) => Ok(true),
            Err(failure) if EXPECTED.contains(&failure.code.as_str()) => Ok(false),
            Err(failure) => Err(format!("writer: {failure}: {end}")),
        }
    }

    /// Prepares the open transaction: it belongs to no session until it is finished.
    fn prepare(&mut self, schema: &Schema, gaps: &mut [Gaps]) -> Result<(), String> {
        let name = format!("{}_{}", schema.name, self.number);
        if !self.try_to(&format!("PREPARE TRANSACTION '{name}'"))? {
            (self.open, self.savepoints, self.gaps) = (false, Vec::new(), Vec::new());
            return self.end(false, gaps);
        }
        self.prepares += 1;
        self.prepared = Some(Prepared {
            name,
            gaps: std::mem::take(&mut self.gaps),
        });
        (self.open, self.savepoints) = (false, Vec::new());
        Ok(())
    }

    /// Ends what was prepared, which the session can do only outside of a transaction.
    pub fn finish_prepared(&mut self, commit: bool, gaps: &mut [Gaps]) -> Result<(), String> {
        if self.open {
            return Ok(());
        }
        let Some(Prepared { name, gaps: of }) = self.prepared.take() else {
            return Ok(());
        };
        let end = if commit { "COMMIT" } else { "ROLLBACK" };
        self.client.run(&format!("{end} PREPARED '{name}'"))?;
        if commit {
            self.gaps = of;
            self.account(gaps);
        }
        Ok(())
    }

    fn account(&mut self, gaps: &mut [Gaps]) {
        for (table, certain) in self.gaps.drain(..) {
            gaps[table].certain += certain as u64;
            gaps[table].possible += 1;
        }
    }
}
