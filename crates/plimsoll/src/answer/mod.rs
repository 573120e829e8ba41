//! A scan made readable: as text for a terminal and as a report.

pub mod actions;
pub mod html;
mod rows;
pub mod text;
pub mod words;
