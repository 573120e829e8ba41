//! Progress of long work, on standard error, only where somebody looks.

use crate::printer::Printer;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// A line that says what is being done; silent when nobody looks.
pub struct Step(Option<ProgressBar>);

impl Step {
    /// Starts a line.
    ///
    /// It shows itself only after a moment, so that a fast answer stays quiet.
    pub fn start(printer: &Printer, what: &str) -> Self {
        if !printer.talks() || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }

    /// Changes what the line says.
    pub fn now(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
