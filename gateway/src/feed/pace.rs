//! How much of the log a catch-up reads at once: what its client has room for.

use super::session::Batch;

/// Changes of one reading. The database looks at the more entries, the more changes are wanted.
const MOST: i32 = 1000;

/// What a change costs in a frame beside its text, about.
const OVERHEAD: usize = 200;

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub changes: i32,
    /// Reading stops behind the change with which it has as many bytes.
    pub bytes: usize,
}

impl Size {
    /// For a client that has room for so many bytes.
    pub fn first(bytes: usize) -> Size {
        Size {
            changes: MOST,
            bytes,
        }
    }

    /// The size of the next batch, behind this one: the database need not read what is not taken.
    pub fn behind(self, batch: &Batch) -> Size {
        let count = batch.changes.len();
        let bytes: usize = batch.changes.iter().map(|(text, _)| cost(text)).sum();
        let twice = self.changes.saturating_mul(2);
        let fitting = match batch.is_cut || count >= self.changes as usize {
            true => self.bytes / (bytes / count.max(1)).max(1),
            // There were not that many.
            false => MOST as usize,
        };
        Size {
            changes: twice.min(fitting.min(MOST as usize) as i32).max(1),
            ..self
        }
    }

    /// A smaller one, after one that took the database too long. `None`: there is none.
    pub fn half(self) -> Option<Size> {
        let half = Size {
            changes: self.changes / 2,
            ..self
        };
        (half.changes > 0).then_some(half)
    }
}

/// What a change counts.
pub fn cost(text: &str) -> usize {
    text.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(count: usize, size: usize, is_cut: bool) -> Batch {
        Batch {
            changes: vec![("x".repeat(size).into(), "c".into()); count],
            end: "end".into(),
            is_cut,
        }
    }

    #[test]
    fn the_next_batch_is_what_fits() {
        let first = Size::first(100_000);
        let next = |size: Size, batch| size.behind(&batch).changes;
        assert_eq!(next(first, batch(10, 9_800, true)), 10);
        assert_eq!(next(first, batch(1, 1_000_000, true)), 1, "one at least");
        let small = Size {
            changes: 10,
            ..first
        };
        assert_eq!(
            next(small, batch(10, 100, false)),
            20,
            "twice as many at most"
        );
        assert_eq!(next(small, batch(10, 19_800, false)), 5);
        assert_eq!(next(small, batch(1, 99_800, false)), 20, "there were few");
        assert_eq!(next(small, batch(0, 0, false)), 20);
        assert_eq!(next(first, batch(0, 0, false)), MOST);
    }

    #[test]
    fn what_takes_too_long_is_halved_down_to_one() {
        let mut size = Size::first(1);
        let mut halved = 0;
        while let Some(half) = size.half() {
            size = half;
            halved += 1;
        }
        assert_eq!((size.changes, halved), (1, 9));
    }
}
