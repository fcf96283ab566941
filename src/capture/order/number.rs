//! Positions between two entries.

use super::change::Place;
use std::collections::HashSet;

/// A position after `after` and before `before` that no other entry has or will get, in any session. `None` if there is
/// none.
///
/// The position of an entry is where a WAL record of its session begins: a multiple of 8, at least 24 bytes from the
/// next record. So no other session uses the seven positions before it, or those after it. A position before an entry
/// must not be before the transaction's first record: a cursor that does not know the transaction may point there. So
/// either the entry must be roomy, or the change to be placed must be `recorded`: it wrote a record before the entry.
///
/// `close`: nothing else will be placed in between.
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
    let ahead = || pick((floor..before.position).rev().filter(free).collect());
    let end = if after.is_multiple_of(8) {
        after + 16
    } else {
        after.next_multiple_of(8)
    };
    let behind = || pick((after..end).rev().filter(free).collect());
    (before.roomy || recorded)
        .then(ahead)
        .flatten()
        .or_else(|| (after > 0).then(behind).flatten())
}
