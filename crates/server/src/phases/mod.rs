//! One reconciler a phase: each reads the whole state, asks the core, saves
//! what was decided and publishes it. None takes input, so running one twice
//! is harmless.

pub mod acquire;
pub mod certify;
pub mod confirm;
pub mod deploy;
pub mod document;
pub mod evaluate;
pub mod monitor;
pub mod package;
