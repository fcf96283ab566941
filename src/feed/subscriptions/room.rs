//! The gates of one relation and role: their conditions in an index, and what the policies make of each reader's claims.

use super::gate::{Gate, GateId};
use super::interner::Number;
use crate::feed::matcher::Matcher;
use crate::keyed::Condition;
use crate::pg::judge::constants::Constants;
use crate::pg::judge::context::Context;
use crate::pg::judge::many::ManyPolicies;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// How the policies are judged for a reader.
#[derive(Clone)]
pub enum Policy {
    /// By a condition over keys, and where these cannot tell, by the reader's constants.
    Shared {
        constants: Rc<Constants>,
        condition: Rc<Condition>,
    },
    /// By themselves, with the reader's claims.
    Own,
}

/// The policies, and how they were looked at.
#[derive(Clone)]
pub struct Looked {
    pub policies: Rc<ManyPolicies>,
    /// Whether they were looked into.
    pub share: bool,
    /// What they, and the constants of readers, mean was found here.
    pub context: Context,
}

impl Looked {
    /// Whether conditions and constants that were made of these hold for others.
    pub fn is_like(&self, other: &Looked) -> bool {
        self.context == other.context
            && (Rc::ptr_eq(&self.policies, &other.policies)
                || self.policies.is_like(&other.policies))
    }
}

/// A reader: a role with its claims.
#[derive(Default)]
pub struct Seat {
    gates: u32,
    /// `None` until a batch is read.
    pub policy: Option<Policy>,
}

/// The gates of a relation and a role.
#[derive(Default)]
pub struct Room {
    pub gates: Vec<GateId>,
    /// Gates that are not in the index yet, and some that were closed since.
    waiting: Vec<GateId>,
    pub matcher: Matcher,
    pub seats: HashMap<Number, Seat>,
    /// How many subscriptions have a list of columns.
    pub columns: HashMap<Number, u32>,
    pub policies: Option<Looked>,
    /// The columns that the role might SELECT when the filters were compiled.
    pub selectable: Vec<i16>,
}

impl Room {
    /// Adds a gate; its place among the others.
    pub fn open(&mut self, id: GateId, who: Number) -> u32 {
        let place = self.gates.len() as u32;
        self.gates.push(id);
        self.wait(id);
        self.seats.entry(who).or_default().gates += 1;
        place
    }

    /// Removes a gate; the one that has its place now.
    pub fn close(&mut self, id: GateId, gate: &Gate) -> Option<GateId> {
        if gate.is_indexed {
            self.matcher.remove(id, &self.condition(gate));
        }
        if let Some(seat) = self.seats.get_mut(&gate.who) {
            seat.gates -= 1;
            if seat.gates == 0 {
                self.seats.remove(&gate.who);
            }
        }
        self.gates.swap_remove(gate.place as usize);
        self.gates.get(gate.place as usize).copied()
    }

    fn wait(&mut self, id: GateId) {
        // Gates may come and go without any batch between.
        if self.waiting.len() > 2 * self.gates.len() + 1000 {
            self.waiting.sort_unstable();
            self.waiting.dedup();
        }
        self.waiting.push(id);
    }

    /// The gates that may have to be put into the index.
    pub fn take_waiting(&mut self) -> Vec<GateId> {
        std::mem::take(&mut self.waiting)
    }

    pub fn waiting(&self) -> &[GateId] {
        &self.waiting
    }

    /// Begins an index anew.
    pub fn clear(&mut self) {
        self.matcher = Matcher::default();
        self.waiting.clone_from(&self.gates);
    }

    /// The condition by which a gate is in the index.
    pub fn condition<'a>(&self, gate: &'a Gate) -> Cow<'a, Condition> {
        let seat = self.seats.get(&gate.who);
        match seat.and_then(|seat| seat.policy.as_ref()) {
            Some(Policy::Shared { condition, .. }) if !is_true(condition) => {
                let both = vec![Condition::clone(condition), gate.condition.clone()];
                Cow::Owned(Condition::And(both))
            }
            _ => Cow::Borrowed(&gate.condition),
        }
    }
}

fn is_true(condition: &Condition) -> bool {
    matches!(condition, Condition::And(members) if members.is_empty())
}
