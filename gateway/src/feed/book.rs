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

/// What a relay follows.
#[derive(Default)]
pub struct Book {
    by_interest: HashMap<Arc<Interest>, Id>,
    by_id: HashMap<Id, Shared>,
    /// Where a leg is: its subscription, and its place among the members.
    places: HashMap<usize, (Id, usize)>,
    /// Subscriptions that the relay may not have come to yet.
    fresh: Vec<Id>,
}

fn address(leg: &Arc<Leg>) -> usize {
    Arc::as_ptr(leg) as usize
}

impl Book {
    /// The last subscription that was made for an interest.
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

    /// Takes a new subscription, with nobody yet. There may be others for the same interest.
    pub fn insert(&mut self, id: Id, interest: Arc<Interest>, start: Cursor) {
        self.fresh.push(id);
        self.by_interest.insert(interest.clone(), id);
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

    /// Takes a leg out. Returns its subscription where nobody is left on it; it is forgotten then.
    pub fn remove(&mut self, leg: &Arc<Leg>) -> Option<Id> {
        let (id, place) = self.places.remove(&address(leg))?;
        let shared = self.by_id.get_mut(&id)?;
        shared.members.swap_remove(place);
        if let Some(moved) = shared.members.get(place) {
            self.places.insert(address(moved), (id, place));
        }
        shared.members.is_empty().then(|| {
            self.end(id);
            id
        })
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
    pub fn end(&mut self, id: Id) -> Vec<Arc<Leg>> {
        let Some(shared) = self.by_id.remove(&id) else {
            return Vec::new();
        };
        self.forget(&shared.interest, id);
        for leg in &shared.members {
            self.places.remove(&address(leg));
        }
        shared.members
    }

    fn forget(&mut self, interest: &Interest, id: Id) {
        if self.by_interest.get(interest) == Some(&id) {
            self.by_interest.remove(interest);
        }
    }

    /// The relay has come further than where any subscription begins.
    pub fn caught_up(&mut self) {
        for id in std::mem::take(&mut self.fresh) {
            if let Some(shared) = self.by_id.get_mut(&id) {
                shared.start = None;
            }
        }
    }

    /// Forgets everything. Returns the subscriptions that there were.
    pub fn take(&mut self) -> Vec<Shared> {
        let Book { by_id, .. } = std::mem::take(self);
        by_id.into_values().collect()
    }

    /// Every leg.
    pub fn legs(&self) -> impl Iterator<Item = &Arc<Leg>> {
        self.by_id.values().flat_map(|shared| &shared.members)
    }

    pub fn subscriptions(&self) -> usize {
        self.by_id.len()
    }
}
