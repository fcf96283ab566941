//! Microseconds, counted in buckets that are at most 2 % wide: any thread adds to it without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Values below this have a bucket each; above, each power of two has half as many.
const LINEAR: u64 = 128;
const BUCKETS: usize = 128 + 64 * 30;

pub struct Histogram {
    buckets: Vec<AtomicU64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

fn bucket(value: u64) -> usize {
    if value < LINEAR {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() as u64 - 6;
    let place = LINEAR + (shift - 1) * 64 + ((value >> shift) - 64);
    (place as usize).min(BUCKETS - 1)
}

/// The least value of a bucket.
fn least(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < LINEAR {
        return bucket;
    }
    let shift = (bucket - LINEAR) / 64 + 1;
    ((bucket - LINEAR) % 64 + 64) << shift
}

impl Histogram {
    pub fn add(&self, value: u64) {
        self.buckets[bucket(value)].fetch_add(1, Relaxed);
    }

    pub fn clear(&self) {
        self.buckets.iter().for_each(|one| one.store(0, Relaxed));
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|one| one.load(Relaxed)).sum()
    }

    /// The value that this part of all values (0 to 1) does not exceed, in milliseconds. 0 when there are none.
    pub fn milliseconds(&self, part: f64) -> f64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut found = 0;
        for (place, one) in self.buckets.iter().enumerate() {
            found += one.load(Relaxed);
            if found >= wanted && found > 0 {
                return least(place) as f64 / 1000.0;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_narrow_and_holds_its_values() {
        for value in (0..5000).chain((1..40).map(|power| (1 << power) + 17)) {
            let low = least(bucket(value));
            let high = least(bucket(value) + 1);
            if bucket(value) < BUCKETS - 1 {
                assert!(low <= value && value < high, "{value}: {low} to {high}");
                assert!((high - low) as f64 <= 1.0 + value as f64 * 0.02, "{value}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.milliseconds(0.5), 0.0);
        (1..=100).for_each(|value| histogram.add(value));
        assert_eq!(histogram.milliseconds(0.5), 0.05);
        assert_eq!(histogram.milliseconds(0.99), 0.099);
        assert_eq!(histogram.milliseconds(1.0), 0.1);
    }
}
