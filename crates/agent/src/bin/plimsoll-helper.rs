//! The helper as a program of its own.

use clap::{Parser, Subcommand};
use plimsoll_agent::{HelperOptions, Options, collect, helper, worker};
use plimsoll_core::model::problem::Problem;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads this host for plimsoll-agent; has privileges and no network.
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
        Verb::Serve { socket, agent_user, no_sandbox } => helper(&HelperOptions {
            socket: Some(socket),
            agent_user: agent_user.as_deref().map(user).transpose()?,
            worker: vec![own_program()?.into(), "work".into()],
            agent_command: None,
            sandbox: !no_sandbox,
        }),
        Verb::Supervise { agent_user, no_sandbox, mut agent } => {
            let program = own_program()?;
            if agent.is_empty() {
                agent = vec![program.with_file_name("plimsoll-agent").into(), "--helper".into(), "-".into(), "run".into()];
            }
            helper(&HelperOptions {
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
