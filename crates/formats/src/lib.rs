//! Untrusted bytes to core types and back.
//!
//! Every parser of outside bytes lives here: no network, no files, no
//! processes. A parser takes the name of its input (`place`) and bytes, and
//! returns core types and [`Problem`](plimsoll_core::model::problem::Problem)s;
//! it never panics and never drops anything silently.
#![forbid(unsafe_code)]

pub mod advisories;
pub mod advisory_db;
pub mod bounded;
pub mod calendar;
pub mod components;
pub mod frozen_set;
#[cfg(test)]
mod hostile_tests;
mod lenient;
pub mod measures;
#[cfg(feature = "openpgp")]
pub mod openpgp;
pub mod outside_alerts;
pub mod packages;
pub mod policy;
pub mod protocol;
pub mod reports;
pub mod roster;
pub mod sbom;
pub mod scanners;
#[cfg(test)]
mod test_data;
pub mod trust;
pub mod work;
