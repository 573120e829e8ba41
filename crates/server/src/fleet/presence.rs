//! Who was heard of when: kept in memory, flushed in one batch a minute.
//!
//! A check-in that changes nothing writes nothing, so the newest sight of a
//! host is known here first. Losing it in a crash costs at most a minute of
//! "last seen", and the clock for silence allows for that.

use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// What is known of one host's last words.
#[derive(Debug, Default)]
pub struct Presence {
    seen: AtomicI64,
    sequence: AtomicU64,
    unsaved: AtomicBool,
}

/// A request's number is not greater than one already seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// Newest number seen.
    pub newest: u64,
}

impl Presence {
    /// Takes up what was stored.
    pub fn resume(seen: Option<Timestamp>, sequence: u64) -> Self {
        Self {
            seen: AtomicI64::new(seen.map_or(0, Timestamp::as_microsecond)),
            sequence: AtomicU64::new(sequence),
            unsaved: AtomicBool::new(false),
        }
    }

    /// Notes a request with its number.
    ///
    /// # Errors
    ///
    /// [`Replayed`] where the number does not rise. Two requests at once with
    /// one number: exactly one of them passes.
    pub fn note(&self, now: Timestamp, sequence: u64) -> Result<(), Replayed> {
        let newest = self.sequence.fetch_max(sequence, Ordering::AcqRel);
        if sequence <= newest {
            return Err(Replayed { newest });
        }
        self.seen.fetch_max(now.as_microsecond(), Ordering::AcqRel);
        self.unsaved.store(true, Ordering::Release);
        Ok(())
    }

    /// Notes that another server heard of the host; it stored that itself.
    pub fn hear(&self, seen: Timestamp, sequence: u64) {
        self.sequence.fetch_max(sequence, Ordering::AcqRel);
        self.seen.fetch_max(seen.as_microsecond(), Ordering::AcqRel);
    }

    /// When the host was last heard of.
    pub fn seen(&self) -> Option<Timestamp> {
        let seen = self.seen.load(Ordering::Acquire);
        (seen != 0).then(|| Timestamp::from_microsecond(seen).ok()).flatten()
    }

    /// What is to be stored, once; a failed write calls [`Self::unsave`].
    pub fn take_unsaved(&self) -> Option<(Timestamp, u64)> {
        if !self.unsaved.swap(false, Ordering::AcqRel) {
            return None;
        }
        Some((self.seen()?, self.sequence.load(Ordering::Acquire)))
    }

    /// Marks it as not stored again.
    pub fn unsave(&self) {
        self.unsaved.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_once_and_only_upwards() {
        let presence = Presence::resume(None, 5);
        let now = Timestamp::from_second(100).unwrap();
        assert_eq!(presence.note(now, 5), Err(Replayed { newest: 5 }));
        assert_eq!(presence.note(now, 6), Ok(()));
        assert_eq!(presence.note(now, 6), Err(Replayed { newest: 6 }));
        assert_eq!(presence.take_unsaved(), Some((now, 6)));
        assert_eq!(presence.take_unsaved(), None);
        // An older clock never moves "last seen" back.
        assert_eq!(presence.note(Timestamp::from_second(50).unwrap(), 7), Ok(()));
        assert_eq!(presence.seen(), Some(now));
    }
}
