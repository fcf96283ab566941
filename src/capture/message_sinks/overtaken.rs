//! What is sent of a change that has been overtaken: a later one of its row was sent before it.
//!
//! AFTER triggers fire when their statement ends; a statement within it, of another trigger or of a function, ends
//! earlier. The log puts an overtaken change where it belongs. Nothing can be put in front of a message that has been
//! sent, and the overtaken change, sent behind it, would bring copies to a wrong end: their readers are told to read the
//! row again.

use super::{guarded, MessageSinks, Rows};
use crate::change::Operation;
use crate::sink::{undelivered, Failure, Sinks};

impl MessageSinks {
    /// Sends the keys of an overtaken change as those of an UPDATE, whatever it was: the row may be there or not. It counts
    /// as not delivered where more than keys would have been sent.
    pub(super) fn ask_to_read_again(&self, sinks: &Sinks, [new, old]: Rows) {
        let rows = match new {
            Some(_) => [new, old],
            None => [old, new],
        };
        if sinks.wal {
            if self.plan.numbers() != self.key_plan.numbers() {
                undelivered::overtaken(self.table.oid, Failure::Wal);
            }
            self.to_wal(Operation::Update, &self.key_plan, rows);
        }
        if let Some(template) = &sinks.topic {
            if self.is_seen_by_all(rows) {
                undelivered::overtaken(self.table.oid, Failure::Broadcast);
            }
            self.broadcast_keys(template, rows);
        }
    }

    /// To the topics of both rows: whoever has the row is told, wherever it has gone.
    fn broadcast_keys(&self, template: &str, [first, second]: Rows) {
        let topics = guarded(&self.topic_plan, || {
            [first, second].map(|row| row.as_ref().and_then(|_| self.topic(template, row)))
        });
        let send = |topic: &Option<String>, rows: Rows| {
            if let Some(topic) = topic {
                let rows = self.keys_to_tell(rows);
                self.send_by(&self.key_plan, Operation::Update, topic, rows);
            }
        };
        match topics {
            Err(raised) => undelivered::fail(self.table.oid, Failure::Broadcast, &raised),
            Ok([one, other]) if one == other => send(&one, [first, second]),
            Ok([one, other]) => {
                send(&other, [second, &None]);
                send(&one, [first, &None]);
            }
        }
    }
}
