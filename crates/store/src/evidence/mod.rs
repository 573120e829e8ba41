//! The **evidence log**: one leaf for every change, in a Merkle tree whose
//! signed checkpoints the hosts remember.
//!
//! A change writes its leaf in its own transaction. Whoever holds the lease
//! then integrates leaves: gives them positions, extends the tiles, signs a
//! checkpoint. Hashing is RFC 6962; tiles, checkpoints and notes are those of
//! C2SP (`tlog-tiles`, `tlog-checkpoint`, `signed-note`), so that other
//! people's tools verify them. Text about persons is beside the leaves, under
//! salted commitments, and can be deleted without breaking a proof.

pub mod export;
pub mod integrate;
pub mod leaf;
pub mod proofs;
pub mod reading;
pub mod record;
pub mod signing;
pub(crate) mod tiles;
pub mod verify;

/// A hash of the tree: 32 bytes.
pub type Hash = [u8; 32];

/// Leaves in one tile and in one bundle of entries.
pub const TILE: u64 = 256;
