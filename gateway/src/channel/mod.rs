//! One joined channel: what its bindings follow, and what its client is told.

mod binding;
mod join;
mod outlet;
mod renewal;
mod wildcard;

use crate::feed::{Cursor, Fault, Leg, Relation};
use crate::lock;
use crate::node::Node;
use crate::phoenix::frame::{Reference, Version};
use crate::phoenix::reply;
use crate::socket::outbox::Outbox;
use axum::extract::ws::Utf8Bytes;
use binding::Group;
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A channel of a socket.
pub struct Channel {
    pub topic: Arc<str>,
    version: Version,
    join_ref: Reference,
    outbox: Arc<Outbox>,
    node: Arc<Node>,
    /// Itself, for the tasks that it starts.
    me: Weak<Channel>,
    state: Mutex<State>,
    /// The client is somebody else by now: what was refused may be served.
    renewed: Notify,
    /// One join or renewal at a time.
    turn: tokio::sync::Mutex<renewal::Identity>,
}

/// Tables that the bindings of a channel follow at most.
const MAX_LEGS: usize = 1000;

#[derive(Default)]
struct State {
    /// No message is sent any more.
    is_closed: bool,
    /// Those of a leg are found by its tag.
    groups: Vec<Group>,
    legs: Vec<Arc<Leg>>,
    /// Tables that are gone, or gone for the role. When one is there again, the client has missed something.
    lost: Vec<Lost>,
    /// Tags of bindings that are tried later. No cursor says meanwhile that the client has everything.
    owed: Vec<u32>,
    /// The token that the client has sent last, until it counts.
    token: Option<String>,
    /// The task that checks the token.
    expiry: Option<AbortHandle>,
    /// Whether the client follows cursors.
    follows: bool,
    /// The last cursor that it was sent.
    cursor: Option<Cursor>,
    /// Whether it was told that its cursor is too old.
    was_told: bool,
    /// Tasks that end with the channel.
    tasks: Vec<AbortHandle>,
}

/// A table that a binding does not follow any more.
struct Lost {
    tag: u32,
    relation: Relation,
    /// Whether no cursor passes over what is missed. For a table of a wildcard that is the right to read it: a table that was
    /// made again, or enabled again, is one to be read again for every cursor from before.
    is_held: bool,
}

impl Channel {
    /// A channel whose client wants to join. `token` is the one of the connection.
    pub fn new(
        node: Arc<Node>,
        outbox: Arc<Outbox>,
        version: Version,
        topic: &str,
        join_ref: Reference,
        token: Arc<str>,
    ) -> Arc<Channel> {
        ::metrics::gauge!(crate::metrics::CHANNELS).increment(1);
        Arc::new_cyclic(|me| Channel {
            topic: topic.into(),
            version,
            join_ref,
            outbox,
            node,
            me: me.clone(),
            state: Mutex::default(),
            renewed: Notify::new(),
            turn: tokio::sync::Mutex::new(renewal::Identity::new(token)),
        })
    }

    pub fn is_over(&self) -> bool {
        lock(&self.state).is_closed
    }

    /// Ends the channel: the client does not join again by itself.
    pub fn close(&self) {
        self.end(|| vec![self.close_frame()]);
    }

    /// Ends the channel that its client leaves. No change comes behind the answer: it would be taken for one of the next
    /// channel of that topic.
    pub fn leave(&self, answer: String) {
        self.end(|| vec![answer, self.close_frame()]);
    }

    fn close_frame(&self) -> String {
        reply::close(self.version, &self.topic, self.join_ref.as_deref())
    }

    /// Ends the channel with a message that says why.
    pub fn close_with(&self, message: &str) {
        self.end(|| {
            vec![
                reply::system(self.version, &self.topic, "system", false, message),
                self.close_frame(),
            ]
        });
    }

    /// Ends the channel without a word: its socket has gone.
    pub fn drop_silently(&self) {
        self.end(Vec::new);
    }

    /// A message of the system, about the channel as a whole.
    pub fn tell(&self, is_ok: bool, message: &str) {
        self.send(reply::system(
            self.version,
            &self.topic,
            "system",
            is_ok,
            message,
        ));
    }

    /// The client joins again, and its application reads again. Libraries keep the reason of the end for themselves: the
    /// application hears it as a message of the system.
    fn break_off(&self, reason: &str) {
        ::metrics::counter!(crate::metrics::READ_AGAIN, "reason" => "channel").increment(1);
        self.end(|| {
            let join_ref = self.join_ref.as_deref();
            vec![
                self.note(false, reason),
                reply::fault(self.version, &self.topic, join_ref, reason),
            ]
        });
    }

    fn end(&self, farewell: impl FnOnce() -> Vec<String>) {
        let (legs, tasks) = {
            let mut state = lock(&self.state);
            if state.is_closed {
                return;
            }
            state.is_closed = true;
            state.groups.clear();
            // Under the lock: nothing is sent behind it.
            farewell()
                .into_iter()
                .for_each(|frame| self.outbox.put(frame));
            (
                std::mem::take(&mut state.legs),
                std::mem::take(&mut state.tasks),
            )
        };
        ::metrics::gauge!(crate::metrics::CHANNELS).decrement(1);
        tasks.iter().for_each(AbortHandle::abort);
        self.node.feed.detach(legs);
    }

    /// Sends a frame, unless the channel has ended.
    fn send(&self, frame: impl Into<Utf8Bytes>) {
        let state = lock(&self.state);
        if !state.is_closed {
            self.outbox.put(frame);
        }
    }

    /// A task that ends with the channel.
    fn spawn(&self, task: impl std::future::Future<Output = ()> + Send + 'static) -> AbortHandle {
        let handle = tokio::spawn(task).abort_handle();
        let mut state = lock(&self.state);
        if state.is_closed {
            handle.abort();
        } else {
            state.tasks.retain(|task| !task.is_finished());
            state.tasks.push(handle.clone());
        }
        handle
    }

    /// Adds a leg, unless the channel has ended meanwhile, or has too many: a wildcard has one for each table.
    fn keep(&self, leg: &Arc<Leg>) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        if state.is_closed {
            return Err(Fault::unreachable("the channel has ended"));
        }
        state.legs.retain(|other| !other.is_ended());
        if state.legs.len() >= MAX_LEGS {
            ::metrics::counter!(crate::metrics::LIMITS, "limit" => "tables").increment(1);
            return Err(Fault::new("54000", "a channel follows too many tables"));
        }
        state.legs.push(leg.clone());
        Ok(())
    }

    /// Tells that bindings are not served.
    fn refuse(&self, tag: u32, fault: &Fault) {
        let texts: Vec<String> = {
            let state = lock(&self.state);
            let group = state.groups.get(tag as usize);
            group.map_or_else(Vec::new, |group| group.refusals(fault).collect())
        };
        for text in texts {
            self.about_changes(false, &text);
        }
    }

    /// A message of the system about the changes of the channel.
    fn about_changes(&self, is_ok: bool, message: &str) {
        self.send(self.note(is_ok, message));
    }

    fn note(&self, is_ok: bool, message: &str) -> String {
        reply::system(
            self.version,
            &self.topic,
            "postgres_changes",
            is_ok,
            message,
        )
    }
}
