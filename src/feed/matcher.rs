//! Which conditions a row may satisfy: an index from column values to conditions, so that a change costs what its
//! receivers cost and not what the subscriptions that exist cost; pure.

mod entrance;
mod places;
#[cfg(test)]
mod tests;

use crate::keyed::{Cell, Column, Condition};
use entrance::{best, possible, Bits, Entrance};
pub use places::Id;
use places::{Ids, Lists, Place};
use std::collections::hash_map::{self, HashMap};
use std::collections::{btree_map, BTreeMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::Bound;

/// An index of conditions. Nothing is rebuilt when one comes or goes.
#[derive(Debug, Default)]
pub struct Matcher {
    lanes: HashMap<Column, Lane>,
    always: Ids,
    lists: Lists,
    /// Whoever chooses keys must not know how they are hashed.
    hashes: RandomState,
}

/// The index of one column.
#[derive(Debug, Default)]
struct Lane {
    /// By the hash of a key or of a prefix. The caller evaluates every candidate, so that two of one hash cost an
    /// evaluation, while the keys themselves would take most of the index's memory.
    hashed: HashMap<u64, Place, BuildHasherDefault<AsItIs>>,
    /// How many of these places are for prefixes of so many bits; [`WHOLE`] for keys.
    lengths: BTreeMap<usize, usize>,
    above: BTreeMap<Box<[u8]>, Place>,
    below: BTreeMap<Box<[u8]>, Place>,
    null: Ids,
}

/// What is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A number of bits that no prefix has.
const WHOLE: usize = usize::MAX;

fn hash_of_key(hashes: &RandomState, key: &[u8]) -> u64 {
    let mut hasher = hashes.build_hasher();
    hasher.write_usize(WHOLE);
    hasher.write(key);
    hasher.finish()
}

fn hash_of_prefix(hashes: &RandomState, prefix: Bits) -> u64 {
    let mut hasher = hashes.build_hasher();
    let (whole, rest) = prefix.parts();
    hasher.write_usize(prefix.count);
    hasher.write(whole);
    hasher.write_u8(rest);
    hasher.finish()
}

/// A change of the index.
#[derive(Clone, Copy)]
enum Change {
    Insert,
    Remove,
}

impl Matcher {
    /// Adds a condition. The caller keeps it: to evaluate it for the rows that it is a candidate for, and to take it out.
    pub fn insert(&mut self, id: Id, condition: &Condition) {
        let entrance = best(condition, &|entrance| self.crowd(entrance));
        self.change(Change::Insert, id, &entrance);
    }

    /// Takes a condition out that was added under this name.
    pub fn remove(&mut self, id: Id, condition: &Condition) {
        possible(condition, &mut |entrance| {
            self.change(Change::Remove, id, &entrance);
        });
    }

    /// How many conditions have entered by the places of an entrance.
    fn crowd(&self, entrance: &Entrance) -> usize {
        let at = |column, hash| {
            let place = self
                .lanes
                .get(column)
                .and_then(|lane: &Lane| lane.hashed.get(&hash));
            place.map_or(0, |place| self.lists.count(*place))
        };
        match entrance {
            Entrance::Keys(column, keys) => keys
                .iter()
                .map(|key| at(column, hash_of_key(&self.hashes, key)))
                .sum(),
            Entrance::Prefix(column, prefix) => at(column, hash_of_prefix(&self.hashes, *prefix)),
            Entrance::Null(column) => self.lanes.get(column).map_or(0, |lane| lane.null.count()),
            _ => 0,
        }
    }

    /// Calls `found` with every condition that may hold for a row, and sometimes with others: the caller evaluates them.
    /// It is called more than once with one that enters by several branches.
    pub fn candidates<'a>(&self, row: &impl Fn(Column) -> Cell<'a>, mut found: impl FnMut(Id)) {
        for (column, lane) in &self.lanes {
            self.collect(lane, row(*column), &mut found);
        }
        self.always.iter().for_each(found);
    }

    fn collect(&self, lane: &Lane, cell: Cell, found: &mut impl FnMut(Id)) {
        let mut place = |place: &Place| self.lists.of(*place).for_each(&mut *found);
        match cell {
            Cell::Null => lane.null.iter().for_each(found),
            Cell::Key(key) => {
                let prefixes = lane.lengths.range(..=key.len() * 8);
                for count in prefixes.map(|(count, _)| *count) {
                    let prefix = Bits { of: key, count };
                    let hash = hash_of_prefix(&self.hashes, prefix);
                    lane.hashed.get(&hash).into_iter().for_each(&mut place);
                }
                if lane.lengths.contains_key(&WHOLE) {
                    let hash = hash_of_key(&self.hashes, key);
                    lane.hashed.get(&hash).into_iter().for_each(&mut place);
                }
                let from_here = (Bound::Included(key), Bound::Unbounded);
                let to_here = (Bound::Unbounded, Bound::Included(key));
                let above = lane.above.range::<[u8], _>(to_here);
                let below = lane.below.range::<[u8], _>(from_here);
                above.chain(below).for_each(|(_, one)| place(one));
            }
            Cell::Set(keys) => {
                for key in keys {
                    self.collect(lane, Cell::Key(key), found);
                }
            }
            Cell::Value | Cell::Unknown => {
                let trees = lane.above.values().chain(lane.below.values());
                lane.hashed.values().chain(trees).for_each(place);
                if cell == Cell::Unknown {
                    lane.null.iter().for_each(found);
                }
            }
        }
    }

    fn change(&mut self, change: Change, id: Id, entrance: &Entrance) {
        let column = match entrance {
            Entrance::Nowhere => return,
            Entrance::Always => return change.of(&mut self.always, id),
            Entrance::Each(branches) => {
                return branches.iter().for_each(|one| self.change(change, id, one));
            }
            Entrance::Keys(column, _)
            | Entrance::Prefix(column, _)
            | Entrance::Above(column, _)
            | Entrance::Below(column, _)
            | Entrance::Null(column) => *column,
        };
        let lane = self.lanes.entry(column).or_default();
        let lists = &mut self.lists;
        match entrance {
            Entrance::Keys(_, keys) => {
                for key in keys.iter() {
                    let hash = hash_of_key(&self.hashes, key);
                    change.hashed(lane, WHOLE, hash, lists, id);
                }
            }
            Entrance::Prefix(_, prefix) => {
                let hash = hash_of_prefix(&self.hashes, *prefix);
                change.hashed(lane, prefix.count, hash, lists, id);
            }
            Entrance::Above(_, low) => change.sorted(&mut lane.above, low, lists, id),
            Entrance::Below(_, high) => change.sorted(&mut lane.below, high, lists, id),
            _ => change.of(&mut lane.null, id),
        }
        if lane.is_empty() {
            self.lanes.remove(&column);
        }
    }
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.hashed.is_empty()
            && self.above.is_empty()
            && self.below.is_empty()
            && self.null.is_empty()
    }

    /// One place less is for prefixes of so many bits.
    fn forget(&mut self, bits: usize) {
        if let Some(places) = self.lengths.get_mut(&bits) {
            *places -= 1;
            if *places == 0 {
                self.lengths.remove(&bits);
            }
        }
    }
}

impl Change {
    fn of(self, ids: &mut Ids, id: Id) {
        match self {
            Change::Insert => ids.insert(id),
            Change::Remove => ids.remove(id),
        }
    }

    fn hashed(self, lane: &mut Lane, bits: usize, hash: u64, lists: &mut Lists, id: Id) {
        match (self, lane.hashed.entry(hash)) {
            (Change::Insert, hash_map::Entry::Occupied(mut there)) => {
                lists.insert(there.get_mut(), id);
            }
            (Change::Insert, hash_map::Entry::Vacant(free)) => {
                free.insert(Place::one(id));
                *lane.lengths.entry(bits).or_default() += 1;
            }
            (Change::Remove, hash_map::Entry::Occupied(mut there)) => {
                if lists.remove(there.get_mut(), id) {
                    there.remove();
                    places::shrink_map(&mut lane.hashed);
                    lane.forget(bits);
                }
            }
            (Change::Remove, hash_map::Entry::Vacant(_)) => {}
        }
    }

    fn sorted(self, tree: &mut BTreeMap<Box<[u8]>, Place>, key: &[u8], lists: &mut Lists, id: Id) {
        match (self, tree.entry(key.into())) {
            (Change::Insert, btree_map::Entry::Occupied(mut there)) => {
                lists.insert(there.get_mut(), id)
            }
            (Change::Insert, btree_map::Entry::Vacant(free)) => {
                free.insert(Place::one(id));
            }
            (Change::Remove, btree_map::Entry::Occupied(mut there)) => {
                if lists.remove(there.get_mut(), id) {
                    there.remove();
                }
            }
            (Change::Remove, btree_map::Entry::Vacant(_)) => {}
        }
    }
}
