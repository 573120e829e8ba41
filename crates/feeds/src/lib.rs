//! The outside: the only crate that fetches, and what turns fetched files into
//! the advisory database.

pub mod acquire;
pub mod build;
pub mod cache;
pub mod catalogue;
pub mod fetch;
pub mod frozen;
pub mod measure;
pub mod open;
pub mod repositories;
