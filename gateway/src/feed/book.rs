//! The subscriptions of a relay, and the legs that share each.

use super::cursor::Cursor;
use super::interest::Interest;
use super::leg::Leg;
use std::collections::HashMap;
use std::sync::Arc;

/// The number of a subscription in the relay's session.
pub type Id = i32;

/// One subscription, and whom it is for.
pub struct Shared {
    pub interest: Arc<Interest>,
    /// Where it begins, until the relay has come that far.
    pub start: Option<Cursor>,
    pub members: Vec<Arc<Leg>>,
}

impl Shared {
    fn leave(self, at: &Cursor) -> Vec<Left> {
        let start = self.start.as_ref();
        let left = |leg: Arc<Leg>| Left {
            from: leg.leave(at, start),
            leg,
        };
        self.members.into_iter().map(left).collect()
    }
}

/// A leg that was taken off the book. It has left the relay: a leg is live on the book only, so that no cursor says it has
/// what nobody hands it.
pub struct Left {
    pub leg: Arc<Leg>,
    /// From where it has to read on, where it was live.
    pub from: Option<Cursor>,
}

/// What a relay follows. Whoever takes legs off says up to where everything was handed out (`at`).
#[derive(Default)]
pub struct Book {
    by_interest: HashMap<Arc<Interest>, Id>,
    by_id: HashMap<Id, Shared>,
    /// Where a leg is: its subscription, and its place among the members.
    places: HashMap<usize, (Id, usize)>,
    /// Subscriptions that the relay may not have come to yet.
    fresh: Vec<Id>,
    /// Subscriptions whose legs are on an older one now.
    merged: Vec<Id>,
}

fn address(leg: &Arc<Leg>) -> usize {
    Arc::as_ptr(leg) as usize
}

impl Book {
    /// The first subscription that was made for an interest.
    pub fn find(&self, interest: &Interest) -> Option<Id> {
        self.by_interest.get(interest).copied()
    }

    pub fn get(&self, id: Id) -> Option<&Shared> {
        self.by_id.get(&id)
    }

    /// The legs that a change of this subscription is for.
    pub fn members(&self, id: Id) -> &[Arc<Leg>] {
        self.by_id.get(&id).map_or(&[], |shared| &shared.members)
    }

    /// Takes a new subscription, with nobody yet. There may be others for the same interest, until the relay has come to them.
    pub fn insert(&mut self, id: Id, interest: Arc<Interest>, start: Cursor) {
        self.fresh.push(id);
        self.by_interest.entry(interest.clone()).or_insert(id);
        let shared = Shared {
            interest,
            start: Some(start),
            members: Vec::new(),
        };
        self.by_id.insert(id, shared);
    }

    /// Adds a leg to a subscription, which it is not on. Without such a subscription, nothing happens.
    pub fn add(&mut self, id: Id, leg: Arc<Leg>) {
        if let Some(shared) = self.by_id.get_mut(&id) {
            self.places
                .insert(address(&leg), (id, shared.members.len()));
            shared.members.push(leg);
        }
    }

    /// Takes a leg off. Returns its subscription where nobody is left on it, which is forgotten then, and from where the leg
    /// has to read on, where it was live.
    pub fn remove(&mut self, leg: &Arc<Leg>, at: &Cursor) -> (Option<Id>, Option<Cursor>) {
        let Some((id, place)) = self.places.remove(&address(leg)) else {
            return (None, None);
        };
        let Some(shared) = self.by_id.get_mut(&id) else {
            return (None, None);
        };
        let from = leg.leave(at, shared.start.as_ref());
        shared.members.swap_remove(place);
        if let Some(moved) = shared.members.get(place) {
            self.places.insert(address(moved), (id, place));
        }
        let is_unused = shared.members.is_empty();
        if is_unused {
            self.end(id, at);
        }
        (is_unused.then_some(id), from)
    }

    /// The only leg of a subscription follows something else now that nobody follows yet. Whether that could be.
    pub fn replace(&mut self, leg: &Arc<Leg>, interest: Arc<Interest>) -> Option<Id> {
        let (id, _) = *self.places.get(&address(leg))?;
        let shared = self.by_id.get_mut(&id)?;
        if shared.members.len() != 1 || self.by_interest.contains_key(&interest) {
            return None;
        }
        let before = std::mem::replace(&mut shared.interest, interest.clone());
        self.forget(&before, id);
        self.by_interest.insert(interest, id);
        Some(id)
    }

    /// Forgets a subscription. Returns the legs that were on it.
    pub fn end(&mut self, id: Id, at: &Cursor) -> Vec<Left> {
        let Some(shared) = self.by_id.remove(&id) else {
            return Vec::new();
        };
        self.forget(&shared.interest, id);
        for leg in &shared.members {
            self.places.remove(&address(leg));
        }
        shared.leave(at)
    }

    fn forget(&mut self, interest: &Interest, id: Id) {
        if self.by_interest.get(interest) == Some(&id) {
            self.by_interest.remove(interest);
        }
    }

    /// Whether the relay may not have come to where some subscription begins.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// The relay has come further than where any subscription begins. Returns the legs of those that had begun since. Of equal
    /// ones, which receive the same from now on, one is enough.
    pub fn caught_up(&mut self) -> Vec<Arc<Leg>> {
        let mut legs = Vec::new();
        let fresh = std::mem::take(&mut self.fresh);
        for id in &fresh {
            if let Some(shared) = self.by_id.get_mut(id) {
                shared.start = None;
                legs.extend_from_slice(&shared.members);
            }
        }
        for id in fresh {
            self.merge(id);
        }
        legs
    }

    /// Puts the legs of a subscription on the first one for the same interest.
    fn merge(&mut self, id: Id) {
        let Some(shared) = self.by_id.get(&id) else {
            return;
        };
        let interest = shared.interest.clone();
        let first = *self.by_interest.entry(interest).or_insert(id);
        if first == id {
            return;
        }
        let shared = self.by_id.remove(&id);
        for leg in shared.into_iter().flat_map(|shared| shared.members) {
            self.add(first, leg);
        }
        self.merged.push(id);
    }

    /// Subscriptions that nobody is on any more, since their legs are on others.
    pub fn merged(&mut self) -> Vec<Id> {
        std::mem::take(&mut self.merged)
    }

    /// Forgets everything. Returns what was followed, and who was on it.
    pub fn take(&mut self, at: &Cursor) -> Vec<(Arc<Interest>, Vec<Left>)> {
        let Book { by_id, .. } = std::mem::take(self);
        let all = by_id.into_values();
        all.map(|shared| (shared.interest.clone(), shared.leave(at)))
            .collect()
    }

    /// Every leg.
    pub fn legs(&self) -> impl Iterator<Item = &Arc<Leg>> {
        self.by_id.values().flat_map(|shared| &shared.members)
    }

    pub fn subscriptions(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
