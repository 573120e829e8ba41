//! The outside: the only crate that fetches, and what turns fetched files into
//! the advisory database.

pub mod build;
pub mod cache;
pub mod catalogue;
pub mod fetch;
pub mod measure;
pub mod open;
