//! Values by rising numbers, in pages: less memory for each than in a hash table, and pages that hold nothing go; pure.

use std::collections::HashMap;

/// Values of a page. One value that is left of a page keeps all of it.
const PAGE: usize = 64;

struct Page<T> {
    count: usize,
    slots: Box<[Option<T>]>,
}

/// A map from numbers to values.
pub struct Paged<T>(HashMap<u32, Page<T>>);

impl<T> Default for Paged<T> {
    fn default() -> Paged<T> {
        Paged(HashMap::new())
    }
}

/// The page of a number, and its place there.
fn at(number: u32) -> (u32, usize) {
    (number / PAGE as u32, number as usize % PAGE)
}

impl<T> Paged<T> {
    pub fn get(&self, number: u32) -> Option<&T> {
        let (page, place) = at(number);
        self.0.get(&page)?.slots[place].as_ref()
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (page, place) = at(number);
        self.0.get_mut(&page)?.slots[place].as_mut()
    }

    /// Puts a value under a number that has none.
    pub fn insert(&mut self, number: u32, value: T) {
        let (page, place) = at(number);
        let page = self.0.entry(page).or_insert_with(|| Page {
            count: 0,
            slots: (0..PAGE).map(|_| None).collect(),
        });
        page.count += 1;
        page.slots[place] = Some(value);
    }

    pub fn remove(&mut self, number: u32) {
        let (name, place) = at(number);
        let Some(page) = self.0.get_mut(&name) else {
            return;
        };
        if page.slots[place].take().is_some() {
            page.count -= 1;
        }
        if page.count == 0 {
            self.0.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Paged;

    #[test]
    fn values_come_and_go() {
        let mut all = Paged::default();
        for number in 1..=1000 {
            all.insert(number, number);
        }
        for number in (1..=1000).filter(|number| number % 3 > 0) {
            all.remove(number);
            all.remove(number);
        }
        for number in 0..=2000 {
            let is_there = (1..=1000).contains(&number) && number % 3 == 0;
            assert_eq!(all.get(number).copied(), is_there.then_some(number));
        }
        (1..=1000).for_each(|number| all.remove(number));
        assert!(all.0.is_empty());
    }
}
