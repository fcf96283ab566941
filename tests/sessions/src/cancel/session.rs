//! A session whose statements are disturbed, and that keeps account of the server's answers.

use super::action;
use super::ledger::{Fate, Ledger};
use crate::pg::{quote, Client, Failure, Row, Server, LOST};
use crate::random::Random;
use crate::{check, Outcome};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

type Rows = Vec<(&'static str, u64)>;

/// What disturbs a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    Nothing,
    Cancel,
    /// A setting of timeouts, in ms.
    StatementTimeout(u64),
    LockTimeout(u64),
    Terminate,
}

/// A statement and the rows that it inserts.
struct Statement {
    sql: String,
    rows: Rows,
    /// Where it runs within [`guarded`](super::SETUP): the rows that follow whatever became of it.
    behind: Option<Rows>,
    /// It changes the session's own tables, which may be in another state than expected.
    is_change: bool,
    must_be_undone: bool,
}

pub struct Session<'a> {
    server: &'a Server,
    ledger: &'a Ledger,
    random: Random,
    stream: u64,
    number: u64,
    client: Client,
    control: Client,
    /// A cursor of the beginning, and a later one.
    cursors: [String; 2],
    ids: u64,
    disturbance: Disturbance,
    /// The transaction has removed something that readers need, until it is rolled back.
    has_taken: bool,
    /// The state of the session between statements.
    at_rest: Vec<Row>,
    told: BTreeMap<String, u64>,
}

/// Settings, role, what is held: all that must be the same after every turn. Only the turn to start a janitor outlives a
/// transaction, and keeps nobody from anything.
const AT_REST: &str = "
SELECT current_user, session_user, current_setting('role'), current_setting('search_path'),
    current_setting('request.jwt.claims'), current_setting('row_security'),
    (SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings WHERE name IN ('TimeZone', 'DateStyle',
        'IntervalStyle', 'bytea_output', 'extra_float_digits', 'max_stack_depth', 'lc_monetary', 'xmloption',
        'quote_all_identifiers', 'array_nulls', 'timezone_abbreviations', 'client_min_messages', 'pgrealtime.enabled')),
    (SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings WHERE name NOT LIKE 'plpgsql.%'),
    (SELECT count(*) FROM pg_cursors WHERE statement NOT LIKE '%pg_cursors%'),
    (SELECT string_agg(locktype || ' ' || coalesce(relation::regclass::text, '') || ' ' || mode, ', ')
     FROM pg_locks AS l WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid'
        AND classid IS DISTINCT FROM to_regclass('pgrealtime.log_segment') AND NOT EXISTS
        (SELECT FROM pg_class AS c WHERE c.oid = l.relation AND c.relnamespace = 'pg_catalog'::regnamespace))";

impl<'a> Session<'a> {
    pub fn new(
        server: &'a Server,
        ledger: &'a Ledger,
        seed: u64,
        stream: u64,
        number: u64,
        start: &str,
    ) -> Result<Self, String> {
        let mut control = server.connect()?;
        let now = control.value("SELECT pgrealtime.current_cursor()")?;
        let start = if stream == 1 {
            start.to_string()
        } else {
            now.clone()
        };
        let mut session = Session {
            server,
            ledger,
            random: Random::new(seed, stream * 100 + number),
            stream,
            number,
            client: server.connect()?,
            control,
            cursors: [start, now],
            ids: (stream * 100 + number) * 1_000_000_000,
            disturbance: Disturbance::Nothing,
            has_taken: false,
            at_rest: Vec::new(),
            told: BTreeMap::new(),
        };
        session.connect()?;
        Ok(session)
    }

    fn connect(&mut self) -> Outcome {
        self.client = self.server.connect()?;
        self.client.run(
            "SET search_path = public; SET request.jwt.claims = '{\"sub\": \"me\"}'; SET TimeZone = 'Asia/Tokyo';
             SET DateStyle = 'German'; SET bytea_output = escape; SET deadlock_timeout = '20ms'; SET client_min_messages = error",
        )?;
        if self.number > 0 {
            self.client.run("SET ROLE app")?;
        }
        // The library brings settings of its own.
        self.client.run("SELECT pgrealtime.log_retention()")?;
        self.at_rest = self.client.query(AT_REST)?;
        Ok(())
    }

    /// The results of the session's statements.
    pub fn report(&self) {
        let told: Vec<String> = self
            .told
            .iter()
            .map(|(code, n)| format!("{code}: {n}"))
            .collect();
        println!("        session {}: {}", self.number, told.join(", "));
    }

    /// One or a few statements, disturbed in one way; then the session is looked at.
    pub fn turn(&mut self) -> Outcome {
        self.disturbance = match self.random.below(100) {
            0..10 => Disturbance::Nothing,
            10..70 => Disturbance::Cancel,
            70..88 => Disturbance::StatementTimeout(1 + self.random.below(12)),
            88..98 => Disturbance::LockTimeout(1 + self.random.below(5)),
            _ => Disturbance::Terminate,
        };
        match self.disturbance {
            Disturbance::StatementTimeout(ms) => {
                self.client.run(&format!("SET statement_timeout = {ms}"))?
            }
            Disturbance::LockTimeout(ms) => self.client.run(&format!("SET lock_timeout = {ms}"))?,
            _ => {}
        }
        match self.random.below(100) {
            0..45 => self.alone()?,
            45..90 => self.transaction()?,
            _ => self.procedure()?,
        }
        if self.disturbance == Disturbance::Terminate {
            return self.connect();
        }
        self.undisturbed("RESET statement_timeout")?;
        self.undisturbed("RESET lock_timeout")?;
        self.look()
    }

    /// Repeats a statement of the test itself until it is not cancelled.
    fn undisturbed(&mut self, sql: &str) -> Outcome {
        loop {
            match self.client.run(sql) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.code == "57014" => {}
                Err(failure) => return Err(format!("{sql}: {failure}")),
            }
        }
    }

    /// The session is usable, outside of any transaction, and as it was.
    fn look(&mut self) -> Outcome {
        check(self.client.status == b'I', || {
            format!("a transaction is open: {}", self.client.status as char)
        })?;
        let now = self
            .client
            .query(AT_REST)
            .map_err(|failure| format!("the session is not usable: {failure}"))?;
        for (was, is) in self.at_rest.iter().flatten().zip(now.iter().flatten()) {
            check(was == is, || format!("{was:?} has become {is:?}"))?;
        }
        if self.random.chance(5) {
            self.cursors[1] = self.client.value("SELECT pgrealtime.current_cursor()")?;
        }
        Ok(())
    }

    /// Runs a statement, and disturbs it.
    fn run(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        self.client.send(sql)?;
        let (function, times) = match self.disturbance {
            Disturbance::Cancel => ("pg_cancel_backend", 1 + self.random.below(2)),
            Disturbance::Terminate => ("pg_terminate_backend", self.random.below(2)),
            _ => ("", 0),
        };
        for _ in 0..times {
            let longest = *self.random.pick(&[50, 300, 1_000, 4_000]);
            sleep(Duration::from_micros(self.random.below(longest)));
            let signal = format!("SELECT {function}({})", self.client.pid);
            self.control.run(&signal)?;
        }
        let result = self.client.receive();
        let code = result
            .as_ref()
            .err()
            .map_or("done", |failure| &failure.code);
        *self.told.entry(code.to_string()).or_default() += 1;
        result
    }

    /// Whether the disturbance, or the state of the session's own tables, explains a failure.
    fn explained(&self, code: &str, is_change: bool) -> bool {
        let lost = [LOST, "57P01"].contains(&code);
        ["57014", "55P03", "40P01"].contains(&code)
            || (lost && self.disturbance == Disturbance::Terminate)
            // While segments are emptied.
            || self.has_taken && ["55000", "72000"].contains(&code)
            || self.stream == 2 && code == "72000"
            || is_change && (code.starts_with("42") || code == "55000")
    }

    fn failed(&self, failure: &Failure, statement: &Statement) -> Outcome {
        check(self.explained(&failure.code, statement.is_change), || {
            format!("{failure}\nin {}", statement.sql)
        })
    }

    /// One statement, in a transaction of its own.
    fn alone(&mut self) -> Outcome {
        self.has_taken = false;
        let statement = self.statement();
        if statement.must_be_undone {
            return Ok(());
        }
        match self.run(&statement.sql) {
            Ok(rows) => {
                let (done, undone) = self.outcome(&statement, &rows)?;
                self.ledger.note(done, Fate::Committed);
                self.ledger.note(undone, Fate::Failed);
            }
            Err(failure) => {
                self.failed(&failure, &statement)?;
                let fate = if failure.code == LOST || failure.code == "57P01" {
                    Fate::Doubtful
                } else {
                    Fate::Failed
                };
                self.ledger.note(statement.rows, fate);
                self.ledger.note(statement.behind.unwrap_or_default(), fate);
            }
        }
        Ok(())
    }

    /// The rows that a statement that succeeded has inserted, and those that it has not.
    fn outcome(&self, statement: &Statement, rows: &[Row]) -> Result<(Rows, Rows), String> {
        let Some(behind) = &statement.behind else {
            return Ok((statement.rows.clone(), Rows::new()));
        };
        let told = rows
            .first()
            .and_then(|row| row[0].clone())
            .unwrap_or_default();
        if told == "done" {
            return Ok((
                [statement.rows.clone(), behind.clone()].concat(),
                Rows::new(),
            ));
        }
        check(self.explained(&told, statement.is_change), || {
            format!("{told} was caught in {}", statement.sql)
        })?;
        Ok((behind.clone(), statement.rows.clone()))
    }

    /// A few statements in a transaction with savepoints.
    fn transaction(&mut self) -> Outcome {
        let (mut pending, mut failed) = (Rows::new(), Rows::new());
        let mut savepoints: Vec<usize> = Vec::new();
        let mut commits = self.random.chance(75);
        self.has_taken = false;
        let mut open = self.simple("BEGIN")?;
        for _ in 0..1 + self.random.below(5) {
            if !open {
                break;
            }
            if self.random.chance(40) {
                open = self.simple(&format!("SAVEPOINT s{}", savepoints.len()))?;
                if open {
                    savepoints.push(pending.len());
                }
            }
            if open {
                let statement = self.statement();
                commits &= !statement.must_be_undone;
                self.has_taken |= statement.must_be_undone;
                match self.run(&statement.sql) {
                    Ok(rows) => {
                        let (done, undone) = self.outcome(&statement, &rows)?;
                        pending.extend(done);
                        failed.extend(undone);
                        self.expect(b'T', &statement.sql)?;
                    }
                    Err(failure) => {
                        self.failed(&failure, &statement)?;
                        failed.extend(statement.rows);
                        failed.extend(statement.behind.unwrap_or_default());
                        open = false;
                    }
                }
            }
            if !open
                && self.client.status == b'E'
                && !savepoints.is_empty()
                && self.random.chance(70)
            {
                let to = self.random.below(savepoints.len() as u64) as usize;
                open = self.simple(&format!("ROLLBACK TO s{to}"))?;
                if open {
                    failed.extend(pending.drain(savepoints[to]..));
                    savepoints.truncate(to + 1);
                }
            }
        }
        let (end, fate) = match commits && open {
            true => ("COMMIT", Fate::Committed),
            false => ("ROLLBACK", Fate::Failed),
        };
        self.ledger.note(failed, Fate::Failed);
        match self.run(end) {
            Ok(_) => self.ledger.note(pending, fate),
            Err(failure) => {
                check(self.explained(&failure.code, false), || {
                    format!("{end}: {failure}")
                })?;
                let lost = failure.code == LOST || failure.code == "57P01";
                let fate = if lost && open {
                    Fate::Doubtful
                } else {
                    Fate::Failed
                };
                self.ledger.note(pending, fate);
            }
        }
        if self.disturbance != Disturbance::Terminate && self.client.status != b'I' {
            // ROLLBACK itself was cancelled before it began.
            self.undisturbed("ROLLBACK")?;
        }
        Ok(())
    }

    fn expect(&self, status: u8, after: &str) -> Outcome {
        check(self.client.status == status, || {
            format!(
                "the transaction is {} after {after}",
                self.client.status as char
            )
        })
    }

    /// A statement of transaction control: whether it was carried out.
    fn simple(&mut self, sql: &str) -> Result<bool, String> {
        match self.run(sql) {
            Ok(_) => {
                self.expect(b'T', sql)?;
                Ok(true)
            }
            Err(failure) if self.explained(&failure.code, false) => Ok(false),
            Err(failure) => Err(format!("{sql}: {failure}")),
        }
    }

    /// A procedure that commits in between: how far it got is unknown, but table and log must agree.
    fn procedure(&mut self) -> Outcome {
        self.has_taken = false;
        let ids: Vec<u64> = (0..5).map(|_| self.id()).collect();
        let list: Vec<String> = ids.iter().map(u64::to_string).collect();
        let read = self.read();
        let sql = format!(
            "CALL step_by_step({}, '{{{}}}')",
            quote(&read),
            list.join(",")
        );
        let rows = ids.into_iter().map(|id| ("journal", id));
        match self.run(&sql) {
            Ok(_) => self.ledger.note(rows, Fate::Committed),
            Err(failure) => {
                check(self.explained(&failure.code, false), || {
                    format!("{failure}\nin {sql}")
                })?;
                self.ledger.note(rows, Fate::Doubtful);
            }
        }
        Ok(())
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn read(&mut self) -> String {
        let cursor = self.random.pick(&self.cursors).clone();
        action::read(&mut self.random, &cursor)
    }

    /// A statement; half of the time a block around it catches the disturbance.
    fn statement(&mut self) -> Statement {
        let mut statement = Statement {
            sql: String::new(),
            rows: Rows::new(),
            behind: None,
            is_change: false,
            must_be_undone: false,
        };
        match self.random.below(100) {
            0..40 => statement.sql = self.read(),
            40..75 => (statement.sql, statement.rows) = self.write(),
            75..93 => {
                statement.sql = action::change(&mut self.random, self.number);
                statement.is_change = true;
            }
            93..97 => {
                let cursor = self.random.pick(&self.cursors).clone();
                statement.sql = action::portal(&mut self.random, &cursor);
                statement.must_be_undone = true;
                return statement;
            }
            _ => {
                statement.sql = action::undone(&mut self.random);
                statement.is_change = true;
                statement.must_be_undone = true;
            }
        }
        if self.random.chance(50) {
            let (second, behind) = self.write();
            if self.random.chance(30) {
                statement.sql = format!("SELECT caught({})", quote(&statement.sql));
                if !statement.rows.is_empty() {
                    // The result of the inner one is not visible outside.
                    self.ledger.note(statement.rows.drain(..), Fate::Doubtful);
                }
            }
            statement.sql = format!(
                "SELECT guarded({}, {})",
                quote(&statement.sql),
                quote(&second)
            );
            statement.behind = Some(behind);
        }
        statement
    }

    /// Rows for one of the tables; sometimes changed again at once, or some of them deleted.
    fn write(&mut self) -> (String, Rows) {
        let table = *self.random.pick(&super::TABLES);
        let number = 1 + self.random.below(20);
        let (first, pad) = (self.id(), self.random.text(8));
        self.ids += number;
        let last = first + number - 1;
        let mut sql = format!(
            "INSERT INTO {table} (id, pad) SELECT i, 'a{pad}' FROM generate_series({first}, {last}) AS i"
        );
        let mut rows: Rows = (first..=last).map(|id| (table, id)).collect();
        let mine = format!("id BETWEEN {first} AND {last}");
        match self.random.below(6) {
            0 => sql += &format!("; UPDATE {table} SET pad = 'b' || pad WHERE {mine}"),
            1 => {
                sql += &format!("; DELETE FROM {table} WHERE id = {first}");
                rows.remove(0);
                self.ledger.note([(table, first)], Fate::Failed);
            }
            _ => {}
        }
        (sql, rows)
    }
}
