//! Net changes: reduces a batch to one change per key, with the same result in any order. Pure.

use crate::change::RowOperation;
use std::collections::HashMap;
use std::hash::Hash;

/// The keys that a delivered change touches: it removes the row with key `old`, then adds one with key `new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch<K> {
    /// Set for UPDATE and DELETE.
    pub old: Option<K>,
    /// Set for INSERT and UPDATE.
    pub new: Option<K>,
}

/// A net change: the operation to deliver, and the changes of the batch that its rows come from, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    pub delivery: RowOperation,
    /// The last change that touched the key.
    pub at: usize,
    /// The change whose old row is the row that the key had before the batch.
    pub old_from: Option<usize>,
    /// The change whose new row is the row that the key has after the batch.
    pub new_from: Option<usize>,
}

struct Key {
    before: Option<usize>,
    after: Option<usize>,
    last: usize,
}

/// Reduces changes to one per key, ordered by the last change of each key.
///
/// - INSERT, then UPDATE: an INSERT of the last state.
/// - INSERT, then DELETE: nothing.
/// - UPDATE, then DELETE: a DELETE of the first state.
/// - DELETE, then INSERT: an UPDATE.
/// - A change of the key: a DELETE of the old key and an INSERT of the new one. So two rows that swap keys come out
///   right in any order; UPDATEs would not.
///
/// No two rows share a key at any time: deferrable keys are not used.
pub fn net<K: Eq + Hash>(changes: impl IntoIterator<Item = Touch<K>>) -> Vec<Net> {
    let mut keys: HashMap<K, Key> = HashMap::new();
    for (i, change) in changes.into_iter().enumerate() {
        if let Some(key) = change.old {
            let key = keys.entry(key).or_insert(Key {
                before: Some(i),
                after: None,
                last: i,
            });
            (key.after, key.last) = (None, i);
        }
        if let Some(key) = change.new {
            let key = keys.entry(key).or_insert(Key {
                before: None,
                after: None,
                last: i,
            });
            (key.after, key.last) = (Some(i), i);
        }
    }
    let mut result: Vec<Net> = keys
        .into_values()
        .filter_map(|key| {
            let delivery = match (key.before, key.after) {
                (None, None) => return None,
                (None, Some(_)) => RowOperation::Insert,
                (Some(_), Some(_)) => RowOperation::Update,
                (Some(_), None) => RowOperation::Delete,
            };
            Some(Net {
                delivery,
                at: key.last,
                old_from: key.before,
                new_from: key.after,
            })
        })
        .collect();
    result.sort_unstable_by_key(|net| (net.at, net.new_from.is_some()));
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Random valid changes of a table with a few keys. A row moves only to a free key, or keeps its own.
    fn history(
        start: &BTreeMap<u8, u32>,
        choices: &[(u8, u8, u8)],
    ) -> Vec<(Touch<u8>, Option<u32>, Option<u32>)> {
        let mut table = start.clone();
        let mut changes = Vec::new();
        for (i, (kind, a, b)) in choices.iter().enumerate() {
            let (a, b, value) = (a % 5, b % 5, 1000 + i as u32);
            match kind % 3 {
                0 if !table.contains_key(&a) => {
                    table.insert(a, value);
                    changes.push((
                        Touch {
                            old: None,
                            new: Some(a),
                        },
                        None,
                        Some(value),
                    ));
                }
                1 => {
                    if let Some(old) = table.remove(&a) {
                        let to = if table.contains_key(&b) { a } else { b };
                        table.insert(to, value);
                        changes.push((
                            Touch {
                                old: Some(a),
                                new: Some(to),
                            },
                            Some(old),
                            Some(value),
                        ));
                    }
                }
                2 => {
                    if let Some(old) = table.remove(&a) {
                        changes.push((
                            Touch {
                                old: Some(a),
                                new: None,
                            },
                            Some(old),
                            None,
                        ));
                    }
                }
                _ => {}
            }
        }
        changes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn the_net_changes_lead_to_the_same_table_in_any_order(
            start in prop::collection::btree_map(0u8..5, 0u32..9, 0..5),
            choices in prop::collection::vec(any::<(u8, u8, u8)>(), 0..25),
            reversed in any::<bool>(),
        ) {
            let changes = history(&start, &choices);
            let mut expected = start.clone();
            for (touch, _, new) in &changes {
                if let Some(old) = &touch.old { expected.remove(old); }
                if let (Some(key), Some(value)) = (touch.new, new) { expected.insert(key, *value); }
            }
            let mut nets = net(changes.iter().map(|(touch, _, _)| touch.clone()));
            prop_assert!(nets.windows(2).all(|pair| pair[0].at <= pair[1].at));
            if reversed { nets.reverse(); }
            let mut table = start.clone();
            for net in nets {
                let key = net.new_from.and_then(|i| changes[i].0.new).or(net.old_from.and_then(|i| changes[i].0.old)).unwrap();
                let old = net.old_from.and_then(|i| changes[i].1);
                let new = net.new_from.and_then(|i| changes[i].2);
                prop_assert_eq!(start.get(&key).copied(), old, "the old row is the row before the batch");
                match net.delivery {
                    RowOperation::Insert => prop_assert_eq!(table.insert(key, new.unwrap()), None),
                    RowOperation::Update => prop_assert!(table.insert(key, new.unwrap()).is_some()),
                    RowOperation::Delete => prop_assert!(table.remove(&key).is_some()),
                }
            }
            prop_assert_eq!(table, expected);
        }
    }
}
