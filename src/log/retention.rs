//! Retention: switching segments, sealing those that are no longer written, emptying the oldest.
//!
//! Each step is a transaction of the janitor's (janitor.rs), who holds [`lock`] in it. It takes every other lock where that
//! is free, the strongest one last and after a moment at most, and holds nothing longer than the step.

use super::layout;
use super::state::{self, Closed, State, SEGMENTS};
use super::watermark;
use crate::error::Result;
use crate::gucs;
use crate::pg::storage::heap;
use crate::pg::storage::heap::View;
use crate::pg::storage::janitor_lock;
use crate::pg::storage::janitor_lock::JanitorLock;
use crate::pg::storage::segment::SegmentOids;
use crate::pg::storage::segment_files;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// After a janitor's error, or its waiting for readers in vain, that is due again so much later.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Age at which the current segment is closed: the ring holds the retention in all but two segments, one that is
/// written and one that waits to be emptied.
fn segment_age() -> Duration {
    retention() / u32::from(SEGMENTS - 2)
}

fn segment_bytes() -> u64 {
    gucs::max_log_bytes() as u64 / u64::from(SEGMENTS - 2)
}

fn retention() -> Duration {
    Duration::from_secs(gucs::retention_seconds().unsigned_abs())
}

fn is_expired(sealed_at: Timestamp, now: Timestamp) -> bool {
    sealed_at + retention() <= now
}

fn is_too_large(places: &[SegmentOids]) -> bool {
    places.iter().map(segment_files::bytes).sum::<u64>() > gucs::max_log_bytes() as u64
}

/// The tables that the steps write.
fn tables() -> Option<[crate::pg::Oid; 2]> {
    Some([
        heap::member_oid("log_segment")?,
        heap::member_oid("log_state")?,
    ])
}

/// Makes this transaction the janitor's, if no other one and nobody else holds what it writes.
pub fn lock() -> bool {
    tables().is_some_and(|tables| {
        tables
            .iter()
            .all(|table| janitor_lock::try_lock(*table, JanitorLock::Janitor))
    })
}

/// Closes the current segment when it is old or large enough and the next one is free.
pub fn switch(now: Timestamp) -> Result<bool> {
    let state = State::read(View::Latest)?;
    let places = state::segments()?;
    let place = &places[state.current as usize % places.len()];
    let old = state.current_since + segment_age() <= now;
    if segment_files::is_empty(place) || !(old || segment_files::bytes(place) >= segment_bytes()) {
        return Ok(false);
    }
    let next = (state.current + 1) % SEGMENTS;
    let closed = Closed::read(View::Latest)?;
    if closed.iter().any(|closed| closed.segment == next) {
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
pub fn seal(now: Timestamp) -> Result<bool> {
    let places = state::segments()?;
    let mut sealed = false;
    for closed in Closed::read(View::Latest)? {
        let place = places[closed.segment as usize % places.len()];
        if closed.seal.is_none() && janitor_lock::try_lock(place.table, JanitorLock::NoWriter) {
            let seal = Some((now, watermark::seal()));
            Closed::write(closed.segment, Some(&Closed { seal, ..closed }))?;
            sealed = true;
        }
    }
    Ok(sealed)
}

/// Empties the oldest sealed segment, when its time has come or the log is too large, and moves the horizon to its
/// seal. One at a time: the order of the horizon is that of the segments. Waits a moment for readers, or their taking
/// turns would let the log grow for ever. Errors: 55P03 when that was in vain.
pub fn empty_oldest(now: Timestamp) -> Result<bool> {
    let places = state::segments()?;
    let closed = Closed::read(View::Latest)?;
    let state = State::read(View::Latest)?;
    let Some((oldest, (sealed_at, seal))) = Closed::oldest(&closed, state.current)
        .and_then(|oldest| oldest.seal.clone().map(|seal| (oldest, seal)))
    else {
        return Ok(false);
    };
    if !is_expired(sealed_at, now) && !is_too_large(&places) {
        return Ok(false);
    }
    let place = &places[oldest.segment as usize % places.len()];
    let free = heap::member_oid("log_layout")
        .is_some_and(|oid| janitor_lock::try_lock(oid, JanitorLock::BesideWriters));
    if !free || !janitor_lock::lock_exclusively(place, moment(&state, now)) {
        return note_delay(now);
    }
    segment_files::empty(place);
    layout::forget(oldest.segment)?;
    Closed::write(oldest.segment, None)?;
    State::change(|state| {
        state.horizon = Some(seal.to_bytes());
        state.janitor_run = Some(now);
        state.emptying_delayed = None;
    })?;
    Ok(true)
}

/// Milliseconds to wait for readers, during which others wait behind the janitor: the longer it has been in vain, the more,
/// but less than what a search for deadlocks waits for.
fn moment(state: &State, now: Timestamp) -> u32 {
    let delayed = state
        .emptying_delayed
        .map_or(Duration::ZERO, |since| now.since(since));
    (50 + delayed.as_millis() / 100).min(500) as u32
}

/// Keeps in mind that somebody has kept the oldest segment from being emptied.
pub fn note_delay(now: Timestamp) -> Result<bool> {
    State::change(|state| {
        state.janitor_run = Some(now);
        state.emptying_delayed.get_or_insert(now);
    })?;
    Ok(false)
}

/// Whether a janitor would do something now. A step is not due that it could not take: every session would ask for a
/// janitor again and again. Nor is one right after an error.
pub fn is_due(now: Timestamp) -> Result<bool> {
    let Some(tables) = tables() else {
        return Ok(false);
    };
    Ok(is_step_due(now)?
        && tables
            .iter()
            .all(|table| janitor_lock::is_free(*table, JanitorLock::Janitor))
        // By this transaction: a janitor would find no log.
        && !janitor_lock::is_made_here(tables[0]))
}

fn is_step_due(now: Timestamp) -> Result<bool> {
    let places = state::segments()?;
    let place = |closed: &Closed| places[closed.segment as usize % places.len()];
    // What this session has been told of may be older than what a janitor would find.
    let state = State::read(View::Latest)?;
    let just_now = state
        .janitor_run
        .is_some_and(|at| now < at + TRY_AGAIN_AFTER);
    if state.janitor_error.is_some() && just_now {
        return Ok(false);
    }
    let waited = state.emptying_delayed.is_some() && just_now;
    let closed = Closed::read(View::Latest)?;
    let current = places[state.current as usize % places.len()];
    let old = state.current_since + segment_age() <= now;
    let large = segment_files::bytes(&current) >= segment_bytes();
    let next = (state.current + 1) % SEGMENTS;
    let switch = (old || large)
        && closed.iter().all(|closed| closed.segment != next)
        && !segment_files::is_empty(&current);
    let seal = || {
        closed.iter().any(|closed| {
            closed.seal.is_none()
                && janitor_lock::is_free(place(closed).table, JanitorLock::NoWriter)
        })
    };
    let empty = || {
        Closed::oldest(&closed, state.current).is_some_and(|oldest| {
            oldest.seal.as_ref().is_some_and(|(sealed_at, _)| {
                // Only what is written makes the log too large.
                is_expired(*sealed_at, now) || (large && is_too_large(&places))
            }) && !janitor_lock::is_held_here(place(oldest).table, JanitorLock::Exclusive)
                && (!waited || janitor_lock::is_free(place(oldest).table, JanitorLock::Exclusive))
        })
    };
    Ok(switch || seal() || empty())
}
