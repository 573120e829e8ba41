//! `plimsoll up` on a folder of a test's own, at which hosts are entered by
//! hand.

use crate::sandbox::{command, text};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running server, killed with the test.
pub struct Evaluation {
    pub child: Child,
    pub url: String,
    token: String,
    log: PathBuf,
}

/// Why a host was not entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// None where nothing was answered.
    pub status: Option<u16>,
    pub code: String,
    pub text: String,
    pub retry_after: Option<u64>,
}

impl Evaluation {
    /// Starts one that keeps everything in `data`, with the advisory database
    /// `advisories`; what it says goes to `log`.
    pub fn start(data: &Path, advisories: &str, log: &Path) -> Self {
        let spawned = |mut command: Command, said: File| command.stdout(Stdio::piped()).stderr(said).spawn().expect("up starts");
        Self::start_by(data, advisories, log, spawned).unwrap_or_else(|| panic!("{}", std::fs::read_to_string(log).unwrap_or_default()))
    }

    /// Starts one as the caller does, with a pipe for what it says when it is
    /// ready; none where it ends before.
    pub fn start_by(data: &Path, advisories: &str, log: &Path, spawn: impl FnOnce(Command, File) -> Child) -> Option<Self> {
        let said = File::options().create(true).append(true).open(log).expect("a log");
        let mut command = command();
        command.args(["up", "--json", "--listen", "127.0.0.1:0", "--data", &text(data), "--db", advisories]);
        let mut child = spawn(command, said);
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        };
        let word = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        Some(Self { url: word("url"), token: word("token"), child, log: log.to_owned() })
    }

    /// What speaks to it: a refusal is an answer.
    pub fn agent() -> ureq::Agent {
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30))).build().new_agent()
    }

    /// Enters a host with one component; the answer says that it is kept.
    pub fn enter(&self, name: &str) -> Result<(), Refused> {
        let component = json!({
            "purl": "pkg:deb/debian/alpha@1.0", "stream": "debian:12", "name": "alpha", "version": "1.0",
            "source": "alpha", "source_version": "1.0", "kind": "package", "locations": [format!("of {name}")],
        });
        let body = json!({ "name": name, "components": [component] });
        let request = Self::agent().post(format!("{}/api/v1/hosts", self.url)).header("authorization", &format!("Bearer {}", self.token));
        let unanswered = |_| Refused { status: None, code: String::new(), text: String::new(), retry_after: None };
        let mut answer = request.content_type("application/json").send(body.to_string()).map_err(unanswered)?;
        let said = answer.body_mut().read_to_string().unwrap_or_default();
        if answer.status().is_success() {
            return Ok(());
        }
        let said: Value = serde_json::from_str(&said).unwrap_or_default();
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let word = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Err(Refused { status: Some(answer.status().as_u16()), code: word("code"), text: word("detail"), retry_after: after })
    }

    /// Asks the API, and gives status and answer.
    pub fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.answer(method, path, body, None).expect("an answer")
    }

    /// The same with a key by which a wish that is repeated counts once; none
    /// where nothing, or half of an answer, came back.
    pub fn answer(&self, method: &str, path: &str, body: Option<Value>, key: Option<&str>) -> Option<(u16, Value)> {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token)).header("content-type", "application/json");
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let request = request.body(body.map(|body| body.to_string()).unwrap_or_default()).expect("a request");
        let mut answer = Self::agent().run(request).ok()?;
        let said = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&said).unwrap_or_default()))
    }

    /// Status of an answer to a question.
    pub fn status(&self, path: &str) -> u16 {
        let request = Self::agent().get(format!("{}{path}", self.url)).header("authorization", &format!("Bearer {}", self.token));
        request.call().expect("an answer").status().as_u16()
    }

    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("dead");
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a state") {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
