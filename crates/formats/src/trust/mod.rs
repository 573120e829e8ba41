//! **Trust**: the documents that say whose keys count, in the form of
//! The Update Framework 1.0.
//!
//! The root document is made by people outside the server
//! (`plimsoll root init`); its digest travels in every join command, and a
//! host follows only changes that the pinned keys signed. People sign deployment
//! packages; the server's online key signs assignments, which only narrow them.

mod envelope;
mod host_list;
mod key_file;
mod package;
mod root;
mod sample;

pub use envelope::Signature;
pub use host_list::{HostTree, check_place};
pub use key_file::{KeyFile, PublicKey, Signs};
pub use package::{SignedAssignment, SignedPackage};
pub use root::{Role, Root, RootKeys, SignedRoot};
pub use sample::sample;
