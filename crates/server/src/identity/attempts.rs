//! **Attempts**: how often somebody may guess. Counted before the guess is
//! looked at, by account and by address, so that guesses in parallel, and
//! headers that claim another address, get no further.
//!
//! Kept in this server's memory only: with n servers behind a balancer a
//! guesser has n times as many tries, which changes nothing against secrets of
//! this length and slow hashes.

use crate::http::address::bucket;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Keys kept at most; beyond it the ones nearest to being free again go.
const KEYS: usize = 65_536;

/// What is guessed at, or from where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// An account's password, by its name in lower case.
    Account(String),
    /// A person's second proof.
    Proof(String),
    /// Sign-in of any kind from an address.
    SignIn(IpAddr),
    /// Tokens of any kind from an address.
    Token(IpAddr),
}

impl Target {
    /// Sign-in from an address.
    pub fn sign_in(address: IpAddr) -> Self {
        Self::SignIn(bucket(address))
    }

    /// Tokens from an address.
    pub fn token(address: IpAddr) -> Self {
        Self::Token(bucket(address))
    }

    /// Tries at once, and seconds for each further one.
    fn pace(&self) -> (i64, i64) {
        match self {
            Self::Account(_) | Self::Proof(_) => (10, 30),
            Self::SignIn(_) => (30, 5),
            Self::Token(_) => (60, 1),
        }
    }
}

/// Tries so far: for each target, when it will have been forgotten.
#[derive(Debug, Default)]
pub struct Attempts {
    free: Mutex<BTreeMap<Target, Timestamp>>,
}

impl Attempts {
    /// Counts one try against all of `targets`, or none.
    ///
    /// # Errors
    /// 429 `E-ATTEMPTS` with `Retry-After`.
    pub fn count(&self, targets: &[Target], now: Timestamp) -> Result<(), Refusal> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut longest = 0;
        for target in targets {
            let (tries, pace) = target.pace();
            let waiting = free.get(target).map_or(0, |at| at.duration_since(now).as_secs());
            longest = longest.max(waiting - (tries - 1) * pace);
        }
        if longest > 0 {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "E-ATTEMPTS",
                "too many tries for this account or from this address",
                "wait for the seconds in Retry-After; a passkey is not held up by guesses at a password",
            )
            .retry_after(u32::try_from(longest).unwrap_or(u32::MAX)));
        }
        if free.len() + targets.len() > KEYS {
            make_room(&mut free, now);
        }
        for target in targets {
            let start = free.get(target).copied().unwrap_or(now).max(now);
            let end = start.saturating_add(SignedDuration::from_secs(target.pace().1)).unwrap_or(Timestamp::MAX);
            free.insert(target.clone(), end);
        }
        Ok(())
    }

    /// Forgets all tries, for tests that are about something else.
    #[cfg(test)]
    pub fn clear(&self) {
        self.free.lock().unwrap().clear();
    }

    /// Forgets the tries at a target that was met; those from an address stay,
    /// or one good account would pay for guesses at others.
    pub fn met(&self, target: &Target) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).remove(target);
    }
}

/// Drops what is free again, then the half that will be soonest.
fn make_room(free: &mut BTreeMap<Target, Timestamp>, now: Timestamp) {
    free.retain(|_, at| *at > now);
    if free.len() + 8 > KEYS {
        let mut ends: Vec<_> = free.values().copied().collect();
        let middle = ends.len() / 2;
        let (_, median, _) = ends.select_nth_unstable(middle);
        let median = *median;
        free.retain(|_, at| *at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    /// C10.
    #[test]
    fn guesses_run_out_by_account_and_by_address() {
        let attempts = Attempts::default();
        let alice = Target::Account("alice".to_owned());
        let from = |n: u8| Target::sign_in(IpAddr::from([192, 0, 2, n]));
        // A guesser with many addresses is stopped at the account …
        let passed = (0..200).filter(|n| attempts.count(&[alice.clone(), from(*n)], at(0)).is_ok()).count();
        assert_eq!(passed, 10);
        let refusal = attempts.count(&[alice.clone(), from(250)], at(0)).unwrap_err();
        assert_eq!((refusal.code(), refusal.seconds()), ("E-ATTEMPTS", Some(30)));
        assert!(attempts.count(std::slice::from_ref(&alice), at(31)).is_ok());
        assert!(attempts.count(std::slice::from_ref(&alice), at(31)).is_err());
        attempts.met(&alice);
        assert!(attempts.count(std::slice::from_ref(&alice), at(31)).is_ok());
        // … one with many accounts at the address, or the /64 it owns.
        let network = |n: u16| Target::sign_in(format!("2001:db8::{n:x}").parse().unwrap());
        let passed = (0..200)
            .filter(|n| attempts.count(&[Target::Account(format!("account{n}")), network(*n)], at(0)).is_ok())
            .count();
        assert_eq!(passed, 30);
    }

    #[test]
    fn memory_is_bounded_and_a_busy_target_is_not_forgotten() {
        let attempts = Attempts::default();
        let alice = Target::Account("alice".to_owned());
        for _ in 0..10 {
            attempts.count(std::slice::from_ref(&alice), at(0)).unwrap();
        }
        for number in 0..200_000u32 {
            let address = Target::token(IpAddr::from(number.to_be_bytes()));
            attempts.count(&[address], at(0)).unwrap();
        }
        assert!(attempts.free.lock().unwrap().len() <= KEYS);
        assert!(attempts.count(&[alice], at(0)).is_err());
    }
}
