//! Repositories of dnf, yum and zypper: their definitions, metadata and
//! errata, and the module streams a host has enabled.

pub mod metadata;
pub mod repository;
pub mod updateinfo;
mod write;
pub(crate) mod xml;

pub use metadata::{Entry, Metadata, PrimaryPackage, elements, moved, primary, repomd};
pub use write::{primary as write_primary, repomd as write_repomd};
pub use repository::{ModuleState, YumRepository, modules, repositories};
pub use updateinfo::updateinfo;
