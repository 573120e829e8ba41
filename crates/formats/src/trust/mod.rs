//! **Trust**: the documents that say whose keys count, in the form of
//! The Update Framework 1.0.
//!
//! The root document is made by people outside the server
//! (`plimsoll root init`); its digest travels in every join command, and a
//! host follows only changes that the pinned keys signed.

mod key_file;
mod root;

pub use key_file::{KeyFile, PublicKey};
pub use root::{Role, Root, RootKeys, SignedRoot};
