//! The agent as a program of its own.

use clap::{Parser, Subcommand};
use plimsoll_agent::{HelperAt, Options, Settings, join, run, run_once};
use plimsoll_core::model::problem::Problem;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Speaks for this host to a Plimsoll server; needs no privileges.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Settings file (TOML).
    #[arg(long, global = true, default_value = Options::SETTINGS)]
    settings: PathBuf,
    /// Folder of the agent's key and state.
    #[arg(long, global = true, default_value = Options::STATE)]
    state: PathBuf,
    /// Socket of plimsoll-helper; `-` where the helper started this program.
    #[arg(long, global = true, default_value = Options::SOCKET)]
    helper: String,
    /// Certificate authorities of the server, PEM.
    #[arg(long, global = true)]
    ca_file: Option<PathBuf>,
    /// Certificate of this host, PEM, where the server asks for one.
    #[arg(long, global = true)]
    client_certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, global = true)]
    client_key_file: Option<PathBuf>,
    /// Proxy, http://host:port.
    #[arg(long, global = true)]
    proxy: Option<String>,
    /// Speak plain http to other machines.
    #[arg(long, global = true)]
    allow_http: bool,
    /// Do not shut in this process (for debugging).
    #[arg(long, global = true)]
    no_sandbox: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Join a server; the console shows the whole command.
    Join {
        /// Address of the server.
        server: String,
        /// One-time token; better given as PLIMSOLL_TOKEN, which other users
        /// of this host cannot see.
        #[arg(long, env = "PLIMSOLL_TOKEN", hide_env_values = true)]
        token: String,
        /// SHA-256 of the server's root document.
        #[arg(long)]
        root_digest: Option<String>,
        /// Name to join under, instead of the host's own.
        #[arg(long)]
        name: Option<String>,
    },
    /// Check in until told to stop.
    Run {
        /// Check in once and end.
        #[arg(long)]
        once: bool,
    },
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(code) => code,
        Err(problem) => {
            let Problem { code, place, text, next } = problem;
            eprintln!("{code} {place} {text}; next: {next}");
            ExitCode::from(if code == "E-SETTINGS" || code == "E-ADDRESS" { 2 } else { 3 })
        }
    }
}

fn start(arguments: Arguments) -> Result<ExitCode, Problem> {
    let mut options = Options {
        state: arguments.state,
        helper: if arguments.helper == "-" { HelperAt::StandardInput } else { HelperAt::Socket(PathBuf::from(arguments.helper)) },
        ca_file: arguments.ca_file,
        client_certificate_file: arguments.client_certificate_file,
        client_key_file: arguments.client_key_file,
        proxy: arguments.proxy,
        allow_http: arguments.allow_http,
        sandbox: !arguments.no_sandbox,
        ..Options::default()
    };
    match arguments.verb {
        Verb::Join { server, token, root_digest, name } => {
            options.server = Some(server);
            options.token = Some(token);
            options.root_digest = root_digest;
            options.name = name;
            if let Some(code) = as_owner_of(&options.state)? {
                return Ok(code);
            }
            Settings::read(&arguments.settings)?.fill(&mut options);
            let joined = join(&options)?;
            let waits = if joined.pending { "; a person must accept it in the console first" } else { "" };
            println!("joined {} as host {}{waits}", joined.server, joined.host);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Run { once } => {
            Settings::read(&arguments.settings)?.fill(&mut options);
            if once { run_once(&options) } else { run(&options) }.map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Runs the same command as the user who owns the state folder, where root
/// calls it: files of root's would be closed to the agent.
fn as_owner_of(state: &Path) -> Result<Option<ExitCode>, Problem> {
    let Ok(metadata) = state.metadata() else { return Ok(None) };
    if !rustix::process::geteuid().is_root() || metadata.uid() == 0 {
        return Ok(None);
    }
    let failed = |error: std::io::Error| {
        Problem::new("E-STATE", state.to_string_lossy(), format!("its owner's agent cannot be started: {error}"), "run the command as that user")
    };
    let program = std::env::current_exe().map_err(failed)?;
    let status = Command::new(program).args(std::env::args_os().skip(1)).uid(metadata.uid()).gid(metadata.gid()).status().map_err(failed)?;
    Ok(Some(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(3))))
}
