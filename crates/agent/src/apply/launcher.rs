//! The **launcher**: a tiny process, started before the helper is shut in, that
//! takes nothing but the id of an attempt and starts its runner.
//!
//! The runner is no child of the helper's, is in none of its control groups
//! and holds none of its pipes: it ends what it began whoever else dies.

use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::decode_hex;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Hexadecimal digits of an attempt's id, and a line break.
const LINE: usize = 65;
/// Longest the launcher may take to say that it started a runner.
const PATIENCE: Duration = Duration::from_secs(20);
/// systemd's own starter, which puts the runner into a scope of its own.
const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";

fn failed(what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-LAUNCH", "launcher", format!("{what}: {error}"), "look at the log of plimsoll-helper; what runs goes on")
}

/// The helper's way to it.
#[derive(Debug)]
pub(crate) enum Launcher {
    /// A process that this helper started.
    Own(RefCell<UnixStream>),
    /// A socket on which a unit of its own listens.
    Socket(PathBuf),
    /// There is none: this helper changes nothing.
    None,
}

impl Launcher {
    /// Starts one; its standard input is the other end of a socket pair, and it
    /// ends when this end is closed.
    pub(crate) fn start(command: &[OsString]) -> Result<Self, Problem> {
        let Some((program, arguments)) = command.split_first() else { return Ok(Self::None) };
        let (ours, theirs) = UnixStream::pair().map_err(|error| failed("cannot be talked to", &error))?;
        let spawned = Command::new(program).args(arguments).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).spawn();
        spawned.map_err(|error| failed("cannot be started", &error))?;
        Ok(Self::Own(RefCell::new(ours)))
    }

    /// Has a runner started for an attempt.
    pub(crate) fn launch(&self, attempt: &str) -> Result<(), Problem> {
        match self {
            Self::Own(stream) => ask(&mut stream.borrow_mut(), attempt),
            Self::Socket(path) => {
                let connected = UnixStream::connect(path).map_err(|error| failed("cannot be reached", &error))?;
                ask(&mut { connected }, attempt)
            }
            Self::None => Err(failed("is not there", &"this helper was started without one")),
        }
    }
}

fn ask(stream: &mut UnixStream, attempt: &str) -> Result<(), Problem> {
    let mut said = || -> std::io::Result<u8> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{attempt}\n").as_bytes())?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        let [answer] = answer;
        Ok(answer)
    };
    match said() {
        Ok(b'+') => Ok(()),
        Ok(_) => Err(failed("could not start a runner", &"see its own lines in the log")),
        Err(error) => Err(failed("gives no answer", &error)),
    }
}

/// How the launcher runs.
#[derive(Clone, Debug)]
pub struct LauncherOptions {
    /// Socket to listen on, root's alone; none for standard input.
    pub socket: Option<PathBuf>,
    /// Command line of a runner, to which the attempt's id is added.
    pub runner: Vec<OsString>,
}

/// Starts runners until its helper is gone, or for ever on a socket.
///
/// # Errors
///
/// The socket cannot be made.
pub fn launcher(options: &LauncherOptions) -> Result<(), Problem> {
    let mut children = Vec::new();
    let Some(path) = &options.socket else {
        let input = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().map_err(|error| failed("has no standard input", &error))?;
        serve(UnixStream::from(input), options, &mut children);
        return Ok(());
    };
    let listener = listen(path).map_err(|error| failed("cannot listen", &error))?;
    for stream in listener.incoming().flatten() {
        // The folder is root's; the kernel's word counts all the same.
        let peer = rustix::net::sockopt::socket_peercred(&stream).map(|peer| peer.uid);
        if peer.is_ok_and(|user| user == rustix::process::geteuid()) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            serve(stream, options, &mut children);
        }
    }
    Ok(())
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Answers one conversation: a line with an id, a byte that says how it went.
fn serve(mut stream: UnixStream, options: &LauncherOptions, children: &mut Vec<Child>) {
    let mut line = [0; LINE];
    while stream.read_exact(&mut line).is_ok() {
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        let id = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n')).filter(|id| decode_hex::<32>(id).is_some());
        let started = id.map(|id| start(id, options));
        let answer = match started {
            Some(Ok(child)) => {
                children.push(child);
                b"+"
            }
            Some(Err(error)) => {
                crate::log::problem(&failed("cannot start a runner", &error));
                b"-"
            }
            None => b"-",
        };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

fn start(id: &str, options: &LauncherOptions) -> std::io::Result<Child> {
    let mut words: Vec<OsString> = Vec::new();
    if Path::new("/run/systemd/system").is_dir() && Path::new(SYSTEMD_RUN).is_file() {
        let unit = format!("--unit=plimsoll-attempt-{}-{}", id.get(..12).unwrap_or(id), jiff::Timestamp::now().as_millisecond());
        words.extend([SYSTEMD_RUN, "--scope", "--quiet", "--collect", &unit, "--"].map(OsString::from));
    }
    words.extend(options.runner.iter().cloned());
    words.push(id.into());
    let (program, arguments) = words.split_first().ok_or_else(|| std::io::Error::other("no command line"))?;
    Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}
