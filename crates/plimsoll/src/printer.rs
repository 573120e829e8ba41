//! The one place that writes to people: standard output is data, standard
//! error is talk.

use crate::arguments::Color;
use anstyle::{AnsiColor, Style};
use plimsoll_core::model::problem::Problem;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
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

fn untouched(place: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot be written: {error}; an older file is untouched");
    Failure::unfinished(Problem::new("E-WRITE", place.display().to_string(), text, "free space or name another file with `--output`"))
}

/// A pipe that nobody reads any more ends quietly, as standard output does.
fn written(file: &mut File, bytes: &[u8], place: &Path) -> Result<(), Failure> {
    match file.write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(untouched(place, &error)),
        _ => Ok(()),
    }
}

/// Fills a file beside an old one and renames it into place, so that whatever
/// fails leaves the old one as it was; a device or a pipe (`/dev/stdout`) is
/// written to and never replaced.
fn whole(place: &Path, fill: impl FnOnce(&mut File) -> Result<(), Failure>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| untouched(place, &error);
    if std::fs::metadata(place).is_ok_and(|there| !there.is_file()) {
        let mut file = std::fs::OpenOptions::new().write(true).open(place).map_err(failed)?;
        return fill(&mut file);
    }
    // The file that a link names is replaced, and not the link.
    let real = place.canonicalize().unwrap_or_else(|_| place.to_path_buf());
    let folder = real.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As an ordinary new file, which the umask narrows; an old one's mode stays.
    let mode = std::fs::metadata(&real).map(|old| old.permissions()).ok();
    let ordinary = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".plimsoll-").permissions(ordinary).tempfile_in(folder).map_err(failed)?;
    fill(file.as_file_mut())?;
    if let Some(mode) = mode {
        file.as_file().set_permissions(mode).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&real).map_err(|error| failed(error.error))?;
    Ok(())
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
        whole(place, |file| written(file, bytes, place))
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
        whole(place, |file| {
            while let Some(bytes) = part()? {
                written(file, &bytes, place)?;
            }
            Ok(())
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_halfway_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (printer, place) = (Printer::new(Color::Never, true), folder.path().join("report.jsonl"));
        printer.file(Some(&place), b"the old one").unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut parts = vec![Err(Failure::unfinished(Problem::new("E-NETWORK", "server", "is gone", "try again"))), Ok(Some(b"half of it".to_vec()))];
        assert!(printer.parts(Some(&place), || parts.pop().unwrap()).is_err());
        assert_eq!(std::fs::read(&place).unwrap(), b"the old one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
        // A link stays one, and a device is written to.
        let link = folder.path().join("newest");
        std::os::unix::fs::symlink(&place, &link).unwrap();
        printer.file(Some(&link), b"the new one").unwrap();
        assert!(link.is_symlink() && std::fs::read(&place).unwrap() == b"the new one");
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600, "what was for its owner alone stays that");
        assert!(printer.file(Some(Path::new("/dev/full")), b"x").is_err());
        printer.file(Some(Path::new("/dev/null")), b"x").unwrap();
    }
}
