//! The parts of a change record, one file each.

pub mod bars;
pub mod facts;
pub mod hosts;
pub mod rules;
pub mod what;
