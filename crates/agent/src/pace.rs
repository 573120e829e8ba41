//! When to speak next.

use std::time::Duration;

/// First longest pause after a failure.
const BASE: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const LONGEST: Duration = Duration::from_secs(600);
/// Longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Pauses between check-ins.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    failures: u32,
}

impl Pace {
    /// The pause after a check-in that was answered: what the server said,
    /// a tenth more or less, so that hosts that started together drift apart.
    pub(crate) fn answered(&mut self, seconds: u32) -> Duration {
        self.failures = 0;
        Duration::from_secs(u64::from(seconds)).mul_f64(0.9 + 0.2 * chance())
    }

    /// The pause after a failure: any time up to twice the one before, up to
    /// ten minutes; never less than what the server asked for.
    ///
    /// "Full jitter": ten thousand hosts that lost their server at one moment
    /// come back spread over the whole pause.
    pub(crate) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let longest = BASE.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let own = Duration::from_secs(1) + longest.mul_f64(chance());
        match asked {
            Some(asked) => asked.min(LONGEST_ASKED) + own,
            None => own.min(LONGEST),
        }
    }
}

/// A number from 0 up to 1.
fn chance() -> f64 {
    // The middle is a fair guess where the kernel has no randomness to give.
    let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_minutes_and_what_the_server_asks_is_kept() {
        let mut pace = Pace::default();
        for failures in 0..40u32 {
            let pause = pace.failed(None);
            let longest = Duration::from_secs(5 << failures.min(7)) + Duration::from_secs(1);
            assert!(pause >= Duration::from_secs(1) && pause <= longest.min(LONGEST), "{failures}: {pause:?}");
        }
        let spread: Vec<Duration> = (0..100).map(|_| pace.failed(None)).collect();
        assert!(spread.iter().min() < Some(&Duration::from_secs(200)) && spread.iter().max() > Some(&Duration::from_secs(400)));
        assert!(pace.failed(Some(Duration::from_secs(30))) >= Duration::from_secs(31));
        assert!(pace.failed(Some(Duration::from_secs(1 << 40))) <= LONGEST_ASKED + LONGEST + Duration::from_secs(1));
        let next = pace.answered(60);
        assert!(next >= Duration::from_secs(54) && next <= Duration::from_secs(66));
        assert!(pace.failed(None) <= Duration::from_secs(6));
    }
}
