//! The helper as a program of its own.

use clap::{Parser, Subcommand};
use plimsoll_agent::{
    HELPER_STATE, HelperOptions, LauncherOptions, Options, RunnerOptions, collect, helper, launcher, pin, run_attempt, worker,
};
use plimsoll_core::model::problem::Problem;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Reads this host for plimsoll-agent, and applies what people signed; has
/// privileges and no network.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Answer the agent until told to stop.
    Serve {
        /// Socket to listen on.
        #[arg(long, default_value = Options::SOCKET)]
        socket: PathBuf,
        /// User of the agent, name or number; owns the socket.
        #[arg(long)]
        agent_user: Option<String>,
        /// Socket of the launcher, where it runs as a unit of its own; without it
        /// this process starts one.
        #[arg(long)]
        launcher: Option<PathBuf>,
        #[command(flatten)]
        folders: Folders,
        /// Do not shut in this process (for debugging).
        #[arg(long)]
        no_sandbox: bool,
    },
    /// Start the agent as another user, answer it, and end with it; for hosts
    /// without a service manager.
    Supervise {
        /// User of the agent, name or number.
        #[arg(long)]
        agent_user: Option<String>,
        #[command(flatten)]
        folders: Folders,
        /// Do not shut in this process (for debugging).
        #[arg(long)]
        no_sandbox: bool,
        /// The agent's command line; `plimsoll-agent --helper - run` beside
        /// this program, unless given.
        agent: Vec<OsString>,
    },
    /// Read this host, or an unpacked root, and print the report that
    /// `plimsoll import` takes.
    Collect {
        /// The unpacked root.
        #[arg(long)]
        root: Option<PathBuf>,
        /// Look for language components too.
        #[arg(long)]
        languages: bool,
    },
    /// Read this host for the helper that started this process.
    #[command(hide = true)]
    Work,
    /// Start runners for the helper: takes ids of attempts, nothing else.
    Launch {
        /// Socket to listen on; standard input without it.
        #[arg(long)]
        socket: Option<PathBuf>,
        /// Folder of the helper's own.
        #[arg(long, default_value = HELPER_STATE)]
        state: PathBuf,
        /// Seconds after which a step that still runs is reported.
        #[arg(long, default_value_t = LATE)]
        late_after: u64,
        /// Seconds that the agent has, after an update of itself, until the server answers it; else the former one comes back.
        #[arg(long, default_value_t = AGENT)]
        agent_within: u64,
    },
    /// Carry out one attempt, verified again from the helper's own folder.
    #[command(hide = true)]
    Run {
        /// Folder of the helper's own.
        #[arg(long, default_value = HELPER_STATE)]
        state: PathBuf,
        /// Seconds after which a step that still runs is reported.
        #[arg(long, default_value_t = LATE)]
        late_after: u64,
        /// Seconds that the agent has, after an update of itself, until the server answers it; else the former one comes back.
        #[arg(long, default_value_t = AGENT)]
        agent_within: u64,
        /// Id of the attempt.
        attempt: String,
    },
    /// Pin the root document that a join brought, or follow a change of it that
    /// its own keys signed; as root.
    Pin {
        /// Folder of the helper's own.
        #[arg(long, default_value = HELPER_STATE)]
        state: PathBuf,
        /// Folder of the agent's.
        #[arg(long, default_value = Options::STATE)]
        agent_state: PathBuf,
        /// SHA-256 of the document, over a way that you trust.
        #[arg(long)]
        root_digest: String,
    },
}

/// After so many seconds a step that still runs is reported: an upgrade of
/// thirty packages with a kernel takes some five minutes on a slow disk.
const LATE: u64 = 1800;
/// So many seconds the agent has after an update of itself: it starts within
/// ten, reads the host, and a server that is busy may ask it to wait.
const AGENT: u64 = 300;

#[derive(clap::Args)]
struct Folders {
    /// Folder of the helper's own: trust, journal, staged artefacts.
    #[arg(long, default_value = HELPER_STATE)]
    state: PathBuf,
    /// Folder of the agent's, beneath which artefacts are taken.
    #[arg(long, default_value = Options::STATE)]
    agent_state: PathBuf,
    /// Seconds after which a step that still runs is reported.
    #[arg(long, default_value_t = LATE)]
    late_after: u64,
    /// Only read this host: keep nothing and change nothing.
    #[arg(long)]
    read_only: bool,
}

impl Folders {
    /// Command line of a launcher beside this program.
    fn launcher(&self, program: &Path) -> Vec<OsString> {
        let late = self.late_after.to_string();
        vec![program.into(), "launch".into(), "--state".into(), self.state.clone().into(), "--late-after".into(), late.into()]
    }
}

fn main() -> ExitCode {
    match start(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let Problem { code, place, text, next } = problem;
            eprintln!("{code} {place} {text}; next: {next}");
            ExitCode::from(3)
        }
    }
}

fn start(verb: Verb) -> Result<(), Problem> {
    match verb {
        Verb::Serve { socket, agent_user, launcher, folders, no_sandbox } => helper(&HelperOptions {
            launcher: if launcher.is_some() || folders.read_only { Vec::new() } else { folders.launcher(&own_program()?) },
            launcher_socket: launcher,
            state: (!folders.read_only).then_some(folders.state),
            agent_state: folders.agent_state,
            socket: Some(socket),
            agent_user: agent_user.as_deref().map(user).transpose()?,
            worker: vec![own_program()?.into(), "work".into()],
            agent_command: None,
            sandbox: !no_sandbox,
        }),
        Verb::Supervise { agent_user, folders, no_sandbox, mut agent } => {
            let program = own_program()?;
            if agent.is_empty() {
                agent = vec![program.with_file_name("plimsoll-agent").into(), "--helper".into(), "-".into(), "run".into()];
            }
            helper(&HelperOptions {
                launcher: if folders.read_only { Vec::new() } else { folders.launcher(&program) },
                launcher_socket: None,
                state: (!folders.read_only).then_some(folders.state),
                agent_state: folders.agent_state,
                socket: None,
                agent_user: agent_user.as_deref().map(user).transpose()?,
                worker: vec![program.into(), "work".into()],
                agent_command: Some(agent),
                sandbox: !no_sandbox,
            })
        }
        Verb::Collect { root, languages } => {
            let report = collect(root.as_deref(), languages)?;
            std::io::stdout().write_all(&report.bytes).map_err(|error| broken("standard output", &error))
        }
        Verb::Work => worker(),
        Verb::Launch { socket, state, late_after, agent_within } => {
            let mut runner: Vec<OsString> = vec![own_program()?.into(), "run".into(), "--state".into(), state.into()];
            runner.extend(["--late-after".into(), late_after.to_string().into(), "--agent-within".into(), agent_within.to_string().into()]);
            launcher(&LauncherOptions { socket, runner })
        }
        Verb::Run { state, late_after, agent_within, attempt } => {
            run_attempt(&RunnerOptions { state, attempt, late_after: Duration::from_secs(late_after), agent_within: Duration::from_secs(agent_within) })
        }
        Verb::Pin { state, agent_state, root_digest } => pin(&state, &agent_state, &root_digest),
    }
}

fn own_program() -> Result<PathBuf, Problem> {
    std::env::current_exe().map_err(|error| broken("this program", &error))
}

fn broken(place: &str, error: &std::io::Error) -> Problem {
    Problem::new("E-HELPER", place, format!("cannot be used: {error}"), "look at the machine")
}

/// Finds a user's number; names are looked up in `/etc/passwd` only.
fn user(text: &str) -> Result<u32, Problem> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").map_err(|error| broken("/etc/passwd", &error))?;
    let number = passwd.lines().find_map(|line| line.strip_prefix(text)?.strip_prefix(':')?.split(':').nth(1)?.parse().ok());
    number.ok_or_else(|| Problem::new("E-USER", text, "is no user of this host", "name the user that plimsoll-agent runs as"))
}
