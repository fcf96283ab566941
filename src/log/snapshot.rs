//! A snapshot: which transactions had finished at one moment, and its stored form; pure.

use super::varint::{bounded, put, take};

/// More transactions than a server can have in progress. Bounds the memory that decoding allocates.
const MAX_IN_PROGRESS: u64 = 1 << 20;

/// Which transactions had finished at one moment. Ids are 64 bits wide (xid8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    xmax: u64,
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// Makes a snapshot from the first id that was not yet assigned and the ids that were running, in any order.
    pub fn new(xmax: u64, mut in_progress: Vec<u64>) -> Self {
        in_progress.retain(|xid| *xid < xmax);
        in_progress.sort_unstable();
        in_progress.dedup();
        Snapshot { xmax, in_progress }
    }

    /// The first id that was not assigned when the snapshot was taken.
    pub fn xmax(&self) -> u64 {
        self.xmax
    }

    /// The ids below `xmax` that had not finished, ascending.
    pub fn in_progress(&self) -> &[u64] {
        &self.in_progress
    }

    /// Whether a transaction had committed or aborted.
    pub fn finished(&self, xid: u64) -> bool {
        xid < self.xmax && self.in_progress.binary_search(&xid).is_err()
    }

    /// The same snapshot with one more transaction unfinished.
    pub fn with_unfinished(mut self, xid: u64) -> Self {
        if xid < self.xmax {
            if let Err(place) = self.in_progress.binary_search(&xid) {
                self.in_progress.insert(place, xid);
            }
        }
        self
    }

    /// Whether this snapshot counts as finished everything that `other` does.
    pub fn covers(&self, other: &Snapshot) -> bool {
        self.xmax >= other.xmax
            && self
                .in_progress
                .iter()
                .take_while(|xid| **xid < other.xmax)
                .all(|xid| !other.finished(*xid))
    }

    /// The stored form of a seal.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out, 0);
        out
    }

    /// Reads the stored form; `None` when it is damaged.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Snapshot> {
        let snapshot = Snapshot::take(&mut bytes, 0)?;
        bytes.is_empty().then_some(snapshot)
    }

    /// Writes it into a cursor or a seal, as differences to `base`.
    pub fn put(&self, out: &mut Vec<u8>, base: u64) {
        put(out, self.xmax.wrapping_sub(base));
        put(out, self.in_progress.len() as u64);
        let mut above = self.xmax;
        for xid in self.in_progress.iter().rev() {
            put(out, above - xid);
            above = *xid;
        }
    }

    /// Reads what [`put`](Snapshot::put) wrote for the same `base`; `None` when it is damaged.
    pub fn take(input: &mut &[u8], base: u64) -> Option<Snapshot> {
        let xmax = bounded(base.wrapping_add(take(input)?))?;
        let count = take(input)?;
        if count > MAX_IN_PROGRESS || count > input.len() as u64 {
            return None;
        }
        let mut in_progress = Vec::with_capacity(count as usize);
        let mut above = xmax;
        for _ in 0..count {
            above = above.checked_sub(take(input)?)?;
            in_progress.push(above);
        }
        Some(Snapshot::new(xmax, in_progress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn covers_means_finished_there_is_finished_here(
            a in (0u64..30, prop::collection::vec(0u64..30, 0..12)),
            b in (0u64..30, prop::collection::vec(0u64..30, 0..12)),
        ) {
            let (a, b) = (Snapshot::new(a.0, a.1), Snapshot::new(b.0, b.1));
            let by_definition = (0..40).all(|xid| !b.finished(xid) || a.finished(xid));
            // Ids that were never assigned make no difference: covers may only be stricter by b.xmax itself.
            if a.covers(&b) { prop_assert!(by_definition); }
            if by_definition && a.xmax() >= b.xmax() { prop_assert!(a.covers(&b)); }
        }
    }

    #[test]
    fn own_transaction_is_listed() {
        let snapshot = Snapshot::new(10, vec![4])
            .with_unfinished(7)
            .with_unfinished(12);
        assert_eq!(snapshot.in_progress(), [4, 7]);
        assert!(!snapshot.finished(7) && !snapshot.finished(12) && snapshot.finished(5));
    }
}
