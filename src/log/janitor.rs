//! The janitor: a background worker that takes the steps of retention, each in a transaction of its own.
//!
//! A writer or reader that sees a step due asks for one and does not wait; `prune()` waits for its own. Nobody takes a
//! step in a session's transaction: it would hold its locks to the end of that, and would not be kept from a segment by
//! the locks that the session itself has on it. A database in which nobody writes and reads keeps what it has.

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

/// After so much one session checks again whether a janitor is needed.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// How long until a session asks again when no worker slot was free.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How long a janitor of `prune()` waits for others to let go of what it writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A round seals what the round before closed; three see a segment through, the bound is for a tiny retention.
const ROUNDS: u32 = 16;

/// `prune()`: has a janitor take every step that is due; how many segments it emptied.
pub fn prune() -> Result<u32> {
    heap::refuse_read_only(c"prune()");
    loop {
        let Some(log) = heap::member_oid("log_segment") else {
            // Says that there is no log.
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
        format!("The background worker said: {}", failure.message)
    });
    Error::new(
        failure.code,
        if busy {
            report.hint("pg_locks shows who. Call prune() again when that transaction has ended.")
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
    /// Until when it waits for others.
    until: Timestamp,
    outcome: Outcome,
}

type Work = fn(Timestamp) -> Result<bool>;

enum Step {
    Taken(bool),
    /// Somebody else holds what it writes.
    Busy,
    NoLog,
}

impl Run {
    /// A step, if nothing has failed before; whether it did something. An error is kept in the log's state. A lock that it
    /// waits for in vain is none where there is something else to do then.
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
                        message: "somebody else holds the log's state".to_string(),
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

    /// The log may have gone before it was locked, and another one been made.
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

    /// Naps, holding nothing, unless the time for that is over.
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

/// A run has gone through: what the one before said is no longer so.
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

/// Called after every append: the first of a transaction checks whether a janitor is needed, and every so many after it. Without
/// a call to the clock, which an append would feel.
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

/// Asks for a janitor when a step is due. Cheap enough to be called for every batch and every few appends.
pub fn start_if_due() -> Result<()> {
    thread_local! {
        static SAID: Cell<bool> = const { Cell::new(false) };
    }
    let now = xact::now();
    if now < NOT_BEFORE.get() || !worker::may_start() {
        return Ok(());
    }
    NOT_BEFORE.set(now + CHECK_EVERY);
    if !retention::is_due(now)? {
        return Ok(());
    }
    if !worker::start_janitor() {
        NOT_BEFORE.set(now + ASK_AGAIN_AFTER);
        if !SAID.replace(true) {
            pgrx::log!(
                "pgrealtime: no background worker slot is free for the change log's janitor; it is asked for again"
            );
        }
    }
    Ok(())
}
