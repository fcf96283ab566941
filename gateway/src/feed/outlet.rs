//! Where changes go: a channel of a socket, or a stream of HTTP. The relay hands them out and never waits.

use super::cursor::Cursor;
use super::fault::Fault;
use super::leg::Leg;
use super::share::Share;
use crate::phoenix::frame::Version;
use crate::phoenix::reply;
use axum::extract::ws::Utf8Bytes;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that a trait object returns.
pub type Later<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where the changes of one or several legs go.
pub trait Outlet: Send + Sync + 'static {
    /// Takes a change for the legs with these tags, ascending. `false`: there is no room; the legs then lag behind, and
    /// nothing of the change was taken.
    fn change(&self, tags: &[u32], change: &mut Change) -> bool;

    /// All changes up to this cursor were handed out. Called behind a batch that had changes for the outlet, and about once
    /// a minute otherwise.
    fn moved(&self, cursor: &Cursor);

    /// A leg has ended.
    fn fault(&self, leg: &Leg, fault: &Fault);

    /// The cursor that the client came with is too old. Whether the leg goes on from where it was attached; else it ends
    /// with this fault.
    fn missed(&self, tag: u32, fault: &Fault) -> bool;

    /// Returns when there is room again, or the client has gone.
    fn room(&self) -> Later<'_>;

    /// Whether the client has gone.
    fn is_closed(&self) -> bool;

    /// What all legs of the client share while they catch up.
    fn share(&self) -> &Share;
}

/// A change on its way to many clients. What they share of it is made once.
pub struct Change<'a> {
    /// The JSON text that the extension wrote. It is not parsed.
    text: &'a str,
    /// The cursor that has the change behind it.
    pub cursor: &'a Cursor,
    shared: Option<Arc<str>>,
    event: Option<Utf8Bytes>,
    /// The frame that was asked for last: mostly all clients have one topic, and one binding.
    last: Option<(Addressed, Utf8Bytes)>,
    frames: HashMap<Addressed, Utf8Bytes>,
}

/// A topic and the ids of its bindings.
type Addressed = (Version, Arc<str>, Box<[u32]>);

impl<'a> Change<'a> {
    pub fn new(text: &'a str, cursor: &'a Cursor) -> Change<'a> {
        Change {
            text,
            cursor,
            shared: None,
            event: None,
            last: None,
            frames: HashMap::new(),
        }
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// INSERT, UPDATE, DELETE or TRUNCATE: what the message begins with.
    pub fn operation(&self) -> &'a str {
        let rest = self.text.strip_prefix("{\"type\":\"").unwrap_or_default();
        rest.split_once('"').map_or("", |(operation, _)| operation)
    }

    /// The text for those who keep it.
    pub fn shared(&mut self) -> Arc<str> {
        self.shared.get_or_insert_with(|| self.text.into()).clone()
    }

    /// The event of streams, which are all written alike: `write` is called once.
    pub fn event(&mut self, write: impl FnOnce(&str, &Cursor) -> String) -> Utf8Bytes {
        let (text, cursor) = (self.text, self.cursor);
        self.event
            .get_or_insert_with(|| write(text, cursor).into())
            .clone()
    }

    /// The frame of a topic and some bindings.
    pub fn frame(&mut self, version: Version, topic: &Arc<str>, ids: &[u32]) -> Utf8Bytes {
        if let Some(((last_version, last_topic, last_ids), frame)) = &self.last {
            if *last_version == version && last_topic == topic && **last_ids == *ids {
                return frame.clone();
            }
        }
        let to: Addressed = (version, topic.clone(), ids.into());
        let frame = self
            .frames
            .entry(to.clone())
            .or_insert_with(|| reply::change(version, topic, ids, self.text).into())
            .clone();
        self.last = Some((to, frame.clone()));
        frame
    }
}
