//! Which conditions a row may satisfy: an index from column values to conditions, so that a change costs what its
//! receivers cost and not what the subscriptions that exist cost; pure.

use crate::keyed::{Cell, Column, Condition, Key};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// Names a condition; the caller chooses it.
pub type Id = u32;

/// Where a condition enters the index.
#[derive(Debug, PartialEq, Eq)]
enum Entrance<'a> {
    /// Cannot hold for any row.
    Nowhere,
    Keys(Column, &'a [Key]),
    /// Keys that begin with these bits.
    Prefix(Column, Bits<'a>),
    Above(Column, &'a [u8]),
    Below(Column, &'a [u8]),
    Null(Column),
    /// Every branch of an OR by its own.
    Each(Vec<Entrance<'a>>),
    /// Looked at for every row.
    Always,
}

impl Entrance<'_> {
    /// The lower, the fewer rows come in by it.
    fn rank(&self) -> usize {
        match self {
            Entrance::Nowhere => 0,
            Entrance::Keys(_, keys) => keys.len(),
            Entrance::Prefix(_, prefix) => 10_000 - prefix.count.min(9_999),
            Entrance::Each(branches) => branches.iter().map(Entrance::rank).sum(),
            Entrance::Null(_) => 20_000,
            Entrance::Above(..) | Entrance::Below(..) => 100_000,
            Entrance::Always => 1_000_000,
        }
    }
}

/// The most selective entrance: a row for which the condition holds always comes in by it.
fn entrance(condition: &Condition) -> Entrance<'_> {
    match condition {
        Condition::And(members) => members
            .iter()
            .map(entrance)
            .min_by_key(Entrance::rank)
            .unwrap_or(Entrance::Always),
        Condition::Or(members) => {
            let branches: Vec<Entrance> = members.iter().map(entrance).collect();
            if branches.contains(&Entrance::Always) {
                Entrance::Always
            } else {
                Entrance::Each(branches)
            }
        }
        Condition::OneOf(_, keys) if keys.is_empty() => Entrance::Nowhere,
        Condition::OneOf(column, keys) => Entrance::Keys(*column, keys),
        Condition::Prefix(column, prefix) => Entrance::Prefix(*column, Bits::all(prefix)),
        Condition::IsNull(column) => Entrance::Null(*column),
        Condition::Range(column, low, high) => range_entrance(*column, low, high),
        Condition::Not(_) | Condition::Other => Entrance::Always,
    }
}

fn range_entrance<'a>(column: Column, low: &'a Bound<Key>, high: &'a Bound<Key>) -> Entrance<'a> {
    let key = |bound: &'a Bound<Key>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(&**key),
        Bound::Unbounded => None,
    };
    match (key(low), key(high)) {
        (None, None) => Entrance::Always,
        (Some(low), None) => Entrance::Above(column, low),
        (None, Some(high)) => Entrance::Below(column, high),
        (Some(low), Some(high)) => {
            // A key between two others begins with what both begin with. Where they part, it goes on as the lower one
            // and then with ones, or as the higher one and then with zeros.
            let common = (0..)
                .take_while(|at| bit(low, *at).is_some() && bit(low, *at) == bit(high, *at))
                .count();
            let (Some(false), Some(true)) = (bit(low, common), bit(high, common)) else {
                return Entrance::Prefix(
                    column,
                    Bits {
                        of: low,
                        count: common,
                    },
                );
            };
            let run = |key: &[u8], value: bool| {
                common
                    + 1
                    + (common + 1..)
                        .take_while(|at| bit(key, *at) == Some(value))
                        .count()
            };
            Entrance::Each(vec![
                Entrance::Prefix(
                    column,
                    Bits {
                        of: low,
                        count: run(low, true),
                    },
                ),
                Entrance::Prefix(
                    column,
                    Bits {
                        of: high,
                        // A shorter key than the higher one ends within it.
                        count: run(high, false).min((common / 8 + 1) * 8),
                    },
                ),
            ])
        }
    }
}

/// The first bits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits<'a> {
    of: &'a [u8],
    count: usize,
}

impl<'a> Bits<'a> {
    fn all(of: &'a [u8]) -> Bits<'a> {
        Bits {
            of,
            count: of.len() * 8,
        }
    }

    /// In whole bytes, what is behind the last bit zero.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.of[..self.count.div_ceil(8)].to_vec();
        if let (Some(last), 1..) = (bytes.last_mut(), self.count % 8) {
            *last &= !(0xff >> (self.count % 8));
        }
        bytes
    }
}

/// A bit of a key, the highest of each byte first; `None` behind its end.
fn bit(key: &[u8], at: usize) -> Option<bool> {
    key.get(at / 8).map(|byte| byte & (0x80 >> (at % 8)) != 0)
}

/// The conditions at one place; most places have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Ids {
    #[default]
    None,
    One(Id),
    // A Vec itself would make every place larger, and most places have one condition.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<Id>>),
}

impl Ids {
    fn add(&mut self, id: Id) {
        match self {
            Ids::None => *self = Ids::One(id),
            Ids::One(first) => *self = Ids::Many(Box::new(vec![*first, id])),
            Ids::Many(all) => all.push(id),
        }
    }

    /// Takes one occurrence out; whether none is left.
    fn remove(&mut self, id: Id) -> bool {
        match self {
            Ids::One(only) if *only == id => *self = Ids::None,
            Ids::Many(all) => {
                if let Some(place) = all.iter().position(|one| *one == id) {
                    all.swap_remove(place);
                }
                if all.is_empty() {
                    *self = Ids::None;
                }
            }
            Ids::None | Ids::One(_) => {}
        }
        *self == Ids::None
    }

    fn as_slice(&self) -> &[Id] {
        match self {
            Ids::None => &[],
            Ids::One(id) => std::slice::from_ref(id),
            Ids::Many(all) => all,
        }
    }
}

/// The index of one column.
#[derive(Debug, Default)]
struct Lane {
    keys: HashMap<Key, Ids>,
    /// By their number of bits.
    prefixes: BTreeMap<usize, HashMap<Key, Ids>>,
    above: BTreeMap<Key, Ids>,
    below: BTreeMap<Key, Ids>,
    null: Ids,
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.prefixes.is_empty()
            && self.above.is_empty()
            && self.below.is_empty()
            && self.null == Ids::None
    }

    fn collect(&self, cell: Cell, found: &mut impl FnMut(&Ids)) {
        match cell {
            Cell::Null => found(&self.null),
            Cell::Key(key) => {
                self.keys.get(key).into_iter().for_each(&mut *found);
                for (count, prefixes) in self.prefixes.range(..=key.len() * 8) {
                    let bits = Bits {
                        of: key,
                        count: *count,
                    };
                    prefixes
                        .get(&*bits.bytes())
                        .into_iter()
                        .for_each(&mut *found);
                }
                let from_here = (Bound::Included(key), Bound::Unbounded);
                let to_here = (Bound::Unbounded, Bound::Included(key));
                self.above
                    .range::<[u8], _>(to_here)
                    .for_each(|(_, ids)| found(ids));
                self.below
                    .range::<[u8], _>(from_here)
                    .for_each(|(_, ids)| found(ids));
            }
            Cell::Set(keys) => {
                for key in keys {
                    self.collect(Cell::Key(key), found);
                }
            }
            Cell::Unknown => {
                let prefixes = self.prefixes.values().flat_map(HashMap::values);
                let maps = self.keys.values().chain(prefixes);
                let trees = self.above.values().chain(self.below.values());
                maps.chain(trees).for_each(&mut *found);
                found(&self.null);
            }
        }
    }
}

/// An index of conditions. Nothing is rebuilt when one comes or goes.
#[derive(Debug, Default)]
pub struct Matcher {
    lanes: HashMap<Column, Lane>,
    always: Vec<Id>,
}

impl Matcher {
    /// Adds a condition. The caller keeps it: to evaluate it for the rows that it is a candidate for, and to take it out.
    pub fn insert(&mut self, id: Id, condition: &Condition) {
        self.walk(&entrance(condition), &mut |ids| ids.add(id), id, true);
    }

    /// Takes a condition out that was added under this name.
    pub fn remove(&mut self, id: Id, condition: &Condition) {
        self.walk(
            &entrance(condition),
            &mut |ids| {
                ids.remove(id);
            },
            id,
            false,
        );
    }

    /// The columns that rows are asked for.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        self.lanes.keys().copied()
    }

    /// Calls `found` with every condition that may hold for a row; with one more than once where it enters by several
    /// branches.
    pub fn candidates<'a>(&self, row: &impl Fn(Column) -> Cell<'a>, mut found: impl FnMut(Id)) {
        let mut all = |ids: &Ids| ids.as_slice().iter().copied().for_each(&mut found);
        for (column, lane) in &self.lanes {
            lane.collect(row(*column), &mut all);
        }
        self.always.iter().copied().for_each(found);
    }

    fn walk(&mut self, entrance: &Entrance, change: &mut impl FnMut(&mut Ids), id: Id, add: bool) {
        let (column, place) = match entrance {
            Entrance::Nowhere => return,
            Entrance::Always => {
                if add {
                    self.always.push(id);
                } else if let Some(place) = self.always.iter().position(|one| *one == id) {
                    self.always.swap_remove(place);
                }
                return;
            }
            Entrance::Each(branches) => {
                branches
                    .iter()
                    .for_each(|one| self.walk(one, change, id, add));
                return;
            }
            Entrance::Keys(column, _)
            | Entrance::Prefix(column, _)
            | Entrance::Above(column, _)
            | Entrance::Below(column, _)
            | Entrance::Null(column) => (*column, entrance),
        };
        let lane = self.lanes.entry(column).or_default();
        match place {
            Entrance::Keys(_, keys) => keys
                .iter()
                .for_each(|key| in_map(&mut lane.keys, key, change)),
            Entrance::Prefix(_, prefix) => {
                let of_length = lane.prefixes.entry(prefix.count).or_default();
                in_map(of_length, &prefix.bytes(), change);
                if of_length.is_empty() {
                    lane.prefixes.remove(&prefix.count);
                }
            }
            Entrance::Above(_, low) => in_tree(&mut lane.above, low, change),
            Entrance::Below(_, high) => in_tree(&mut lane.below, high, change),
            _ => change(&mut lane.null),
        }
        if lane.is_empty() {
            self.lanes.remove(&column);
        }
    }
}

fn in_map(map: &mut HashMap<Key, Ids>, key: &[u8], change: &mut impl FnMut(&mut Ids)) {
    match map.get_mut(key) {
        Some(ids) => {
            change(ids);
            if *ids == Ids::None {
                map.remove(key);
            }
        }
        None => {
            let mut ids = Ids::None;
            change(&mut ids);
            if ids != Ids::None {
                map.insert(key.into(), ids);
            }
        }
    }
}

fn in_tree(tree: &mut BTreeMap<Key, Ids>, key: &[u8], change: &mut impl FnMut(&mut Ids)) {
    let ids = tree.entry(key.into()).or_default();
    change(ids);
    if *ids == Ids::None {
        tree.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Truth;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const COLUMNS: Column = 4;

    fn keys() -> impl Strategy<Value = Key> {
        // Few values, so that they meet: of different lengths, prefixes of each other among them.
        prop::collection::vec(0u8..3, 0..4).prop_map(Vec::into_boxed_slice)
    }

    fn bounds() -> impl Strategy<Value = Bound<Key>> {
        prop_oneof![
            keys().prop_map(Bound::Included),
            keys().prop_map(Bound::Excluded),
            Just(Bound::Unbounded)
        ]
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        let column = 1..=COLUMNS;
        let leaf = prop_oneof![
            6 => (column.clone(), prop::collection::vec(keys(), 0..3)).prop_map(|(c, k)| Condition::OneOf(c, k)),
            3 => (column.clone(), bounds(), bounds()).prop_map(|(c, l, h)| Condition::Range(c, l, h)),
            2 => (column.clone(), keys()).prop_map(|(c, k)| Condition::Prefix(c, k)),
            1 => column.prop_map(Condition::IsNull),
            1 => Just(Condition::Other),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::And),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Or),
                inner.prop_map(|one| Condition::Not(Box::new(one))),
            ]
        })
    }

    #[derive(Debug, Clone)]
    enum Value {
        Unknown,
        Null,
        Key(Key),
    }

    fn rows() -> impl Strategy<Value = Vec<Value>> {
        let value = prop_oneof![
            1 => Just(Value::Unknown),
            2 => Just(Value::Null),
            12 => keys().prop_map(Value::Key)
        ];
        prop::collection::vec(value, COLUMNS as usize)
    }

    fn cell(row: &[Value], column: Column) -> Cell<'_> {
        match &row[column as usize - 1] {
            Value::Unknown => Cell::Unknown,
            Value::Null => Cell::Null,
            Value::Key(key) => Cell::Key(key),
        }
    }

    /// As `evaluate`, by another way: what is not known is tried with every value that it may have.
    fn plain(condition: &Condition, row: &[Value]) -> Truth {
        let mut unknown = 0;
        count(condition, row, &mut unknown);
        (0..3u32.pow(unknown)).fold(Truth::NEVER, |truth, mut choice| {
            let value = sql(condition, row, &mut || {
                let one = [Some(true), Some(false), None][choice as usize % 3];
                choice /= 3;
                one
            });
            let bit = match value {
                Some(true) => Truth::TRUE,
                Some(false) => Truth::FALSE,
                None => Truth::NULL,
            };
            truth.or_also(bit)
        })
    }

    fn count(condition: &Condition, row: &[Value], unknown: &mut u32) {
        sql(condition, row, &mut || {
            *unknown += 1;
            None
        });
    }

    /// SQL's own evaluation; every member is looked at. A test of an unknown value has any of the three values.
    fn sql(
        condition: &Condition,
        row: &[Value],
        guess: &mut dyn FnMut() -> Option<bool>,
    ) -> Option<bool> {
        let mut of = |column: Column, test: &dyn Fn(&[u8]) -> bool| match cell(row, column) {
            Cell::Unknown => guess(),
            Cell::Null => None,
            Cell::Key(key) => Some(test(key)),
            Cell::Set(keys) => Some(keys.iter().any(|key| test(key))),
        };
        match condition {
            Condition::And(members) | Condition::Or(members) => {
                let decisive = matches!(condition, Condition::Or(_));
                let all: Vec<Option<bool>> =
                    members.iter().map(|one| sql(one, row, guess)).collect();
                if all.contains(&Some(decisive)) {
                    Some(decisive)
                } else if all.contains(&None) {
                    None
                } else {
                    Some(!decisive)
                }
            }
            Condition::Not(inner) => sql(inner, row, guess).map(|value| !value),
            Condition::OneOf(_, keys) if keys.is_empty() => Some(false),
            Condition::OneOf(column, keys) => of(*column, &|key| keys.contains(&Key::from(key))),
            Condition::Range(column, low, high) => of(*column, &|key| {
                use std::ops::RangeBounds;
                (low.clone(), high.clone()).contains(&Key::from(key))
            }),
            Condition::Prefix(column, prefix) => of(*column, &|key| {
                key.len() >= prefix.len() && key[..prefix.len()] == **prefix
            }),
            Condition::IsNull(column) => match cell(row, *column) {
                Cell::Unknown => Some(guess().unwrap_or_default()),
                Cell::Null => Some(true),
                Cell::Key(_) | Cell::Set(_) => Some(false),
            },
            Condition::Other => guess(),
        }
    }

    proptest! {
        // 2,000 sets of up to 50 conditions against 10 rows each: a million pairs.
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_row_finds_every_condition_that_holds(
            all in prop::collection::vec(conditions(), 1..100),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            rows in prop::collection::vec(rows(), 10),
        ) {
            let mut matcher = Matcher::default();
            for (id, condition) in all.iter().enumerate() {
                matcher.insert(id as Id, condition);
            }
            let gone: HashSet<usize> = gone.iter().map(|one| one.index(all.len())).collect();
            for id in &gone {
                matcher.remove(*id as Id, &all[*id]);
            }
            for row in &rows {
                let of = |column| cell(row, column);
                let mut found = HashSet::new();
                matcher.candidates(&of, |id| {
                    found.insert(id as usize);
                });
                prop_assert!(found.is_disjoint(&gone), "one that was taken out is found");
                for (id, condition) in all.iter().enumerate().filter(|(id, _)| !gone.contains(id)) {
                    let truth = condition.evaluate(&of);
                    prop_assert_eq!(truth, plain(condition, row));
                    if truth.may_hold() {
                        prop_assert!(found.contains(&id), "{:?} is missed for {:?}", condition, row);
                    }
                }
            }
            for (id, condition) in all.iter().enumerate().filter(|(id, _)| !gone.contains(id)) {
                matcher.remove(id as Id, condition);
            }
            prop_assert!(matcher.lanes.is_empty() && matcher.always.is_empty(), "something is left behind");
        }
    }

    #[test]
    fn the_most_selective_condition_is_the_entrance() {
        let eq = |column, key: &str| Condition::OneOf(column, vec![key.as_bytes().into()]);
        let above = |column, key: &str| {
            Condition::Range(
                column,
                Bound::Excluded(key.as_bytes().into()),
                Bound::Unbounded,
            )
        };
        let both = Condition::And(vec![above(1, "a"), eq(2, "b"), Condition::Other]);
        assert_eq!(
            entrance(&both),
            Entrance::Keys(2, &[b"b".as_slice().into()])
        );
        let either = Condition::Or(vec![eq(1, "a"), both.clone()]);
        assert_eq!(entrance(&either).rank(), 2);
        let hopeless = Condition::Or(vec![eq(1, "a"), Condition::Other]);
        assert_eq!(entrance(&hopeless), Entrance::Always);
    }

    #[test]
    fn a_row_looks_at_its_own_conditions_only() {
        let mut matcher = Matcher::default();
        let key = |i: u32| Key::from(i.to_be_bytes());
        for i in 0..10_000 {
            matcher.insert(i, &Condition::OneOf(1, vec![key(i)]));
            let range = (
                Bound::Included(key(i * 16)),
                Bound::Included(key(i * 16 + 15)),
            );
            matcher.insert(10_000 + i, &Condition::Range(2, range.0, range.1));
        }
        let row = [key(77), key(77 * 16 + 3)];
        let mut looked = Vec::new();
        matcher.candidates(&|column| Cell::Key(&row[column as usize - 1]), |id| {
            looked.push(id)
        });
        looked.sort_unstable();
        assert_eq!(looked, [77, 10_077]);
    }
}
