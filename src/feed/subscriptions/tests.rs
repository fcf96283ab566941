//! The book against a plain list of subscriptions, through random changes.
#![allow(clippy::expect_used)]

#[pgrx::pg_schema]
mod tests {
    use crate::feed::subscriptions::book::{Book, Wanted};
    use crate::feed::subscriptions::gate::{Events, Id};
    use crate::feed::who::Who;
    use crate::keyed::Condition;
    use crate::log::snapshot::Snapshot;
    use crate::pg::Oid;
    use pgrx::prelude::*;
    use std::collections::BTreeMap;

    /// What a subscription is in the list: relation, role, claims, filter, columns.
    type Kind = (u32, u32, Option<u8>, Option<u8>, Option<u8>);

    fn who(role: u32, claims: Option<u8>) -> Who {
        let claims = claims.and_then(|claim| std::ffi::CString::new(format!("{claim}")).ok());
        Who {
            role: Oid::from(role),
            claims: claims.map(std::ffi::CString::into_boxed_c_str),
        }
    }

    fn add(book: &mut Book, (relation, role, claims, filter, columns): Kind) -> Option<Id> {
        book.add(Wanted {
            relation: Oid::from(relation),
            name: format!("public.t{relation}"),
            signature: None,
            selectable: vec![1],
            who: who(role, claims),
            filter: filter.map(|value| format!("a=eq.{value}")),
            condition: Condition::And(Vec::new()),
            events: Events::new(None),
            columns: columns.map(|column| vec![format!("c{column}")]),
            from: Snapshot::default(),
        })
    }

    /// Every subscription as the book has it, found by way of relations, rooms and gates.
    fn listed(book: &Book) -> BTreeMap<Id, Kind> {
        let mut all = BTreeMap::new();
        for (relation, followed) in &book.relations {
            assert!(!followed.rooms.is_empty());
            for (role, room) in &followed.rooms {
                assert!(!room.gates.is_empty());
                let mut columns = BTreeMap::new();
                for (place, id) in room.gates.iter().enumerate() {
                    let gate = book.at(*id).expect("a gate of a room");
                    assert_eq!(gate.place as usize, place);
                    let who = book.whos.get(gate.who).expect("a gate's reader");
                    assert_eq!((gate.relation, who.role), (*relation, *role));
                    assert!(room.seats.contains_key(&gate.who));
                    let claims = who
                        .claims
                        .as_ref()
                        .map(|text| text.to_str().map(str::parse));
                    let filter = gate.filter.as_ref().map(|text| text[5..].parse());
                    let before = all.len();
                    for (id, one) in book.members(*id) {
                        *columns.entry(one.columns).or_insert(0) += 1;
                        let names = book.columns.get(one.columns).expect("columns");
                        let column = names.as_deref().map(|names| names[0][1..].parse());
                        let kind = (
                            relation.to_u32(),
                            role.to_u32(),
                            claims.clone().map(|it| it.expect("text").expect("claims")),
                            filter.clone().map(|it| it.expect("filter")),
                            column.map(|it| it.expect("column")),
                        );
                        assert_eq!(all.insert(id, kind), None);
                    }
                    assert!(all.len() > before, "a gate without subscriptions");
                }
                assert_eq!(columns, room.columns.clone().into_iter().collect());
            }
        }
        all
    }

    /// Numbers below a bound, from a seed that is the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 33) % bound
        }

        fn few(&mut self, bound: u64) -> Option<u8> {
            (self.below(3) > 0).then(|| self.below(bound) as u8)
        }
    }

    #[pg_test]
    fn the_book_holds_what_was_subscribed() {
        for seed in 1..200 {
            let mut numbers = Numbers(seed);
            let mut book = Book::default();
            let mut list: BTreeMap<Id, Kind> = BTreeMap::new();
            for _ in 0..100 {
                let picked = list
                    .keys()
                    .nth(numbers.below(list.len() as u64 + 1) as usize);
                let id = picked.copied().unwrap_or(77_777);
                let (role, claims) = (numbers.below(2) as u32 + 1, numbers.few(2));
                match numbers.below(6) {
                    0..3 => {
                        let relation = numbers.below(2) as u32 + 1;
                        let kind = (relation, role, claims, numbers.few(3), numbers.few(2));
                        let id = add(&mut book, kind).expect("a number");
                        assert!(list.keys().all(|known| *known < id));
                        list.insert(id, kind);
                    }
                    3..5 => {
                        book.remove(id);
                        list.remove(&id);
                    }
                    _ => {
                        let to = who(role, claims);
                        book.hand_over(id, to, Condition::And(Vec::new()), vec![1], None);
                        if let Some(kind) = list.get_mut(&id) {
                            (kind.1, kind.2) = (role, claims);
                        }
                    }
                }
                assert_eq!(listed(&book), list);
            }
            list.keys().for_each(|id| book.remove(*id));
            assert!(book.relations.is_empty());
            assert!(book.gates.iter().all(Option::is_none));
        }
    }
}
