//! Policy files: TOML to [`PolicySet`], presets, decision tables.
//!
//! A preset is a policy file like any other, dated and with its source, that
//! comes with the program. A decision table is a file in SSVC's official JSON
//! form; an organisation's own is just another one.

mod document;
pub mod draft;
mod governance;
mod load;
mod matchers;
mod parse;
mod places;
pub mod presets;
mod rollout;
mod suggest;
pub mod tables;

pub use load::{load, load_preset};
pub use plimsoll_core::phases::prioritize::{Depth, DecisionRow, DecisionRows, Lint, decision_table, difference, lint};
pub use presets::{PRESETS, Preset, preset};
pub use tables::{read_table, table};

use plimsoll_core::model::problem::Problem;

/// Most bytes of one policy file or decision table. The largest preset has
/// 15 KiB; the limit bounds work for a hostile one.
pub const TEXT_LIMIT: usize = 1 << 20;

/// Where problems of one file are collected, with lines worked out from byte
/// offsets.
struct Ledger<'a> {
    place: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Ledger<'a> {
    fn new(place: &'a str, text: &'a str) -> Self {
        Self { place, text, problems: Vec::new() }
    }

    /// `file:line` for a byte offset.
    fn line(&self, offset: usize) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        format!("{}:{}", self.place, 1 + before.iter().filter(|byte| **byte == b'\n').count())
    }

    fn error(&mut self, at: &std::ops::Range<usize>, text: impl Into<String>, next: impl Into<String>) {
        self.problems.push(Problem::new("E-POLICY", self.line(at.start), text, next));
    }
}

#[cfg(test)]
mod tests;
