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

impl plimsoll_host::Progress for Step {
    fn stage(&self, text: &str) {
        self.now(text);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Progress of fetching: one line that names what is coming, and one line a
/// source when it is done.
pub struct Fetching<'a> {
    printer: &'a Printer,
    bar: Option<ProgressBar>,
}

impl<'a> Fetching<'a> {
    /// Starts watching.
    pub fn new(printer: &'a Printer) -> Self {
        let looked_at = printer.talks() && std::io::stderr().is_terminal();
        let bar = looked_at.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { printer, bar }
    }

    fn show(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }
}

impl plimsoll_feeds::fetch::Progress for Fetching<'_> {
    fn started(&self, source: &str) {
        self.show(format!("{source}: asking"));
    }

    fn bytes(&self, source: &str, done: u64, total: Option<u64>) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        self.show(match total {
            Some(total) => format!("{source}: {:.1} of {:.1} MiB", mib(done), mib(total)),
            None => format!("{source}: {:.1} MiB", mib(done)),
        });
    }

    fn documents(&self, source: &str, done: u64, total: u64) {
        self.show(format!("{source}: {done} of {total} documents"));
    }

    fn retry(&self, source: &str, why: &str, pause: Duration) {
        self.say(&format!("{source}: {why}; trying again in {} s", pause.as_secs()));
    }

    fn finished(&self, source: &str, how: &str) {
        self.say(&format!("{source}: {how}"));
    }
}

impl Fetching<'_> {
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.say(text)),
            None => self.printer.say(text),
        }
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
