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

    /// Those that must be told so by a call with a cursor of this progress, by their errors, ids ascending. Forgets those whose
    /// reader has come further.
    pub fn still_to_tell(&mut self, progress: (u64, u64)) -> BTreeMap<Rc<str>, Vec<Id>> {
        self.forget_told(progress);
        let mut all: BTreeMap<Rc<str>, Vec<Id>> = BTreeMap::new();
        for ended in &self.0 {
            all.entry(ended.error.clone()).or_default().push(ended.id);
        }
        // Several calls may have ended some for the same reason.
        all.values_mut().for_each(|ids| ids.sort_unstable());
        all
    }

    /// Forgets those whose reader has come to a cursor of this progress, and so behind being told.
    pub fn forget_told(&mut self, progress: (u64, u64)) {
        self.0.retain(|ended| progress <= ended.told_at);
    }
}

#[cfg(test)]
mod tests {
    use super::AllEnded;

    #[test]
    fn what_several_calls_have_ended_is_told_in_order() {
        let mut all = AllEnded::default();
        for (id, at) in [(18, 1), (50, 1), (21, 2), (2, 2)] {
            all.add(id, &"42501 t: no".into(), (at, at));
        }
        let told: Vec<_> = all.still_to_tell((1, 1)).into_values().collect();
        assert_eq!(told, [vec![2, 18, 21, 50]]);
        let told: Vec<_> = all.still_to_tell((2, 2)).into_values().collect();
        assert_eq!(told, [vec![2, 21]]);
    }
}
