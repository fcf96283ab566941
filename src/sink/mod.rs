//! The sinks other than the log. Each message is written once for all of them.

pub mod broadcast;
pub mod topic;
pub mod undelivered;

use crate::capture_trigger::{Arguments, Sink};
use crate::change::Operation;
use crate::message::Written;
use crate::pg::backend::transaction_messages;

/// The sinks that the arguments of a relation's triggers name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sinks {
    /// The change log. It takes images, not messages.
    pub log: bool,
    pub wal: bool,
    pub notify: bool,
    /// The template of the broadcast's topic.
    pub topic: Option<String>,
}

/// A change to be sent.
pub struct Change<'a> {
    pub operation: Operation,
    pub schema: &'a str,
    pub table: &'a str,
    /// The whole message, if a sink needs it.
    pub message: &'a [u8],
    pub rows: &'a Written,
}

/// A sink that can fail to deliver a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Broadcast,
    Wal,
}

impl Sinks {
    /// The sinks that a trigger names.
    pub fn of(arguments: &Arguments) -> Sinks {
        Sinks {
            log: arguments.has(Sink::Log),
            wal: arguments.has(Sink::Wal),
            notify: arguments.has(Sink::Notify),
            topic: arguments.topic.clone(),
        }
    }

    /// The sinks that take messages.
    pub fn taking_messages(&self) -> impl Iterator<Item = Failure> {
        let broadcast = self.topic.as_ref().map(|_| Failure::Broadcast);
        let wal = self.wal.then_some(Failure::Wal);
        [wal, broadcast].into_iter().flatten()
    }

    /// Whether a sink takes messages.
    pub fn want_messages(&self) -> bool {
        self.wal || self.topic.is_some()
    }
}

/// `wal`: a transactional logical message, prefix `pgrealtime`, for clients of logical decoding (roles with
/// REPLICATION).
pub fn to_wal(change: &Change) {
    transaction_messages::logical_message(c"pgrealtime", change.message);
}

/// `notify`: a notification on channel `pgrealtime` with the table's name. It contains no values, since LISTEN needs no
/// privilege.
pub fn notify(schema: &str, table: &str) {
    let payload = serde_json::json!({ "schema": schema, "table": table });
    transaction_messages::notify(c"pgrealtime", &payload.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_name_the_sinks() {
        let of = |arguments: &[&str]| Sinks::of(&Arguments::decode(arguments));
        let log = Sinks {
            log: true,
            wal: false,
            notify: false,
            topic: None,
        };
        assert_eq!(of(&[]), log);
        assert_eq!(of(&["sinks=log", "topic=x", "leaf"]), log);
        let all = Sinks {
            log: false,
            wal: true,
            notify: true,
            topic: Some("a:{b}".into()),
        };
        assert_eq!(of(&["sinks=wal,notify,broadcast", "topic=a:{b}"]), all);
    }
}
