//! Readers miss nothing and receive nothing twice, whatever order writers commit in and whatever leaves the log.

use crate::copy::{poll, Copy};
use crate::pg::{Client, Server};
use crate::random::{knob, seed, Random};
use crate::writer::{make_items, End, Writer};
use crate::{check, join, part, wait_for, Outcome};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;

const WRITERS: u64 = 16;
/// Commands on the log, at least.
const ENOUGH: u64 = 5;

/// How a reader reads.
#[derive(Debug, Clone, Copy)]
struct Habit {
    net: bool,
    /// Several calls in one REPEATABLE READ transaction.
    repeatable: bool,
    /// Now and then it loses a part of a batch and continues from the cursor of some row, over a new connection.
    forgetful: bool,
    /// It begins while the writers write.
    late: bool,
    /// It waits until its cursor is no longer inside the log.
    slow: bool,
}

const STEADY: Habit = Habit {
    net: false,
    repeatable: false,
    forgetful: false,
    late: false,
    slow: false,
};

/// What happens to the log meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// Its indexes are made again, as DBAs do for whole databases.
    Maintained,
    /// Segments leave it.
    Pruned,
}

struct Phase {
    seed: u64,
    server: Server,
    changes: u64,
    meanwhile: Meanwhile,
    /// Whether the log has been maintained often enough for the test; true at once where nothing maintains it.
    maintained: AtomicBool,
    committed: AtomicU64,
    names: Mutex<HashSet<i64>>,
    written: AtomicBool,
    left_behind: AtomicU64,
}

pub fn run() -> Outcome {
    let seed = seed();
    let server = Server::from_environment();
    let changes = knob("PGREALTIME_CHANGES", 200_000);
    let mut admin = server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    let keep = [
        STEADY,
        Habit {
            forgetful: true,
            ..STEADY
        },
        Habit {
            repeatable: true,
            ..STEADY
        },
        Habit {
            net: true,
            forgetful: false,
            repeatable: true,
            ..STEADY
        },
        Habit {
            late: true,
            forgetful: true,
            ..STEADY
        },
    ];
    let phase = |seed, meanwhile, changes| Phase {
        seed,
        server: server.clone(),
        changes,
        meanwhile,
        maintained: AtomicBool::new(meanwhile != Meanwhile::Maintained),
        committed: AtomicU64::new(0),
        names: Mutex::default(),
        written: AtomicBool::new(false),
        left_behind: AtomicU64::new(0),
    };
    part("a log that keeps everything", || {
        phase(seed, Meanwhile::Nothing, changes).run(&keep)
    })?;
    part("a log whose indexes are made again all the time", || {
        phase(seed + 2, Meanwhile::Maintained, changes / 4).run(&keep)
    })?;
    admin.run("ALTER SYSTEM SET pgrealtime.retention = '1s'")?;
    admin.run("SELECT pg_reload_conf()")?;
    wait_for("the setting", || {
        Ok(server.connect()?.value("SHOW pgrealtime.retention")? == "1s")
    })?;
    let empty = [
        STEADY,
        Habit {
            forgetful: true,
            ..STEADY
        },
        Habit {
            repeatable: true,
            ..STEADY
        },
        Habit {
            net: true,
            ..STEADY
        },
        Habit {
            slow: true,
            ..STEADY
        },
        Habit {
            slow: true,
            net: true,
            late: true,
            ..STEADY
        },
    ];
    part("a log that is emptied all the time", || {
        phase(seed + 1, Meanwhile::Pruned, changes).run(&empty)
    })
}

impl Phase {
    fn run(&self, habits: &[Habit]) -> Outcome {
        let mut admin = self.server.connect()?;
        admin.run("DROP TABLE IF EXISTS items")?;
        make_items(&mut admin)?;
        let horizon = "SELECT coalesce(md5(horizon), '') FROM pgrealtime.log_state";
        let before = admin.value(horizon)?;
        let starts = habits
            .iter()
            .map(|habit| Copy::start(&mut admin, habit.net).map_err(String::from))
            .collect::<Result<Vec<_>, _>>()?;
        thread::scope(|scope| {
            let writers: Vec<_> = (1..=WRITERS)
                .map(|number| scope.spawn(move || self.write(number)))
                .collect();
            let readers: Vec<_> = starts
                .into_iter()
                .zip(habits)
                .enumerate()
                .map(|(i, (start, habit))| {
                    scope.spawn(move || {
                        Reader::new(self, *habit, start, i as u64)?
                            .read()
                            .map_err(|error| format!("reader {i} {habit:?}: {error}"))
                    })
                })
                .collect();
            let maintenance: Vec<_> = (self.meanwhile == Meanwhile::Maintained)
                .then(|| {
                    scope.spawn(|| {
                        let outcome = self.maintain();
                        self.maintained.store(true, SeqCst);
                        outcome
                    })
                })
                .into_iter()
                .collect();
            let written = join(writers);
            self.written.store(true, SeqCst);
            let read = join(readers);
            written.and(read).and(join(maintenance))
        })?;
        let committed = self.committed.load(SeqCst);
        println!(
            "        {committed} changes committed; {} readers began again",
            self.left_behind.load(SeqCst)
        );
        check(committed >= self.changes, || "too few changes".to_string())?;
        if self.is_pruned() {
            check(admin.value(horizon)? != before, || {
                "nothing has left the log".to_string()
            })?;
            let behind = self.left_behind.load(SeqCst);
            check(behind > 0, || "no slow reader was told so".to_string())?;
        }
        Ok(())
    }

    fn write(&self, number: u64) -> Outcome {
        let mut writer = Writer::new(&self.server, number, self.seed)?;
        // So that all take part to the end: a log with fast and slow writers, not one after the other.
        while self.committed.load(SeqCst) < self.changes || !self.maintained.load(SeqCst) {
            match writer.transaction()? {
                End::Committed(names) => self.account(names),
                End::RolledBack => {}
                End::InDoubt(_) | End::Lost => return Err("the connection was lost".to_string()),
            }
        }
        self.account(writer.finish()?);
        Ok(())
    }

    fn is_pruned(&self) -> bool {
        self.meanwhile == Meanwhile::Pruned
    }

    /// Rebuilds the indexes of the current segment and compacts it, until everything is written.
    fn maintain(&self) -> Outcome {
        let mut admin = self.server.connect()?;
        let current =
            "SELECT 'pgrealtime.change_log_' || current_segment FROM pgrealtime.log_state";
        let (mut done, mut refused) = (0, 0u64);
        while !self.written.load(SeqCst) {
            let segment = admin.value(current)?;
            for command in [
                "REINDEX TABLE CONCURRENTLY",
                "VACUUM (FREEZE)",
                "REINDEX TABLE CONCURRENTLY",
                "VACUUM (FULL)",
                "REINDEX TABLE",
            ] {
                // Writers must not wait behind what waits for a prepared transaction: its own writer ends it.
                let patience = if command.contains("CONCURRENTLY") {
                    "0"
                } else {
                    "50ms"
                };
                admin.run(&format!("SET lock_timeout = '{patience}'"))?;
                match admin.run(&format!("{command} {segment}")) {
                    Err(failure) if ["55P03", "40P01"].contains(&failure.code.as_str()) => {
                        refused += 1
                    }
                    other => {
                        other?;
                        done += 1;
                    }
                }
                self.maintained.store(done >= ENOUGH, SeqCst);
            }
        }
        println!("        {done} commands were run on the log, {refused} gave up waiting");
        Ok(())
    }

    fn account(&self, names: Vec<i64>) {
        self.committed.fetch_add(names.len() as u64, SeqCst);
        self.names.lock().unwrap().extend(names);
    }
}

struct Reader<'a> {
    phase: &'a Phase,
    habit: Habit,
    random: Random,
    client: Client,
    copy: Copy,
    cursor: String,
    /// Whether it has received every change since the phase began.
    complete: bool,
}

impl<'a> Reader<'a> {
    fn new(
        phase: &'a Phase,
        habit: Habit,
        (copy, cursor): (Copy, String),
        number: u64,
    ) -> Result<Self, String> {
        Ok(Reader {
            phase,
            habit,
            random: Random::new(phase.seed, 1000 + number),
            client: phase.server.connect()?,
            copy,
            cursor,
            complete: !habit.net,
        })
    }

    fn read(&mut self) -> Outcome {
        if self.habit.late {
            let quarter = self.phase.changes / 4;
            wait_for("a quarter of the changes", || {
                Ok(self.phase.committed.load(SeqCst) >= quarter)
            })?;
            self.start()?;
        }
        while !self.phase.written.load(SeqCst) {
            self.fall_behind()?;
            if self.habit.repeatable {
                self.client
                    .run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
                for _ in 0..1 + self.random.below(4) {
                    if !self.poll()? {
                        break;
                    }
                }
                self.client.run("ROLLBACK")?;
            } else {
                self.poll()?;
            }
        }
        while let Err(error) = self.copy.drain(&mut self.client, self.cursor.clone()) {
            check(self.phase.is_pruned() && error.starts_with("72000"), || {
                error
            })?;
            self.start()?;
        }
        self.copy.compare(&mut self.client)?;
        if self.complete {
            let committed = self.phase.names.lock().unwrap();
            let missing = committed.difference(&self.copy.seen).count();
            let invented = self.copy.seen.difference(&committed).count();
            check(missing + invented == 0, || {
                format!("{missing} changes missing, {invented} invented")
            })?;
        }
        Ok(())
    }

    /// Reads the table again.
    fn start(&mut self) -> Outcome {
        (self.copy, self.cursor) = Copy::start(&mut self.client, self.habit.net)?;
        self.complete = false;
        Ok(())
    }

    /// One call; false when the reader had to begin again.
    fn poll(&mut self) -> Result<bool, String> {
        let max = 1 + self.random.below(500);
        let mut batch = match poll(&mut self.client, &self.cursor, max, self.habit.net) {
            Ok(batch) => batch,
            Err(failure) if failure.code == "72000" && self.phase.is_pruned() => {
                self.client.run("ROLLBACK")?;
                self.phase.left_behind.fetch_add(1, SeqCst);
                self.start()?;
                return Ok(false);
            }
            Err(failure) => return Err(failure.to_string()),
        };
        // A changed key is two net changes.
        let most = if self.habit.net { 2 * max } else { max };
        check(batch.changes.len() as u64 <= most, || {
            format!("{} changes of {max}", batch.changes.len())
        })?;
        if self.habit.forgetful && self.random.chance(30) {
            let kept = self.random.below(batch.changes.len() as u64 + 1) as usize;
            batch.cursor = match kept {
                0 => self.cursor.clone(),
                kept => batch.changes[kept - 1].0.clone(),
            };
            batch.changes.truncate(kept);
            self.client = self.phase.server.connect()?;
        }
        self.cursor = self.copy.apply_all(&batch)?;
        Ok(true)
    }

    /// Waits until the log has moved past the cursor, which the next call then must say.
    fn fall_behind(&mut self) -> Outcome {
        if !self.habit.slow {
            return Ok(());
        }
        let horizon = "SELECT coalesce(md5(horizon), '') FROM pgrealtime.log_state";
        for _ in 0..10 {
            let before = self.client.value(horizon)?;
            wait_for("segments to be emptied", || {
                Ok(self.client.value(horizon)? != before || self.phase.written.load(SeqCst))
            })?;
        }
        if self.phase.written.load(SeqCst) {
            return Ok(());
        }
        match poll(&mut self.client, &self.cursor, 10, self.habit.net) {
            Err(failure) if failure.code == "72000" => Ok(()),
            _ => Err("a cursor that the log has left behind was not refused".to_string()),
        }
    }
}
