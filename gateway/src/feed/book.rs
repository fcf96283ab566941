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

    /// The relay has come further than where any subscription begins. Returns the legs of those that had begun since.
    pub fn caught_up(&mut self) -> Vec<Arc<Leg>> {
        let mut legs = Vec::new();
        for id in std::mem::take(&mut self.fresh) {
            if let Some(shared) = self.by_id.get_mut(&id) {
                shared.start = None;
                legs.extend_from_slice(&shared.members);
            }
        }
        legs
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
mod tests {
    use super::super::interest::{Relation, Who};
    use super::super::outlet::{Change, Later, Outlet};
    use super::super::{Fault, Share};
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Nobody(Share);

    impl Outlet for Nobody {
        fn change(&self, _: &[u32], _: &mut Change) -> bool {
            true
        }
        fn moved(&self, _: &Cursor) {}
        fn fault(&self, _: &Leg, _: &Fault) {}
        fn missed(&self, _: u32, _: &Fault) -> bool {
            false
        }
        fn room(&self) -> Later<'_> {
            Box::pin(async {})
        }
        fn is_closed(&self) -> bool {
            false
        }
        fn share(&self) -> &Share {
            &self.0
        }
    }

    fn interest(number: u8) -> Interest {
        Interest {
            relation: Relation {
                schema: "public".into(),
                table: format!("t{number}").into(),
            },
            filter: None,
            events: None,
            columns: None,
            who: Who {
                role: "anon".into(),
                claims: "{}".into(),
            },
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8),
        Add(usize, usize),
        Remove(usize),
        Replace(usize, u8),
        End(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..6u8).prop_map(Step::Insert),
            (0..20usize, 0..8usize).prop_map(|(id, leg)| Step::Add(id, leg)),
            (0..8usize).prop_map(Step::Remove),
            (0..8usize, 0..6u8).prop_map(|(leg, number)| Step::Replace(leg, number)),
            (0..20usize).prop_map(Step::End),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// The book against the plainest model: subscriptions with an interest and a list of legs.
        #[test]
        fn legs_are_where_they_were_put(steps in steps()) {
            let outlet: Arc<dyn Outlet> = Arc::new(Nobody::default());
            let legs: Vec<_> = (0..8).map(|tag| Leg::new(tag, interest(0), outlet.clone())).collect();
            let mut book = Book::default();
            let mut model: HashMap<Id, (Interest, Vec<u32>)> = HashMap::new();
            let (at, mut next) = ("at".into(), 0);
            for step in steps {
                match step {
                    Step::Insert(number) => {
                        book.insert(next, Arc::new(interest(number)), "c".into());
                        model.insert(next, (interest(number), Vec::new()));
                        next += 1;
                    }
                    Step::Add(id, leg) => {
                        let is_on = model.values().any(|(_, on)| on.contains(&(leg as u32)));
                        if let Some((_, on)) = model.get_mut(&(id as Id)).filter(|_| !is_on) {
                            on.push(leg as u32);
                            book.add(id as Id, legs[leg].clone());
                            legs[leg].keep(&at);
                            legs[leg].flush();
                        }
                    }
                    Step::Remove(leg) => {
                        let tag = leg as u32;
                        let id = model.iter().find(|(_, (_, on))| on.contains(&tag)).map(|(id, _)| *id);
                        let mut emptied = None;
                        if let Some(id) = id {
                            let (_, on) = model.get_mut(&id).expect("it was found");
                            on.retain(|other| *other != tag);
                            if on.is_empty() {
                                model.remove(&id);
                                emptied = Some(id);
                            }
                        }
                        prop_assert_eq!(book.remove(&legs[leg], &at).0, emptied);
                    }
                    Step::Replace(leg, number) => {
                        let tag = leg as u32;
                        let wanted = interest(number);
                        let known = book.find(&wanted);
                        let id = book.replace(&legs[leg], Arc::new(wanted.clone()));
                        if let Some(id) = id {
                            prop_assert_eq!(known, None);
                            let (before, on) = model.get_mut(&id).expect("it is there");
                            prop_assert_eq!(&on[..], &[tag]);
                            *before = wanted.clone();
                            prop_assert_eq!(book.find(&wanted), Some(id));
                        }
                    }
                    Step::End(id) => {
                        let tags: Vec<_> = book.end(id as Id, &at).iter().map(|left| left.leg.tag).collect();
                        let on = model.remove(&(id as Id)).map(|(_, on)| on).unwrap_or_default();
                        prop_assert_eq!(tags.len(), on.len());
                        prop_assert!(on.iter().all(|tag| tags.contains(tag)));
                    }
                }
                for leg in &legs {
                    let is_on = model.values().any(|(_, on)| on.contains(&leg.tag));
                    prop_assert_eq!(leg.is_live(), is_on, "a leg is live on the book only");
                }
                prop_assert_eq!(book.subscriptions(), model.len());
                for (id, (interest, on)) in &model {
                    let shared = book.get(*id).expect("it is there");
                    prop_assert_eq!(&*shared.interest, interest);
                    let mut tags: Vec<_> = book.members(*id).iter().map(|leg| leg.tag).collect();
                    tags.sort_unstable();
                    let mut on = on.clone();
                    on.sort_unstable();
                    prop_assert_eq!(tags, on);
                }
                for number in 0..6 {
                    if let Some(id) = book.find(&interest(number)) {
                        prop_assert_eq!(&*book.get(id).expect("it is there").interest, &interest(number));
                    }
                }
            }
        }
    }
}
