//! The one place that writes to people: standard output is data, standard
//! error is talk.

use crate::arguments::Color;
use anstyle::{AnsiColor, Style};
use plimsoll_core::model::problem::Problem;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Writes to standard output and standard error.
pub struct Printer {
    quiet: bool,
    colored: bool,
}

/// How a command ended when nothing failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Clean.
    Clean,
    /// The policy, or what was asked about, says no.
    No,
}

impl Outcome {
    /// The exit code.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Clean => ExitCode::SUCCESS,
            Self::No => ExitCode::from(1),
        }
    }
}

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What, where, measured against limit, what to do next.
    pub problem: Problem,
    /// 2 usage or input, 3 could not finish.
    pub code: u8,
}

impl Failure {
    /// A failure by usage or input.
    pub fn input(problem: Problem) -> Self {
        Self { problem, code: 2 }
    }

    /// A failure to finish.
    pub fn unfinished(problem: Problem) -> Self {
        Self { problem, code: 3 }
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<Problem> for Failure {
    /// Trouble with disks, networks and other machines is not the caller's
    /// input; everything else is.
    fn from(problem: Problem) -> Self {
        let unfinished = ["E-WRITE", "E-NET", "E-FETCH", "E-LOCK", "E-RUN", "E-DISK", "E-READ"];
        let code = if unfinished.iter().any(|prefix| problem.code.starts_with(prefix)) { 3 } else { 2 };
        Self { problem, code }
    }
}

fn unwritten(place: &str, error: &std::io::Error, next: &str) -> Failure {
    Failure::unfinished(Problem::new("E-WRITE", place, format!("cannot be written: {error}"), next))
}

impl Printer {
    /// Makes the printer and settles colour for the whole process.
    pub fn new(color: Color, quiet: bool) -> Self {
        match color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let colored = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        Self { quiet, colored }
    }

    /// Whether standard output takes colour.
    pub fn colored(&self) -> bool {
        self.colored
    }

    /// Whether talk is wanted.
    pub fn talks(&self) -> bool {
        !self.quiet
    }

    /// Columns of the terminal, or of `COLUMNS`, or 100.
    pub fn width(&self) -> usize {
        let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let seen = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
        told.or_else(seen).filter(|width| *width > 0).unwrap_or(100).clamp(40, 240)
    }

    /// Writes data to standard output; a closed pipe ends quietly.
    ///
    /// Whoever makes the text has asked [`Self::colored`] already, so nothing
    /// is stripped on the way.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes into a file, or to standard output where there is none.
    pub fn file(&self, place: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
        let Some(place) = place else { return self.bytes(bytes) };
        std::fs::write(place, bytes).map_err(|error| unwritten(&place.to_string_lossy(), &error, "name another file"))
    }

    /// Writes bytes as [`Self::data`] writes text.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unwritten("standard output", &error, "check the disk or the program that reads it")),
            _ => Ok(()),
        }
    }

    /// Hands on what `part` gives until it gives nothing, into a file or to
    /// standard output where there is none: for what is too long for memory.
    pub fn parts(&self, place: Option<&Path>, mut part: impl FnMut() -> Result<Option<Vec<u8>>, Failure>) -> Result<(), Failure> {
        let Some(place) = place else {
            while let Some(bytes) = part()? {
                self.bytes(&bytes)?;
            }
            return Ok(());
        };
        let failed = |error: std::io::Error| unwritten(&place.to_string_lossy(), &error, "name another file");
        let mut file = std::fs::File::create(place).map_err(failed)?;
        while let Some(bytes) = part()? {
            file.write_all(&bytes).map_err(failed)?;
        }
        Ok(())
    }

    /// Says something on standard error.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Says a warning on standard error.
    pub fn warn(&self, problem: &Problem) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        self.say(&format!(
            "{style}warning{style:#}[{}]: {}: {}\n  next: {}",
            problem.code, problem.place, problem.text, problem.next
        ));
    }

    /// Says why the command failed.
    pub fn failure(&self, failure: &Failure) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let problem = &failure.problem;
        let _ = writeln!(
            anstream::stderr(),
            "{style}error{style:#}[{}]: {}: {}\n  next: {}",
            problem.code, problem.place, problem.text, problem.next
        );
    }
}
