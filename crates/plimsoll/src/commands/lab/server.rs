//! The lab's own server, as a process of its own: this program's `serve`, with
//! TLS, an advisory database and root keys that three people hold.

use super::network::SERVER;
use super::tools::{run, said};
use super::{Stopped, failed, unfinished};
use crate::arguments::{Arguments, Command, Remote};
use crate::client::Client;
use crate::commands::root;
use crate::printer::Failure;
use clap::Parser;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

/// Who holds the lab's keys. Two of them must sign.
pub const PEOPLE: [&str; 3] = ["anna", "ben", "carla"];
/// How many must sign.
const THRESHOLD: usize = 2;
/// Days until the lab's root document expires.
const DAYS: u32 = 30;
/// Seconds between check-ins: a lab is watched by somebody.
const CHECK_IN: &str = "5";

/// Seconds after which a host counts as silent: one that installs on a busy
/// machine may take half a minute to look at itself.
const SILENCE: &str = "90";

/// The lab's policy: SAMM's deadlines, a canary ring of a fifth, and so little
/// watching that somebody who looks on need not wait.
const POLICY: &str = r#"schema = "patch-policy/1"
extends = ["samm"]

[policy]
id = "lab"
version = "1"
timezone = "Etc/UTC"

[[ring]]
id = "canary"
percent = 20
soak = "PT10S"
abort_if = { failed_pct = 0.0 }

[[ring]]
id = "broad"
percent = 100
soak = "PT0S"
abort_if = { failed_pct = 10.0 }

[reboot]
rule = "never"
"#;

/// The server's process and what its users need.
pub struct Server {
    /// Its address.
    pub url: String,
    /// File of the authority that its certificate is of.
    pub authority: PathBuf,
    /// Folder of the root keys.
    pub keys: PathBuf,
    /// SHA-256 of the root document.
    pub root_digest: String,
    /// API token of an operator.
    pub token: String,
    /// Its data folder.
    pub data: PathBuf,
    work: PathBuf,
    database: PathBuf,
    /// Its port.
    pub port: u16,
    process: RefCell<Option<Child>>,
}

impl Server {
    /// Makes keys and certificate, and starts it; `rules` stand in the policy
    /// beside the lab's own.
    ///
    /// # Errors
    ///
    /// Where it does not become ready.
    pub fn start(work: &Path, port: u16, database: &Path, rules: &str, stopped: &Stopped) -> Result<Self, Failure> {
        let keys = work.join("root");
        let people = PEOPLE.map(|name| (name.to_owned(), root::Source::Made(None)));
        let made = root::make(&keys, people.into(), THRESHOLD, DAYS)?;
        let authority = certificates(work)?;
        let mut server = Self {
            url: format!("https://{SERVER}:{port}"),
            authority,
            keys,
            root_digest: made.digest(),
            token: String::new(),
            port,
            data: work.join("server"),
            work: work.to_owned(),
            database: database.to_owned(),
            process: RefCell::new(None),
        };
        let policy = work.join("policy.toml");
        std::fs::write(&policy, format!("{POLICY}{rules}")).map_err(|error| failed(&policy, &error))?;
        server.token = server.first_token()?;
        // A server closes what it writes to others; hosts are for all their users.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        server.run(stopped)?;
        Ok(server)
    }

    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["serve", "--listen", &format!("{SERVER}:{}", self.port), "--public-url", &self.url, "--check-in", CHECK_IN, "--silence", SILENCE].map(Into::into).into();
        let files = [
            ("--data", self.data.clone()),
            ("--tls-certificate", self.work.join("server.pem")),
            ("--tls-key", self.work.join("server.key")),
            ("--root", self.keys.join("root.json")),
            ("--db", self.database.clone()),
            ("--policy", self.work.join("policy.toml")),
        ];
        words.extend(files.into_iter().flat_map(|(word, path)| [word.into(), path.into_os_string()]));
        words
    }

    /// A token for scripts, as `up` makes one: there is nobody yet who could.
    fn first_token(&self) -> Result<String, Failure> {
        let words = std::iter::once(OsString::from("plimsoll")).chain(self.words());
        let parsed = Arguments::try_parse_from(words).map_err(|error| unfinished("the server", &error.to_string()))?;
        let Command::Serve(serve) = parsed.command else { return Err(unfinished("the server", "has another command line")) };
        crate::commands::serve::first_token(&serve)
    }

    /// Starts its process on what its folder has.
    ///
    /// # Errors
    ///
    /// Where it does not become ready.
    pub fn run(&self, stopped: &Stopped) -> Result<(), Failure> {
        let log = self.work.join("server.log");
        let file = std::fs::File::create(&log).map_err(|error| failed(&log, &error))?;
        let mut command = own()?;
        command.args(self.words()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let mut process = command.spawn().map_err(|error| unfinished("the server", &format!("cannot be started: {error}")))?;
        let began = Instant::now();
        while !std::fs::read_to_string(&log).unwrap_or_default().contains("Plimsoll listens at") {
            let ended = process.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > Duration::from_secs(60) || stopped.check().is_err() {
                let _ = process.kill();
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(unfinished("the server", &format!("did not start: {}", told.trim())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        *self.process.borrow_mut() = Some(process);
        Ok(())
    }

    /// Runs a command of this program against it, and reads its JSON.
    pub fn plimsoll(&self, words: &[&str]) -> Result<Value, Failure> {
        let mut command = own()?;
        command.arg("--quiet").args(words).env("PLIMSOLL_SERVER", &self.url).env("PLIMSOLL_API_TOKEN", &self.token).env("PLIMSOLL_CA", &self.authority);
        let text = said(&mut command)?;
        serde_json::from_str(&text).map_err(|error| unfinished("an answer", &format!("is no JSON: {error}")))
    }

    /// Runs a command of this program against it, whatever it says.
    pub fn told(&self, words: &[&str]) -> Result<(), Failure> {
        let mut command = own()?;
        command.arg("--quiet").args(words).env("PLIMSOLL_SERVER", &self.url).env("PLIMSOLL_API_TOKEN", &self.token).env("PLIMSOLL_CA", &self.authority);
        run(&mut command)
    }

    /// A token with which so many hosts join.
    pub fn enrolment(&self, hosts: u16) -> Result<String, Failure> {
        let remote = Remote { server: self.url.clone(), token: self.token.clone(), ca: Some(self.authority.clone()) };
        let made = Client::new(&remote)?.change("POST", "/api/v1/enrolment-tokens", &[], &json!({ "uses": hosts, "hours": 24 }))?;
        made["token"].as_str().map(str::to_owned).ok_or_else(|| unfinished("the server", "gave no enrolment token"))
    }

    /// A link that signs the first person in, once.
    pub fn invite(&self, name: &str, role: &str) -> Result<String, Failure> {
        let mut command = own()?;
        command.args(["--quiet", "person", "invite", name, "--role", role, "--public-url", &self.url, "--data"]).arg(&self.data);
        said(&mut command).map(|link| link.trim().to_owned())
    }

    /// Kills it, as a machine that dies would.
    pub fn kill(&self) {
        if let Some(mut process) = self.process.borrow_mut().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = self.process.borrow().as_ref() {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_child(process), rustix::process::Signal::TERM);
            std::thread::sleep(Duration::from_millis(300));
        }
        self.kill();
    }
}

/// This program.
pub fn own() -> Result<Process, Failure> {
    let program = std::env::current_exe().map_err(|error| unfinished("this program", &format!("cannot be found: {error}")))?;
    Ok(Process::new(program))
}

/// Makes an authority and the server's certificate; gives the authority's file.
fn certificates(work: &Path) -> Result<PathBuf, Failure> {
    let trouble = |error: rcgen::Error| unfinished("the lab's certificates", &error.to_string());
    let write = |name: &str, text: String| {
        let path = work.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, &error)).map(|()| path)
    };
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Plimsoll lab");
    let key = KeyPair::generate().map_err(trouble)?;
    let authority = write("authority.pem", params.self_signed(&key).map_err(trouble)?.pem())?;
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().map_err(trouble)?;
    let certificate = CertificateParams::new(vec![SERVER.to_owned()]).and_then(|params| params.signed_by(&own, &issuer)).map_err(trouble)?;
    write("server.pem", certificate.pem())?;
    let key = write("server.key", own.serialize_pem())?;
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, closed).map_err(|error| failed(&key, &error))?;
    Ok(authority)
}
