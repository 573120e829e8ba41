//! The phases of the cycle as pure, explained decisions.

pub mod evaluate;
pub mod monitor;
pub mod prioritize;
