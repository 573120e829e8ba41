//! **Passwords**: kept as Argon2id, hashed off the event loop and few at a
//! time, and refused when they are short or known.

use super::Unavailable;
use crate::http::problem::Refusal;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

/// Fewest characters. Beyond it only guessability counts, not kinds of characters.
const SHORTEST: usize = 12;

/// Most bytes; hashing does not slow down with length, reading does.
const LONGEST: usize = 1_024;

/// Memory of one hash in KiB: OWASP's and RFC 9106's floor for Argon2id with
/// two passes.
const MEMORY: u32 = 19 * 1_024;

/// Hashes computed at once. Two are a core each and 38 MiB.
const AT_ONCE: usize = 2;

/// Hashes computed or waiting; more would wait for seconds.
const WAITING: usize = 64;

/// Hashes and checks passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// A hash of nothing anyone knows, checked where an account has none, so
    /// that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// Prepares them; computes one hash.
    ///
    /// # Errors
    /// No randomness.
    pub fn new() -> Result<Self, Unavailable> {
        let unguessable = super::secret::Secret::make("")?;
        Ok(Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::default(),
            decoy: hash_now(unguessable.expose())?.into(),
        })
    }

    /// Hashes a password, as PHC text.
    ///
    /// # Errors
    /// 503 `E-BUSY`, or no randomness.
    pub async fn hash(&self, password: &str) -> Result<String, Refusal> {
        let password = normal(password);
        Ok(self.run(move || hash_now(&password)).await??)
    }

    /// Checks a password against a kept hash; without one it takes as long
    /// and says no.
    ///
    /// # Errors
    /// 503 `E-BUSY`.
    pub async fn verify(&self, password: &str, kept: Option<&str>) -> Result<bool, Refusal> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let password = normal(password);
        let known = kept.is_some();
        let kept: Arc<str> = kept.map_or_else(|| Arc::clone(&self.decoy), Into::into);
        let right = self
            .run(move || {
                let Ok(parsed) = PasswordHash::new(&kept) else { return false };
                // The parameters come from the kept text.
                Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
            })
            .await?;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let _waiting = Waiting::enter(&self.waiting)?;
        let place = self.places.acquire().await.map_err(|error| Unavailable::new("password hashing", error))?;
        let done = tokio::task::spawn_blocking(work).await.map_err(|error| Unavailable::new("password hashing", error))?;
        drop(place);
        Ok(done)
    }
}

/// One of those computing or waiting; leaves also when its request is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, Refusal> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "E-BUSY",
                format!("{WAITING} passwords are being checked already"),
                "repeat the request after the seconds in Retry-After",
            )
            .retry_after(5));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash_now(password: &str) -> Result<String, Unavailable> {
    let failed = |error: &dyn std::fmt::Display| Unavailable::new("password hashing", error);
    let salt = SaltString::encode_b64(&super::secret::random::<16>()?).map_err(|error| failed(&error))?;
    let params = Params::new(MEMORY, 2, 1, None).map_err(|error| failed(&error))?;
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| failed(&error))?.to_string())
}

/// The same characters however the keyboard composed them.
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Checks a new password: long enough, not too long, and not soon guessed
/// (common passwords, names, rows of keys), also given `about`, what is known
/// of its owner.
///
/// # Errors
/// 400 `E-PASSWORD` with the reason.
pub fn check(password: &str, about: &[&str]) -> Result<(), Refusal> {
    let refuse = |detail: String| {
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "E-PASSWORD",
            detail,
            "take four or more unrelated words, or let a password manager make one",
        ))
    };
    if password.len() > LONGEST {
        return refuse(format!("the password has {} bytes, the limit is {LONGEST}", password.len()));
    }
    let password = normal(password);
    let length = password.chars().count();
    if length < SHORTEST {
        return refuse(format!("the password has {length} characters, at least {SHORTEST} are needed"));
    }
    let known: Vec<&str> = about.iter().copied().chain(["plimsoll"]).filter(|text| !text.is_empty()).collect();
    let guess = zxcvbn::zxcvbn(&password, &known);
    if guess.score() < zxcvbn::Score::Three {
        let why = guess.feedback().and_then(zxcvbn::feedback::Feedback::warning).map(|warning| format!(": {warning}"));
        return refuse(format!("the password would soon be guessed{}", why.unwrap_or_default()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let about = ["alice.archer", "Alice Archer", "alice@example.org"];
        for good in ["tidal cranberry mosaic lantern", "ölpest Käsekuchen 🦊 vierzehn", "k3W!pz0qTT-vn2"] {
            assert!(check(good, &about).is_ok(), "{good}");
        }
        for bad in ["", "short", "password1234", "aaaaaaaaaaaaaaaa", "123456789012", "qwertyuiop[]", "plimsollplimsoll", "alice.archer1"] {
            assert_eq!(check(bad, &about).unwrap_err().code(), "E-PASSWORD", "{bad}");
        }
        assert!(check(&"x7!k".repeat(1_000), &about).is_err());
    }

    #[tokio::test]
    async fn hashes_verify_and_differ_each_time() {
        let passwords = Passwords::new().unwrap();
        let (one, two) = (passwords.hash("é tidal").await.unwrap(), passwords.hash("é tidal").await.unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        // The same letter, composed by another keyboard.
        assert!(passwords.verify("e\u{301} tidal", Some(&one)).await.unwrap());
        assert!(!passwords.verify("e tidal", Some(&one)).await.unwrap());
        assert!(!passwords.verify("é tidal", None).await.unwrap());
        assert!(!passwords.verify("é tidal", Some("nonsense")).await.unwrap());
    }
}
