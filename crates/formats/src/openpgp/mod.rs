//! OpenPGP signatures of repositories: who signed an index, and signing an
//! index of our own.
//!
//! Parsing and mathematics come from `pgp` (rPGP); what counts as a good
//! signature is decided here, because a library says only that numbers fit.
//! A signature counts when its key was allowed to sign, is neither revoked nor
//! expired, and hashed with SHA-256 or stronger. RSA verifies other people's
//! signatures and never holds a key of ours.

mod keyring;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use keyring::Keyring;
pub use sign::RepositoryKey;
pub use verify::{Signed, Signer};
