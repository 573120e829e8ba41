//! The outside: the only crate that fetches, and what turns fetched files into
//! the advisory database.
#![forbid(unsafe_code)]

pub mod cache;
pub mod catalogue;
pub mod fetch;
