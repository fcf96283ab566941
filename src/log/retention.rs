//! Retention: switching segments, sealing those that are no longer written, emptying the oldest.
//!
//! The janitor makes each step in a transaction of its own and never waits for a lock. A writer or reader that sees a
//! step due asks for a janitor; a database in which nobody writes and reads keeps what it has.

use super::layout;
use super::stand;
use super::state::{self, Closed, State, SEGMENTS};
use crate::error::Result;
use crate::gucs;
use crate::pg::heap::{self, View};
use crate::pg::retire::{self, Hold};
use crate::pg::{worker, xact};
use std::cell::Cell;

/// Microseconds between two looks of one session at whether a janitor is needed.
const LOOK_EVERY: i64 = 200_000;

/// Microseconds until a session asks again when no worker slot was free.
const ASK_AGAIN_AFTER: i64 = 10_000_000;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    pub switched: bool,
    pub sealed: u32,
    pub emptied: u32,
}

/// Age at which the current segment is closed: the ring holds the retention in all but two segments, one that is
/// written and one that waits to be emptied.
fn segment_age() -> i64 {
    gucs::retention_seconds() * 1_000_000 / i64::from(SEGMENTS - 2)
}

fn segment_bytes() -> u64 {
    gucs::max_log_bytes() as u64 / u64::from(SEGMENTS - 2)
}

/// Closes the current segment when it is old or large enough and the next one is free.
fn switch(now: i64) -> Result<bool> {
    let state = State::read(View::Latest)?;
    let places = state::segments()?;
    let bytes = retire::bytes(places[state.current as usize % places.len()]);
    let old = state.current_since + segment_age() <= now;
    // A new segment has the pages of its empty indexes.
    let empty = bytes <= 3 * 8192;
    if empty || !(old || bytes >= segment_bytes()) {
        return Ok(false);
    }
    let next = (state.current + 1) % SEGMENTS;
    if Closed::read(View::Latest)?
        .iter()
        .any(|closed| closed.segment == next)
    {
        return Ok(false);
    }
    State::change(|state| {
        state.current = next;
        state.current_since = now;
        state.janitor_run = Some(now);
    })?;
    let closed = Closed {
        segment: state.current,
        closed_at: now,
        seal: None,
    };
    Closed::write(state.current, Some(&closed))?;
    Ok(true)
}

/// Seals every closed segment that no writer holds any more.
fn seal(now: i64) -> Result<u32> {
    let places = state::segments()?;
    let mut sealed = 0;
    for closed in Closed::read(View::Latest)? {
        let place = places[closed.segment as usize % places.len()];
        if closed.seal.is_none() && retire::try_hold(place.table, Hold::NoWriter) {
            let seal = Some((now, stand::seal()));
            Closed::write(closed.segment, Some(&Closed { seal, ..closed }))?;
            sealed += 1;
        }
    }
    Ok(sealed)
}

/// Empties the oldest sealed segment, when its time has come or the log is too large, and moves the horizon to its
/// seal. One at a time: the order of the horizon is that of the segments.
fn empty_oldest(now: i64) -> Result<bool> {
    let places = state::segments()?;
    let closed = Closed::read(View::Latest)?;
    let Some((oldest, (sealed_at, seal))) = closed
        .first()
        .and_then(|oldest| oldest.seal.clone().map(|seal| (oldest, seal)))
    else {
        return Ok(false);
    };
    let expired = sealed_at + gucs::retention_seconds() * 1_000_000 <= now;
    let total: u64 = places.iter().map(|place| retire::bytes(*place)).sum();
    if !expired && total <= gucs::max_log_bytes() as u64 {
        return Ok(false);
    }
    let place = places[oldest.segment as usize % places.len()];
    if !retire::try_hold(place.table, Hold::Alone) {
        return Ok(false);
    }
    retire::empty(place);
    layout::forget(oldest.segment)?;
    Closed::write(oldest.segment, None)?;
    State::change(|state| {
        state.horizon = Some(seal);
        state.janitor_run = Some(now);
    })?;
    Ok(true)
}

/// Waits for a janitor at work: two who take the steps' locks in their own order would wait for each other. Who waited
/// for DROP EXTENSION holds the lock of a table that has gone, and asks for that of the log that has been made since.
fn become_janitor() {
    let mut held = None;
    while let Some(lock) = heap::member_oid("log_segment").filter(|lock| held != Some(*lock)) {
        retire::hold(lock, Hold::Janitor);
        held = Some(lock);
    }
}

/// `prune()`: every step that is due, in the caller's transaction. What it closes now can be sealed by the next call.
pub fn prune() -> Result<Done> {
    become_janitor();
    let now = xact::now();
    let mut done = Done {
        sealed: seal(now)?,
        ..Done::default()
    };
    while empty_oldest(now)? {
        done.emptied += 1;
    }
    done.switched = switch(now)?;
    Ok(done)
}

/// The janitor: steps, each in a transaction of its own, until none is due.
pub fn janitor() {
    let mut rounds = 0;
    // A round seals what the round before closed; three see a segment through, the bound is for a tiny retention.
    while rounds < 16
        && step(|| seal_step(xact::now()))
            | step(|| empty_step(xact::now()))
            | step(|| switch_step(xact::now()))
    {
        rounds += 1;
    }
}

fn seal_step(now: i64) -> Result<bool> {
    Ok(seal(now)? > 0)
}

fn empty_step(now: i64) -> Result<bool> {
    empty_oldest(now)
}

fn switch_step(now: i64) -> Result<bool> {
    switch(now)
}

/// One step, unless another janitor is at work or the extension has gone; an error is kept in the log's state.
fn step(work: impl FnOnce() -> Result<bool> + std::panic::UnwindSafe) -> bool {
    let result = worker::in_transaction(|| {
        let Some(lock) = heap::member_oid("log_segment") else {
            return Ok(false);
        };
        if !retire::try_hold(lock, Hold::Janitor) {
            return Ok(false);
        }
        work()
    });
    match result {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => {
            remember(&format!("{error:?}"));
            false
        }
        Err(message) => {
            remember(&message);
            false
        }
    }
}

fn remember(message: &str) {
    let kept = worker::in_transaction(|| {
        heap::member_oid("log_state")
            .map(|_| State::change(|state| state.janitor_error = Some(message.to_string())))
    });
    if let Err(second) = kept {
        pgrx::log!("pgrealtime janitor: {message}; and that could not be kept: {second}");
    }
}

thread_local! {
    /// When this session looks again.
    static NOT_BEFORE: Cell<i64> = const { Cell::new(0) };
}

/// The writers' part: the first append of a transaction looks, when it is time to, and every so many after it. Without
/// a call to the clock, which an append would feel.
pub fn look_now_and_then() -> Result<()> {
    const APPENDS: u32 = 256;
    thread_local! {
        static LAST: Cell<(i64, u32)> = const { Cell::new((0, 0)) };
    }
    let began = xact::transaction_start();
    let (last, appends) = LAST.get();
    let first = last != began;
    LAST.set((began, if first { 0 } else { appends.wrapping_add(1) }));
    if (first && began >= NOT_BEFORE.get()) || (!first && appends % APPENDS == APPENDS - 1) {
        look()?;
    }
    Ok(())
}

/// Asks for a janitor when a step looks due. Cheap enough to be called for every batch and every few appends.
pub fn look() -> Result<()> {
    thread_local! {
        static SAID: Cell<bool> = const { Cell::new(false) };
    }
    let now = xact::now();
    if now < NOT_BEFORE.get() || !worker::may_start() {
        return Ok(());
    }
    NOT_BEFORE.set(now + LOOK_EVERY);
    if !is_due(now)? {
        return Ok(());
    }
    let janitor_at_work =
        heap::member_oid("log_segment").is_none_or(|oid| retire::is_held(oid, Hold::Janitor));
    if janitor_at_work {
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

/// Whether a step is due, from what is known without looking at other transactions.
fn is_due(now: i64) -> Result<bool> {
    let place = state::current_segment()?.place;
    if state::current_since()? + segment_age() <= now || retire::bytes(place) >= segment_bytes() {
        return Ok(true);
    }
    let (places, closed) = (state::segments()?, Closed::read(View::Latest)?);
    Ok(closed.iter().any(|closed| match &closed.seal {
        None => !retire::is_held(
            places[closed.segment as usize % places.len()].table,
            Hold::NoWriter,
        ),
        Some((sealed_at, _)) => sealed_at + gucs::retention_seconds() * 1_000_000 <= now,
    }))
}
