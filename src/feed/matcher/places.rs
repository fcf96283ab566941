//! The conditions at the places of an index: most places have one, and some very many.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// Names a condition; the caller chooses it. The highest bit is not set.
pub type Id = u32;

/// A set of conditions.
#[derive(Debug, Default)]
pub struct Ids(HashSet<Id, BuildHasherDefault<Spread>>);

/// Names are given by the caller in turn, and need no defence.
#[derive(Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u32(&mut self, id: u32) {
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Ids {
    pub fn insert(&mut self, id: Id) {
        self.0.insert(id);
    }

    pub fn remove(&mut self, id: Id) {
        self.0.remove(&id);
        // Going through a set costs what it could hold.
        if self.0.capacity() > 64 && self.0.len() < self.0.capacity() / 8 {
            self.0.shrink_to(self.0.len() * 2);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Id> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// As [`Ids::remove`], for a map.
pub fn shrink_map<V, S: BuildHasher>(map: &mut HashMap<u64, V, S>) {
    if map.capacity() > 64 && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}

/// One condition, or with the highest bit set the number of a list.
#[derive(Debug, Clone, Copy)]
pub struct Place(u32);

const LIST: u32 = 1 << 31;

impl Place {
    pub fn one(id: Id) -> Place {
        Place(id)
    }
}

/// The lists of an index.
#[derive(Debug, Default)]
pub struct Lists {
    all: Vec<Ids>,
    free: Vec<u32>,
}

impl Lists {
    /// The conditions at a place.
    pub fn of(&self, place: Place) -> impl Iterator<Item = Id> + '_ {
        let list = match place.0 & LIST {
            0 => None,
            _ => self.all.get((place.0 & !LIST) as usize),
        };
        let one = list.is_none().then_some(place.0);
        one.into_iter().chain(list.into_iter().flat_map(Ids::iter))
    }

    pub fn count(&self, place: Place) -> usize {
        match place.0 & LIST {
            0 => 1,
            _ => self
                .all
                .get((place.0 & !LIST) as usize)
                .map_or(0, Ids::count),
        }
    }

    pub fn insert(&mut self, place: &mut Place, id: Id) {
        if place.0 & LIST == 0 {
            if place.0 == id {
                return;
            }
            let first = place.0;
            let number = self.free.pop().unwrap_or(self.all.len() as u32);
            if number as usize == self.all.len() {
                self.all.push(Ids::default());
            }
            *place = Place(number | LIST);
            self.insert(place, first);
        }
        if let Some(list) = self.all.get_mut((place.0 & !LIST) as usize) {
            list.insert(id);
        }
    }

    /// Returns whether nothing is left at the place.
    pub fn remove(&mut self, place: &mut Place, id: Id) -> bool {
        if place.0 & LIST == 0 {
            return place.0 == id;
        }
        let number = place.0 & !LIST;
        let Some(list) = self.all.get_mut(number as usize) else {
            return true;
        };
        list.remove(id);
        let is_empty = list.is_empty();
        if is_empty {
            *list = Ids::default();
            self.free.push(number);
        }
        is_empty
    }

    #[cfg(test)]
    pub fn is_unused(&self) -> bool {
        self.free.len() == self.all.len()
    }
}
