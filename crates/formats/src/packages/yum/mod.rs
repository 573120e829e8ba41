//! Repositories of dnf, yum and zypper: their definitions, metadata and
//! errata, and the module streams a host has enabled.

pub mod metadata;
pub mod repository;
pub mod updateinfo;
mod xml;

pub use metadata::{Metadata, PrimaryPackage, primary, repomd};
pub use repository::{ModuleState, YumRepository, modules, repositories};
pub use updateinfo::updateinfo;
