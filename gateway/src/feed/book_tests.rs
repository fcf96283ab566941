//! The book against a model.

use super::super::interest::{Relation, Who};
use super::super::outlet::{Change, Later, Outlet};
use super::super::{Fault, Share};
use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

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
    CaughtUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6u8).prop_map(Step::Insert),
        (0..20usize, 0..8usize).prop_map(|(id, leg)| Step::Add(id, leg)),
        (0..8usize).prop_map(Step::Remove),
        (0..8usize, 0..6u8).prop_map(|(leg, number)| Step::Replace(leg, number)),
        (0..20usize).prop_map(Step::End),
        Just(Step::CaughtUp),
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
                Step::CaughtUp => {
                    book.caught_up();
                    for id in book.merged() {
                        let (interest, on) = model.remove(&id).expect("it was there");
                        let first = book.find(&interest).expect("another one is there");
                        model.get_mut(&first).expect("it is there").1.extend(on);
                    }
                    let interests: HashSet<_> = model.values().map(|(interest, _)| interest).collect();
                    prop_assert_eq!(interests.len(), model.len(), "of equal ones, one is left");
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
