//! A server to try things on, and what hosts and sources would bring it.

use jiff::SignedDuration;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_server::app::Shared;
use plimsoll_server::identity::people::NewPerson;
use plimsoll_server::identity::role::{Grant, Role};
use plimsoll_server::identity::token::NewToken;
use plimsoll_server::notices::mail::Smtp;
use plimsoll_server::notices::{Pace, Settings};
use plimsoll_server::outward::Allowed;
use plimsoll_server::{Configuration, Running, setup};
use plimsoll_store::{Actor, Intent};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Seconds instead of minutes and days.
pub const PACE: Pace = Pace {
    look: Duration::from_millis(100),
    settle: SignedDuration::from_millis(2500),
    longest_settle: SignedDuration::from_secs(20),
    digest: SignedDuration::from_secs(1),
    first_retry: SignedDuration::from_millis(300),
    longest_retry: SignedDuration::from_secs(1),
    tries: 6,
    patience: SignedDuration::from_hours(1),
    claim: SignedDuration::from_secs(3),
    keep: SignedDuration::from_hours(1),
    once: SignedDuration::from_hours(1),
    states: SignedDuration::from_millis(300),
    acknowledge: SignedDuration::from_secs(2),
    grace: SignedDuration::ZERO,
};

pub struct Stage {
    pub folder: PathBuf,
    kept: Option<tempfile::TempDir>,
    pub runtime: Option<Runtime>,
    pub running: Option<Running>,
    pub token: String,
    settings: Settings,
    database: Option<String>,
    /// Root document and online key, from the next start on.
    pub root: Option<(Vec<u8>, String)>,
    /// Seconds without a word after which a host is silent.
    pub silence: u32,
    /// Monitoring that gates ask, from the next start on.
    pub outside: plimsoll_server::outside_alerts::Settings,
}

impl Stage {
    /// A server on each engine that is there, one after the other.
    pub fn each(ports: &[u16], test: impl Fn(&mut Stage)) {
        for (_folder, options) in crate::databases::engines() {
            let database = options.url.starts_with("postgres").then_some(options.url);
            eprintln!("on {}", if database.is_some() { "PostgreSQL" } else { "SQLite" });
            test(&mut Self::on(database, ports, None, Vec::new(), PACE));
        }
    }

    /// A server that may ask these ports of this machine.
    pub fn new(ports: &[u16]) -> Self {
        Self::with(ports, None, Vec::new(), PACE)
    }

    pub fn with(ports: &[u16], smtp: Option<Smtp>, authorities: Vec<PathBuf>, pace: Pace) -> Self {
        Self::on(None, ports, smtp, authorities, pace)
    }

    fn on(database: Option<String>, ports: &[u16], smtp: Option<Smtp>, authorities: Vec<PathBuf>, pace: Pace) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().to_owned();
        std::fs::create_dir_all(folder.join("sources/advisories")).unwrap();
        let inward = ports.iter().map(|port| ("127.0.0.1".to_owned(), *port)).collect();
        let settings = Settings { allowed: Allowed { inward, authorities, ..Allowed::default() }, smtp, pace };
        let mut stage = Self { folder, kept: Some(kept), runtime: None, running: None, token: String::new(), settings, database, root: None, silence: 660, outside: Default::default() };
        stage.advisory("before", "TEST-2025-1", "unrelated", "low", "9");
        stage.build();
        stage.start();
        stage.token = stage.token_of(&[Grant::everywhere(Role::Administrator), Grant::everywhere(Role::Operator)]);
        stage
    }

    pub fn start(&mut self) {
        let configuration = Configuration {
            tool: "plimsoll test".to_owned(),
            data: self.folder.join("data"),
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            database: self.database.clone(),
            advisories: self.folder.join("advisories.plimsolldb"),
            advisories_key: None,
            policies: None,
            root: self.root.as_ref().map(|(root, _)| root.clone()),
            online_key: self.root.as_ref().map(|(_, key)| plimsoll_server::configuration::OnlineKey(key.clone())),
            artefacts: None,
            evaluation: false,
            check_in_seconds: 60,
            silence_seconds: self.silence,
            trusted_proxies: Vec::new(),
            notices: self.settings.clone(),
            tls: None,
            sign_in: Default::default(),
            outside_alerts: self.outside.clone(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(plimsoll_server::start(configuration)).unwrap_or_else(|problem| panic!("{problem:?}"));
        (self.runtime, self.running) = (Some(runtime), Some(running));
    }

    /// Ends the server as a kill would: whatever is under way is dropped.
    pub fn kill(&mut self) {
        let (runtime, running) = (self.runtime.take().unwrap(), self.running.take());
        drop(running);
        runtime.shutdown_timeout(Duration::from_secs(1));
    }

    pub fn app(&self) -> Shared {
        Shared::clone(&self.running.as_ref().unwrap().app)
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(work)
    }

    pub fn first_client(&self) -> ClientId {
        self.run(async { setup::first_client(&self.app().store).await.unwrap() })
    }

    pub fn client(&self, name: &str) -> ClientId {
        self.run(async {
            let app = self.app();
            let mut change = app.store.begin(Intent::new(Actor::server(), jiff::Timestamp::now(), "client.add", "client")).await.unwrap();
            let client = change.add_client(name).await.unwrap();
            change.commit(None).await.unwrap();
            client.id
        })
    }

    pub fn token_of(&self, grants: &[Grant]) -> String {
        self.run(async {
            let app = self.app();
            setup::first_steps(&app).await.map_err(|problem| format!("{problem:?}")).unwrap();
            let owner = app.identity.people().await.unwrap().into_iter().find(|person| person.account == "owner").unwrap();
            let new = NewToken { name: "test".to_owned(), grants: grants.to_vec(), days: 1 };
            app.identity.make_local_token(owner.id, new).await.unwrap().secret.expose().to_owned()
        })
    }

    /// A person with roles, and a token that acts for them.
    pub fn person(&self, account: &str, grants: &[Grant]) -> String {
        self.run(async {
            let app = self.app();
            let new = NewPerson { account: account.to_owned(), name: account.to_owned(), email: None, grants: grants.to_vec(), break_glass: false };
            let person = app.identity.add_person(&app.identity.local_steward(), new).await.unwrap();
            let new = NewToken { name: "test".to_owned(), grants: grants.to_vec(), days: 1 };
            app.identity.make_local_token(person.id, new).await.unwrap().secret.expose().to_owned()
        })
    }

    pub fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask_as(&self.token, method, path, body)
    }

    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let said = self.send(token, method, path, &[("content-type", "application/json")], body);
        (said.0, said.2)
    }

    /// Asks with headers of one's own; gives status, whether the answer was
    /// given before, and the answer.
    pub fn send(&self, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> (u16, bool, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.running.as_ref().unwrap().bound));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let mut answer = agent.run(request.body(text).unwrap()).unwrap();
        let status = answer.status().as_u16();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let text = answer.body_mut().read_to_string().unwrap();
        (status, replayed, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Makes a webhook; gives its id and secret.
    pub fn webhook(&self, address: &str, events: &[&str]) -> (String, String) {
        let wish = json!({ "name": "receiver", "address": address, "events": events });
        let (status, made) = self.ask("POST", "/api/v1/webhooks", Some(wish));
        assert_eq!(status, 200, "{made}");
        // Events are told from the publisher's next look on.
        std::thread::sleep(Duration::from_millis(600));
        (made["webhook"]["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// Enters a host with one package of Debian 12.
    pub fn host(&self, client: ClientId, name: &str, package: &str, version: &str) -> Value {
        let component = json!({
            "purl": format!("pkg:deb/debian/{package}@{version}"), "stream": "debian:12", "name": package, "version": version,
            "arch": "amd64", "source": package, "source_version": version, "kind": "package",
        });
        let (status, host) = self.ask("POST", "/api/v1/hosts", Some(json!({ "client": client.to_string(), "name": name, "components": [component] })));
        assert_eq!(status, 200, "{host}");
        host
    }

    /// Writes an advisory where the database is built from.
    pub fn advisory(&self, file: &str, id: &str, package: &str, severity: &str, fixed: &str) {
        let text = format!(
            "[[advisory]]\nid = \"{id}\"\nsummary = \"{package} trusts its input\"\nseverity = \"{severity}\"\npublished = 2026-11-20T09:00:00Z\n\
             [[advisory.affected]]\nstream = \"debian:12\"\nname = \"{package}\"\nfixed = \"{fixed}\"\n"
        );
        std::fs::write(self.folder.join(format!("sources/advisories/{file}.toml")), text).unwrap();
    }

    /// Builds the database and puts it in place, as `plimsoll db build` does.
    pub fn build(&self) {
        let built = plimsoll_feeds::build::build(&self.folder.join("sources"), &plimsoll_feeds::build::Options::default()).unwrap();
        plimsoll_feeds::open::replace(&self.folder.join("advisories.plimsolldb"), &built.bytes).unwrap();
    }

    pub fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let (status, log) = self.ask("GET", &format!("/api/v1/webhooks/{webhook}/deliveries?take=1000"), None);
        assert_eq!(status, 200, "{log}");
        log.as_array().unwrap().clone()
    }

    pub fn until_some<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let found = std::cell::Cell::new(None);
        self.until(what, || {
            found.set(look());
            let seen = found.take();
            let done = seen.is_some();
            found.set(seen);
            done
        });
        found.take().unwrap()
    }

    pub fn until(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(60), "no {what} within a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let (Some(runtime), Some(running)) = (self.runtime.take(), self.running.take()) {
            drop(running);
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
        drop(self.kept.take());
    }
}
