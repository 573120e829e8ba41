//! The phases of the cycle as pure, explained decisions.

pub mod acquire;
pub mod evaluate;
pub mod monitor;
pub mod prioritize;
