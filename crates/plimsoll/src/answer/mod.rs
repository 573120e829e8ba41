//! A scan made readable: as text for a terminal and as a report.

pub mod actions;
pub mod html;
pub mod text;
pub mod words;
