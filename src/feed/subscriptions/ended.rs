//! Subscriptions that have ended by themselves, until their reader is known to have been told.

use super::gate::Id;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A subscription that has ended by itself.
struct Ended {
    id: Id,
    error: Rc<str>,
    /// Progress of the cursor with which it was told.
    told_at: (u64, u64),
}

/// All of them.
#[derive(Default)]
pub struct AllEnded(Vec<Ended>);

impl AllEnded {
    /// Adds one, with its error and the progress of the cursor of the call that tells it. It is told again by calls with
    /// the same or an earlier one: the rows of this call may not reach the reader.
    pub fn add(&mut self, id: Id, error: &Rc<str>, told_at: (u64, u64)) {
        let error = error.clone();
        self.0.push(Ended { id, error, told_at });
    }

    pub fn remove(&mut self, id: Id) {
        self.0.retain(|ended| ended.id != id);
    }

    /// Those that must be told so by a call with a cursor of this progress, by their errors. Forgets those whose reader
    /// has come further.
    pub fn still_to_tell(&mut self, progress: (u64, u64)) -> BTreeMap<Rc<str>, Vec<Id>> {
        self.forget_told(progress);
        let mut all: BTreeMap<Rc<str>, Vec<Id>> = BTreeMap::new();
        for ended in &self.0 {
            all.entry(ended.error.clone()).or_default().push(ended.id);
        }
        all
    }

    /// Forgets those whose reader has come to a cursor of this progress, and so behind being told.
    pub fn forget_told(&mut self, progress: (u64, u64)) {
        self.0.retain(|ended| progress <= ended.told_at);
    }
}
