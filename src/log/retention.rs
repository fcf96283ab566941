//! Retention: switches segments, seals those that are no longer written, and empties the oldest.
//!
//! Each step is a transaction of the janitor (janitor.rs), which holds [`lock`] in it. The janitor takes every other
//! lock only if it is free; it waits a moment at most for the strongest lock, which it takes last. It holds no lock
//! after the step.

use super::layout;
use super::segments;
use super::state::{Closed, State, SEGMENTS};
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

/// How long until a step is due again after the janitor failed, or waited for readers in vain.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Age at which the current segment is closed. The ring keeps the retention in all but two segments: one that is
/// written and one that waits to be emptied.
fn segment_age() -> Duration {
    retention() / u32::from(SEGMENTS - 2)
}

fn segment_bytes() -> u64 {
    gucs::max_log_bytes() as u64 / u64::from(SEGMENTS - 2)
}

pub(super) fn retention() -> Duration {
    Duration::from_secs(gucs::retention_seconds().unsigned_abs())
}

fn is_expired(sealed_at: Timestamp, now: Timestamp) -> bool {
    sealed_at + retention() <= now
}

pub(super) fn is_too_large(places: &[SegmentOids]) -> bool {
    places.iter().map(segment_files::bytes).sum::<u64>() > gucs::max_log_bytes() as u64
}

/// The tables that the steps write.
fn tables() -> Option<[crate::pg::Oid; 2]> {
    Some([
        heap::member_oid("log_segment")?,
        heap::member_oid("log_state")?,
    ])
}

/// Makes this transaction the janitor's; false if another janitor or another session holds a lock on what it writes.
pub fn lock() -> bool {
    tables().is_some_and(|tables| {
        tables
            .iter()
            .all(|table| janitor_lock::try_lock(*table, JanitorLock::Janitor))
    })
}

/// Closes the current segment when it is old or large enough and the next one is free. Errors: as [`State::change`].
pub fn switch(now: Timestamp) -> Result<bool> {
    let state = State::read(View::Latest)?;
    let places = segments::segments()?;
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

/// Seals every closed segment that no writer holds any more. Errors: as [`State::change`].
pub fn seal(now: Timestamp) -> Result<bool> {
    let places = segments::segments()?;
    let mut sealed = false;
    for closed in Closed::read(View::Latest)? {
        let place = &places[closed.segment as usize % places.len()];
        if closed.seal.is_none() && janitor_lock::try_lock(place.table, JanitorLock::NoWriter) {
            let seal = Some((now, watermark::seal()));
            Closed::write(closed.segment, Some(&Closed { seal, ..closed }))?;
            sealed = true;
        }
    }
    Ok(sealed)
}

/// Empties the oldest sealed segment when its retention is over or the log is too large, and moves the horizon to its
/// seal. It empties one segment at a time, so that the horizon follows the order of the segments. It waits a moment for
/// readers: overlapping readers could otherwise let the log grow for ever. Errors: 55P03 when readers did not release
/// the segment in time.
pub fn empty_oldest(now: Timestamp) -> Result<bool> {
    let places = segments::segments()?;
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

/// Milliseconds to wait for readers. Other sessions queue behind the janitor meanwhile. The wait grows with the time
/// that emptying has been delayed, but stays below deadlock_timeout.
fn moment(state: &State, now: Timestamp) -> u32 {
    let delayed = state
        .emptying_delayed
        .map_or(Duration::ZERO, |since| now.since(since));
    (50 + delayed.as_millis() / 100).min(500) as u32
}

/// Records that readers keep the oldest segment from being emptied. Errors: as [`State::change`].
pub fn note_delay(now: Timestamp) -> Result<bool> {
    State::change(|state| {
        state.janitor_run = Some(now);
        state.emptying_delayed.get_or_insert(now);
    })?;
    Ok(false)
}

/// Whether a janitor would do something now. A step that it cannot take is not due: every session would start a janitor
/// again and again. A step is not due right after an error either. Errors: as reading the log's state.
pub fn is_due(now: Timestamp) -> Result<bool> {
    let Some(tables) = tables() else {
        return Ok(false);
    };
    Ok(is_step_due(now)?
        && tables
            .iter()
            .all(|table| janitor_lock::is_free(*table, JanitorLock::Janitor))
        // Locked by this transaction: a janitor would find no log.
        && !janitor_lock::is_made_here(tables[0]))
}

fn is_step_due(now: Timestamp) -> Result<bool> {
    let places = segments::segments()?;
    let place = |closed: &Closed| &places[closed.segment as usize % places.len()];
    // The state that this session has cached may be older than the one that a janitor would find.
    let state = State::read(View::Latest)?;
    let just_now = state
        .janitor_run
        .is_some_and(|at| now < at + TRY_AGAIN_AFTER);
    if state.janitor_error.is_some() && just_now {
        return Ok(false);
    }
    let waited = state.emptying_delayed.is_some() && just_now;
    let closed = Closed::read(View::Latest)?;
    let current = &places[state.current as usize % places.len()];
    let old = state.current_since + segment_age() <= now;
    let large = segment_files::bytes(current) >= segment_bytes();
    let next = (state.current + 1) % SEGMENTS;
    let switch = (old || large)
        && closed.iter().all(|closed| closed.segment != next)
        && !segment_files::is_empty(current);
    let seal = || {
        closed.iter().any(|closed| {
            closed.seal.is_none()
                && janitor_lock::is_free(place(closed).table, JanitorLock::NoWriter)
        })
    };
    let empty = || {
        Closed::oldest(&closed, state.current).is_some_and(|oldest| {
            oldest.seal.as_ref().is_some_and(|(sealed_at, _)| {
                // Only entries that are written make the log too large.
                is_expired(*sealed_at, now) || (large && is_too_large(&places))
            }) && !janitor_lock::is_held_here(place(oldest).table, JanitorLock::Exclusive)
                && (!waited || janitor_lock::is_free(place(oldest).table, JanitorLock::Exclusive))
        })
    };
    Ok(switch || seal() || empty())
}
