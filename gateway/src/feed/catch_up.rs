//! Reading what legs have missed: behind the cursor of a client that comes back, behind a client without room, and behind
//! the loss of the relay's session.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::{Caught, Leg};
use super::outlet::Change;
use super::relay::feed;
use super::session::Batch;
use super::{Feed, Inner};
use crate::metrics as names;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{timeout_at, Instant};

/// A leg that was attached begins behind the cursor of its client, and passes on what it has kept from `start` on.
pub fn begin(feed: &Feed, leg: Arc<Leg>, since: Cursor, start: Cursor) {
    let feed = feed.clone();
    tokio::spawn(async move {
        let read = read(&feed, &leg, since, Some(&start), None).await;
        let fault = match read {
            Ok(_) => return finish(&feed, leg, None).await,
            Err(fault) => fault,
        };
        // The client has missed something before it came. It is told so, and goes on from where it was attached.
        if fault.is_read_again() && leg.outlet.missed(leg.tag, &fault) {
            return finish(&feed, leg, None).await;
        }
        end(&feed, leg, &fault);
    });
}

/// A leg that has left the relay reads on from a cursor, and comes back.
pub fn recover(inner: &Weak<Inner>, leg: Arc<Leg>, from: Cursor) {
    if let Some(feed) = feed(inner) {
        let limit = Instant::now() + feed.inner.max_lag;
        tokio::spawn(return_from(feed, leg, from, limit));
    }
}

/// A leg that could not pass on all that it has kept goes on.
pub fn go_on(feed: &Feed, leg: Arc<Leg>, caught: Caught) {
    let feed = feed.clone();
    tokio::spawn(async move {
        let limit = Instant::now() + feed.inner.max_lag;
        match caught {
            Caught::Behind(from) => return_from(feed, leg, from, limit).await,
            _ => finish(&feed, leg, Some(limit)).await,
        }
    });
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
        if fault.is_unreachable() {
            recover(inner, leg.clone(), from.clone());
        } else {
            leg.fail(fault);
        }
    }
}

/// Ends legs one after the other: their clients come back at once, all of them, and without a pause of their own.
pub fn fail_spread(legs: Vec<Arc<Leg>>, fault: Fault) {
    for leg in legs {
        let fault = fault.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(10.0 + 20.0 * fastrand::f64())).await;
            leg.fail(&fault);
        });
    }
}

/// Reads a first part without the relay, so that little is kept when the leg is attached again.
async fn return_from(feed: Feed, leg: Arc<Leg>, mut from: Cursor, limit: Instant) {
    loop {
        let read = match read(&feed, &leg, from, None, Some(limit)).await {
            Ok(cursor) => back(&feed, &leg, cursor, limit).await,
            Err(fault) => Err(fault),
        };
        match read {
            Ok(Caught::Behind(cursor)) => from = cursor,
            Ok(_) => return,
            Err(fault) => return end(&feed, leg, &fault),
        }
        ::metrics::counter!(names::LAGGED).increment(1);
    }
}

/// Attaches a leg again, reads up to where it was attached, and passes on what it has kept meanwhile.
async fn back(feed: &Feed, leg: &Arc<Leg>, from: Cursor, limit: Instant) -> Result<Caught, Fault> {
    let attached = loop {
        match timeout_at(limit, feed.attach(leg)).await {
            Ok(Err(fault)) if fault.is_unreachable() && Instant::now() < limit => {
                tokio::time::sleep(RETRY).await;
            }
            Ok(attached) => break attached?,
            Err(_) => return Err(Fault::too_slow()),
        }
        if leg.is_ended() || leg.outlet.is_closed() {
            return Ok(Caught::Ended);
        }
    };
    read(feed, leg, from, Some(&attached.start), Some(limit)).await?;
    flush(feed, leg, Some(limit)).await
}

/// Passes on what a leg has kept, and goes on where that is not all.
async fn finish(feed: &Feed, leg: Arc<Leg>, limit: Option<Instant>) {
    match flush(feed, &leg, limit).await {
        Ok(Caught::Behind(from)) => {
            let limit = Instant::now() + feed.inner.max_lag;
            return_from(feed.clone(), leg, from, limit).await;
        }
        Ok(_) => {}
        Err(fault) => end(feed, leg, &fault),
    }
}

async fn flush(feed: &Feed, leg: &Arc<Leg>, limit: Option<Instant>) -> Result<Caught, Fault> {
    loop {
        match leg.flush() {
            Caught::Full => room(feed, leg, limit).await?,
            Caught::Live => {
                if let Some(position) = feed.position(&leg.interest().who) {
                    leg.outlet.moved(&position);
                }
                return Ok(Caught::Live);
            }
            other => return Ok(other),
        }
    }
}

/// Waits for room at the client. Errors: "read again" when it has none for too long.
async fn room(feed: &Feed, leg: &Arc<Leg>, limit: Option<Instant>) -> Result<(), Fault> {
    let limit = limit.unwrap_or_else(|| Instant::now() + feed.inner.max_lag);
    timeout_at(limit, leg.outlet.room())
        .await
        .map_err(|_| Fault::too_slow())
}

/// Reads for a leg from a cursor on, up to another or to the end of the log, and passes it on. Returns where it has come.
/// `limit`: until when the client must have come along.
async fn read(
    feed: &Feed,
    leg: &Arc<Leg>,
    mut from: Cursor,
    until: Option<&Cursor>,
    limit: Option<Instant>,
) -> Result<Cursor, Fault> {
    loop {
        if leg.is_ended() || leg.outlet.is_closed() {
            return Ok(from);
        }
        let batch = changes(feed, &leg.interest(), &from, until, limit).await?;
        for (text, cursor) in &batch.changes {
            while !leg
                .outlet
                .change(&[leg.tag], &mut Change::new(text, cursor))
            {
                room(feed, leg, limit).await?;
                if leg.outlet.is_closed() {
                    return Ok(from);
                }
            }
        }
        let is_last = batch.changes.is_empty() || until.is_some_and(|until| *until == batch.end);
        if is_last {
            return Ok(batch.end);
        }
        from = batch.end;
    }
}

/// Pause before the same is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How long a lost database is waited for where no client waits for room.
const PATIENCE: Duration = Duration::from_secs(120);

/// One batch. While the database does not answer, it is asked again.
async fn changes(
    feed: &Feed,
    interest: &Interest,
    from: &Cursor,
    until: Option<&Cursor>,
    limit: Option<Instant>,
) -> Result<Batch, Fault> {
    let limit = limit.unwrap_or_else(|| Instant::now() + PATIENCE);
    ::metrics::counter!(names::CATCH_UPS).increment(1);
    loop {
        match feed.sessions().changes_since(interest, from, until).await {
            Err(fault) if fault.is_unreachable() && Instant::now() < limit => {
                tokio::time::sleep(RETRY.mul_f64(0.5 + fastrand::f64())).await;
            }
            other => return other,
        }
    }
}

/// One reads for all. Who has no room goes on alone.
async fn return_together(feed: Feed, mut legs: Vec<Arc<Leg>>, mut from: Cursor, start: Cursor) {
    while let Some(first) = legs.first() {
        let batch = match changes(&feed, &first.interest(), &from, Some(&start), None).await {
            Ok(batch) => batch,
            Err(fault) if fault.is_read_again() => return fail_spread(legs, fault),
            Err(fault) => return legs.into_iter().for_each(|leg| end(&feed, leg, &fault)),
        };
        for (text, cursor) in &batch.changes {
            let mut change = Change::new(text, cursor);
            legs.retain(|leg| {
                let is_taken = leg.outlet.change(&[leg.tag], &mut change);
                if !is_taken {
                    feed.forget(leg.clone());
                    leg.go_away();
                    recover(&Arc::downgrade(&feed.inner), leg.clone(), from.clone());
                }
                is_taken
            });
            from = cursor.clone();
        }
        if batch.changes.is_empty() || batch.end == start {
            break;
        }
        from = batch.end;
    }
    for leg in legs {
        match leg.flush() {
            Caught::Live => {
                if let Some(position) = feed.position(&leg.interest().who) {
                    leg.outlet.moved(&position);
                }
            }
            Caught::Ended => {}
            other => go_on(&feed, leg, other),
        }
    }
}

/// Ends a leg, off the relay.
fn end(feed: &Feed, leg: Arc<Leg>, fault: &Fault) {
    feed.forget(leg.clone());
    leg.fail(fault);
}
