//! What a message of a client does.

use super::outbox::Outbox;
use super::rate::Rate;
use crate::channel::Channel;
use crate::metrics as names;
use crate::node::Node;
use crate::phoenix::binary;
use crate::phoenix::frame::{self, Address, Message, Payload, Version};
use crate::phoenix::join::Join;
use crate::phoenix::reply;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The client asks for too much; it may come back.
const FLOOD: u16 = 1001;

/// How many seconds' worth of messages may come at once: clients before 2.100 send their token to all channels whenever one
/// is joined. The peer counts the average of a minute, too.
const BURST: u32 = 60;

/// The largest join in bytes: what is kept of it lasts as long as the channel.
const MAX_JOIN: usize = 512 * 1024;

/// The same for all channels of a socket.
const MAX_JOINS: usize = 4 * MAX_JOIN;

/// A channel, and how large its join was.
struct Joined {
    channel: Arc<Channel>,
    size: usize,
}

/// The channels of a socket, and what it may ask for.
pub struct Dispatch {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    version: Version,
    /// The token of the connection.
    token: Arc<str>,
    channels: HashMap<Arc<str>, Joined>,
    messages: Rate,
    joins: Rate,
}

impl Dispatch {
    pub fn new(
        node: Arc<Node>,
        outbox: Arc<Outbox>,
        version: Version,
        token: Arc<str>,
    ) -> Dispatch {
        let now = Instant::now();
        Dispatch {
            messages: Rate::new(node.limits.messages_per_second, BURST, now),
            joins: Rate::new(node.limits.joins_per_second, 1, now),
            channels: HashMap::new(),
            node,
            outbox,
            version,
            token,
        }
    }

    /// A text frame. Returns a code where the connection has to end.
    pub fn text(&mut self, text: &str, now: Instant) -> Option<u16> {
        match frame::decode(self.version, text) {
            Ok(message) => self.message(&message, now),
            Err(frame::Malformed) => self.malformed(now),
        }
    }

    /// A binary frame: a broadcast of a client of the second version.
    pub fn binary(&mut self, bytes: &[u8], now: Instant) -> Option<u16> {
        match binary::decode(bytes) {
            Ok(message) if self.version == Version::V2 => self.message(&message, now),
            _ => self.malformed(now),
        }
    }

    fn malformed(&mut self, now: Instant) -> Option<u16> {
        ::metrics::counter!(names::MALFORMED).increment(1);
        (!self.messages.take(now)).then_some(FLOOD)
    }

    /// Whether some channel is joined, or is about to be.
    pub fn has_channels(&self) -> bool {
        let mut channels = self.channels.values();
        channels.any(|joined| !joined.channel.is_over())
    }

    /// The gateway will stop.
    pub fn announce_end(&self) {
        for Joined { channel, .. } in self.channels.values() {
            channel.tell(true, "Server requested disconnect");
        }
    }

    /// The connection has ended.
    pub fn end(&mut self) {
        for (_, Joined { channel, .. }) in self.channels.drain() {
            channel.drop_silently();
        }
    }

    fn message(&mut self, message: &Message, now: Instant) -> Option<u16> {
        let to = Address {
            join_ref: message.join_ref.as_deref(),
            reference: message.reference.as_deref(),
            topic: &message.topic,
        };
        if message.event != "phx_join" && !self.messages.take(now) {
            return self.flood(&message.topic);
        }
        if message.topic == "phoenix" {
            if message.event == "heartbeat" {
                self.outbox.put(reply::reply(self.version, to, true, "{}"));
            }
            return None;
        }
        if message.event == "phx_join" {
            return self.join(message, to, now);
        }
        let Some(channel) = self.channel(&message.topic) else {
            self.outbox.put(match &*message.event {
                "phx_leave" => reply::reply(self.version, to, true, "{}"),
                _ => reply::refusal(self.version, to, "unmatched topic"),
            });
            return None;
        };
        match (&*message.event, &message.payload) {
            ("phx_leave", _) => {
                channel.leave(reply::reply(self.version, to, true, "{}"));
                self.channels.remove(&*message.topic);
            }
            ("access_token", Payload::Json(payload)) => channel.renew(payload),
            // Messages between clients are not there yet; with a reference, the client waits for an answer.
            ("broadcast" | "presence", _) if message.reference.is_some() => {
                let reason = format!("{} is not available on this server", message.event);
                self.outbox.put(reply::refusal(self.version, to, &reason));
            }
            _ => {}
        }
        None
    }

    /// More messages than a client may send: the channel that they are for ends, or the connection.
    fn flood(&mut self, topic: &str) -> Option<u16> {
        ::metrics::counter!(names::LIMITS, "limit" => "messages").increment(1);
        let Some(channel) = self.channel(topic) else {
            return Some(FLOOD);
        };
        channel.close_with("Too many messages per second");
        None
    }

    /// The channel of a topic, unless it has ended.
    fn channel(&self, topic: &str) -> Option<Arc<Channel>> {
        let channel = &self.channels.get(topic)?.channel;
        (!channel.is_over()).then(|| channel.clone())
    }

    fn join(&mut self, message: &Message, to: Address, now: Instant) -> Option<u16> {
        if !self.joins.take(now) {
            ::metrics::counter!(names::LIMITS, "limit" => "joins").increment(1);
            let reason = "ClientJoinRateLimitReached: Too many joins per second";
            self.outbox.put(reply::refusal(self.version, to, reason));
            return Some(FLOOD);
        }
        if !message.topic.starts_with("realtime:") {
            self.outbox
                .put(reply::refusal(self.version, to, "unmatched topic"));
            return None;
        }
        if let Some(before) = self.channels.remove(&*message.topic) {
            before.channel.close();
        }
        self.channels.retain(|_, joined| !joined.channel.is_over());
        // Clients of the first version do not send it: the reference of the join is what later messages name.
        let join_ref = message.join_ref.clone().or(message.reference.clone());
        let channel = Channel::new(
            self.node.clone(),
            self.outbox.clone(),
            self.version,
            &message.topic,
            join_ref,
            self.token.clone(),
        );
        if self.channels.len() >= self.node.limits.channels_per_socket {
            ::metrics::counter!(names::LIMITS, "limit" => "channels").increment(1);
            let reason = "ChannelRateLimitReached: Too many channels";
            channel.refuse_join(&message.reference, reason);
            return None;
        }
        let size = match &message.payload {
            Payload::Json(payload) => payload.get().len(),
            Payload::Broadcast(_) => 0,
        };
        let all = self.channels.values().map(|joined| joined.size);
        if size > MAX_JOIN || size + all.sum::<usize>() > MAX_JOINS {
            ::metrics::counter!(names::LIMITS, "limit" => "join").increment(1);
            let reason = "ChannelRateLimitReached: The join is too large";
            channel.refuse_join(&message.reference, reason);
            return None;
        }
        let join = match &message.payload {
            Payload::Json(payload) => Join::read(payload, self.node.limits.bindings_per_channel),
            Payload::Broadcast(_) => Join::default(),
        };
        let topic = channel.topic.clone();
        channel.join(join, message.reference.clone());
        self.channels.insert(topic, Joined { channel, size });
        None
    }
}
