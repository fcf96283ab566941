//! The way of one leg back to the relay: it reads what it has missed, as its client has room for it.
//!
//! The legs of a client read one after the other, and only what the client has room for. Nothing that was read waits for
//! room: it is read again.

use super::catch_up::{attempt, end, is_last, may_succeed, pause, PATIENCE};
use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::{Caught, Leg};
use super::outlet::{Change, Outlet};
use super::pace::Size;
use super::session::Batch;
use super::Feed;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout, timeout_at, Instant};

/// How often a reader looks whether its client is still there.
const LOOK: Duration = Duration::from_secs(1);

/// A leg on its way back to the relay.
pub struct Way {
    feed: Feed,
    leg: Arc<Leg>,
    /// How much is read at once.
    size: Size,
    /// Until when the database is waited for, unless something comes.
    limit: Instant,
}

/// Until when the database is waited for. Those that wait since one moment do not give up at one moment: their clients come
/// back at once.
fn patience() -> Instant {
    Instant::now() + PATIENCE.mul_f64(1.0 + fastrand::f64() / 4.0)
}

impl Way {
    pub fn new(feed: Feed, leg: Arc<Leg>) -> Way {
        let size = Size::first(feed.inner.batch_bytes);
        Way {
            feed,
            leg,
            size,
            limit: patience(),
        }
    }

    /// Passes on what the leg has kept, and reads on where that is not all.
    pub async fn go_on(self, caught: Caught) {
        let caught = match caught {
            Caught::Full { .. } => self.flush().await,
            other => Ok(other),
        };
        match caught {
            Ok(Caught::Behind(from)) => self.go(from, None, false).await,
            Ok(_) => {}
            Err(fault) => self.end(&fault),
        }
    }

    /// Reads from a cursor on until the leg is live, or has ended. `start`: where the leg is attached, if it is. `is_new`: the
    /// cursor is the one that the client has come with.
    pub async fn go(mut self, mut from: Cursor, mut start: Option<Cursor>, mut is_new: bool) {
        loop {
            let fault = match self.pass(&mut from, start.take()).await {
                Ok(Caught::Behind(cursor)) => {
                    from = cursor;
                    continue;
                }
                Ok(_) => return,
                Err(fault) if is_new && fault.is_no_cursor() => Fault::no_cursor(),
                Err(fault) => fault,
            };
            if let Some(half) = self.size.half().filter(|_| fault.is_timeout()) {
                self.size = half;
                self.limit = patience();
            }
            if fault.is_passing() && Instant::now() < self.limit {
                // What was kept is read again: where the leg is attached next may be another place.
                self.leg.go_away();
                self.feed.forget(self.leg.clone());
                pause().await;
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
            // A second time it would have missed something else.
            is_new = false;
            match self.flush().await {
                Ok(Caught::Behind(cursor)) => from = cursor,
                Ok(_) => return,
                Err(fault) => return self.end(&fault),
            }
        }
    }

    /// One attempt. `from` follows what was passed on.
    async fn pass(&mut self, from: &mut Cursor, start: Option<Cursor>) -> Result<Caught, Fault> {
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
        let attached = timeout_at(self.limit, self.feed.attach(&self.leg, true)).await;
        let late = |_| Fault::unreachable("the database does not answer");
        Ok(Some(attached.map_err(late)??.start))
    }

    async fn gone(&self) {
        while !self.is_over() {
            sleep(LOOK).await;
        }
    }

    fn is_over(&self) -> bool {
        self.leg.is_ended() || self.leg.outlet.is_closed()
    }

    /// Reads up to a cursor, or near the end of the log, and passes it on.
    async fn read(&mut self, from: &mut Cursor, until: Option<&Cursor>) -> Result<(), Fault> {
        let outlet = self.leg.outlet.clone();
        let mut began = Instant::now();
        loop {
            let Some(turn) = self.turn(&outlet).await? else {
                return Ok(());
            };
            let interest = self.leg.interest();
            let read = tokio::select! {
                read = attempt(&self.feed, &interest, from, until, self.size) => read,
                // A client that has gone leaves its session of the pool to others.
                () = self.gone() => return Ok(()),
            };
            let batch = match read {
                Ok(batch) => batch,
                Err(fault) if may_succeed(&fault, began) && Instant::now() < self.limit => {
                    // The client's other legs need not wait for this one.
                    drop(turn);
                    pause().await;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            began = Instant::now();
            let before = from.clone();
            if batch.end != before {
                self.limit = patience();
            }
            let is_whole = self.pass_on(&batch, &interest, from);
            if is_whole || *from != before {
                outlet.share().took();
            }
            let size = self.size;
            self.size = size.behind(&batch);
            if is_whole {
                let is_last = is_last(&batch, &before, until, size);
                *from = batch.end;
                if is_last {
                    return Ok(());
                }
            }
        }
    }

    /// Passes on a batch. `false`: not to its end, since the client has no more room, or the leg is for somebody else now.
    fn pass_on(&self, batch: &Batch, interest: &Arc<Interest>, from: &mut Cursor) -> bool {
        let Leg { tag, outlet, .. } = &*self.leg;
        for (text, cursor) in &batch.changes {
            // What the old claims may see is not for those who have new ones.
            let is_own = Arc::ptr_eq(&self.leg.interest(), interest) && !self.is_over();
            if !is_own || !outlet.change(&[*tag], &mut Change::new(text, cursor)) {
                return false;
            }
            *from = cursor.clone();
        }
        true
    }

    /// Passes on what the leg has kept.
    async fn flush(&self) -> Result<Caught, Fault> {
        let outlet = self.leg.outlet.clone();
        let mut turn = None;
        loop {
            match self.leg.flush() {
                Caught::Full { has_passed } => {
                    if has_passed {
                        outlet.share().took();
                    }
                    drop(turn.take());
                    turn = self.turn(&outlet).await?;
                    if turn.is_none() {
                        return Ok(Caught::Ended);
                    }
                }
                Caught::Live => {
                    self.feed.tell(&self.leg);
                    return Ok(Caught::Live);
                }
                other => return Ok(other),
            }
        }
    }

    /// The leg's turn to read for its client, which has room then. `None`: nobody waits for it any more. Errors: "read again"
    /// where the client has had no room for too long and has taken nothing.
    async fn turn<'a>(
        &self,
        outlet: &'a Arc<dyn Outlet>,
    ) -> Result<Option<SemaphorePermit<'a>>, Fault> {
        let share = outlet.share();
        let turn = tokio::select! {
            turn = share.turn() => turn,
            () = self.gone() => None,
        };
        if turn.is_none() || self.is_over() {
            return Ok(None);
        }
        // Nothing else counts: neither the other legs of the client nor the database are its fault.
        let began = Instant::now();
        let left = self.feed.inner.max_lag.saturating_sub(share.full());
        let room = timeout(left, outlet.room()).await;
        share.was_full(began.elapsed());
        room.map_err(|_| Fault::too_slow())?;
        Ok(turn)
    }

    /// Ends the leg, off the relay.
    fn end(&self, fault: &Fault) {
        end(&self.feed, &self.leg, fault);
    }
}
