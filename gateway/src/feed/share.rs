//! What the legs of one client share while they read what they have missed: one of them reads at a time, and what all of them
//! keep is bounded.

use crate::lock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What the legs of a client keep at most of the changes that come while they read what was before, in bytes.
const MAX_KEPT: usize = 1024 * 1024;

/// What a change costs beside its text.
const OVERHEAD: usize = 64;

/// What is shared. It belongs to the socket, the stream or the poll.
pub struct Share {
    /// Whoever has it reads for the client. The others wait in the order in which they came.
    turn: Semaphore,
    /// For how long the client has had no room for whoever had the turn, since it took something.
    full: Mutex<Duration>,
    kept: AtomicUsize,
}

impl Default for Share {
    fn default() -> Share {
        Share {
            turn: Semaphore::new(1),
            full: Mutex::default(),
            kept: AtomicUsize::new(0),
        }
    }
}

impl Share {
    /// The turn to read, when it comes.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turn.acquire().await.ok()
    }

    /// For how long the client has had no room.
    pub(super) fn full(&self) -> Duration {
        *lock(&self.full)
    }

    /// The client had no room for so long.
    pub(super) fn was_full(&self, time: Duration) {
        *lock(&self.full) += time;
    }

    /// The client has taken what was read.
    pub(super) fn took(&self) {
        *lock(&self.full) = Duration::ZERO;
    }

    /// Whether a text of this length may be kept; it is counted then.
    pub(super) fn keep(&self, length: usize) -> bool {
        let cost = length + OVERHEAD;
        let fits = |kept: usize| Some(kept + cost).filter(|kept| *kept <= MAX_KEPT);
        let order = Ordering::Relaxed;
        self.kept.fetch_update(order, order, fits).is_ok()
    }

    /// A text of this length is not kept any more.
    pub(super) fn let_go(&self, length: usize) {
        self.kept.fetch_sub(length + OVERHEAD, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_for_all_together() {
        let share = Share::default();
        assert!(share.keep(MAX_KEPT / 2));
        assert!(
            !share.keep(MAX_KEPT / 2),
            "the change costs more than its text"
        );
        assert!(share.keep(MAX_KEPT / 4));
        share.let_go(MAX_KEPT / 2);
        assert!(share.keep(MAX_KEPT / 2));
    }

    #[tokio::test]
    async fn one_reads_at_a_time() {
        let share = Share::default();
        let turn = share.turn().await.expect("the turn");
        assert!(share.turn.try_acquire().is_err());
        drop(turn);
        assert!(share.turn().await.is_some());
    }
}
