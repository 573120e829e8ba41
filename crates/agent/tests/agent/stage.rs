//! A helper made here, and the agent as a process.

use crate::hub::Server;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol::{CanonicalReport, canonical};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub fn report(names: &[&str]) -> CanonicalReport {
    let component = |name: &&str| Component { name: (*name).into(), version: "1".into(), ..Component::default() };
    canonical(Report {
        schema: Report::SCHEMA.into(),
        agent: "test".into(),
        host: Host { name: "web1".into(), ..Host::default() },
        components: names.iter().map(component).collect(),
        updates: None,
        held_updates: Vec::new(),
        offered: Vec::new(),
        problems: Vec::new(),
    })
    .unwrap()
}

/// A host, its helper and its agent.
pub struct Stage {
    pub folder: tempfile::TempDir,
    /// What the helper sees.
    pub seen: Arc<Mutex<CanonicalReport>>,
    agent: Option<Child>,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::new(Mutex::new(report(&["bash", "dash", "zlib"])));
        let listener = UnixListener::bind(folder.path().join("helper.sock")).unwrap();
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                converse(stream, &shared.lock().unwrap().clone());
            }
        });
        Self { folder, seen, agent: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn see(&self, names: &[&str]) -> String {
        let fresh = report(names);
        let digest = fresh.digest.clone();
        *self.seen.lock().unwrap() = fresh;
        digest
    }

    /// The agent's command line; standard error goes to the file `log`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-agent"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        command.stderr(log).stdout(Stdio::null()).stdin(Stdio::null());
        command.arg("--state").arg(self.path("state")).arg("--helper").arg(self.path("helper.sock"));
        command.arg("--settings").arg(self.path("agent.toml"));
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        command
    }

    pub fn join(&self, server: &Server, more: &[&str]) -> bool {
        let mut command = self.command();
        command.args(["join", &server.address, "--token", "good", "--name", "web1"]).args(more);
        let mut child = command.spawn().unwrap();
        server.hub().agent = Some(child.id() as i32);
        child.wait().unwrap().success()
    }

    pub fn start(&mut self, server: &Server) {
        let child = self.command().arg("run").spawn().unwrap();
        server.hub().agent = Some(child.id() as i32);
        self.agent = Some(child);
    }

    /// Waits for the end of a killed agent.
    pub fn wait(&mut self) {
        self.agent.take().unwrap().wait().unwrap();
    }

    pub fn kill(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill();
    }
}

fn converse(mut stream: UnixStream, seen: &CanonicalReport) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = [0; 4];
    if stream.read_exact(&mut head).is_err() {
        return;
    }
    let mut request = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut request).unwrap();
    let mut frame = |bytes: &[u8]| {
        let _ = stream.write_all(&(bytes.len() as u32).to_be_bytes()).and_then(|()| stream.write_all(bytes));
    };
    if String::from_utf8_lossy(&request).contains("\"inventory\"") {
        frame(format!(r#"{{"reply":"inventory","booted":null,"bytes":{}}}"#, seen.bytes.len()).as_bytes());
        frame(&seen.bytes);
    } else {
        frame(format!(r#"{{"reply":"observed","fingerprint":"{}","boot_id":"b","hardware_digest":""}}"#, seen.digest).as_bytes());
    }
}
