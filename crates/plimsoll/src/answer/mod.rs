//! Answers made readable: a scan as text for a terminal and as a report, lists
//! as tables.

pub mod actions;
pub mod html;
mod rows;
pub mod sheet;
pub mod text;
pub mod words;
