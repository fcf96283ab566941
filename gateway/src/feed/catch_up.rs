//! Reading what legs have missed: behind the cursor of a client that comes back, behind a client without room, and behind
//! the loss of the relay's session.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::{Caught, Leg};
use super::locked;
use super::outlet::Change;
use super::pace::Size;
use super::relay::feed;
use super::session::Batch;
use super::way::Way;
use super::{Feed, Inner};
use crate::metrics as names;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{sleep, Instant};

/// Pause before the same is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How long a database is waited for that does not answer, or asks to try again.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A leg that was attached begins behind the cursor of its client, and passes on what it has kept from `start` on.
pub fn begin(feed: &Feed, leg: Arc<Leg>, since: Cursor, start: Cursor) {
    tokio::spawn(Way::new(feed.clone(), leg).go(since, Some(start), true));
}

/// A leg that has left the relay reads on from a cursor, and comes back.
pub fn recover(inner: &Weak<Inner>, leg: Arc<Leg>, from: Cursor) {
    if let Some(feed) = feed(inner) {
        tokio::spawn(Way::new(feed, leg).go(from, None, false));
    }
}

/// A leg that could not pass on all that it has kept goes on.
pub fn go_on(feed: &Feed, leg: Arc<Leg>, caught: Caught) {
    tokio::spawn(Way::new(feed.clone(), leg).go_on(caught));
}

/// Legs of one interest, on a relay that has just come back: one reads for all.
pub fn together(inner: &Weak<Inner>, legs: Vec<Arc<Leg>>, from: Cursor, start: Cursor) {
    if let Some(feed) = feed(inner) {
        tokio::spawn(return_together(feed, legs, from, start));
    }
}

/// Legs whose subscription could not be made again.
pub fn after_loss(inner: &Weak<Inner>, legs: &[Arc<Leg>], from: &Cursor, fault: &Fault) {
    for leg in legs {
        if fault.is_passing() {
            recover(inner, leg.clone(), from.clone());
        } else {
            leg.fail(fault);
        }
    }
}

/// The relay has met a lock.
pub fn is_locked(inner: &Weak<Inner>, interest: &Interest) {
    if let Some(feed) = feed(inner) {
        let locked = &feed.inner.locked;
        locked.saw(interest, true, Instant::now().into());
    }
}

/// Ends legs one after the other, over so many seconds: their clients come back at once, and without a pause of their own.
pub fn fail_spread(legs: impl IntoIterator<Item = Arc<Leg>>, fault: Fault, over: Range<f64>) {
    for leg in legs {
        let (fault, over) = (fault.clone(), over.clone());
        tokio::spawn(async move {
            let pause = over.start + (over.end - over.start) * fastrand::f64();
            sleep(Duration::from_secs_f64(pause)).await;
            leg.fail(&fault);
        });
    }
}

/// Whether a batch that began at `from` was the last. An empty one need not be: it may have had entries of which nothing was
/// for the reader.
pub(super) fn is_last(batch: &Batch, from: &Cursor, until: Option<&Cursor>, size: Size) -> bool {
    if batch.is_cut {
        return false;
    }
    match until {
        Some(until) => batch.end == *until || batch.end == *from,
        None => batch.changes.len() < size.changes as usize,
    }
}

/// How long a reader waits for a standby to replay what another server had already, before it looks for another way.
const LAG: Duration = Duration::from_secs(5);

/// One batch. While the database does not answer, or has not come as far as the cursors, it is asked again.
pub async fn changes(
    feed: &Feed,
    interest: &Interest,
    from: &Cursor,
    until: Option<&Cursor>,
    size: Size,
) -> Result<Batch, Fault> {
    let began = Instant::now();
    loop {
        match attempt(feed, interest, from, until, size).await {
            Err(fault) if may_succeed(&fault, began) => pause().await,
            other => return other,
        }
    }
}

/// The same, asked once.
pub(super) async fn attempt(
    feed: &Feed,
    interest: &Interest,
    from: &Cursor,
    until: Option<&Cursor>,
    size: Size,
) -> Result<Batch, Fault> {
    let Inner {
        locked, sessions, ..
    } = &*feed.inner;
    ::metrics::counter!(names::CATCH_UPS).increment(1);
    let read = sessions.changes_since(interest, from, until, size, locked);
    let read = read.await;
    match &read {
        // What others have seen is no news.
        Err(fault) if *fault == locked::fault() => {}
        Err(fault) => locked.saw(interest, fault.is_locked(), Instant::now().into()),
        Ok(_) => locked.saw(interest, false, Instant::now().into()),
    }
    read
}

/// Whether a reading that failed, and was first tried then, may succeed as it is.
pub(super) fn may_succeed(fault: &Fault, began: Instant) -> bool {
    // Sessions may be of several servers: one lags behind another.
    fault.is_unreachable() && began.elapsed() < PATIENCE
        || fault.is_passing() && !fault.is_no_until() && began.elapsed() < LAG
}

/// Before the next attempt.
pub(super) async fn pause() {
    sleep(RETRY.mul_f64(0.5 + fastrand::f64())).await;
}

/// One reads for all. Who has no room goes on alone, and who has other claims by now.
async fn return_together(feed: Feed, mut legs: Vec<Arc<Leg>>, mut from: Cursor, start: Cursor) {
    let Some(interest) = legs.first().map(|leg| leg.interest()) else {
        return;
    };
    let mut size = Size::first(feed.inner.batch_bytes);
    loop {
        let read = changes(&feed, &interest, &from, Some(&start), size).await;
        legs.retain(|leg| {
            let stays = *leg.interest() == *interest;
            if !stays {
                part(&feed, std::slice::from_ref(leg), &from);
            }
            stays && !leg.is_ended()
        });
        let batch = match read {
            Ok(batch) => batch,
            Err(fault) if fault.is_passing() => return part(&feed, &legs, &from),
            Err(fault) if fault.is_read_again() => {
                let over = 0.0..legs.len() as f64 / 1000.0;
                return fail_spread(legs, fault, over);
            }
            Err(fault) => return legs.iter().for_each(|leg| end(&feed, leg, &fault)),
        };
        let is_last = is_last(&batch, &from, Some(&start), size);
        size = size.behind(&batch);
        for (text, cursor) in &batch.changes {
            let mut change = Change::new(text, cursor);
            legs.retain(|leg| {
                let is_taken = leg.outlet.change(&[leg.tag], &mut change);
                if !is_taken {
                    part(&feed, std::slice::from_ref(leg), &from);
                }
                is_taken
            });
            from = cursor.clone();
        }
        from = batch.end;
        if is_last || legs.is_empty() {
            break;
        }
    }
    for leg in legs {
        match leg.flush() {
            Caught::Live => feed.tell(&leg),
            Caught::Ended => {}
            other => go_on(&feed, leg, other),
        }
    }
}

/// Legs that go on alone, from a cursor.
fn part(feed: &Feed, legs: &[Arc<Leg>], from: &Cursor) {
    for leg in legs {
        leg.go_away();
        feed.forget(leg.clone());
        recover(&Arc::downgrade(&feed.inner), leg.clone(), from.clone());
    }
}

/// Ends a leg, off the relay.
pub(super) fn end(feed: &Feed, leg: &Arc<Leg>, fault: &Fault) {
    feed.forget(leg.clone());
    leg.fail(fault);
}
