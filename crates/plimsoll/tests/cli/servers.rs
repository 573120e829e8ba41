//! Two servers on one PostgreSQL, as real processes: what one of them is told
//! the other shows, and when one is killed the other goes on.

use crate::databases;
use crate::sandbox::{Small, command, plimsoll, put};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A server process, killed with the test.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `plimsoll up`, which gives a token, or `plimsoll serve`.
    fn start(word: &str, small: &Small, data: &str, database: &str) -> (Self, Value) {
        let mut command = command();
        command.args([word, "--listen", "127.0.0.1:0", "--check-in", "5", "--data", &small.path(data)]);
        command.args(["--db", &small.path("small.db"), "--database", database]);
        if word == "up" {
            command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::null());
        } else {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).expect("a line");
            let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            return (Self { child, url: ready["url"].as_str().expect("an address").to_owned() }, ready);
        }
        let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
        while !line.contains("listens at") {
            line.clear();
            assert!(errors.read_line(&mut line).expect("a line") > 0, "the server ended");
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
        (Self { child, url }, Value::Null)
    }

    fn hosts(&self, token: &str) -> Vec<Value> {
        let out = plimsoll(&["hosts", "list", "--server", &self.url, "--token", token, "--format", "json"]);
        out.json().as_array().expect("an array of hosts").clone()
    }

    fn host(&self, token: &str, name: &str) -> Option<Value> {
        self.hosts(token).into_iter().find(|host| host["name"] == name)
    }

    /// Waits until the server shows a host as wanted.
    fn shows(&self, token: &str, name: &str, wanted: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        while !self.host(token, name).is_some_and(|host| wanted(&host)) {
            assert!(started.elapsed() < Duration::from_secs(60), "{} shows {:?}", self.url, self.host(token, name));
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn import(&self, token: &str, file: &str) {
        let ran = plimsoll(&["import", file, "--server", &self.url, "--token", token]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
}

fn collected(small: &Small, name: &str, version: &str) -> String {
    put(&small.at("root/etc/hostname"), format!("{name}\n"));
    small.install(&[("alpha", version)]);
    let file = small.path(&format!("{name}-{version}.zst"));
    let ran = plimsoll(&["collect", "--root", &small.path("root"), "--output", &file]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    file
}

#[test]
fn two_servers_show_the_same_and_one_goes_on_alone() {
    if databases::server().is_none() {
        return;
    }
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small.build(&[]);
    let options = databases::postgres(small.folder.path()).expect("a database");
    let (mut first, ready) = Server::start("up", &small, "first", &options.url);
    let token = ready["token"].as_str().expect("a token").to_owned();
    std::fs::create_dir(small.at("second")).expect("a folder");
    for key in ["evidence.key", "sealing.key"] {
        std::fs::copy(small.at("first").join(key), small.at("second").join(key)).expect("the same keys");
    }
    let (second, _) = Server::start("serve", &small, "second", &options.url);

    // What the first is told the second shows: a host, its findings, words said of it.
    first.import(&token, &collected(&small, "web1", "1.0"));
    second.shows(&token, "web1", |host| host["findings"] == 1);
    let id = second.host(&token, "web1").expect("the host")["id"].as_str().expect("an id").to_owned();
    let agent = ureq::Agent::new_with_defaults();
    agent
        .patch(format!("{}/api/v1/hosts/{id}", second.url))
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", "application/json")
        .send(json!({ "owner": "ana" }).to_string())
        .expect("the owner is changed");
    first.shows(&token, "web1", |host| host["owner"] == "ana");
    // An upgrade brought to the second closes the finding at the first.
    second.import(&token, &collected(&small, "web1", "2.0"));
    first.shows(&token, "web1", |host| host["findings"] == 0);
    second.shows(&token, "web1", |host| host["findings"] == 0 && host["owner"] == "ana");

    first.child.kill().expect("killed");
    first.child.wait().expect("dead");
    second.import(&token, &collected(&small, "web2", "1.0"));
    second.shows(&token, "web2", |host| host["findings"] == 1);
    // The dead one comes back and has missed nothing.
    drop(first);
    let (again, _) = Server::start("serve", &small, "first", &options.url);
    again.shows(&token, "web2", |host| host["findings"] == 1);
    again.shows(&token, "web1", |host| host["findings"] == 0 && host["owner"] == "ana");
}
