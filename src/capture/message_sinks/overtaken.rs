//! What is sent for a change that was overtaken: a later change of its row was sent before it.
//!
//! AFTER triggers fire when their statement ends. A nested statement, run by another trigger or a function, ends
//! earlier. In the log, an overtaken change gets a position before the later change. But nothing can be placed before a
//! message that has been sent, and if the overtaken change were sent after it, copies would end in a wrong state. So
//! readers are told to read the row again.

use super::{guarded, MessageSinks, Rows};
use crate::change::Operation;
use crate::sink::{undelivered, Failure, Sinks};

const KEY: &str =
    "The later change of a row was sent first. Of the earlier change, only the key was sent.";
const TRUNCATE: &str = "The later changes were sent first, then the TRUNCATE.";

impl MessageSinks {
    /// Sends the keys of an overtaken change as an UPDATE, whatever its operation was: the row may exist or not. It
    /// counts as undelivered if more than keys would have been sent.
    pub(super) fn ask_to_read_again(&self, sinks: &Sinks, [new, old]: Rows) {
        let rows = match new {
            Some(_) => [new, old],
            None => [old, new],
        };
        if sinks.wal {
            if self.plan.numbers() != self.key_plan.numbers() {
                undelivered::overtaken(self.table.oid, Failure::Wal, KEY);
            }
            self.to_wal(Operation::Update, &self.key_plan, rows);
        }
        if let Some(template) = self.topic_template(sinks) {
            if self.is_seen_by_all(rows) {
                undelivered::overtaken(self.table.oid, Failure::Broadcast, KEY);
            }
            self.broadcast_keys(template, rows);
        }
    }

    /// Counts a TRUNCATE that was overtaken. It has no key that could be sent instead, so it is sent: copies then lack
    /// only the rows of the later changes.
    pub(super) fn count_overtaken(&self, sinks: &Sinks) {
        for sink in sinks.taking_messages() {
            undelivered::overtaken(self.table.oid, sink, TRUNCATE);
        }
    }

    /// Sends to the topics of both rows, so that everyone with a copy of the row receives it.
    fn broadcast_keys(&self, template: &str, [first, second]: Rows) {
        let topics = guarded(&self.topic_plan, || {
            [first, second].map(|row| row.as_ref().and_then(|_| self.topic(template, row)))
        });
        let send = |topic: &Option<String>, rows: Rows| {
            if let Some(topic) = topic {
                let rows = self.key_rows(rows);
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
