//! Subscriptions and gates: what a session holds of each.

use super::interner::Number;
use crate::change::Operation;
use crate::keyed::Condition;
use crate::pg::Oid;
use std::num::NonZeroU8;

/// Names a subscription. Numbers rise and are never used again.
pub type Id = i32;

/// Names a gate. Numbers are used again.
pub type GateId = u32;

/// No gate, or no subscription: the end of a list.
pub const NONE: u32 = u32::MAX;
pub const NOBODY: Id = 0;

/// The operations that a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events(NonZeroU8);

/// Always set, so that a subscription has room for its absence.
const PRESENT: u8 = 0x80;

impl Events {
    pub fn new(operations: Option<&[Operation]>) -> Events {
        let all = operations.unwrap_or(&Operation::ALL);
        let bits = all.iter().fold(PRESENT, |bits, one| bits | bit(*one));
        Events(NonZeroU8::new(bits).unwrap_or(NonZeroU8::MAX))
    }

    pub fn has(self, operation: Operation) -> bool {
        self.0.get() & bit(operation) != 0
    }
}

fn bit(operation: Operation) -> u8 {
    1 << operation as u8
}

/// A subscription. Those of a gate are a list.
pub struct Subscription {
    pub gate: GateId,
    pub events: Events,
    /// Its list of columns.
    pub columns: Number,
    /// A transaction that is finished in this snapshot is not for it.
    pub from: Number,
    pub next: Id,
    pub previous: Id,
}

/// The unit of judging: what is the same for all its subscriptions.
pub struct Gate {
    pub relation: Oid,
    pub who: Number,
    pub filter: Option<Box<str>>,
    pub condition: Condition,
    /// Its subscriptions are a list.
    pub first: Id,
    /// The next gate with the same hash.
    pub chain: GateId,
    /// Its place among the gates of its room.
    pub place: u32,
    pub is_indexed: bool,
}
