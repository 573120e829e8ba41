//! The phases of the cycle as pure, explained decisions.

pub mod acquire;
pub mod certify;
pub mod cleanup;
pub mod confirm;
pub mod deploy;
pub mod document;
pub mod evaluate;
pub mod monitor;
pub mod package;
pub mod prioritize;
