//! The **helper**: privileges and no network.
//!
//! It listens on a Unix socket that only the agent's user may open, checks the
//! peer's user by the kernel's word, and answers typed verbs. One connection at
//! a time; it sleeps in `accept` in between. What it cannot do, because it is
//! shut in, a runner does that its launcher starts, see [`crate::apply`].

mod connection;
mod frames;
mod verbs;
mod work;

pub(crate) use connection::{Connection, Observed};
pub use work::worker;

use crate::apply::{Desk, Launcher};
use crate::{identity, log, sandbox};
use frames::{read_frame, write_frame};
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::Identity;
use rustix::net::sockopt::socket_peercred;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use verbs::{Reply, Request};

/// Longest a peer may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the helper runs.
#[derive(Clone, Debug)]
pub struct HelperOptions {
    /// Socket to listen on; its folder must belong to the helper's user. With
    /// `agent_command` it may be none: the agent then talks over its standard
    /// input.
    pub socket: Option<PathBuf>,
    /// User that may connect, beside root and the helper's own; owns the
    /// socket. The agent is started as this user.
    pub agent_user: Option<u32>,
    /// Command line whose process does the reading and ends, [`worker`] behind
    /// it: `[own program, "worker"]`.
    pub worker: Vec<OsString>,
    /// Command line of an agent to start, where no service manager does; the
    /// helper ends when it ends.
    pub agent_command: Option<Vec<OsString>>,
    /// Folder of the helper's own: trust, journal, staged artefacts; none for a
    /// helper that only reads.
    pub state: Option<PathBuf>,
    /// Folder beneath which the agent puts artefacts.
    pub agent_state: PathBuf,
    /// Command line of a launcher to start, [`launcher`](crate::launcher)
    /// behind it; empty where `launcher_socket` names one, or there is none.
    pub launcher: Vec<OsString>,
    /// Socket of a launcher that runs as a unit of its own.
    pub launcher_socket: Option<PathBuf>,
    /// Whether to give up what is not needed (Landlock, seccomp); only tests
    /// and debuggers say no.
    pub sandbox: bool,
}

/// Serves until the process is ended, or the agent that it started ends.
///
/// Must be called while the process has one thread.
///
/// # Errors
///
/// Where the socket cannot be made or the agent cannot be started. What goes
/// wrong in one conversation is logged and ends that conversation only.
pub fn helper(options: &HelperOptions) -> Result<(), Problem> {
    let mut problems = Vec::new();
    if !rustix::process::geteuid().is_root() {
        problems.push(Problem::new(
            "W-PRIVILEGE",
            "plimsoll-helper",
            "does not run as root, so some facts (hardware serials, protected files) cannot be read",
            "run the helper as root",
        ));
    }
    let listener = options.socket.as_deref().map(|path| listen(path, options.agent_user)).transpose()?;
    // The agent must not inherit the helper's sandbox: it needs the network.
    let agent = options.agent_command.as_deref().map(|command| start_agent(command, options.agent_user)).transpose()?;
    // Nor must the launcher, whose runners change the host.
    let launcher = match &options.launcher_socket {
        Some(path) => Launcher::Socket(path.clone()),
        None => Launcher::start(&options.launcher)?,
    };
    // Opened before the sandbox, which lets it be written only where it is.
    let desk = options.state.as_deref().map(|state| Desk::open(state, &options.agent_state, launcher)).transpose()?;
    if options.sandbox {
        problems.extend(sandbox::helper(options.socket.as_deref(), options.state.as_deref()));
    }
    for problem in &problems {
        log::problem(problem);
    }
    // What a crash or a power cut left is gone on with before anybody asks.
    if let Some(Err(problem)) = desk.as_ref().map(Desk::tend) {
        log::problem(&problem);
    }
    let server = Server { options, problems, desk };
    match (agent, listener) {
        (Some((mut child, stream)), _) => {
            while server.converse(&stream).is_ok() {}
            let _ = child.kill();
            let status = child.wait().map_err(|error| failed("agent", "cannot be waited for", &error))?;
            Err(Problem::new("E-AGENT", "agent", format!("ended with {status}"), "see its last lines in the log"))
        }
        (None, Some(listener)) => server.serve(&listener),
        (None, None) => Err(Problem::new("E-OPTION", "plimsoll-helper", "has neither a socket nor an agent to start", "name a socket with --socket")),
    }
}

/// Makes the socket under another name first, so that it never stands open to
/// others.
fn listen(path: &Path, agent_user: Option<u32>) -> Result<UnixListener, Problem> {
    let place = path.to_string_lossy();
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).map_err(|error| failed(&place, "cannot be listened on", &error))?;
    let owned = fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))
        .and_then(|()| agent_user.map_or(Ok(()), |user| chown(&fresh, Some(user), None)))
        .and_then(|()| fs::rename(&fresh, path));
    owned.map_err(|error| failed(&place, "cannot be given to the agent's user", &error))?;
    Ok(listener)
}

/// Starts the agent with one end of a socket pair as its standard input.
fn start_agent(command: &[OsString], user: Option<u32>) -> Result<(std::process::Child, UnixStream), Problem> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Problem::new("E-OPTION", "agent", "has an empty command line", "name the agent's program"))?;
    let place = program.to_string_lossy();
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed(&place, "cannot be talked to", &error))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
    if let Some(user) = user {
        // The standard library clears the supplementary groups with it.
        command.uid(user).gid(user);
    }
    let child = command.spawn().map_err(|error| failed(&place, "cannot be started", &error))?;
    Ok((child, ours))
}

/// Code of the answer of a helper that only reads.
pub(crate) const READS: &str = "E-HELPER-READS";

struct Server<'a> {
    options: &'a HelperOptions,
    /// What the helper could not do for its own protection; part of every
    /// report.
    problems: Vec<Problem>,
    desk: Option<Desk>,
}

impl Server<'_> {
    fn serve(&self, listener: &UnixListener) -> Result<(), Problem> {
        for stream in listener.incoming() {
            let outcome = stream.map_err(|error| failed("socket", "cannot be accepted", &error)).and_then(|stream| {
                self.admit(&stream)?;
                stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed("socket", "cannot be timed", &error))?;
                stream.set_write_timeout(Some(PATIENCE)).map_err(|error| failed("socket", "cannot be timed", &error))?;
                self.converse(&stream)
            });
            if let Err(problem) = outcome {
                log::problem(&problem);
                // A listener that fails at once, for ever, must not take a core.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// Lets in root, our own user and the agent's.
    fn admit(&self, stream: &UnixStream) -> Result<(), Problem> {
        let peer = socket_peercred(stream).map_err(|error| failed("socket", "has a peer that cannot be told", &error))?;
        let user = peer.uid.as_raw();
        let own = rustix::process::geteuid().as_raw();
        if user == 0 || user == own || Some(user) == self.options.agent_user {
            return Ok(());
        }
        Err(Problem::new("E-PEER", "socket", format!("was opened by user {user}, who may not ask"), "look for what runs as that user"))
    }

    /// Answers about deployment packages; what is refused is told and logged.
    fn about(&self, answer: impl FnOnce(&Desk) -> Result<Reply, Problem>) -> Reply {
        let none = || Problem::new(READS, "plimsoll-helper", "only reads: it was started without a folder of its own", "start it with --state");
        self.desk.as_ref().ok_or_else(none).and_then(answer).unwrap_or_else(|problem| {
            log::problem(&problem);
            Reply::Problem(problem)
        })
    }

    /// Keeps which process the server answers. A helper that only reads has no
    /// use for it.
    fn answered(&self, stream: &UnixStream) -> Reply {
        let Some(desk) = &self.desk else { return Reply::Done {} };
        let process = socket_peercred(stream).ok().and_then(|peer| Identity::of(peer.pid.as_raw_nonzero().get()));
        process.map_or(Reply::Done {}, |process| self.about(|_| desk.answered(process).map(|()| Reply::Done {})))
    }

    /// Answers one request.
    fn converse(&self, mut stream: &UnixStream) -> Result<(), Problem> {
        let bytes = read_frame(&mut stream, verbs::REQUEST_LIMIT)?;
        let request: Request = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::new("E-VERB", "socket", format!("gave a request that is none: {error}"), "use an agent of the same version"))?;
        let (reply, report) = match request {
            Request::Observe {} => (verbs::observe(), None),
            Request::Inventory(mut inventory) => {
                inventory.problems.extend(self.problems.iter().cloned());
                match work::run(&self.options.worker, &inventory) {
                    Ok((booted, report)) => (Reply::Inventory { booted, bytes: report.len() as u64 }, Some(report)),
                    Err(problem) => {
                        log::problem(&problem);
                        (Reply::Problem(problem), None)
                    }
                }
            }
            Request::Receive { assignment, package } => (self.about(|desk| desk.receive(&assignment, &package).map(|receipt| Reply::Received(Box::new(receipt)))), None),
            Request::Stage { sha256, path } => (self.about(|desk| desk.stage(&sha256, &path).map(|()| Reply::Done {})), None),
            Request::Proceed { attempt } => (self.about(|desk| desk.proceed(&attempt).map(|next| Reply::Next(Box::new(next)))), None),
            Request::Attempts {} => (self.about(|desk| desk.attempts().map(|outcomes| Reply::Attempts { outcomes })), None),
            Request::Answered {} => (self.answered(stream), None),
            Request::Acknowledge { attempt, observed } => (self.about(|desk| desk.acknowledge(&attempt, observed).map(|()| Reply::Done {})), None),
        };
        let reply = serde_json::to_vec(&reply).map_err(|error| failed("socket", "cannot be answered", &error))?;
        write_frame(&mut stream, &reply)?;
        report.map_or(Ok(()), |report| write_frame(&mut stream, &report))
    }
}

pub(super) fn failed(place: &str, what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-HELPER", place, format!("{what}: {error}"), "look at the log of plimsoll-helper")
}

/// What the helper says of the host when nothing but this process can.
pub(crate) fn observe_here() -> Observed {
    verbs::observed(identity::boot_id(), identity::hardware_digest())
}
