//! An update of the agent itself: it stands once the new agent has been
//! answered by the server, else the former one comes back.
//!
//! The runner is in a scope of its own and goes on while the package's scripts
//! start the units again; whoever wrote the new program, this one is still the
//! former.

use super::Run;
use crate::apply::store::Store;
use plimsoll_core::model::outcome::CheckResult;
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::{Identity, Simulated};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Name of the agent's package, on every distribution.
const PACKAGE: &str = "plimsoll-agent";
/// Its program.
const PROGRAM: &str = "/usr/bin/plimsoll-agent";
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// Waits for the new agent where the transaction brought one; what is wrong
    /// with it where it does not come.
    ///
    /// Without systemd nobody starts the agent again after its package was
    /// replaced, so there is no new one to wait for.
    pub(super) fn agent_reports(&mut self, simulated: &Simulated) -> Option<Problem> {
        let brought = simulated.install.iter().any(|target| target.name == PACKAGE);
        if !brought || !Path::new("/run/systemd/system").is_dir() {
            return None;
        }
        let begun = Instant::now();
        let seen = loop {
            let seen = answered(self.store);
            if seen.is_ok() || begun.elapsed() >= self.agent_within {
                break seen;
            }
            std::thread::sleep(PAUSE);
        };
        let (holds, text) = (seen.is_ok(), seen.unwrap_or_else(|text| text));
        self.checks.push(CheckResult { name: PACKAGE.to_owned(), before: false, holds, text: text.clone() });
        let within = self.agent_within.as_secs();
        let problem = || Problem::new("E-AGENT", PACKAGE, format!("was not answered by the server within {within} s of its update: {text}"), "look at its log; the former one is put back");
        (!holds).then(problem)
    }
}

/// Whether the agent that runs is the one that is installed, and was answered.
fn answered(store: &Store) -> Result<String, String> {
    let process: Identity = store.agent().ok().flatten().ok_or("no agent has been answered yet")?;
    let told = |file: &str| std::fs::metadata(file).map(|file| (file.dev(), file.ino()));
    let running = told(&format!("/proc/{}/exe", process.pid)).map_err(|_| "the agent that was answered last has ended")?;
    if !process.runs() {
        return Err("the agent that was answered last has ended".to_owned());
    }
    if told(PROGRAM).map_err(|error| format!("{PROGRAM}: {error}"))? != running {
        return Err("the agent that was answered last is the former one".to_owned());
    }
    Ok(format!("process {} was answered by the server", process.pid))
}
