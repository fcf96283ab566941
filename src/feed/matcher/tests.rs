//! The index against a look at every condition, and conditions against SQL's own evaluation.

mod plain;

use super::*;
use crate::keyed::{Key, Keys};
use plain::{cell, plain, Value, SET};
use std::collections::HashSet;

/// The splitmix64 generator: cheap, and a seed replays a run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn many<T>(&mut self, bound: usize, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
        (0..self.below(bound)).map(|_| one(self)).collect()
    }

    /// Few values, so that they meet: of different lengths, prefixes of each other among them.
    fn key(&mut self) -> Key {
        self.many(4, |random| [0, 1, 2, 0x80, 0xff][random.below(5)])
            .into()
    }

    fn bound(&mut self) -> Bound<Key> {
        match self.below(3) {
            0 => Bound::Included(self.key()),
            1 => Bound::Excluded(self.key()),
            _ => Bound::Unbounded,
        }
    }

    fn column(&mut self) -> Column {
        [SET, 1, 2, 3, 4][self.below(5)]
    }

    fn condition(&mut self, depth: usize) -> Condition {
        if depth > 0 && self.below(2) == 0 {
            return match self.below(5) {
                0 | 1 => Condition::And(self.many(4, |random| random.condition(depth - 1))),
                2 | 3 => Condition::Or(self.many(4, |random| random.condition(depth - 1))),
                _ => Condition::Not(Box::new(self.condition(depth - 1))),
            };
        }
        let column = self.column();
        match self.below(14) {
            0..=5 => Condition::one_of(column, self.many(3, Random::key)),
            6..=8 => Condition::range(column, self.bound(), self.bound()),
            9 | 10 => Condition::Prefix(column, self.key()),
            11 => Condition::IsNull(column),
            12 => Condition::Null,
            _ => Condition::Other,
        }
    }

    fn row(&mut self) -> Vec<Value> {
        let value = |random: &mut Random| match random.below(16) {
            0 => Value::Unknown,
            1 => Value::Keyless,
            2 | 3 => Value::Null,
            _ => Value::Key(random.key()),
        };
        let mut row: Vec<Value> = (0..4).map(|_| value(self)).collect();
        row.push(Value::Set(self.many(4, Random::key)));
        row
    }
}

/// A million pairs of a condition and a row: sets of conditions that come and go, and ten rows for each.
#[test]
fn a_row_finds_every_condition_that_holds() {
    let seed = match std::env::var("PGREALTIME_SEED") {
        Ok(given) => given.parse().unwrap_or_default(),
        Err(_) => RandomState::new().hash_one(0),
    };
    let mut random = Random(seed);
    let (mut pairs, mut held, mut missed_by_keys) = (0, 0, 0);
    while pairs < 1_000_000 {
        let all: Vec<Condition> = (0..1 + random.below(200))
            .map(|_| random.condition(3))
            .collect();
        let mut matcher = Matcher::default();
        for (id, condition) in all.iter().enumerate() {
            matcher.insert(id as Id, condition);
        }
        let mut there: HashSet<usize> = (0..all.len()).collect();
        for id in random.many(20, |random| random.below(all.len())) {
            matcher.remove(id as Id, &all[id]);
            there.remove(&id);
        }
        for _ in 0..10 {
            let row = random.row();
            let of = |column| cell(&row, column);
            let mut found = HashSet::new();
            matcher.candidates(&of, |id| {
                found.insert(id as usize);
            });
            assert!(
                found.is_subset(&there),
                "seed {seed}: one that was taken out is found"
            );
            for id in &there {
                let truth = all[*id].evaluate(&of);
                if let Some(plain) = plain(&all[*id], &row) {
                    assert_eq!(truth, plain, "seed {seed}: {:?} for {row:?}", all[*id]);
                }
                if truth.may_hold() {
                    held += 1;
                    assert!(
                        found.contains(id),
                        "seed {seed}: {:?} is missed for {row:?}",
                        all[*id]
                    );
                }
                missed_by_keys += usize::from(!found.contains(id));
            }
            pairs += there.len();
        }
        for id in there {
            matcher.remove(id as Id, &all[id]);
        }
        assert!(
            matcher.lanes.is_empty() && matcher.always.is_empty() && matcher.lists.is_unused(),
            "seed {seed}: something is left behind"
        );
    }
    assert!(
        held > pairs / 10 && missed_by_keys > pairs / 10,
        "seed {seed}: {held}, {missed_by_keys}"
    );
}

fn key(text: &str) -> Key {
    text.as_bytes().into()
}

#[test]
fn the_most_selective_condition_is_the_entrance() {
    let nobody: &dyn Fn(&Entrance) -> usize = &|_| 0;
    let eq = |column, text: &str| Condition::equal(column, key(text));
    let above = Condition::range(1, Bound::Excluded(key("a")), Bound::Unbounded);
    let both = Condition::And(vec![above, eq(2, "b"), Condition::Other]);
    let keys: Keys = [key("b")].into_iter().collect();
    assert_eq!(best(&both, nobody), Entrance::Keys(2, &keys));
    let either = Condition::Or(vec![eq(1, "a"), both.clone()]);
    assert_eq!(best(&either, nobody).weight(nobody), 2);
    let hopeless = Condition::Or(vec![eq(1, "a"), Condition::Other]);
    assert_eq!(best(&hopeless, nobody), Entrance::Always);
}

#[test]
fn what_all_conditions_say_is_nobodys_entrance() {
    let mut matcher = Matcher::default();
    let organization = |i: u32| Key::from(i.to_be_bytes());
    let active = || Condition::equal(1, key("active"));
    let conditions: Vec<Condition> = (0..10_000)
        .map(|i| Condition::And(vec![active(), Condition::equal(2, organization(i % 5_000))]))
        .collect();
    for (id, condition) in conditions.iter().enumerate() {
        matcher.insert(id as Id, condition);
    }
    let row = [key("active"), organization(77)];
    let found = |matcher: &Matcher| {
        let mut found = Vec::new();
        matcher.candidates(&|column| Cell::Key(&row[column as usize - 1]), |id| {
            found.push(id)
        });
        found
    };
    let looked = found(&matcher);
    assert!(
        looked.contains(&77) && looked.contains(&5_077) && looked.len() < 10,
        "{looked:?}"
    );
    for (id, condition) in conditions.iter().enumerate() {
        matcher.remove(id as Id, condition);
    }
    assert!(found(&matcher).is_empty() && matcher.lanes.is_empty() && matcher.lists.is_unused());
}

#[test]
fn a_row_looks_at_its_own_conditions_only() {
    let mut matcher = Matcher::default();
    let key = |i: u32| Key::from(i.to_be_bytes());
    for i in 0..10_000 {
        matcher.insert(i, &Condition::equal(1, key(i)));
        let (low, high) = (
            Bound::Included(key(i * 16)),
            Bound::Included(key(i * 16 + 15)),
        );
        matcher.insert(10_000 + i, &Condition::range(2, low, high));
    }
    let row = [key(77), key(77 * 16 + 3)];
    let mut looked = Vec::new();
    matcher.candidates(&|column| Cell::Key(&row[column as usize - 1]), |id| {
        looked.push(id)
    });
    looked.sort_unstable();
    assert_eq!(looked, [77, 10_077]);
}

#[test]
fn keys_are_kept_whatever_their_length() {
    let lengths = [0, 1, 127, 128, 300, 20_000];
    let keys: Keys = lengths
        .iter()
        .map(|length| vec![7; *length].into())
        .collect();
    assert!(keys.iter().map(<[u8]>::len).eq(lengths));
    assert!(lengths
        .iter()
        .all(|length| keys.contains(&vec![7; *length])));
    assert!(!keys.contains(&[8]) && !keys.is_empty());
}

/// A session may hold a million of them.
#[test]
fn a_condition_on_one_key_is_small() {
    assert!(std::mem::size_of::<Condition>() <= 32);
    assert!(std::mem::size_of::<(u64, Place)>() <= 16);
    let keys: Keys = [Key::from([7; 16])].into_iter().collect();
    assert_eq!(keys.bytes(), 17);
}
