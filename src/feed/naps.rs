//! How long a session that waits for changes sleeps between two looks; pure.

use std::time::Duration;

/// While transactions end: a commit is noticed half of this later, on average.
const BUSY: Duration = Duration::from_millis(2);

/// While nothing happens in the whole cluster.
const IDLE: Duration = Duration::from_millis(8);

/// How long after the last transaction the cluster still counts as busy.
const QUIET_AFTER: Duration = Duration::from_millis(100);

/// A look at the log must not cost more than one part in so many of the time that passes.
const SHARE: u32 = 80;

/// What has happened so far.
#[derive(Debug, Default)]
pub struct Naps {
    /// How long nothing has happened.
    quiet: Duration,
    /// What the last look cost.
    look: Duration,
}

impl Naps {
    /// Some transaction has ended, and the look that followed took this long.
    pub fn looked(&mut self, took: Duration) {
        *self = Naps {
            quiet: Duration::ZERO,
            look: took,
        };
    }

    /// How long to sleep now.
    pub fn next(&mut self) -> Duration {
        let nap = if self.quiet < QUIET_AFTER {
            BUSY.max(self.look.saturating_mul(SHARE)).min(IDLE)
        } else {
            IDLE
        };
        self.quiet = self.quiet.saturating_add(nap);
        nap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naps_are_short_for_a_while_after_a_transaction() {
        let mut naps = Naps::default();
        naps.looked(Duration::from_micros(10));
        let mut slept = Duration::ZERO;
        while slept < QUIET_AFTER {
            let nap = naps.next();
            assert_eq!(nap, BUSY);
            slept += nap;
        }
        assert_eq!(naps.next(), IDLE);
        naps.looked(Duration::from_micros(10));
        assert_eq!(naps.next(), BUSY);
    }

    #[test]
    fn a_look_that_costs_much_is_made_less_often() {
        let mut naps = Naps::default();
        naps.looked(Duration::from_micros(50));
        assert_eq!(naps.next(), Duration::from_millis(4));
        naps.looked(Duration::from_secs(1));
        assert_eq!(naps.next(), IDLE);
    }
}
