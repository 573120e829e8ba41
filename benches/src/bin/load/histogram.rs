//! Many durations in little memory.

use std::time::Duration;

/// Steps within one power of two: no value is off by more than three in a hundred.
const STEPS: u64 = 32;

/// Counts of durations from a microsecond up, by size.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    most: Duration,
    total: u64,
}

impl Histogram {
    /// Counts one.
    pub fn note(&mut self, length: Duration) {
        let place = place(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.total += 1;
        self.most = self.most.max(length);
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The length that a share of all do not exceed, in milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return (upper(place) as f64 / 1e3).min(self.most());
            }
        }
        self.most()
    }

    /// The longest, in milliseconds.
    pub fn most(&self) -> f64 {
        self.most.as_secs_f64() * 1e3
    }
}

fn place(value: u64) -> usize {
    let power = u64::from(value.max(STEPS).ilog2()) - u64::from(STEPS.ilog2());
    (power * STEPS + (value >> power)) as usize
}

/// Largest value of a place.
fn upper(place: usize) -> u64 {
    let place = place as u64;
    let power = (place / STEPS).saturating_sub(1);
    ((place - power * STEPS + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_three_in_a_hundred() {
        let mut histogram = Histogram::default();
        (1..=100_000u64).for_each(|number| histogram.note(Duration::from_micros(number * 7)));
        assert_eq!(histogram.total(), 100_000);
        for share in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = share * 700.0;
            let off = (histogram.at(share) - exact) / exact;
            assert!((0.0..0.04).contains(&off), "{share}: {} instead of {exact}", histogram.at(share));
        }
        assert!((histogram.at(1.0) - 700.0).abs() < 1e-9);
        let mut last = 0;
        for value in 0..10_000 {
            assert!(upper(place(value)) >= value && place(value) >= last);
            last = place(value);
        }
    }
}
