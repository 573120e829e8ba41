//! What apt knows: its package indices, Release files, sources and pins.
//!
//! Only what decides which package apt would install is read. Signatures are
//! not checked here; whether one was there is told. [`repository`] writes.

pub mod index;
pub mod pattern;
pub mod preferences;
pub mod release;
pub mod repository;
pub mod sources;
