//! The janitor: a background worker that runs the steps of retention, each in a transaction of its own.
//!
//! A writer or reader that sees a due step starts a janitor and does not wait for it; `prune()` waits for its own. No
//! step runs in a session's transaction: it would hold its locks until that transaction ends, and the session's own
//! locks on a segment would not stop it. A database in which nobody writes or reads keeps its log as it is.

use super::retention;
use super::state::State;
use crate::error::{report, Error, Result};
use crate::pg::backend::mailbox::Failure;
use crate::pg::backend::mailbox::Outcome;
use crate::pg::backend::wait;
use crate::pg::backend::worker;
use crate::pg::backend::xact;
use crate::pg::storage::heap;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Table;
use crate::pg::storage::janitor_lock;
use crate::pg::storage::janitor_lock::JanitorLock;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use pgrx::PgSqlErrorCode;
use std::cell::Cell;
use std::time::Duration;

/// How long until one session checks again whether a janitor is needed.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// How long until a session tries to start a janitor again after no worker slot was free.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How long a janitor of `prune()` waits for other sessions to release the log's tables.
const PATIENCE: Duration = Duration::from_secs(5);

/// Each round seals the segments that the round before closed. Three rounds empty a segment; the bound is for a tiny
/// retention.
const ROUNDS: u32 = 16;

/// `prune()`: starts a janitor that takes every due step, and returns how many segments it emptied. Errors: 55000 when
/// this transaction has locked the log's state or the janitor did not finish; 53000 when no worker slot is free; 55P03
/// when another session holds a lock; otherwise the janitor's own error.
pub fn prune() -> Result<u32> {
    heap::refuse_read_only(c"prune()");
    loop {
        let Some(log) = heap::member_oid("log_segment") else {
            // Raises the error that there is no log.
            return Table::open_member("log_segment", Lock::AccessShare).map(|_| 0);
        };
        let held = [Some(log), heap::member_oid("log_state")]
            .into_iter()
            .flatten()
            .any(|table| janitor_lock::is_held_here(table, JanitorLock::Janitor));
        if janitor_lock::is_made_here(log) {
            return Ok(0);
        }
        if held {
            report("the change log is not pruned: this transaction has locked its state")
                .hint("Call prune() again when the transaction has ended.")
                .warning();
            return Ok(0);
        }
        janitor_lock::wait_for_ddl(log);
        if heap::member_oid("log_segment") != Some(log) {
            continue;
        }
        let outcome = worker::run_janitor(log)?;
        if let Some(failure) = outcome.failure {
            return Err(not_pruned(failure));
        }
        if !outcome.no_log {
            return Ok(outcome.emptied);
        }
        janitor_lock::wait_for_ddl(log);
    }
}

fn not_pruned(failure: Failure) -> Error {
    let busy = failure.code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE;
    let report = report("the change log was not pruned").detail(if busy {
        "Another session holds a lock on the tables of schema pgrealtime.".to_string()
    } else {
        format!("The background worker reported: {}", failure.message)
    });
    Error::new(
        failure.code,
        if busy {
            report.hint(
                "Find the session in pg_locks. Call prune() again when its transaction has ended.",
            )
        } else {
            report
        },
    )
}

/// The janitor's work, in its own process.
pub fn run(asked_for: Option<Oid>) -> Outcome {
    let mut run = Run {
        asked_for,
        until: xact::now() + PATIENCE,
        outcome: Outcome::default(),
    };
    for _ in 0..ROUNDS {
        let sealed = run.step(retention::seal, None);
        let emptied = run.step(retention::empty_oldest, Some(retention::note_delay));
        run.outcome.emptied += u32::from(emptied);
        if !(sealed | emptied | run.step(retention::switch, None)) {
            break;
        }
    }
    run.step(clear_error, None);
    run.outcome
}

struct Run {
    asked_for: Option<Oid>,
    /// The time until which it waits for other sessions.
    until: Timestamp,
    outcome: Outcome,
}

type Work = fn(Timestamp) -> Result<bool>;

enum Step {
    Taken(bool),
    /// Another session holds a lock on the log's tables.
    Busy,
    NoLog,
}

impl Run {
    /// Runs a step unless an earlier one failed, and returns whether it did something. An error is kept in the log's
    /// state. A lock that it waited for in vain is not an error if there is other work to do.
    fn step(&mut self, work: Work, otherwise: Option<Work>) -> bool {
        while self.outcome.failure.is_none() && !self.outcome.no_log {
            match worker::in_transaction(|| self.attempt(work)) {
                Ok(Step::Taken(done)) => return done,
                Ok(Step::NoLog) => self.outcome.no_log = true,
                Ok(Step::Busy) if self.asked_for.is_none() => return false,
                Ok(Step::Busy) if self.may_wait() => {}
                Ok(Step::Busy) => {
                    self.outcome.failure = Some(Failure {
                        code: PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE.into(),
                        message: "another session has locked the log's state".to_string(),
                    });
                }
                Err(failure) if is_lock_timeout(&failure) && otherwise.is_some() => {
                    return otherwise.is_some_and(|work| self.step(work, None));
                }
                Err(failure) if is_lock_timeout(&failure) && self.may_wait() => {}
                Err(failure) => {
                    remember(&failure);
                    self.outcome.failure = Some(failure);
                }
            }
        }
        false
    }

    /// The log may have been dropped before it was locked, and another one created.
    fn attempt(&self, work: Work) -> Result<Step> {
        let log = heap::member_oid("log_segment");
        if log.is_none() || self.asked_for.is_some_and(|asked| Some(asked) != log) {
            return Ok(Step::NoLog);
        }
        if !retention::lock() {
            return Ok(Step::Busy);
        }
        if heap::member_oid("log_segment") != log {
            return Ok(Step::NoLog);
        }
        work(xact::now()).map(Step::Taken)
    }

    /// Sleeps briefly, holding nothing, unless the time is over.
    fn may_wait(&self) -> bool {
        let may = self.asked_for.is_some() && xact::now() < self.until;
        if may {
            wait::nap(10);
        }
        may
    }
}

fn is_lock_timeout(failure: &Failure) -> bool {
    failure.code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE
}

/// A run has succeeded, so the error of the run before is cleared.
fn clear_error(_now: Timestamp) -> Result<bool> {
    if State::read(heap::View::Latest)?.janitor_error.is_some() {
        State::change(|state| state.janitor_error = None)?;
    }
    Ok(false)
}

fn remember(failure: &Failure) {
    let kept = worker::in_transaction(|| {
        let free = retention::lock();
        if free {
            State::change(|state| {
                state.janitor_error = Some(failure.message.clone());
                state.janitor_run = Some(xact::now());
            })?;
        }
        Ok(free)
    });
    if kept != Ok(true) {
        pgrx::log!("pgrealtime janitor: {}", failure.message);
    }
}

thread_local! {
    /// When this session checks again.
    static NOT_BEFORE: Cell<Timestamp> = const { Cell::new(Timestamp::EPOCH) };
}

/// Called after every append. The first append of a transaction checks whether a janitor is needed, and then every so
/// many appends. It does not read the clock, which would slow down appending. Errors: those of [`start_if_due`].
pub fn after_append() -> Result<()> {
    const APPENDS: u32 = 256;
    thread_local! {
        static LAST: Cell<(Timestamp, u32)> = const { Cell::new((Timestamp::EPOCH, 0)) };
    }
    let began = xact::transaction_start();
    let (last, appends) = LAST.get();
    let first = last != began;
    LAST.set((began, if first { 0 } else { appends.wrapping_add(1) }));
    if (first && began >= NOT_BEFORE.get()) || (!first && appends % APPENDS == APPENDS - 1) {
        start_if_due()?;
    }
    Ok(())
}

/// Starts a janitor when a step is due. Cheap enough to be called for every batch and every few appends. Errors: as
/// reading the log's state.
pub fn start_if_due() -> Result<()> {
    thread_local! {
        static SAID: Cell<bool> = const { Cell::new(false) };
    }
    let now = xact::now();
    if now < NOT_BEFORE.get() || !worker::may_start() {
        return Ok(());
    }
    NOT_BEFORE.set(now + CHECK_EVERY);
    // Until it has started, no other session of the database starts one in the same second.
    if worker::is_starting() {
        return Ok(());
    }
    janitor_lock::end_turn();
    if !retention::is_due(now)? || !take_turn(now) {
        return Ok(());
    }
    if !worker::start_janitor() {
        NOT_BEFORE.set(now + ASK_AGAIN_AFTER);
        if !SAID.replace(true) {
            pgrx::log!(
                "pgrealtime: no background worker slot is free for the change log's janitor; it will be requested again"
            );
        }
    }
    Ok(())
}

/// Whether this session may start a janitor. All sessions see that a step is due, until a janitor has started and has its
/// locks: without turns each of them would take a worker slot.
fn take_turn(now: Timestamp) -> bool {
    const SECOND: i64 = 1_000_000;
    heap::member_oid("log_segment")
        .is_some_and(|log| janitor_lock::take_turn(log, now.micros().div_euclid(SECOND)))
}
