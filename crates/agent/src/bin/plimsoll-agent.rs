//! The agent as a program of its own.

use clap::{Parser, Subcommand};
use plimsoll_agent::{HELPER_STATE, HelperAt, Options, Settings, join, pin, run, run_once};
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
        /// Folder of the helper's own, where root pins the root document; the
        /// packaged one for the packaged agent.
        #[arg(long)]
        helper_state: Option<PathBuf>,
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
        Verb::Join { server, token, root_digest, name, helper_state } => {
            options.server = Some(server);
            options.token = Some(token);
            options.root_digest = root_digest.clone();
            options.name = name;
            let helper_state = helper_state.or_else(|| (options.state == Path::new(Options::STATE)).then(|| PathBuf::from(HELPER_STATE)));
            if let Some(code) = as_owner_of(&options.state)? {
                if code == ExitCode::SUCCESS {
                    pin_as_root(&options.state, helper_state.as_deref(), root_digest.as_deref())?;
                }
                return Ok(code);
            }
            Settings::read(&arguments.settings)?.fill(&mut options);
            let joined = join(&options)?;
            let waits = if joined.pending { "; a person must accept it in the console first" } else { "" };
            println!("joined {} as host {}{waits}", joined.server, joined.host);
            pin_as_root(&options.state, helper_state.as_deref(), root_digest.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Run { once } => {
            Settings::read(&arguments.settings)?.fill(&mut options);
            if once { run_once(&options) } else { run(&options) }.map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Pins the root document that the join brought, where root calls it: only what
/// its keys sign may change this host.
fn pin_as_root(agent: &Path, helper: Option<&Path>, root_digest: Option<&str>) -> Result<(), Problem> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match (helper, root_digest) {
        (Some(helper), Some(digest)) => pin(helper, agent, digest),
        (Some(_), None) => {
            eprintln!("no root's digest was named, so this host is read and nobody may change it");
            Ok(())
        }
        (None, _) => Ok(()),
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
