//! **Secrets** that the server hands out once and never keeps: session keys,
//! sign-in links, API and enrolment tokens.
//!
//! Each carries 256 random bits, so that a plain SHA-256 is enough to keep it
//! by (a slow hash is for what people think up), and looking one up by that
//! digest leaks nothing useful through timing.

use super::Unavailable;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
pub use plimsoll_store::identifier::{fresh as identifier, random};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Random bytes in a secret.
const BYTES: usize = 32;

/// Beginning of every API token, so that secret scanners find a leaked one.
pub const API_PREFIX: &str = "plim_";

/// Beginning of every enrolment token.
pub const ENROLMENT_PREFIX: &str = "plimjoin_";

/// A secret in clear; its `Debug` shows nothing, so that no log line can.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes a new one behind `prefix`.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn make(prefix: &str) -> Result<Self, Unavailable> {
        let bytes: [u8; BYTES] = random()?;
        Ok(Self(format!("{prefix}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())))
    }

    /// Reads what somebody sent as one, or nothing where it cannot be one of
    /// ours; bounded before anything is computed from it.
    pub fn read(prefix: &str, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(prefix)?;
        let letters = rest.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte));
        (letters && rest.len() == BASE32_NOPAD.encode_len(BYTES)).then(|| Self(text.to_owned()))
    }

    /// The text to hand over, once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret, hex: what is kept. Compared in constant time.
#[derive(Clone, Eq, PartialOrd, Ord)]
pub struct SecretDigest(String);

impl SecretDigest {
    /// Digests bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(bytes)))
    }

    /// Takes what the store kept.
    pub fn kept(hex: String) -> Self {
        Self(hex)
    }

    /// The 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretDigest {
    /// Shows enough to tell two apart, not enough to look one up.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretDigest({}…)", self.0.get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_distinct_and_never_shown() {
        let (one, two) = (Secret::make(API_PREFIX).unwrap(), Secret::make(API_PREFIX).unwrap());
        assert_ne!(one, two);
        assert_eq!(one.expose().len(), API_PREFIX.len() + 52);
        assert_eq!(Secret::read(API_PREFIX, one.expose()), Some(one.clone()));
        assert_eq!(Secret::read(ENROLMENT_PREFIX, one.expose()), None);
        for text in ["", "plim_", "plim_é", &format!("{}a", one.expose()), &one.expose().to_uppercase()] {
            assert_eq!(Secret::read(API_PREFIX, text), None, "{text}");
        }
        assert_eq!(Secret::read("", one.digest().as_str()), None, "a digest out of a dump opens nothing");
        assert_eq!(format!("{one:?}"), "Secret(…)");
        assert!(!format!("{:?}", one.digest()).contains(one.digest().as_str()));
        assert_eq!(one.digest(), Secret::read(API_PREFIX, one.expose()).unwrap().digest());
        assert_ne!(one.digest(), two.digest());
    }
}
