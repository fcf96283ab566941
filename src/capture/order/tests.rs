//! The order of changes, with invented versions.

use super::*;
use std::collections::HashMap;
use std::num::NonZeroU16;

fn version(number: u32) -> Version {
    Version {
        relation: 1,
        block: number,
        offset: NonZeroU16::MIN,
    }
}

fn change(command: u32, old: u32, new: u32) -> Change {
    let version = |number| (number > 0).then(|| version(number));
    Change {
        command,
        old: version(old),
        new: version(new),
        superseded: false,
        recorded: true,
    }
}

fn superseded(command: u32, old: u32, new: u32) -> Change {
    Change {
        superseded: true,
        ..change(command, old, new)
    }
}

fn keys(old: &str, new: &str) -> Keys {
    let key = |text: &str| (!text.is_empty()).then(|| Key::from(text.as_bytes()));
    Keys {
        old: key(old),
        new: key(new),
    }
}

/// The keys by position, and which version replaced which.
#[derive(Default)]
struct Known {
    keys: HashMap<u64, Keys>,
    replaced: HashMap<Version, Version>,
    gone: HashSet<Version>,
    asked: usize,
}

impl Rows for Known {
    fn keys_of(&mut self, _change: &Change, at: Place) -> Option<Keys> {
        self.asked += 1;
        self.keys.get(&at.position).cloned()
    }
    fn fate(&mut self, version: Version) -> Fate {
        match self.replaced.get(&version) {
            Some(next) => Fate::Replaced(*next),
            None if self.gone.contains(&version) => Fate::Gone,
            None => Fate::Stays,
        }
    }
}

fn at(position: u64) -> Place {
    Place {
        position,
        segment: 0,
        roomy: false,
    }
}

impl Order {
    fn log(&mut self, known: &mut Known, change: Change, position: u64, keys: Keys) {
        known.keys.insert(position, keys.clone());
        let wanted = self.wants_keys().then(|| Box::new(keys));
        self.add(change, at(position), 1, wanted);
    }
}

#[test]
fn a_change_goes_in_front_of_the_one_of_its_new_version() {
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(6, 12, 13), 800, keys("b", ""));
    order.log(&mut known, change(6, 2, 3), 880, keys("a", ""));
    let late = superseded(5, 1, 2);
    assert!(order.has_later(&late));
    let belongs = order.belongs(&late, &keys("a", ""), &mut known);
    assert_eq!(belongs, Belongs::At(879));
    // The change in between is logged later.
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(7, 3, 4), 800, keys("a", ""));
    known.replaced.insert(version(2), version(3));
    let late = superseded(5, 1, 2);
    let own = keys("b", "a");
    let Belongs::At(first) = order.belongs(&late, &own, &mut known) else {
        panic!("it has no place");
    };
    assert!((793..799).contains(&first));
    order.log(&mut known, late, first, own);
    let between = superseded(6, 2, 3);
    assert_eq!(
        order.belongs(&between, &keys("a", ""), &mut known),
        Belongs::At(799)
    );
}

#[test]
fn a_key_is_removed_before_another_row_gets_it() {
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(6, 0, 5), 800, keys("", "a"));
    let belongs = order.belongs(&change(5, 1, 0), &keys("a", ""), &mut known);
    assert!(matches!(belongs, Belongs::At(793..=799)));
}

#[test]
fn a_key_is_freed_before_it_is_added() {
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(6, 1, 0), 800, keys("a", ""));
    let (late, own) = (change(5, 7, 8), keys("b", "a"));
    assert_eq!(order.belongs(&late, &own, &mut known), Belongs::Last);
    order.log(&mut known, late, 880, own);
    // The change that replaced it in turn comes after it.
    order.log(&mut known, change(9, 10, 0), 960, keys("a", ""));
    let late = superseded(8, 0, 10);
    let belongs = order.belongs(&late, &keys("", "a"), &mut known);
    assert_eq!(belongs, Belongs::At(959));
}

#[test]
fn an_unknown_order_is_reported() {
    // Deleted by a change that is not captured, then inserted again.
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(7, 0, 5), 800, keys("", "a"));
    known.gone.insert(version(2));
    let late = superseded(5, 0, 2);
    let belongs = order.belongs(&late, &keys("", "a"), &mut known);
    assert_eq!(belongs, Belongs::Unknown);
    // A key that cannot be read.
    known.keys.clear();
    let mut order = Order::default();
    order.add(change(7, 0, 5), at(800), 1, None);
    let belongs = order.belongs(&change(5, 1, 0), &keys("a", ""), &mut known);
    assert_eq!(belongs, Belongs::Unknown);
    // One key requires a position after an entry, the other one a position before an earlier entry.
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(6, 0, 9), 800, keys("", "a"));
    order.log(&mut known, change(5, 3, 0), 880, keys("b", ""));
    let belongs = order.belongs(&change(5, 1, 4), &keys("a", "b"), &mut known);
    assert_eq!(belongs, Belongs::Unknown);
}

#[test]
fn entries_that_were_rolled_back_do_not_count() {
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(6, 2, 3), 800, keys("a", ""));
    known.keys.insert(880, keys("a", ""));
    order.add(change(7, 3, 4), at(880), 5, None);
    order.roll_back(4);
    order.log(&mut known, change(8, 3, 6), 960, keys("a", ""));
    let late = superseded(5, 1, 2);
    assert_eq!(
        order.belongs(&late, &keys("a", ""), &mut known),
        Belongs::At(799)
    );
    assert_eq!(known.asked, 2);
    order.roll_back(1);
    let belongs = order.belongs(&change(5, 1, 0), &keys("a", ""), &mut known);
    assert_eq!(belongs, Belongs::Last);
}

#[test]
fn only_entries_since_the_statement_began_are_read() {
    let (mut order, mut known) = (Order::default(), Known::default());
    for position in 0..100u64 {
        order.log(&mut known, change(4, 0, 7), 8 * position, keys("", "c"));
    }
    order.log(&mut known, change(6, 2, 3), 880, keys("a", ""));
    let late = superseded(5, 1, 2);
    assert_eq!(
        order.belongs(&late, &keys("a", ""), &mut known),
        Belongs::At(879)
    );
    assert_eq!(known.asked, 1);
}

#[test]
fn forgotten_entries_make_the_order_unknown() {
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(9, 2, 3), 8, keys("a", ""));
    for number in 0..REMEMBERED as u64 {
        order.log(
            &mut known,
            change(6, 0, 7),
            800 + 80 * number,
            keys("", "c"),
        );
    }
    let gone = order.belongs(&change(5, 1, 0), &keys("a", ""), &mut known);
    assert_eq!(gone, Belongs::Unknown);
    order.log(&mut known, change(9, 21, 22), 1 << 40, keys("b", ""));
    let late = superseded(5, 20, 21);
    let belongs = order.belongs(&late, &keys("b", ""), &mut known);
    assert_eq!(belongs, Belongs::At((1 << 40) - 1));
    let after_all = order.belongs(&change(10, 1, 0), &keys("a", ""), &mut known);
    assert_eq!(after_all, Belongs::Last);
}

#[test]
fn positions_are_assigned_once() {
    let before = at(800);
    let mut given = HashSet::new();
    let mut next = |after, close| {
        let number = number::between(after, before, &given, true, close);
        given.extend(number);
        number
    };
    assert_eq!(next(0, true), Some(799));
    assert_eq!(next(0, false), Some(795));
    assert_eq!(next(795, true), Some(798));
    assert_eq!([next(795, true), next(795, true)], [Some(797), Some(796)]);
    // Then those after the other entry.
    assert_eq!(next(795, true), None);
    assert_eq!(next(720, true), Some(794));
    assert_eq!([next(720, true), next(720, true)], [Some(793), Some(735)]);
    assert_eq!(next(0, true), None);
    // If the change wrote no record, another transaction's cursor may be before the entry.
    let none = HashSet::new();
    assert_eq!(number::between(0, before, &none, false, true), None);
    let roomy = Place {
        roomy: true,
        ..before
    };
    assert_eq!(number::between(0, roomy, &none, false, true), Some(799));
}

#[test]
fn entries_of_later_commands_are_found_behind_one_of_an_earlier_command() {
    // A referential action made the change of command 6, and fires with its statement. Command 8 ran within that.
    let (mut order, mut known) = (Order::default(), Known::default());
    order.log(&mut known, change(8, 2, 3), 800, keys("a", ""));
    order.log(&mut known, change(6, 12, 13), 880, keys("b", ""));
    let late = superseded(7, 1, 2);
    assert_eq!(
        order.belongs(&late, &keys("a", ""), &mut known),
        Belongs::At(799)
    );
}
