//! How much of the log a catch-up reads at once: what its client has room for.

use super::session::Batch;

/// Changes of one reading.
const FIRST: i32 = 100;
pub const MOST: i32 = 1000;

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
            changes: FIRST,
            bytes,
        }
    }

    /// The size of the next batch, behind this one: the database need not read what is not taken.
    pub fn behind(self, batch: &Batch) -> Size {
        let count = batch.changes.len();
        let bytes = batch
            .changes
            .iter()
            .map(|(text, _)| cost(text))
            .sum::<usize>();
        if count == 0 {
            return self;
        }
        let fitting = (self.bytes / (bytes / count).max(1)).min(MOST as usize) as i32;
        Size {
            changes: fitting.min(self.changes.saturating_mul(2)).max(1),
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

    fn batch(count: usize, size: usize) -> Batch {
        Batch {
            changes: vec![("x".repeat(size).into(), "c".into()); count],
            end: "end".into(),
            is_cut: false,
        }
    }

    #[test]
    fn the_next_batch_is_what_fits() {
        let first = Size::first(100_000);
        assert_eq!(
            first.behind(&batch(100, 100)).changes,
            200,
            "twice as many at most"
        );
        assert_eq!(first.behind(&batch(10, 9_800)).changes, 10);
        assert_eq!(
            first.behind(&batch(1, 1_000_000)).changes,
            1,
            "one at least"
        );
        assert_eq!(first.behind(&batch(0, 0)).changes, FIRST);
        let large = Size {
            changes: MOST,
            ..first
        };
        assert_eq!(
            large.behind(&batch(1000, 1)).changes,
            (100_000 / 201).min(MOST)
        );
    }

    #[test]
    fn what_takes_too_long_is_halved_down_to_one() {
        let mut size = Size::first(1);
        let mut halved = 0;
        while let Some(half) = size.half() {
            size = half;
            halved += 1;
        }
        assert_eq!((size.changes, halved), (1, 6));
    }
}
