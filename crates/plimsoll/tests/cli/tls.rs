//! TLS without a proxy: real servers, agents and command lines under an
//! authority that no system knows.

use crate::certificates::Authority;
use crate::sandbox::{Small, command, plimsoll, put};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn stop(mut self) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn client(ca: &str) -> ureq::Agent {
    let pem = ureq::tls::Certificate::from_pem(ca.as_bytes()).expect("a certificate");
    let roots = ureq::tls::RootCerts::new_with_certs(&[pem]);
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls).build().new_agent()
}

/// Waits until a host of this name reported.
fn joined(url: &str, token: &str, ca: &str, name: Option<&str>) -> Value {
    let started = Instant::now();
    loop {
        let listed = plimsoll(&["hosts", "list", "--server", url, "--token", token, "--ca", ca, "--format", "json"]);
        let hosts = listed.json();
        let mut hosts = hosts.as_array().into_iter().flatten();
        if let Some(host) = hosts.find(|host| host["findings"].is_u64() && name.is_none_or(|name| host["name"] == name)) {
            return host.clone();
        }
        assert!(started.elapsed() < Duration::from_secs(240), "nobody reported: {}{}", listed.out, listed.err);
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn hosts_and_people_come_by_tls_and_hosts_by_their_certificates() {
    if !std::path::Path::new("/var/lib/dpkg/status").exists() {
        eprintln!("skipped: this machine has no dpkg");
        return;
    }
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small.build(&[]);
    let (authority, hosts) = (Authority::new(), Authority::new());
    let (certificate, key, ca) = (small.path("cert.pem"), small.path("key.pem"), small.path("ca.pem"));
    authority.sign("127.0.0.1", &small.at("cert.pem"), &small.at("key.pem"));
    hosts.sign("second", &small.at("host.pem"), &small.at("host.key"));
    put(&small.at("ca.pem"), &authority.pem);
    put(&small.at("hosts.pem"), &hosts.pem);
    let (data, database) = (small.path("data"), small.path("small.db"));
    let common = ["--listen", "127.0.0.1:0", "--check-in", "5", "--data", &data, "--db", &database, "--tls-certificate", &certificate, "--tls-key", &key];

    let mut up = command().args(["up", "--json", "--ca", &ca]).args(common).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("up starts");
    let mut line = String::new();
    BufReader::new(up.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let up = Running(up);
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let (url, token) = (ready["url"].as_str().expect("an address"), ready["token"].as_str().expect("a token"));
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    joined(url, token, &ca, None);
    let page = client(&authority.pem).get(format!("{url}/console/sign-in")).call().expect("an answer");
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    let unknown = plimsoll(&["hosts", "list", "--server", url, "--token", token, "--format", "json"]);
    assert!(unknown.code == Some(3) && unknown.err.contains("E-SERVER"), "an authority that nobody named counted: {}", unknown.err);
    let mut made = client(&authority.pem)
        .post(format!("{url}/api/v1/enrolment-tokens"))
        .header("authorization", &format!("Bearer {token}"))
        .content_type("application/json")
        .send(json!({ "uses": 2, "hours": 1 }).to_string())
        .expect("an answer");
    let made: Value = serde_json::from_str(&made.body_mut().read_to_string().expect("a body")).expect("JSON");
    let joining = made["token"].as_str().unwrap_or_else(|| panic!("no token in {made}")).to_owned();
    up.stop();

    // The same data, now with certificates of hosts asked for.
    let mut serve = command().arg("serve").args(common).args(["--tls-client-ca", &small.path("hosts.pem")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("serve starts");
    let mut errors = BufReader::new(serve.stderr.take().expect("a pipe"));
    let serve = Running(serve);
    let mut line = String::new();
    while !line.contains("listens at") {
        line.clear();
        assert!(errors.read_line(&mut line).expect("a line") > 0, "the server ended");
    }
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let url = line.trim().rsplit(' ').next().expect("an address");
    let state = small.path("second");
    let agent = |more: &[&str]| {
        let mut command = command();
        command.args(["agent", "--server", url, "--state", &state, "--name", "second", "--ca", &ca, "--token", &joining]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("an agent starts")
    };
    let mut bare = Running(agent(&[]));
    let mut said = BufReader::new(bare.0.stderr.take().expect("a pipe"));
    let mut text = String::new();
    let started = Instant::now();
    while !text.contains("E-CERTIFICATE") {
        let mut bytes = [0; 512];
        let count = said.read(&mut bytes).expect("words of the agent");
        assert!(count > 0 && started.elapsed() < Duration::from_secs(60), "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    bare.stop();
    let certified = Running(agent(&["--client-certificate", &small.path("host.pem"), "--client-key", &small.path("host.key")]));
    assert_eq!(joined(url, token, &ca, Some("second"))["state"], "active");
    certified.stop();
    serve.stop();
}
