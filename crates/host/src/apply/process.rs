//! Running a package manager so that nothing but its own end stops it.

use plimsoll_core::model::problem::{Problem, printable};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Bytes of the transcript kept from its beginning, and again from its end.
const SHARE: u64 = 24 << 10;
/// Size at which the transcript's middle is cut out: a script that prints
/// without end must not fill the disk.
const CUT: u64 = 4 << 20;
/// How often the transcript's size is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A process, told apart from a later one of the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Number.
    pub pid: i32,
    /// When it was started, in ticks since the kernel was; field 22 of
    /// `/proc/PID/stat`.
    pub start: u64,
}

impl Identity {
    /// Tells a process; none where it is gone or a zombie.
    pub fn of(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let mut words = rest.split_ascii_whitespace();
        if matches!(words.next()?, "Z" | "X") {
            return None;
        }
        Some(Self { pid, start: words.nth(18)?.parse().ok()? })
    }

    /// This process.
    pub fn own() -> Option<Self> {
        Self::of(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// Whether it still runs.
    pub fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// Hears of a transaction under way.
pub trait Watch {
    /// A step is about to start; what this returns as an error keeps it from
    /// starting.
    ///
    /// # Errors
    /// The step must not start.
    fn starts(&mut self, step: &str) -> Result<(), Problem>;
    /// The step's process runs.
    fn runs(&mut self, process: Identity);
    /// Called several times a second.
    fn tick(&mut self);
    /// Where output goes.
    fn transcript(&self) -> &Transcript;
}

/// How a step ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
}

impl Ended {
    /// Whether it says of itself that it went well.
    pub fn well(self) -> bool {
        self.code == Some(0)
    }
}

/// The file that a package manager writes to: never a pipe, which would end a
/// script when its reader dies.
#[derive(Clone, Debug)]
pub struct Transcript(PathBuf);

impl Transcript {
    /// Takes a path whose folder exists.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn open(&self) -> Result<File, Problem> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(&self.0).map_err(|error| {
            Problem::new("E-RUN", self.0.to_string_lossy(), format!("cannot be written: {error}"), "make room on its file system")
        })
    }

    /// Cuts out the middle of a long transcript; those who write append.
    pub fn cut(&self) {
        let Ok(mut file) = OpenOptions::new().read(true).append(true).open(&self.0) else { return };
        if file.metadata().map_or(0, |metadata| metadata.len()) > CUT {
            let tail = part(&file, SeekFrom::End(-i64::try_from(SHARE).unwrap_or(0)));
            // In one write: whoever else appends comes before or after it.
            let kept = [b"\n", tail.as_slice()].concat();
            let _ = file.set_len(SHARE).and_then(|()| file.write_all(&kept));
        }
    }

    /// Beginning and end, made printable line by line.
    pub fn shown(&self) -> String {
        let Ok(file) = File::open(&self.0) else { return String::new() };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length <= 2 * SHARE {
            return lines(&part(&file, SeekFrom::Start(0)));
        }
        let head = lines(&part(&file, SeekFrom::Start(0)));
        let tail = lines(&part(&file, SeekFrom::End(-i64::try_from(SHARE).unwrap_or(0))));
        format!("{head}\n[…]\n{tail}")
    }
}

fn part(mut file: &File, from: SeekFrom) -> Vec<u8> {
    let mut bytes = Vec::new();
    let limit = if from == SeekFrom::Start(0) && file.metadata().map_or(0, |metadata| metadata.len()) <= 2 * SHARE { 2 * SHARE } else { SHARE };
    if file.seek(from).is_ok() {
        let _ = file.take(limit).read_to_end(&mut bytes);
    }
    bytes
}

/// Text of which no byte acts on a terminal.
fn lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: Vec<String> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).map(printable).collect();
    let mut shown = shown.join("\n");
    // Escapes are longer than what they stand for.
    if shown.len() > SHARE as usize * 5 / 4 {
        let mut end = SHARE as usize * 5 / 4;
        while !shown.is_char_boundary(end) {
            end -= 1;
        }
        shown.truncate(end);
    }
    shown
}

/// Runs one step to its end.
pub(super) fn step(
    what: &str,
    program: &Path,
    arguments: &[String],
    environment: &[(&str, OsString)],
    watch: &mut dyn Watch,
) -> Result<Ended, Problem> {
    let failed = |text: &str, error: &dyn std::fmt::Display| {
        Problem::new("E-RUN", program.to_string_lossy(), format!("{text}: {error}"), "look at the host")
    };
    let output = watch.transcript().open()?;
    let errors = output.try_clone().map_err(|error| failed("has no place for its output", &error))?;
    watch.starts(what)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("LANG", "C.UTF-8")
        .env("HOME", "/root")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors));
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut child = command.spawn().map_err(|error| failed("cannot be started", &error))?;
    let pid = Pid::from_child(&child);
    if let Some(process) = Identity::of(pid.as_raw_nonzero().get()) {
        watch.runs(process);
    }
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while !matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)) | Err(_)) {
        watch.transcript().cut();
        watch.tick();
        std::thread::sleep(LOOK);
    }
    let status = child.wait().map_err(|error| failed("cannot be waited for", &error))?;
    Ok(Ended { code: status.code() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_transcript_is_cut_in_the_middle_and_no_byte_of_it_acts() {
        let folder = tempfile::tempdir().unwrap();
        let transcript = Transcript::new(folder.path().join("log"));
        let mut file = transcript.open().unwrap();
        file.write_all(b"first\n\x1b[31m\0\xff\n").unwrap();
        assert_eq!(transcript.shown(), "first\n\\u{1b}[31m\\u{0}\u{fffd}");
        let noise = vec![b'x'; 1 << 20];
        for _ in 0..6 {
            file.write_all(&noise).unwrap();
            transcript.cut();
        }
        file.write_all(b"\nlast\n").unwrap();
        assert!(file.metadata().unwrap().len() < CUT + (2 << 20));
        let shown = transcript.shown();
        assert!(shown.starts_with("first\n") && shown.ends_with("\nlast"), "{}", shown.len());
        assert!(shown.len() < 64 << 10);
    }

    #[test]
    fn a_process_is_told_from_another_of_its_number() {
        let own = Identity::own().unwrap();
        assert!(own.runs());
        assert!(!Identity { start: own.start + 1, ..own }.runs());
        assert_eq!(Identity::of(i32::MAX), None);
    }
}
