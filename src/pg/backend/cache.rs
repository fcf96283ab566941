//! Bounded session caches, which drop entries that no longer hold.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// A value that a cache can keep. It knows whether it still holds.
pub trait Kept {
    fn is_fresh(&self) -> bool;
}

impl<T: Kept> Kept for Rc<T> {
    fn is_fresh(&self) -> bool {
        T::is_fresh(self)
    }
}

/// A cache, in a thread-local variable of the session or inside another kept value.
pub struct Cache<K, V> {
    entries: HashMap<K, Entry<V>, BuildHasherDefault<Fnv>>,
    capacity: usize,
    /// Counts the look-ups.
    clock: u64,
}

/// FNV-1a. Most keys are OIDs, for which it takes the fewest instructions. A session's own keys need no defence against
/// collisions.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Entry<V> {
    value: V,
    /// The number of the look-up that used it last.
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Kept + Clone> Cache<K, V> {
    pub fn new(capacity: usize) -> Cache<K, V> {
        Cache {
            entries: HashMap::default(),
            capacity,
            clock: 0,
        }
    }

    /// The value under the key, if it still holds.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        if !entry.value.is_fresh() {
            self.entries.remove(key);
            return None;
        }
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// Keeps a value that was just made. If the cache is full, drops the entries that no longer hold, and then the
    /// least recently used ones.
    pub fn insert(&mut self, key: K, value: V) {
        self.entries.retain(|_, entry| entry.value.is_fresh());
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.entries.remove(&oldest);
            }
        }
        self.clock += 1;
        let used = self.clock;
        self.entries.insert(key, Entry { value, used });
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Kept};
    use std::cell::Cell;
    use std::rc::Rc;

    #[derive(Clone)]
    struct Value(Rc<Cell<bool>>);

    impl Kept for Value {
        fn is_fresh(&self) -> bool {
            self.0.get()
        }
    }

    fn fresh() -> Value {
        Value(Rc::new(Cell::new(true)))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = Cache::new(2);
        cache.insert(1, fresh());
        cache.insert(2, fresh());
        assert!(cache.get(&1).is_some());
        cache.insert(3, fresh());
        assert!(cache.get(&2).is_none());
        assert!(cache.get(&1).is_some() && cache.get(&3).is_some());
        cache.insert(3, fresh());
        assert!(cache.get(&1).is_some());
    }

    #[test]
    fn what_does_not_hold_is_not_found_and_goes_before_what_does() {
        let mut cache = Cache::new(2);
        let stale = fresh();
        cache.insert(1, fresh());
        cache.insert(2, stale.clone());
        assert!(cache.get(&2).is_some());
        stale.0.set(false);
        cache.insert(3, fresh());
        assert!(cache.get(&1).is_some() && cache.get(&3).is_some());
        assert!(cache.get(&2).is_none());
    }
}
