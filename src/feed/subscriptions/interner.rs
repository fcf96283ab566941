//! Values that many subscriptions share. Each is stored once, until no subscription uses it. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

/// Identifies a stored value.
pub type Number = u32;

/// The stored values, each with the number of its users.
pub struct Interner<T> {
    slots: Vec<Option<(Rc<T>, u32)>>,
    free: Vec<Number>,
    known: HashMap<Rc<T>, Number>,
}

impl<T> Default for Interner<T> {
    fn default() -> Interner<T> {
        Interner {
            slots: Vec::new(),
            free: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Hash + Eq> Interner<T> {
    /// Stores a value, or adds a user to it. Returns its number.
    pub fn take(&mut self, value: T) -> Number {
        if let Some(number) = self.known.get(&value).copied() {
            self.share(number);
            return number;
        }
        let value = Rc::new(value);
        let slot = Some((value.clone(), 1));
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as Number - 1
            }
        };
        self.known.insert(value, number);
        number
    }

    /// Adds a user to a value.
    pub fn share(&mut self, number: Number) {
        if let Some(Some((_, users))) = self.slots.get_mut(number as usize) {
            *users += 1;
        }
    }

    /// Removes a user from a value. Without users, the value is deleted.
    pub fn leave(&mut self, number: Number) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        match slot {
            Some((_, users)) if *users > 1 => *users -= 1,
            _ => {
                if let Some((value, _)) = slot.take() {
                    self.known.remove(&value);
                    self.free.push(number);
                }
            }
        }
    }

    pub fn get(&self, number: Number) -> Option<&Rc<T>> {
        let slot = self.slots.get(number as usize)?;
        slot.as_ref().map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::Interner;

    #[test]
    fn a_value_stays_while_it_has_a_user() {
        let mut interner = Interner::default();
        let a = interner.take("a");
        let b = interner.take("b");
        assert_eq!(interner.take("a"), a);
        interner.leave(a);
        assert_eq!(interner.get(a).map(|value| **value), Some("a"));
        interner.leave(a);
        assert_eq!(interner.get(a), None);
        // Its number is given to another.
        let c = interner.take("c");
        assert_eq!((c, interner.take("b")), (a, b));
        assert_eq!(interner.get(c).map(|value| **value), Some("c"));
    }
}
