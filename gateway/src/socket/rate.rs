//! How often something may happen.

use std::time::Instant;

/// A number of events a second, on average.
pub struct Rate {
    per_second: f64,
    /// How many may come at once.
    burst: f64,
    left: f64,
    seen: Instant,
}

impl Rate {
    /// So many a second; what `seconds` are worth may come at once.
    pub fn new(per_second: u32, seconds: u32, now: Instant) -> Rate {
        let burst = f64::from(per_second) * f64::from(seconds);
        Rate {
            per_second: f64::from(per_second),
            burst,
            left: burst,
            seen: now,
        }
    }

    /// Whether one more event may happen now; it is counted then.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.seen = now;
        self.left = (self.left + passed * self.per_second).min(self.burst);
        let fits = self.left >= 1.0;
        if fits {
            self.left -= 1.0;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_second_is_worth_so_many() {
        let begin = Instant::now();
        let taken =
            |rate: &mut Rate, at: Duration| (0..10).filter(|_| rate.take(begin + at)).count();
        for seconds in [1, 2] {
            let mut rate = Rate::new(3, seconds, begin);
            assert_eq!(taken(&mut rate, Duration::ZERO), 3 * seconds as usize);
            assert_eq!(taken(&mut rate, Duration::from_millis(400)), 1);
            assert_eq!(
                taken(&mut rate, Duration::from_secs(100)),
                3 * seconds as usize
            );
        }
    }
}
