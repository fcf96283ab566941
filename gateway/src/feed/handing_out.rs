//! Handing out what `fan_out` returns.

use super::book::Id;
use super::catch_up;
use super::cursor::Cursor;
use super::fault::Fault;
use super::leg::{Leg, Taken};
use super::outlet::{Change, Outlet};
use super::relay::Relay;
use super::statements::Session;
use super::text::Json;
use crate::metrics as names;
use futures_util::TryStreamExt;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Row;

/// Most changes of one `fan_out`.
const MOST: i32 = 1000;

/// How long handing out one batch should take at most: who joins meanwhile waits as long.
const TURN: Duration = Duration::from_millis(20);

/// How long changes are handed out before others of the same thread have their turn.
const SLICE: Duration = Duration::from_millis(5);

/// How many changes the next batch may have.
pub struct Pace(i32);

impl Default for Pace {
    fn default() -> Pace {
        Pace(100)
    }
}

impl Pace {
    /// A batch of so many changes took so long.
    fn took(&mut self, changes: u64, time: Duration) {
        let fit = TURN.as_secs_f64() * changes as f64 / time.as_secs_f64().max(1e-9);
        if changes > 0 {
            // At most twice as many as this time: the next changes may have more receivers.
            self.0 = (fit as i32).clamp(1, self.0.saturating_mul(2).min(MOST));
        }
    }
}

/// Clients that are told at once to read again; more are told one after the other.
const MANY: usize = 100;

/// What came of a batch.
#[derive(Default)]
struct Outcome {
    changes: u64,
    /// Outlets that it had changes for, by their address.
    touched: HashMap<usize, Arc<dyn Outlet>>,
    /// Subscriptions that nobody is left on.
    unused: Vec<Id>,
    /// Legs that have left the relay, and whose clients have to read again.
    gapped: Vec<(Arc<Leg>, Fault)>,
}

fn address(outlet: &Arc<dyn Outlet>) -> usize {
    Arc::as_ptr(outlet).cast::<()>() as usize
}

impl Relay {
    /// Reads one batch and hands it out. After an error, what was handed out before it is not handed out again, unless it was
    /// one of several forms of the last change.
    pub(super) async fn hand_out(&mut self, session: &Session) -> Result<(), Fault> {
        let from = self.position.clone();
        let began = Instant::now();
        let mut rows = pin!(session.fan_out(&from, self.pace.0).await?);
        ::metrics::histogram!(names::FAN_OUT_SECONDS).record(began.elapsed());
        let began = Instant::now();
        let mut slice = began;
        let mut outcome = Outcome::default();
        let read = loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            if let Err(fault) = self.hand_out_row(&row, &mut outcome) {
                break Err(fault);
            }
            // Not behind each change: what comes together leaves a socket together.
            if slice.elapsed() > SLICE {
                tokio::task::yield_now().await;
                slice = Instant::now();
            }
        };
        let Outcome {
            changes,
            touched,
            unused,
            gapped,
        } = outcome;
        tell(gapped);
        if read.is_ok() {
            ::metrics::counter!(names::CHANGES).increment(changes);
            self.pace.took(changes, began.elapsed());
            let stayed = self.position == from;
            self.publish();
            if stayed && changes == 0 {
                // A wait and a fan_out have found nothing: the position is where the log is.
                self.is_moment = true;
                self.caught_up();
            }
            for outlet in touched.values() {
                outlet.moved(&self.position);
            }
        }
        if !unused.is_empty() {
            session.unsubscribe(&unused).await?;
        }
        read
    }

    fn hand_out_row(&mut self, row: &Row, outcome: &mut Outcome) -> Result<(), Fault> {
        let cursor: Cursor = row.try_get::<_, &str>(0)?.into();
        let ids: Vec<Id> = row.try_get::<_, Option<_>>(2)?.unwrap_or_default();
        if let Some(error) = row.try_get::<_, Option<&str>>(3)? {
            self.fail(&ids, &Fault::from_row(error), outcome);
        } else if let Some(Json(text)) = row.try_get::<_, Option<_>>(1)? {
            outcome.changes += 1;
            self.pass_on(Change::new(text, &cursor), &ids, outcome);
        }
        self.is_moment &= self.position == cursor;
        self.position = cursor;
        Ok(())
    }

    /// Gives a change to the legs of these subscriptions; one frame for each outlet, with all its legs in it.
    fn pass_on(&mut self, mut change: Change, ids: &[Id], outcome: &mut Outcome) {
        let mut live = Vec::new();
        let mut gone = Vec::new();
        for leg in ids.iter().flat_map(|id| self.book.members(*id)) {
            match leg.take(&mut change, &self.position) {
                Taken::ByOutlet => live.push(leg.clone()),
                Taken::Kept => {}
                Taken::No => gone.push(leg.clone()),
            }
        }
        live.sort_unstable_by_key(|leg| (address(&leg.outlet), leg.tag));
        let mut tags: Vec<u32> = Vec::new();
        let mut deliveries = 0;
        for group in live.chunk_by(|one, two| address(&one.outlet) == address(&two.outlet)) {
            tags.clear();
            tags.extend(group.iter().map(|leg| leg.tag));
            tags.dedup();
            let outlet = &group[0].outlet;
            if outlet.change(&tags, &mut change) {
                deliveries += 1;
                group.iter().for_each(|leg| leg.was_passed_on());
                outcome
                    .touched
                    .entry(address(outlet))
                    .or_insert_with(|| outlet.clone());
            } else {
                gone.extend_from_slice(group);
            }
        }
        ::metrics::counter!(names::DELIVERIES).increment(deliveries);
        for leg in &gone {
            self.drop_leg(leg, &mut outcome.unused);
        }
    }

    /// A leg has no room, or wants nothing more. Where it was live, it comes back from where the relay is.
    fn drop_leg(&mut self, leg: &Arc<Leg>, unused: &mut Vec<Id>) {
        if leg.is_live() {
            ::metrics::counter!(names::LAGGED).increment(1);
        }
        unused.extend(self.let_go(leg.clone()));
    }

    /// These subscriptions miss a change. Where the same may succeed later, their legs read it by themselves. Else they end:
    /// the clients are told why.
    fn fail(&mut self, ids: &[Id], fault: &Fault, outcome: &mut Outcome) {
        let sqlstate = fault.sqlstate.as_deref().unwrap_or_default().to_string();
        ::metrics::counter!(names::SUBSCRIPTION_ERRORS, "sqlstate" => sqlstate)
            .increment(ids.len() as u64);
        for id in ids {
            if fault.is_read_again() {
                let left = self.book.end(*id, &self.position).into_iter();
                let gapped = left.map(|left| (left.leg, fault.clone()));
                outcome.gapped.extend(gapped);
                outcome.unused.push(*id);
            } else {
                self.end_subscription(*id, fault, &mut outcome.unused);
            }
        }
    }
}

/// Tells clients to read again. DDL must not bring all of a table's clients back at one moment, however many subscriptions they
/// have.
fn tell(gapped: Vec<(Arc<Leg>, Fault)>) {
    let over = gapped.len() as f64 / 1000.0;
    let is_spread = gapped.len() > MANY;
    for (leg, fault) in gapped {
        match is_spread {
            true => catch_up::fail_spread([leg], fault, 0.0..over),
            false => leg.fail(&fault),
        }
    }
}
