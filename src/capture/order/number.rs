//! Positions between those of two entries.

use super::change::Place;
use std::collections::HashSet;

/// A number behind `after` and in front of `before` that no other entry has or gets, in any session.
///
/// An entry stands where a record of its session begins: at a multiple of 8, with at least 24 bytes to where another
/// begins. So the seven numbers in front of it are nobody else's, and neither are those behind it. What is put in front of
/// an entry must not be in front of the transaction's first record, or a cursor could have been there that does not know
/// the transaction: either the entry is roomy, or the change that is put there is `recorded`, earlier than the entry.
///
/// `close` says that nothing will come in between.
pub fn between(
    after: u64,
    before: Place,
    given: &HashSet<u64>,
    recorded: bool,
    close: bool,
) -> Option<u64> {
    let free = |number: &u64| {
        *number > after
            && *number < before.position
            && !number.is_multiple_of(8)
            && !given.contains(number)
    };
    let pick = |numbers: Vec<u64>| {
        numbers
            .get(if close { 0 } else { numbers.len() / 2 })
            .copied()
    };
    let floor = before.position.saturating_sub(1) / 8 * 8;
    let in_front = || pick((floor..before.position).rev().filter(free).collect());
    let end = if after.is_multiple_of(8) {
        after + 16
    } else {
        after.next_multiple_of(8)
    };
    let behind = || pick((after..end).rev().filter(free).collect());
    (before.roomy || recorded)
        .then(in_front)
        .flatten()
        .or_else(|| (after > 0).then(behind).flatten())
}
