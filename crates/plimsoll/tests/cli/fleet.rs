//! The fleet, as a user meets it: one command starts a server, joins this
//! machine, and its true state can be asked for.

use crate::sandbox::{Small, plimsoll, put};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `plimsoll up`.
pub struct Up {
    child: Child,
    pub url: String,
    pub token: String,
    pub sign_in: String,
}

impl Up {
    pub fn start(small: &Small) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["up", "--json", "--listen", "127.0.0.1:0", "--check-in", "5", "--data", &small.path("data")])
            .args(["--db", &small.path("small.db")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("up starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        Self { url: text("url"), token: text("token"), sign_in: text("sign_in"), child }
    }

    fn hosts(&self) -> Vec<Value> {
        let out = plimsoll(&["hosts", "list", "--server", &self.url, "--token", &self.token, "--format", "json"]);
        out.json().as_array().expect("an array of hosts").clone()
    }

    /// Waits until the machine's own report was judged.
    fn own_host(&self) -> Value {
        let started = Instant::now();
        loop {
            if let Some(host) = self.hosts().into_iter().find(|host| host["source"] == "agent" && host["findings"].is_u64()) {
                return host;
            }
            assert!(started.elapsed() < Duration::from_secs(240), "no host reported: {:?}", self.hosts());
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn status(&self, path: &str, token: Option<&str>) -> u16 {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
        let mut request = agent.get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        request.call().expect("an answer").status().as_u16()
    }

    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "up ended with {status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn one_command_shows_this_machine_and_remembers_it() {
    if !std::path::Path::new("/var/lib/dpkg/status").exists() {
        eprintln!("skipped: this machine has no dpkg");
        return;
    }
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    let advisory = "id = \"TEST-2026-1\"\nseverity = \"low\"\ncves = [\"CVE-2026-33416\"]\npublished = 2026-03-01\n[[affected]]\nstream = \"debian:12\"\nname = \"libpng1.6\"\nfixed = \"1.6.39-2+deb12u4\"\n";
    put(&small.at("sources/advisories/png.toml"), advisory);
    small.build(&[]);
    let up = Up::start(&small);
    assert!(up.sign_in.starts_with(&up.url));
    for path in ["/healthz", "/readyz", "/openapi.json", "/console/sign-in"] {
        assert_eq!(up.status(path, None), 200, "{path}");
    }
    assert_eq!(up.status("/metrics", None), 401);
    assert_eq!(up.status("/metrics", Some(&up.token)), 200);
    assert_eq!(up.status("/api/v1/hosts", None), 401);
    assert_eq!(up.status("/api/v1/hosts?order=secret", Some(&up.token)), 400);
    assert_eq!(up.status("/api/v1/people", Some("plim_guess")), 401);
    assert_eq!(up.status("/console", None), 303, "a browser is led to the sign-in page");

    let host = up.own_host();
    assert_eq!(host["state"], "active");
    for field in ["updates", "security_updates", "overdue", "components"] {
        assert!(host[field].is_u64(), "{field} of {host}");
    }
    let packages = std::fs::read_to_string("/var/lib/dpkg/status").expect("dpkg's own list");
    let installed = packages.split("\n\n").filter(|one| one.contains("Status: install ok installed")).count() as u64;
    assert!(host["components"].as_u64() >= Some(installed), "{host}: {installed} packages are installed");

    // A host that may never talk is read by one command and brought by another.
    let file = small.path("silent.zst");
    let collected = plimsoll(&["collect", "--root", &small.path("root"), "--output", &file]);
    assert_eq!(collected.code, Some(0), "{}", collected.err);
    let imported = plimsoll(&["import", &file, "--server", &up.url, "--token", &up.token]);
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    assert_eq!(up.hosts().len(), 2);
    let id = host["id"].as_str().expect("an id").to_owned();

    // People come in by a command on the server's own machine, while it runs.
    let invite = ["person", "invite", "ana", "--data", &small.path("data"), "--public-url", &up.url, "--format", "json"];
    let invited = plimsoll(&invite).json();
    assert_eq!((&invited["account"], &invited["new"]), (&Value::from("ana"), &Value::from(true)));
    let link = invited["sign_in"].as_str().expect("a link");
    assert_eq!(up.status(link.strip_prefix(&up.url).expect("a link to the server"), None), 200);
    assert_eq!(plimsoll(&invite).json()["new"], false, "the second link is for the same account");
    let reset = |name: &str| plimsoll(&["person", "reset", name, "--data", &small.path("data"), "--public-url", &up.url]);
    assert!(reset("ana").finished().out.starts_with(&up.url));
    assert!(reset("nobody").failed().err.contains("E-PERSON"));
    let role = plimsoll(&["person", "invite", "eve", "--role", "king", "--data", &small.path("data")]);
    assert!(role.code == Some(2) && role.err.contains("policy-author"), "{}", role.err);
    up.stop();

    // Nothing that matters was only in memory: the same host comes back, and
    // joins without a token.
    let again = Up::start(&small);
    let back = again.own_host();
    assert_eq!(back["id"], id.as_str());
    assert_eq!(again.hosts().len(), 2);
    again.stop();
}
