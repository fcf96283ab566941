//! The order of a transaction's changes of one relation: where a late change belongs. Pure.
//!
//! AFTER triggers fire when their statement ends. A nested statement, run by another trigger or by a function, ends
//! earlier. So its changes are logged first, even if it changed rows that the outer statement had changed before.
//! Command numbers do not show the order: a nested statement has a greater number, but may have run before the outer
//! statement changed the row in question. Nor do the numbers of a statement's own events only grow: a referential action is
//! a command of its own, but its triggers fire with those of the statement that caused it. The versions of rows do show
//! the order:
//!
//! - A change that replaces or removes the row of a key comes before every change of that key by a later command. The
//!   row existed until then, so no other row could have the key; and only later commands can see the change.
//! - A change that adds a key comes before the change that replaces or deletes its new version, and before the changes
//!   of the key after that. All other changes of the key came earlier, to free the key.
//!
//! In a relation without a key, the versions themselves serve as keys.

mod bounds;
mod change;
mod index;
mod number;
#[cfg(test)]
mod tests;

use crate::pg::image::version::Fate;
use crate::pg::image::version::Version;
use bounds::{Bounds, Follower};
pub use change::{Change, Key, Keys, Place};
use index::{Index, Logged};
use std::collections::{HashSet, VecDeque};

/// How many entries of a relation a transaction remembers.
pub const REMEMBERED: usize = 32_768;

/// How many entries there are when room is made for all that are remembered.
const MANY: usize = 256;

/// How many versions of a row are followed.
const STEPS: usize = 1000;

/// Where a change belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// After everything that has been logged.
    Last,
    /// At this position.
    At(u64),
    /// Not known, or no position is left.
    Unknown,
}

/// The remembered entries, in the order in which they were logged, and an index of the last of them.
#[derive(Default)]
pub struct Order {
    transaction: u64,
    /// The greatest command number of all entries.
    latest: u32,
    /// The greatest command number of the entries that are no longer remembered.
    forgotten: Option<u32>,
    /// Whether a trigger may be deferred to the end of the transaction. Then entries of any command may follow.
    deferred: bool,
    /// Number of the first entry.
    first: usize,
    entries: VecDeque<Logged>,
    /// Positions that were assigned to late entries.
    given: HashSet<u64>,
    index: Option<Index>,
    /// Whether the changes are not logged. Then the index contains every remembered entry, since no keys can be read
    /// from a log.
    unlogged: bool,
}

/// What the order needs to know from the table and the log.
pub trait Rows {
    /// The keys of a logged entry; `None` if they are not known.
    fn keys_of(&mut self, change: &Change, at: Place) -> Option<Keys>;
    /// What has happened to a version.
    fn fate(&mut self, version: Version) -> Fate;
}

impl Order {
    /// Clears the order if this is another transaction. Returns whether it is.
    pub fn begin(&mut self, transaction: u64) -> bool {
        if self.transaction == transaction {
            return false;
        }
        *self = Order {
            transaction,
            ..Order::default()
        };
        true
    }

    /// Whether an entry of a later command has been logged.
    pub fn has_later(&self, change: &Change) -> bool {
        change.command < self.latest
    }

    /// Whether this command or a later one has an entry that was not rolled back.
    pub fn has_since(&self, command: u32) -> bool {
        let recent = self.entries.iter().rev();
        self.forgotten.is_some_and(|of| of >= command)
            || recent
                .take_while(|entry| entry.latest >= command)
                .any(|entry| entry.change.command >= command && !entry.rolled_back)
    }

    /// Whether the next changes are needed with their keys.
    pub fn wants_keys(&self) -> bool {
        self.index.is_some()
    }

    /// Notes that the changes are not logged. Their keys are needed from the first change on.
    pub fn unlogged(&mut self) {
        if !self.unlogged {
            self.unlogged = true;
            self.index = Some(Index::new(self.first + self.entries.len()));
        }
    }

    /// Notes that a trigger may be deferred to the end of the transaction.
    pub fn may_defer(&mut self) {
        self.deferred = true;
    }

    /// Remembers an entry.
    #[inline(always)]
    pub fn add(&mut self, change: Change, at: Place, subtransaction: u32, keys: Option<Box<Keys>>) {
        self.latest = self.latest.max(change.command);
        match self.entries.len() {
            // More may follow. This makes room for all of them. Memory is not touched before it is used, and never copied.
            MANY => self.entries.reserve_exact(REMEMBERED - MANY),
            REMEMBERED => self.forget(),
            _ => {}
        }
        let number = self.first + self.entries.len();
        let mut entry = Logged::new(at, change, subtransaction, self.latest);
        if let Some(index) = &mut self.index {
            if !self.unlogged && index.is_idle(number) {
                self.give_up_index();
            } else {
                index.enter(number, &mut entry, keys);
            }
        }
        self.entries.push_back(entry);
    }

    /// Remembers a change that is not logged. Its number serves as a position.
    pub fn add_unlogged(&mut self, change: Change, subtransaction: u32, keys: Option<Box<Keys>>) {
        let at = Place {
            position: 8 * (self.first + self.entries.len() + 1) as u64,
            segment: 0,
            roomy: false,
        };
        self.add(change, at, subtransaction, keys);
    }

    #[cold]
    fn forget(&mut self) {
        let Some(mut entry) = self.entries.pop_front() else {
            return;
        };
        self.forgotten = self.forgotten.max(Some(entry.change.command));
        if !self.given.is_empty() {
            // The entry next to which it was placed is older, so it is already forgotten.
            self.given.remove(&entry.at.position);
        }
        if let Some(index) = &mut self.index {
            index.remove(self.first, &mut entry);
            index.from = index.from.max(self.first + 1);
        }
        self.first += 1;
    }

    fn give_up_index(&mut self) {
        if let Some(mut index) = self.index.take() {
            for (place, entry) in self.entries.iter_mut().enumerate() {
                index.remove(self.first + place, entry);
            }
        }
    }

    /// Marks the entries of a subtransaction, and of those within it, as rolled back.
    pub fn roll_back(&mut self, subtransaction: u32) {
        let mut number = self.first + self.entries.len();
        for entry in self.entries.iter_mut().rev() {
            if entry.subtransaction < subtransaction {
                break;
            }
            number -= 1;
            entry.rolled_back = true;
            if let Some(index) = &mut self.index {
                index.remove(number, entry);
            }
        }
    }

    /// Where a late change belongs.
    pub fn belongs(&mut self, change: &Change, keys: &Keys, rows: &mut impl Rows) -> Belongs {
        self.cover(change, rows);
        let Some(bounds) = self.bounds(change, keys, rows) else {
            return Belongs::Unknown;
        };
        let Some(before) = bounds.before else {
            return Belongs::Last;
        };
        match number::between(
            bounds.after,
            before,
            &self.given,
            change.recorded,
            bounds.direct,
        ) {
            None => Belongs::Unknown,
            Some(position) => {
                self.given.insert(position);
                Belongs::At(position)
            }
        }
    }

    /// Whether a change that comes after this one was logged before it, or may have been.
    pub fn is_overtaken(&mut self, change: &Change, keys: &Keys, rows: &mut impl Rows) -> bool {
        self.cover(change, rows);
        let bounds = self.bounds(change, keys, rows);
        bounds.is_none_or(|bounds| bounds.before.is_some())
    }

    /// Makes sure that the index contains every entry of a later command, and the entries in between. Earlier entries
    /// may have greater command numbers than later ones.
    fn cover(&mut self, change: &Change, rows: &mut impl Rows) {
        let end = self.first + self.entries.len();
        let index = self.index.get_or_insert_with(|| Index::new(end));
        index.touch();
        while index.from > self.first {
            let entry = &mut self.entries[index.from - 1 - self.first];
            if entry.latest < change.command && !self.deferred {
                break;
            }
            index.from -= 1;
            if !entry.rolled_back {
                let keys = rows.keys_of(&entry.change, entry.at);
                index.enter(index.from, entry, keys.map(Box::new));
            }
        }
    }

    /// The positions between which a change belongs; `None` if they are not known.
    fn bounds(&self, change: &Change, keys: &Keys, rows: &mut impl Rows) -> Option<Bounds> {
        let index = self.index.as_ref()?;
        let mut bounds = Bounds::default();
        let is_later = |entry: &Logged| entry.change.command > change.command;
        if let Some(key) = &keys.old {
            for entry in self.of_key(index, key) {
                bounds.add(entry.at, is_later(entry));
            }
        }
        let follower = self.follower(index, change, rows);
        if let Some(key) = &keys.new {
            let first = match &follower {
                Follower::Logged { entry, .. } => {
                    bounds.add(entry.at, true);
                    entry.has_old(key).then_some(entry.at.position)
                }
                Follower::NotLogged => Some(u64::MAX),
                Follower::Unknown => None,
            };
            for entry in self.of_key(index, key) {
                match first {
                    Some(first) => bounds.add(entry.at, entry.at.position >= first),
                    None if is_later(entry) => return None,
                    None => bounds.add(entry.at, false),
                }
            }
        }
        bounds.direct = follower.is_at_once(bounds.before);
        let some_forgotten = self.forgotten.is_some_and(|of| of > change.command);
        // The follower is the first later change of its key, so entries that are not known do not matter.
        if (index.incomplete || some_forgotten)
            && !(bounds.direct && (keys.old.is_none() || keys.new.is_none()))
        {
            return None;
        }
        Some(bounds)
    }

    /// The first logged entry among the later changes of a change's new version.
    fn follower(&self, index: &Index, change: &Change, rows: &mut impl Rows) -> Follower<'_> {
        let Some(mut version) = change.new.filter(|_| change.superseded) else {
            return Follower::NotLogged;
        };
        for step in 0..STEPS {
            if let Some(number) = index.of_old(&version) {
                return Follower::Logged {
                    entry: &self.entries[number - self.first],
                    at_once: step == 0,
                };
            }
            match rows.fate(version) {
                Fate::Replaced(next) => version = next,
                Fate::Stays => return Follower::NotLogged,
                Fate::Gone => return Follower::Unknown,
            }
        }
        Follower::Unknown
    }

    fn of_key<'a>(&'a self, index: &'a Index, key: &Key) -> impl Iterator<Item = &'a Logged> {
        let numbers = index.of_key(key).iter();
        numbers.map(|number| &self.entries[number - self.first])
    }
}
