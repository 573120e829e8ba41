//! Fresh identifiers and secrets: the only randomness of the store.

use crate::error::{Result, StoreError};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use plimsoll_core::model::identifier::compose;
use sha2::{Digest, Sha256};

/// Draws 128 bits for a new identifier, newer ones sorting later.
///
/// Wrap them with `HostId::from_bits` and its like.
///
/// # Errors
/// The machine has no randomness to give.
pub fn fresh(now: Timestamp) -> Result<u128> {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Ok(compose(milliseconds, u128::from_le_bytes(random()?)))
}

/// Draws random bytes.
///
/// # Errors
/// The machine has no randomness to give.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::unavailable("E-RANDOM", "randomness", error.to_string()))?;
    Ok(bytes)
}

/// Draws a secret of 256 bits as 64 hex letters, to be shown once.
///
/// # Errors
/// The machine has no randomness to give.
pub fn secret() -> Result<String> {
    Ok(HEXLOWER.encode(&random::<32>()?))
}

/// Digest under which a secret is stored: SHA-256, hex.
///
/// Enough for secrets of [`secret`], which nobody can guess; passwords need a
/// slow hash and arrive here already hashed.
pub fn secret_hash(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}
