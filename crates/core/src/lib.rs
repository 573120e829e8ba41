//! The domain of Plimsoll: model, phases, measures, simulation.
//!
//! This crate cannot do I/O: no clock, no randomness, no environment, no
//! hash-map order. Everything a decision may look at arrives in its `Input`,
//! `now` included, and every decision leaves with its reasons.
#![forbid(unsafe_code)]

pub mod assessment;
pub mod fleet;
pub mod knowledge;
pub mod measures;
pub mod model;
pub mod operations;
pub mod phases;
pub mod simulation;
