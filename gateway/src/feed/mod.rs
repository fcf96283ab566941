//! The feed: what the database's clients receive, from one relay session (or some) for all of them.
//!
//! `relay` holds the subscriptions, `seating` puts legs on them, and `handing_out` hands out changes. `leg` is what one binding
//! has of that; `catch_up` and `way` read what a leg has missed, in sessions of the pool.

pub mod cursor;
pub mod fault;
pub mod inspection;
pub mod interest;
pub mod leg;
pub mod outlet;
pub mod session;
pub mod snapshot;

mod book;
mod catch_up;
mod command;
mod handing_out;
mod locked;
mod pace;
mod plan;
mod relay;
mod seating;
mod share;
mod statements;
mod tables;
mod text;
mod way;

pub mod connect;

pub use cursor::Cursor;
pub use fault::Fault;
pub use interest::{Interest, Relation, Who};
pub use leg::Leg;
pub use outlet::{Change, Later, Outlet};
pub use session::Sessions;
pub use share::Share;

pub use command::Attached;

use command::Command;
use connect::{ConnectError, Connector};
use locked::Locked;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tables::Tables;
use tokio::sync::{mpsc, oneshot, watch};

/// The feed. Clones are the same feed.
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    relays: Vec<Handle>,
    hasher: RandomState,
    sessions: Sessions,
    tables: Tables,
    locked: Locked,
    /// How long a client may have no room.
    max_lag: Duration,
    /// How many bytes of changes are read at once for one client.
    batch_bytes: usize,
}

/// A relay, from outside.
struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<relay::State>,
}

/// How a feed is made.
pub struct Options {
    pub connector: Connector,
    /// Makes the sessions of the pool: another way to the same database may lead through a transaction pooler.
    pub pool: Connector,
    /// Sessions of the pool: that many catch up at once.
    pub pool_size: usize,
    /// Relay sessions, which divide the clients among them.
    pub relays: usize,
    pub max_lag: Duration,
    /// How many bytes of changes are read at once for one client: what it has room for.
    pub batch_bytes: usize,
    pub statement_timeout: Duration,
}

impl Feed {
    /// Starts the relays; they connect by themselves, and again when they lose the database.
    pub fn start(options: Options) -> Result<Feed, ConnectError> {
        let connector = options.connector;
        let pool = options.pool.pool(options.pool_size)?;
        let sessions = Sessions::new(pool, options.pool, options.statement_timeout);
        let relays = options.relays.max(1);
        let (handles, starts): (Vec<_>, Vec<_>) = (0..relays).map(|_| relay::handle()).unzip();
        let inner = Arc::new(Inner {
            relays: handles,
            hasher: RandomState::new(),
            sessions,
            tables: Tables::default(),
            locked: Locked::default(),
            max_lag: options.max_lag,
            batch_bytes: options.batch_bytes,
        });
        for (place, start) in starts.into_iter().enumerate() {
            start.begin(place, connector.clone(), Arc::downgrade(&inner));
        }
        Ok(Feed { inner })
    }

    /// Puts a leg on its relay. The subscription exists when this returns; what it brings is kept until [`Feed::begin`].
    /// `has_cursor`: whether it will begin behind a cursor of its client.
    /// Errors: those of `pgrealtime.subscribe`; 42P01 without such a table; unreachable while there is no database.
    pub async fn attach(&self, leg: &Arc<Leg>, has_cursor: bool) -> Result<Attached, Fault> {
        let (reply, answer) = oneshot::channel();
        let relay = self.relay(&leg.interest().who);
        // Without a receiver the reply is dropped with the command.
        let _ = relay.commands.send(Command::Attach {
            leg: leg.clone(),
            has_cursor,
            reply,
        });
        answer
            .await
            .unwrap_or_else(|_| Err(Fault::unreachable("the database does not answer")))
    }

    /// Lets a leg that was attached pass on its changes: those behind `since`, where the client has come with a cursor.
    pub fn begin(&self, leg: Arc<Leg>, attached: &Attached, since: Option<Cursor>) {
        match since {
            None => match leg.flush() {
                leg::Caught::Live => self.tell(&leg),
                leg::Caught::Ended => {}
                other => catch_up::go_on(self, leg, other),
            },
            Some(since) => catch_up::begin(self, leg, since, attached.start.clone()),
        }
    }

    /// Takes legs off: their clients want no more of them.
    pub fn detach(&self, legs: impl IntoIterator<Item = Arc<Leg>>) {
        for leg in legs {
            leg.end();
            self.forget(leg);
        }
    }

    /// The same leg for another role or other claims: what was not handed out yet is judged by these.
    pub fn renew(&self, leg: Arc<Leg>, who: Who) {
        // Also where it is the same: another one may be under way.
        let before = leg.interest();
        let interest = Arc::new(Interest {
            who,
            ..Interest::clone(&before)
        });
        let relay = self.relay(&before.who);
        let stays = std::ptr::eq(relay, self.relay(&interest.who));
        let _ = relay.commands.send(Command::Renew {
            leg,
            interest,
            stays,
        });
    }

    /// One batch of what an interest receives after a cursor, up to another or to the end of the log: not much more than a
    /// client has room for. While the database does not answer, it is asked again.
    pub async fn changes(
        &self,
        interest: &Interest,
        from: &Cursor,
        until: Option<&Cursor>,
    ) -> Result<session::Batch, Fault> {
        let size = pace::Size::first(2 * self.inner.batch_bytes);
        catch_up::changes(self, interest, from, until, size).await
    }

    /// The realtime tables that a role may read, as they were this long ago at most.
    pub async fn tables(&self, who: &Who, age: Duration) -> Result<Arc<[Relation]>, Fault> {
        self.inner.tables.of(&self.inner.sessions, who, age).await
    }

    /// The sessions in which the rest is read.
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Whether every relay is connected.
    pub fn is_up(&self) -> bool {
        let mut relays = self.inner.relays.iter();
        relays.all(|relay| relay.state.borrow().is_up)
    }

    /// Lets the client of a leg that has caught up know its cursor.
    fn tell(&self, leg: &Arc<Leg>) {
        let relay = self.relay(&leg.interest().who);
        let _ = relay.commands.send(Command::Tell(leg.clone()));
    }

    fn forget(&self, leg: Arc<Leg>) {
        let relay = self.relay(&leg.interest().who);
        let _ = relay.commands.send(Command::Detach(leg));
    }

    /// All legs of one who are on one relay, so that one cursor says where they are.
    fn relay(&self, who: &Who) -> &Handle {
        let relays = &self.inner.relays;
        let place = self.inner.hasher.hash_one(who) as usize % relays.len();
        &relays[place]
    }
}
