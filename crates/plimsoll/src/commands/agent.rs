//! `plimsoll agent`, `collect` and `import`: this program in the place of the
//! packaged agent and helper, for an evaluation and for hosts that may never
//! talk.

use crate::arguments::{Agent, AgentHelper, Collect, Import};
use crate::client::Client;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_agent::{HelperAt, HelperOptions, LauncherOptions, Options, RunnerOptions};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol;
use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The user nobody, on every Linux: where no user of its own was made, the
/// half that talks to the network runs as this one.
const NOBODY: u32 = 65_534;

/// How often it is looked whether this host has joined.
const BETWEEN: Duration = Duration::from_millis(500);
/// After so long a step that still runs is reported: an upgrade of thirty
/// packages with a kernel takes some five minutes on a slow disk.
const LATE: Duration = Duration::from_secs(1800);

/// This program, however it is reached: the agent's half runs as another user,
/// who need not be able to enter the folder it lies in.
const SELF: &str = "/proc/self/exe";

/// Runs both halves: this process reads the host, a child without privileges
/// talks to the server.
///
pub fn run(arguments: &Agent, printer: &Printer) -> Result<Outcome, Failure> {
    let mut user = rustix::process::geteuid().is_root().then_some(NOBODY);
    if user.is_some() && !passable(&arguments.state) {
        printer.warn(&Problem::new(
            "W-PRIVILEGE",
            arguments.state.display().to_string(),
            "lies in a folder that other users cannot pass through, so the half that talks to the network keeps root's name",
            "name a folder below /var/lib with `--state` (`--data` for `up`)",
        ));
        user = None;
    }
    state_folder(&arguments.state, user)?;
    let mut command: Vec<OsString> = vec![SELF.into(), "agent-network".into(), "--state".into(), arguments.state.clone().into()];
    let mut add = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            command.extend([name.into(), value]);
        }
    };
    // One that came by the environment goes on the same way.
    add("--token", arguments.token.clone().filter(|_| std::env::var_os("PLIMSOLL_TOKEN").is_none()).map(Into::into));
    add("--server", arguments.server.clone().map(Into::into));
    add("--root-digest", arguments.root_digest.clone().map(Into::into));
    add("--name", arguments.name.clone().map(Into::into));
    add("--ca", arguments.ca.clone().map(Into::into));
    add("--client-certificate", arguments.client_certificate.clone().map(Into::into));
    add("--client-key", arguments.client_key.clone().map(Into::into));
    add("--proxy", arguments.proxy.clone().map(Into::into));
    for (name, on) in [("--allow-http", arguments.allow_http), ("--languages", arguments.languages)] {
        if on {
            command.push(name.into());
        }
    }
    let changes = arguments.apply;
    if changes {
        if user.is_none() {
            return Err(Failure::input(Problem::new("E-ROOT", "--apply", "changes the host, which only root may, beside an agent that is somebody else", "run it as root, with `--state` below /var/lib")));
        }
        // Waits until this host has joined; the helper itself has no business
        // with what the agent's user can write.
        let mut pinning = changing("agent-pin", arguments).into_iter();
        let started = Command::new(pinning.next().unwrap_or_default()).args(pinning).stdin(Stdio::null()).spawn();
        started.map_err(|error| Failure::unfinished(Problem::new("E-RUN", "agent-pin", error.to_string(), "check the limits of processes")))?;
    }
    plimsoll_agent::helper(&HelperOptions {
        socket: None,
        agent_user: user,
        worker: vec![SELF.into(), "agent-worker".into()],
        agent_command: Some(command),
        state: changes.then(|| arguments.helper_state.clone()),
        agent_state: arguments.state.clone(),
        launcher: if changes { changing("agent-launch", arguments) } else { Vec::new() },
        launcher_socket: None,
        sandbox: true,
    })?;
    Ok(Outcome::Clean)
}

/// The half that talks to the network.
pub fn network(arguments: &Agent) -> Result<Outcome, Failure> {
    let options = Options {
        server: arguments.server.clone(),
        state: arguments.state.clone(),
        helper: HelperAt::StandardInput,
        name: arguments.name.clone(),
        token: arguments.token.clone(),
        root_digest: arguments.root_digest.clone(),
        ca_file: arguments.ca.clone(),
        client_certificate_file: arguments.client_certificate.clone(),
        client_key_file: arguments.client_key.clone(),
        proxy: arguments.proxy.clone(),
        allow_http: arguments.allow_http,
        languages: arguments.languages,
        ..Options::default()
    };
    plimsoll_agent::run(&options)?;
    Ok(Outcome::Clean)
}

/// Command line of one of the halves that change the host.
fn changing(word: &str, arguments: &Agent) -> Vec<OsString> {
    let digest = arguments.root_digest.clone().unwrap_or_default();
    let words: [OsString; 8] = [
        SELF.into(),
        word.into(),
        "--helper-state".into(),
        arguments.helper_state.clone().into(),
        "--state".into(),
        arguments.state.clone().into(),
        "--root-digest".into(),
        digest.into(),
    ];
    words.into()
}

/// Pins the root document as soon as this host has joined.
pub fn pin(arguments: &AgentHelper) -> Result<Outcome, Failure> {
    loop {
        match plimsoll_agent::pin(&arguments.helper_state, &arguments.state, &arguments.root_digest) {
            Ok(()) => return Ok(Outcome::Clean),
            Err(problem) if arguments.state.join("root.json").exists() => return Err(problem.into()),
            Err(_) => std::thread::sleep(BETWEEN),
        }
    }
}

/// Starts runners: takes ids of attempts, nothing else.
pub fn launch(arguments: &AgentHelper) -> Result<Outcome, Failure> {
    let runner = [SELF.into(), "agent-run".into(), "--helper-state".into(), arguments.helper_state.clone().into()];
    plimsoll_agent::launcher(&LauncherOptions { socket: None, runner: runner.into() })?;
    Ok(Outcome::Clean)
}

/// Carries out one attempt, verified again from the helper's own folder.
pub fn attempt(arguments: &AgentHelper) -> Result<Outcome, Failure> {
    let (state, attempt) = (arguments.helper_state.clone(), arguments.attempt.clone());
    plimsoll_agent::run_attempt(&RunnerOptions { state, attempt, late_after: LATE, agent_within: LATE })?;
    Ok(Outcome::Clean)
}

/// The short-lived half that reads the host.
pub fn worker() -> Result<Outcome, Failure> {
    plimsoll_agent::worker()?;
    Ok(Outcome::Clean)
}

/// Whether another user can reach a folder's place.
fn passable(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let passes = |above: &Path| std::fs::metadata(above).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).all(passes)
}

fn state_folder(folder: &Path, user: Option<u32>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::unfinished(Problem::new(
            "E-WRITE",
            folder.display().to_string(),
            format!("cannot be made for the agent: {error}"),
            "name a folder that can be made, with `--state`",
        ))
    };
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => chown(folder, user, user).map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Reads this host, or an unpacked root, into a file for `plimsoll import`.
pub fn collect(arguments: &Collect, printer: &Printer) -> Result<Outcome, Failure> {
    let report = plimsoll_agent::collect(arguments.root.as_deref(), arguments.languages)?;
    let packed = protocol::compress("report", &report.bytes)?;
    std::fs::write(&arguments.output, &packed).map_err(|error| {
        Failure::unfinished(Problem::new(
            "E-WRITE",
            arguments.output.display().to_string(),
            format!("cannot be written: {error}"),
            "name another file with `--output`",
        ))
    })?;
    printer.say(&format!(
        "{} components of {} are in {}; bring it to the server with `plimsoll import`",
        report.report.components.len(),
        report.report.host.name,
        arguments.output.display()
    ));
    Ok(Outcome::Clean)
}

/// Brings a collected file to a server.
pub fn import(arguments: &Import, printer: &Printer) -> Result<Outcome, Failure> {
    let place = arguments.file.display().to_string();
    let bad = |text: String| Failure::input(Problem::new("E-READ", &place, text, "name a file that `plimsoll collect` made"));
    let limit = protocol::Limits::REPORT.compressed as u64;
    let length = std::fs::metadata(&arguments.file).map_err(|error| bad(error.to_string()))?.len();
    if length > limit {
        return Err(bad(format!("is {length} bytes long, the limit is {limit}")));
    }
    let bytes = std::fs::read(&arguments.file).map_err(|error| bad(error.to_string()))?;
    let answer: serde_json::Value = Client::new(&arguments.remote)?.send("POST", "/api/v1/imports", "application/zstd", &bytes)?;
    super::json(printer, &answer)?;
    Ok(Outcome::Clean)
}
