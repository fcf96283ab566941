//! Timestamps as Postgres represents them. Pure.

use std::ops::Add;
use std::time::Duration;

/// A moment: microseconds since 2000-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 2000-01-01 UTC.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From the number of microseconds since 2000-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// Microseconds since 2000-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The time since an earlier moment; zero if that is later, as after a clock was set back.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use std::time::Duration;

    #[test]
    fn time_passes_forwards_only() {
        let (earlier, step) = (Timestamp::from_micros(-5), Duration::from_micros(7));
        let later = earlier + step;
        assert_eq!(later, Timestamp::from_micros(2));
        assert_eq!(later.since(earlier), step);
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert_eq!(later + Duration::MAX, Timestamp::from_micros(i64::MAX));
    }
}
