//! The remembered entries, and an index of the newest of them by key and by version.

use super::change::{Change, Key, Keys, Place};
use crate::pg::image::version::Version;
use std::collections::HashMap;

/// The minimum number of changes without a late one after which an index is dropped.
const IDLE: usize = 1000;

/// An entry.
pub struct Logged {
    pub at: Place,
    pub change: Change,
    pub subtransaction: u32,
    pub rolled_back: bool,
    /// The greatest command number of this entry and all earlier ones.
    pub latest: u32,
    /// Set while an index contains the entry.
    keys: Option<Box<Keys>>,
}

impl Logged {
    pub fn new(at: Place, change: Change, subtransaction: u32, latest: u32) -> Logged {
        Logged {
            latest,
            at,
            change,
            subtransaction,
            rolled_back: false,
            keys: None,
        }
    }

    /// Whether the change removed this key.
    pub fn has_old(&self, key: &Key) -> bool {
        (self.keys.as_ref()).is_some_and(|keys| keys.old.as_ref() == Some(key))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        let keys = self.keys.iter();
        keys.flat_map(|keys| [&keys.old, &keys.new]).flatten()
    }
}

/// An index of the entries from a number on.
pub struct Index {
    /// Number of the first entry that it contains.
    pub from: usize,
    by_key: HashMap<Key, Vec<usize>>,
    by_old: HashMap<Version, usize>,
    /// Whether the keys of some entry are not known.
    pub incomplete: bool,
    /// Number of entries since its last use.
    idle: usize,
}

impl Index {
    pub fn new(from: usize) -> Index {
        Index {
            from,
            by_key: HashMap::new(),
            by_old: HashMap::new(),
            incomplete: false,
            idle: 0,
        }
    }

    /// Notes that the index is used.
    pub fn touch(&mut self) {
        self.idle = 0;
    }

    /// Notes another entry. Returns whether the index now costs more than to build it again would.
    pub fn is_idle(&mut self, number: usize) -> bool {
        self.idle += 1;
        self.idle > IDLE.max(number - self.from)
    }

    /// Adds an entry.
    pub fn enter(&mut self, number: usize, entry: &mut Logged, keys: Option<Box<Keys>>) {
        self.incomplete |= keys.is_none();
        entry.keys = Some(keys.unwrap_or_default());
        for key in entry.keys() {
            self.by_key.entry(key.clone()).or_default().push(number);
        }
        if let Some(old) = entry.change.old {
            self.by_old.insert(old, number);
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, number: usize, entry: &mut Logged) {
        if let Some(old) = entry.change.old {
            if self.by_old.get(&old) == Some(&number) {
                self.by_old.remove(&old);
            }
        }
        for key in entry.keys() {
            if let Some(numbers) = self.by_key.get_mut(key) {
                numbers.retain(|of| *of != number);
                if numbers.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
        entry.keys = None;
    }

    /// The entries that removed or added a key.
    pub fn of_key(&self, key: &Key) -> &[usize] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The entry that replaced or deleted a version.
    pub fn of_old(&self, version: &Version) -> Option<usize> {
        self.by_old.get(version).copied()
    }
}
