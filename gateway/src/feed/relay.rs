//! The relay: one session of the database that holds the subscriptions of all clients. It waits, reads what they receive,
//! and hands it out.

use super::book::{Book, Id, Left};
use super::catch_up;
use super::command::Command;
use super::connect::Connector;
use super::cursor::Cursor;
use super::fault::Fault;
use super::handing_out::Pace;
use super::interest::{Interest, Relation};
use super::leg::Leg;
use super::statements::Session;
use super::{Feed, Handle, Inner};
use crate::metrics as names;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How a relay is, for others.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub is_up: bool,
}

/// Commands that are carried out at once.
const COMMANDS: usize = 1000;

/// Over how many seconds clients are told, at which every one comes back at once.
const INVALIDATED: std::ops::Range<f64> = 10.0..30.0;

/// Pause before a lock is met again.
const LOCKED: Duration = Duration::from_millis(100);

/// Failures in a row of a session that lives, before another one is made.
const MAX_FAILURES: u32 = 5;

/// How often clients that follow cursors learn where the log is, though they receive nothing.
const IDLE: Duration = Duration::from_secs(60);

/// A relay.
pub(super) struct Relay {
    /// For metrics and log lines.
    name: Arc<str>,
    connector: Connector,
    pub(super) feed: Weak<Inner>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Attachments that came while there was no database.
    pub(super) waiting: Vec<Command>,
    pub(super) book: Book,
    state: watch::Sender<State>,
    /// Everything up to here was handed out.
    pub(super) position: Cursor,
    /// Whether that is where the log was at one moment, not within a batch.
    pub(super) is_moment: bool,
    pub(super) pace: Pace,
    /// Tables that somebody has locked. Who asks for them is answered without asking the database, for a while.
    pub(super) locked: HashMap<Relation, Fault>,
    pub(super) unlocked: Instant,
    told: Instant,
}

/// A relay that has not begun: its ends of the handle.
pub(super) struct Start {
    commands: mpsc::UnboundedReceiver<Command>,
    state: watch::Sender<State>,
}

/// The handle of a relay, and what the relay begins with.
pub(super) fn handle() -> (Handle, Start) {
    let (sender, commands) = mpsc::unbounded_channel();
    let (state, states) = watch::channel(State::default());
    let handle = Handle {
        commands: sender,
        state: states,
    };
    (handle, Start { commands, state })
}

impl Start {
    /// Begins. The relay ends with its feed.
    pub fn begin(self, place: usize, connector: Connector, feed: Weak<Inner>) {
        let relay = Relay {
            name: place.to_string().into(),
            connector,
            feed,
            commands: self.commands,
            waiting: Vec::new(),
            book: Book::default(),
            state: self.state,
            position: "".into(),
            is_moment: false,
            pace: Pace::default(),
            locked: HashMap::new(),
            unlocked: Instant::now(),
            told: Instant::now(),
        };
        tokio::spawn(relay.run());
    }
}

impl Relay {
    /// Connects, works until the session ends, and connects again.
    async fn run(mut self) {
        let mut attempts = 0;
        while self.feed.strong_count() > 0 {
            let fault = match self.connect().await {
                Ok(session) => {
                    attempts = 0;
                    self.work(session).await
                }
                Err(fault) => fault,
            };
            if self.commands.is_closed() && self.feed.strong_count() == 0 {
                break;
            }
            self.state.send_modify(|state| state.is_up = false);
            self.count_up(0.0);
            ::metrics::counter!(names::RELAY_LOST, "relay" => self.name.clone()).increment(1);
            tracing::warn!(relay = &*self.name, %fault, attempts, "the relay has no session; it connects again");
            self.pause(back_off(attempts)).await;
            attempts += 1;
        }
    }

    /// A session, with all subscriptions that there were.
    async fn connect(&mut self) -> Result<Session, Fault> {
        let connected = self.connector.connect().await?;
        let host = connected.host.name.clone();
        let session = Session::new(connected.client).await?;
        let now = session.current_cursor().await?;
        let before = std::mem::replace(&mut self.position, now);
        self.is_moment = true;
        self.subscribe_again(&session, &before).await?;
        self.publish();
        self.state.send_modify(|state| state.is_up = true);
        self.count_up(1.0);
        tracing::info!(
            relay = &*self.name,
            host,
            subscriptions = self.book.subscriptions(),
            "the relay has a session"
        );
        Ok(session)
    }

    /// Subscribes for everybody again; what happened since the last session is read by `catch_up`.
    async fn subscribe_again(&mut self, session: &Session, before: &Cursor) -> Result<(), Fault> {
        let mut parties: Vec<(Arc<Interest>, Vec<Arc<Leg>>)> = Vec::new();
        for (interest, left) in self.book.take(before) {
            // Legs that were catching up come back by themselves, when they have passed on what they have.
            let live = |left: Left| left.from.map(|from| (left.leg, from));
            let live: Vec<_> = left.into_iter().filter_map(live).collect();
            let is_together = live.iter().all(|(_, from)| from == before);
            if live.is_empty() {
                continue;
            }
            if is_together {
                let legs = live.into_iter().map(|(leg, _)| leg).collect();
                parties.push((interest, legs));
            } else {
                // They had just been attached: each goes on from where it is.
                for (leg, from) in live {
                    catch_up::recover(&self.feed, leg, from);
                }
            }
        }
        for chunk in parties.chunks(COMMANDS) {
            let made = join_all(
                chunk
                    .iter()
                    .map(|(interest, _)| session.subscribe(interest)),
            );
            for ((interest, legs), made) in chunk.iter().zip(made.await) {
                match made {
                    Ok((id, start)) => self.return_party(id, start, interest, legs, before),
                    // The session is lost again: the rest reads on by itself.
                    Err(fault) => catch_up::after_loss(&self.feed, legs, before, &fault),
                }
            }
        }
        Ok(())
    }

    fn return_party(
        &mut self,
        id: Id,
        start: Cursor,
        interest: &Arc<Interest>,
        legs: &[Arc<Leg>],
        before: &Cursor,
    ) {
        self.book.insert(id, interest.clone(), start.clone());
        for leg in legs {
            leg.keep(&start);
            leg.set_ahead(start != self.position);
            self.book.add(id, leg.clone());
        }
        catch_up::together(&self.feed, legs.to_vec(), before.clone(), start);
    }

    /// Works until the session fails.
    async fn work(&mut self, session: Session) -> Fault {
        let mut failures = 0;
        loop {
            let fault = match self.turn(&session).await {
                Ok(()) => {
                    failures = 0;
                    continue;
                }
                Err(fault) => fault,
            };
            if fault.is_unreachable() {
                return fault;
            }
            if fault.is_read_again() {
                // With a new session: the subscriptions of this one would go on.
                self.invalidate(&fault);
                return fault;
            }
            // Somebody has cancelled the statement, or holds a lock: the next attempt goes on from the same cursor.
            ::metrics::counter!(names::RELAY_FAILURES).increment(1);
            if fault.is_locked() {
                tracing::debug!(%fault, "the relay meets a lock; it tries again");
                tokio::time::sleep(LOCKED).await;
                continue;
            }
            failures += 1;
            tracing::warn!(%fault, failures, "the relay could not read; it tries again");
            if failures > MAX_FAILURES {
                return fault;
            }
            tokio::time::sleep(back_off(failures)).await;
        }
    }

    /// Waits for changes or commands, carries out the commands, and hands out the changes.
    async fn turn(&mut self, session: &Session) -> Result<(), Fault> {
        let merged = self.book.merged();
        if !merged.is_empty() {
            session.unsubscribe(&merged).await?;
        }
        let from = self.position.clone();
        let commands = std::mem::take(&mut self.waiting);
        if commands.is_empty() {
            self.wait(session, &from).await?;
        } else {
            let done = self.plan(commands).carry_out(session).await;
            self.take(done, session).await?;
        }
        if from == self.position {
            self.hand_out(session).await?;
        }
        let subscriptions = self.book.subscriptions() as f64;
        ::metrics::gauge!(names::SUBSCRIPTIONS, "relay" => self.name.clone()).set(subscriptions);
        Ok(())
    }

    /// Waits for changes, and carries out commands that come meanwhile.
    async fn wait(&mut self, session: &Session, from: &Cursor) -> Result<(), Fault> {
        let mut commands = Vec::new();
        // Where something was subscribed, the relay looks at once whether it has come as far: clients wait for their cursors.
        let mut wait = pin!(session.wait(from, self.book.has_fresh()));
        loop {
            tokio::select! {
                biased;
                position = &mut wait => {
                    self.waited(position?);
                    return Ok(());
                }
                received = self.commands.recv_many(&mut commands, COMMANDS) => {
                    if received == 0 {
                        return Err(Fault::unreachable("the gateway is shutting down"));
                    }
                }
            }
            let plan = self.plan(std::mem::take(&mut commands));
            // Only a statement ends the wait in the server: without one, it goes on.
            if !plan.is_empty() {
                // The statement is sent before the wait is answered.
                let (position, done) = tokio::join!(wait, plan.carry_out(session));
                if let Ok(position) = position {
                    self.waited(position);
                }
                return self.take(done, session).await;
            }
        }
    }

    /// A wait that returns another cursor has found nothing before it.
    fn waited(&mut self, position: Cursor) {
        if position != self.position {
            self.position = position;
            self.is_moment = true;
            self.publish();
            self.caught_up();
        }
    }

    /// Everything up to now was handed out, also to those that have just subscribed.
    pub(super) fn caught_up(&mut self) {
        for leg in self.book.caught_up() {
            leg.set_ahead(false);
            leg.outlet.moved(&self.position);
        }
    }

    /// The log does not have what the relay's cursor needs: every client has to read again.
    fn invalidate(&mut self, fault: &Fault) {
        tracing::error!(%fault, "the relay's cursor is not valid any more; every client reads again");
        ::metrics::counter!(names::READ_AGAIN, "reason" => "cursor").increment(1);
        let left = self.book.take(&self.position).into_iter();
        let legs = left.flat_map(|(_, left)| left).map(|left| left.leg);
        catch_up::fail_spread(legs, fault.clone(), INVALIDATED);
    }

    fn count_up(&self, is_up: f64) {
        ::metrics::gauge!(names::RELAY_UP, "relay" => self.name.clone()).set(is_up);
    }

    /// Lets clients that follow cursors know now and then how far the relay has come.
    pub(super) fn publish(&mut self) {
        if self.told.elapsed() > IDLE {
            self.told = Instant::now();
            for leg in self.book.legs() {
                leg.outlet.moved(&self.position);
            }
        }
    }

    /// Without a database: answers what needs none.
    async fn pause(&mut self, duration: Duration) {
        let end = tokio::time::Instant::now() + duration;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => break,
                command = self.commands.recv() => match command {
                    None => break,
                    Some(Command::Detach(leg)) => {
                        self.take_off(&leg);
                    }
                    Some(Command::Renew { leg, interest, .. }) => {
                        leg.set_interest(interest);
                        leg.forget_kept();
                        self.let_go(leg);
                    }
                    Some(Command::Tell(_)) => {}
                    Some(attach) => self.waiting.push(attach),
                }
            }
        }
        self.waiting.retain(|command| match command {
            Command::Attach { reply, .. } => !reply.is_closed(),
            _ => true,
        });
    }
}

/// A pause before the next attempt, 100 ms to 10 s: gateways do not come back all at once.
fn back_off(attempts: u32) -> Duration {
    let longest = Duration::from_millis(100 << attempts.min(7)).min(Duration::from_secs(10));
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// The feed of a relay, while there is one.
pub(super) fn feed(inner: &Weak<Inner>) -> Option<Feed> {
    inner.upgrade().map(|inner| Feed { inner })
}
