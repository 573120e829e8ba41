//! **Operations**: what stands around the ten phases.

pub mod audience;
pub mod briefing;
pub mod escalation;
pub mod meeting;
pub mod status;
pub mod teams;
pub mod telling;
