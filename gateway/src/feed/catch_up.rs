//! Reading what legs have missed: behind the cursor of a client that comes back, behind a client without room, and behind
//! the loss of the relay's session.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::{Caught, Leg};
use super::outlet::Change;
use super::relay::feed;
use super::session::{Batch, BATCH};
use super::{Feed, Inner};
use crate::metrics as names;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{sleep, timeout_at, Instant};

/// Pause before the same is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How long a database is waited for that does not answer, or asks to try again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A leg that was attached begins behind the cursor of its client, and passes on what it has kept from `start` on.
pub fn begin(feed: &Feed, leg: Arc<Leg>, since: Cursor, start: Cursor) {
    let way = Way {
        feed: feed.clone(),
        leg,
        limit: None,
    };
    tokio::spawn(way.go(since, Some(start), true));
}

/// A leg that has left the relay reads on from a cursor, and comes back.
pub fn recover(inner: &Weak<Inner>, leg: Arc<Leg>, from: Cursor) {
    if let Some(feed) = feed(inner) {
        let limit = Some(Instant::now() + feed.inner.max_lag);
        tokio::spawn(Way { feed, leg, limit }.go(from, None, false));
    }
}

/// A leg that could not pass on all that it has kept goes on.
pub fn go_on(feed: &Feed, leg: Arc<Leg>, caught: Caught) {
    let limit = Some(Instant::now() + feed.inner.max_lag);
    let feed = feed.clone();
    let way = Way { feed, leg, limit };
    tokio::spawn(async move {
        let caught = match caught {
            Caught::Full => way.flush().await,
            other => Ok(other),
        };
        match caught {
            Ok(Caught::Behind(from)) => way.go(from, None, false).await,
            Ok(_) => {}
            Err(fault) => way.end(&fault),
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
        if fault.is_passing() {
            recover(inner, leg.clone(), from.clone());
        } else {
            leg.fail(fault);
        }
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

/// A leg on its way back to the relay.
struct Way {
    feed: Feed,
    leg: Arc<Leg>,
    /// Until when a client without room must have come along. `None`: as long as it takes something now and then.
    limit: Option<Instant>,
}

impl Way {
    /// Reads from a cursor on until the leg is live, or has ended. `start`: where the leg is attached, if it is. `is_new`: the
    /// cursor is the one that the client has come with.
    async fn go(self, mut from: Cursor, mut start: Option<Cursor>, is_new: bool) {
        let mut patience = Instant::now() + PATIENCE;
        loop {
            let before = from.clone();
            let fault = match self.pass(&mut from, start.take()).await {
                Ok(Caught::Behind(cursor)) => {
                    from = cursor;
                    continue;
                }
                Ok(_) => return,
                Err(fault) if is_new && fault.is_no_cursor() => Fault::no_cursor(),
                Err(fault) => fault,
            };
            if from != before {
                patience = Instant::now() + PATIENCE;
            }
            if fault.is_passing() && Instant::now() < patience {
                // What was kept is read again: where the leg is attached next may be another place.
                self.feed.forget(self.leg.clone());
                self.leg.go_away();
                sleep(RETRY.mul_f64(0.5 + fastrand::f64())).await;
                continue;
            }
            // The client has missed something before it came. It is told so, and goes on from where it was attached.
            let goes_on = is_new
                && fault.is_read_again()
                && fault != Fault::too_slow()
                && self.leg.is_kept()
                && self.leg.outlet.missed(self.leg.tag, &fault);
            if !goes_on {
                return self.end(&fault);
            }
            match self.flush().await {
                Ok(Caught::Behind(cursor)) => from = cursor,
                Ok(_) => return,
                Err(fault) => return self.end(&fault),
            }
        }
    }

    /// One attempt. `from` follows what was passed on.
    async fn pass(&self, from: &mut Cursor, start: Option<Cursor>) -> Result<Caught, Fault> {
        let start = match start {
            Some(start) => start,
            None => {
                // Most of it without the relay, so that little is kept when the leg is attached.
                self.read(from, None).await?;
                let Some(start) = self.attach().await? else {
                    return Ok(Caught::Ended);
                };
                start
            }
        };
        self.read(from, Some(&start)).await?;
        self.flush().await
    }

    /// Puts the leg on the relay again. `None`: nobody waits for it any more.
    async fn attach(&self) -> Result<Option<Cursor>, Fault> {
        if self.is_over() {
            return Ok(None);
        }
        let limit = self.limit.unwrap_or_else(|| Instant::now() + PATIENCE);
        let attached = timeout_at(limit, self.feed.attach(&self.leg, true)).await;
        let attached = attached.map_err(|_| Fault::too_slow())??;
        Ok(Some(attached.start))
    }

    async fn gone(&self) {
        while !self.is_over() {
            sleep(RETRY).await;
        }
    }

    fn is_over(&self) -> bool {
        self.leg.is_ended() || self.leg.outlet.is_closed()
    }

    /// Reads up to a cursor, or near the end of the log, and passes it on.
    async fn read(&self, from: &mut Cursor, until: Option<&Cursor>) -> Result<(), Fault> {
        while !self.is_over() {
            let interest = self.leg.interest();
            let batch = tokio::select! {
                batch = changes(&self.feed, &interest, from, until) => batch?,
                // A client that has gone leaves its session of the pool to others.
                () = self.gone() => return Ok(()),
            };
            if !self.pass_on(&batch, &interest, from).await? {
                continue;
            }
            let is_last = is_last(&batch, from, until);
            *from = batch.end;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Passes on a batch. `false`: not to its end, since the leg is for somebody else now, or has ended.
    async fn pass_on(
        &self,
        batch: &Batch,
        interest: &Arc<Interest>,
        from: &mut Cursor,
    ) -> Result<bool, Fault> {
        let began = from.clone();
        for (text, cursor) in &batch.changes {
            // What the old claims may see is not for those who have new ones.
            while Arc::ptr_eq(&self.leg.interest(), interest) && !self.is_over() {
                if self.offer(text, cursor) {
                    *from = cursor.clone();
                    break;
                }
                self.room().await?;
            }
            if from != cursor {
                return Ok(false);
            }
        }
        // For `is_last`: whether the whole batch has come any further.
        *from = began;
        Ok(true)
    }

    fn offer(&self, text: &Arc<str>, cursor: &Cursor) -> bool {
        let outlet = &self.leg.outlet;
        outlet.change(&[self.leg.tag], &mut Change::new(text, cursor))
    }

    /// Passes on what the leg has kept.
    async fn flush(&self) -> Result<Caught, Fault> {
        loop {
            match self.leg.flush() {
                Caught::Full => self.room().await?,
                Caught::Live => {
                    self.feed.tell(&self.leg);
                    return Ok(Caught::Live);
                }
                other => return Ok(other),
            }
        }
    }

    /// Waits for room at the client. Errors: "read again" when it has none for too long.
    async fn room(&self) -> Result<(), Fault> {
        let limit = self
            .limit
            .unwrap_or_else(|| Instant::now() + self.feed.inner.max_lag);
        let has_room = timeout_at(limit, self.leg.outlet.room()).await.is_ok();
        // Room that others take at once is none.
        if has_room && Instant::now() < limit {
            Ok(())
        } else {
            Err(Fault::too_slow())
        }
    }

    /// Ends the leg, off the relay.
    fn end(&self, fault: &Fault) {
        end(&self.feed, &self.leg, fault);
    }
}

/// Whether a batch that began at `from` was the last. An empty one need not be: it may have had entries of which nothing was
/// for the reader.
fn is_last(batch: &Batch, from: &Cursor, until: Option<&Cursor>) -> bool {
    match until {
        Some(until) => batch.end == *until || batch.end == *from,
        None => batch.changes.len() < BATCH as usize,
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
) -> Result<Batch, Fault> {
    let began = Instant::now();
    ::metrics::counter!(names::CATCH_UPS).increment(1);
    loop {
        match feed.sessions().changes_since(interest, from, until).await {
            Err(fault) if fault.is_unreachable() && began.elapsed() < PATIENCE => {}
            // Sessions may be of several servers: one lags behind another.
            Err(fault) if fault.is_passing() && began.elapsed() < LAG => {}
            other => return other,
        }
        sleep(RETRY.mul_f64(0.5 + fastrand::f64())).await;
    }
}

/// One reads for all. Who has no room goes on alone, and who has other claims by now.
async fn return_together(feed: Feed, mut legs: Vec<Arc<Leg>>, mut from: Cursor, start: Cursor) {
    let Some(interest) = legs.first().map(|leg| leg.interest()) else {
        return;
    };
    loop {
        let read = changes(&feed, &interest, &from, Some(&start)).await;
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
        let is_last = is_last(&batch, &from, Some(&start));
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
        feed.forget(leg.clone());
        leg.go_away();
        recover(&Arc::downgrade(&feed.inner), leg.clone(), from.clone());
    }
}

fn end(feed: &Feed, leg: &Arc<Leg>, fault: &Fault) {
    feed.forget(leg.clone());
    leg.fail(fault);
}
