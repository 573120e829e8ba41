//! Two servers and many agents, each a process tree in a namespace of its own.

use super::balancer::{Balancer, PORT};
use super::lab::{HUB, Lab};
use super::postgres::Postgres;
use crate::sandbox::{Ran, Small, end, put};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Address that links name; nobody follows them here.
const PUBLIC: &str = "https://plimsoll.test";
/// Port of the servers.
const SERVER: u16 = 7557;
/// What shifts a process's clock; its sleeps stay as long as they are.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// What is installed on a host, by the version of each package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installed {
    pub alpha: &'static str,
    pub beta: &'static str,
}

impl Installed {
    /// How many findings it has while so many advisories speak of beta.
    pub fn findings(self, of_beta: u64) -> u64 {
        u64::from(self.alpha == "1.0") + if self.beta == "1.0" { of_beta } else { 0 }
    }
}

pub struct Host {
    pub name: String,
    root: PathBuf,
    agent: Option<Child>,
    pub installed: Installed,
}

pub struct Fleet<'a> {
    pub lab: &'a Lab,
    pub small: &'a Small,
    pub database: String,
    pub hosts: Vec<Host>,
    servers: [Option<Child>; 2],
    pub balancer: Balancer,
    token: String,
    join: (String, String),
    /// Advisories that speak of beta.
    pub advisories: u64,
}

/// Whether clocks can be shifted here; CI needs it.
pub fn can_shift_clocks() -> bool {
    let can = std::path::Path::new(FAKETIME).exists();
    assert!(can || std::env::var_os("CI").is_none(), "CI needs libfaketime for this test");
    if !can {
        eprintln!("skipped in part: no libfaketime, so no clock is shifted");
    }
    can
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        child.kill().expect("killed");
        child.wait().expect("dead");
    }
}

fn shifted(command: &mut Command, by: Option<&str>) {
    if let Some(by) = by {
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("a signal");
}

impl<'a> Fleet<'a> {
    /// Starts the servers, and agents that join while one of the servers is
    /// killed.
    pub fn start(lab: &'a Lab, small: &'a Small, postgres: &Postgres<'_>, count: usize) -> Self {
        // Agents give up root, so their folders must let others pass.
        std::fs::set_permissions(small.folder.path(), PermissionsExt::from_mode(0o755)).expect("a mode");
        let addresses = [0, 1].map(|server| format!("10.88.1.{}:{SERVER}", server + 1).parse().expect("an address"));
        for server in 0..2 {
            lab.place(&format!("s{server}"), &format!("10.88.1.{}", server + 1));
        }
        let mut fleet = Self {
            lab,
            small,
            database: postgres.url(),
            hosts: Vec::new(),
            servers: [None, None],
            balancer: Balancer::start(lab, &addresses),
            token: String::new(),
            join: Default::default(),
            advisories: 0,
        };
        fleet.token = fleet.first_token();
        std::fs::create_dir(small.at("server1")).expect("a folder");
        for key in ["evidence.key", "sealing.key"] {
            std::fs::copy(small.at("server0").join(key), small.at("server1").join(key)).expect("the same keys");
        }
        fleet.serve(0, None);
        fleet.serve(1, None);
        let wish = json!({ "uses": count });
        let made = fleet.post(0, "/api/v1/enrolment-tokens", &wish);
        let word = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("no {name} in {made}")).to_owned();
        fleet.join = (word("token"), word("root_digest"));
        for number in 0..count {
            let (place, name) = (format!("h{number}"), format!("host{number:02}"));
            lab.place(&place, &format!("10.88.2.{}", number + 1));
            let root = small.at(&place);
            put(&root.join("os-release"), "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
            put(&root.join("hostname"), format!("{name}\n"));
            put(&root.join("machine-id"), format!("{:032x}\n", number + 1));
            for folder in ["apt", "lists"] {
                std::fs::create_dir_all(root.join(folder)).expect("a folder");
            }
            fleet.hosts.push(Host { name, root, agent: None, installed: Installed { alpha: "1.0", beta: "1.0" } });
            fleet.install(number, Installed { alpha: "1.0", beta: "1.0" });
            fleet.start_agent(number, None);
            if number == count / 2 {
                fleet.kill_server(1);
            }
        }
        fleet.serve(1, None);
        fleet
    }

    /// `up` makes the root and a token; it ends before it is of any use.
    fn first_token(&self) -> String {
        let log = File::create(self.small.at("server0.log")).expect("a log");
        let mut command = self.server_command(0, "up", None);
        let mut up = command.arg("--json").stdout(Stdio::piped()).stderr(log).spawn().expect("up starts");
        let mut line = String::new();
        BufReader::new(up.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {}", self.log(0)));
        signal(&up, rustix::process::Signal::TERM);
        up.wait().expect("an end");
        ready["token"].as_str().expect("a token").to_owned()
    }

    fn server_command(&self, number: usize, word: &str, clock: Option<&str>) -> Command {
        let mut command = self.lab.command(&format!("s{number}"));
        shifted(&mut command, clock);
        command.arg(env!("CARGO_BIN_EXE_plimsoll")).arg(word).env("TZ", "UTC");
        command.args(["--listen", &format!("10.88.1.{}:{SERVER}", number + 1), "--public-url", PUBLIC, "--check-in", "5"]);
        command.args(["--data", &self.small.path(&format!("server{number}")), "--db", &self.small.path("small.db")]);
        command.args(["--database", &self.database]);
        command
    }

    fn spawn(&self, number: usize, clock: Option<&str>) -> Child {
        let log = File::options().create(true).append(true).open(self.small.at(&format!("server{number}.log"))).expect("a log");
        let mut command = self.server_command(number, "serve", clock);
        command.args(["--root", &self.small.path("server0/root/root.json")]).stderr(log).stdout(Stdio::null());
        command.spawn().expect("a server starts")
    }

    /// Starts a server and waits until it is ready. One that cannot reach its
    /// database at the start says so and ends; like a service manager, this
    /// starts it again.
    pub fn serve(&mut self, number: usize, clock: Option<&str>) {
        self.servers[number] = Some(self.spawn(number, clock));
        let started = Instant::now();
        while self.get(number, "/readyz").is_err() {
            let ended = self.servers[number].as_mut().and_then(|child| child.try_wait().expect("a state"));
            if ended.is_some() {
                let log = self.log(number);
                assert!(log.lines().rev().take(3).any(|line| line.contains("E-STORE-UNREACHABLE")), "server {number} ended with {ended:?}: {log}");
                std::thread::sleep(Duration::from_secs(1));
                self.servers[number] = Some(self.spawn(number, clock));
            }
            assert!(started.elapsed() < Duration::from_secs(60), "server {number} is not ready: {}", self.log(number));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn kill_server(&mut self, number: usize) {
        kill(&mut self.servers[number]);
    }

    /// Stops a server in the middle of whatever it does, or lets it go on.
    pub fn pause_server(&self, number: usize, pause: bool) {
        let server = self.servers[number].as_ref().expect("a server");
        signal(server, if pause { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT });
    }

    /// What a server wrote last.
    pub fn log(&self, number: usize) -> String {
        tail(&self.small.at(&format!("server{number}.log")))
    }

    /// Starts a host's agent; the host sees packages of its own.
    pub fn start_agent(&mut self, number: usize, clock: Option<&str>) {
        const ENTER: &str = "
            set -e
            mount --make-rprivate /
            mount --bind $ROOT/os-release $(readlink -f /etc/os-release)
            mount --bind $ROOT/hostname /etc/hostname
            mount --bind $ROOT/machine-id /etc/machine-id
            mount --bind $ROOT/apt /etc/apt
            mount --bind $ROOT/lists /var/lib/apt
            mount --bind $ROOT/dpkg /var/lib/dpkg
            hostname $NAME
            exec \"$@\"";
        let host = &self.hosts[number];
        let log = File::options().create(true).append(true).open(host.root.join("log")).expect("a log");
        let mut command = self.lab.command(&format!("h{number}"));
        command.args(["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", ENTER, "agent"]);
        if let Some(by) = clock {
            // Not the tools around it: they need no other time.
            command.args(["env", &format!("LD_PRELOAD={FAKETIME}"), &format!("FAKETIME={by}"), "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        }
        command.arg(env!("CARGO_BIN_EXE_plimsoll")).args(["agent", "--allow-http", "--server", &format!("http://{HUB}:{PORT}")]);
        command.arg("--state").arg(host.root.join("state")).args(["--name", &host.name, "--root-digest", &self.join.1]);
        command.env("ROOT", &host.root).env("NAME", &host.name).env("PLIMSOLL_TOKEN", &self.join.0);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        self.hosts[number].agent = Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("an agent starts"));
    }

    /// Kills all of a host's agent at once.
    pub fn kill_agent(&mut self, number: usize) {
        kill(&mut self.hosts[number].agent);
    }

    /// Agents that ended by themselves, with their last words.
    pub fn ended_agents(&mut self) -> Vec<String> {
        let ended = |host: &mut Host| {
            let status = host.agent.as_mut()?.try_wait().expect("a state")?;
            Some(format!("{} ended with {status}: {}", host.name, tail(&host.root.join("log"))))
        };
        self.hosts.iter_mut().filter_map(ended).collect()
    }

    /// What an agent wrote last.
    pub fn agent_log(&self, number: usize) -> String {
        tail(&self.hosts[number].root.join("log"))
    }

    /// Installs other packages, as dpkg does: a new file in the place of the old.
    pub fn install(&mut self, number: usize, installed: Installed) {
        let host = &mut self.hosts[number];
        host.installed = installed;
        let package = |name: &str, version: &str| {
            format!("Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\nArchitecture: amd64\nVersion: {version}\nDescription: a package\n\n")
        };
        let folder = host.root.join("dpkg");
        std::fs::create_dir_all(folder.join("info")).expect("folders");
        put(&folder.join("status-new"), package("alpha", installed.alpha) + &package("beta", installed.beta));
        std::fs::rename(folder.join("status-new"), folder.join("status")).expect("in its place");
    }

    /// Puts a database with one more advisory about beta in force.
    pub fn advise(&mut self) {
        self.advisories += 1;
        let id = format!("TEST-2026-{}", self.advisories + 1);
        self.small.advise(&id, "low", "2026-03-01", "beta", "2.0").build(&[]);
    }

    /// Asks a server directly; an error is a status, or that there is none.
    pub fn get(&self, server: usize, path: &str) -> Result<Value, String> {
        let url = format!("http://10.88.1.{}:{SERVER}{path}", server + 1);
        self.lab.inside("hub", || {
            let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build();
            let mut request = config.new_agent().get(&url);
            if !self.token.is_empty() {
                request = request.header("authorization", &format!("Bearer {}", self.token));
            }
            let text = request.call().and_then(|mut answer| answer.body_mut().read_to_string()).map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        })
    }

    fn post(&self, server: usize, path: &str, body: &Value) -> Value {
        let url = format!("http://10.88.1.{}:{SERVER}{path}", server + 1);
        let text = self.lab.inside("hub", || {
            let request = ureq::post(&url).header("authorization", &format!("Bearer {}", self.token)).content_type("application/json");
            request.send(body.to_string()).expect("an answer").body_mut().read_to_string().expect("a body")
        });
        serde_json::from_str(&text).expect("JSON")
    }

    /// Runs the program beside the servers.
    pub fn plimsoll(&self, words: &[&str]) -> Ran {
        let mut command = self.lab.command("hub");
        command.arg(env!("CARGO_BIN_EXE_plimsoll")).args(words);
        end(command)
    }
}

fn tail(path: &std::path::Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        self.hosts.iter_mut().for_each(|host| kill(&mut host.agent));
        self.servers.iter_mut().for_each(kill);
    }
}
