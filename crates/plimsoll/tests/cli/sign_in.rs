//! Signing in by an identity provider that the settings file names: whole
//! processes, a real OpenID provider, a browser.

use crate::certificates::Authority;
use crate::sandbox::{Small, command, plimsoll, put};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn settings(issuer: &str) -> String {
    format!(
        "[sign_in]\nca_file = \"ca.pem\"\nallow_inward = [\"{}\"]\n\n[[sign_in.provider]]\nname = \"corp\"\ntitle = \"Corp ID\"\n\
         issuer = \"{issuer}\"\nclient_id = \"plimsoll\"\nclient_secret_file = \"secret\"\ncreate_accounts = true\n\n\
         [[sign_in.provider.group]]\ngroup = \"patchers\"\nrole = \"operator\"\nclient = \"default\"\n",
        issuer.trim_start_matches("https://")
    )
}

#[test]
fn people_sign_in_at_a_provider() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
    let in_ci = std::env::var_os("CI").is_some();
    if !folder.join("node_modules/oidc-provider").is_dir() {
        assert!(!in_ci, "CI needs what e2e/ needs: npm ci");
        eprintln!("skipped: no oidc-provider in e2e/ (npm ci)");
        return;
    }
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small.build(&[]);
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").to_string();
    let (console, issuer) = (free(), format!("https://{}", free()));
    let authority = Authority::new();
    authority.sign("127.0.0.1", &small.at("issuer.pem"), &small.at("issuer.key"));
    put(&small.at("data/ca.pem"), &authority.pem);
    put(&small.at("data/secret"), "a secret of the test\n");
    put(&small.at("data/settings.toml"), settings(&issuer));
    let mut server = command()
        .args(["up", "--json", "--listen", &console, "--data", &small.path("data"), "--db", &small.path("small.db")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let output = Command::new("node")
        .args(["sign-in.mjs", &format!("http://{console}"), &issuer])
        .args([small.path("issuer.pem"), small.path("issuer.key")])
        .current_dir(&folder)
        .output();
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM);
    let _ = server.wait();
    let Ok(output) = output else {
        assert!(!in_ci, "CI needs node");
        eprintln!("skipped: no node");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let skipped = String::from_utf8_lossy(&output.stderr).contains("skipped:");
    assert!(skipped || said.lines().filter(|line| line.starts_with("ok ")).count() >= 7, "{said}");
}

/// A mistake is named with its line before anything starts, and no secret.
#[test]
fn a_mistake_in_the_settings_is_named_with_its_line() {
    let small = Small::new(&[]);
    put(&small.at("secret"), "hunter2\n");
    put(&small.at("ca.pem"), Authority::new().pem);
    let file = small.path("other.toml");
    for (from, to, place) in [
        ("client_id =", "client_ident =", "other.toml:9:1"),
        ("\"operator\"", "\"emperor\"", "other.toml:15:8"),
        ("\"secret\"", "\"secrets\"", "other.toml:10:22"),
        ("client_secret_file = \"secret\"", "client_secret_variable = \"NOT_SET_ANYWHERE\"", "other.toml:10:26"),
        ("client_secret_file = \"secret\"", "client_secret = \"hunter2\"", "other.toml:10:1"),
    ] {
        let text = settings("https://127.0.0.1:1");
        assert!(text.contains(from), "{from}");
        put(&small.at("other.toml"), text.replacen(from, to, 1));
        let ran = plimsoll(&["serve", "--listen", "127.0.0.1:0", "--data", &small.path("data"), "--settings", &file]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("E-SETTINGS") && ran.err.contains(place) && !ran.err.contains("hunter"), "{place}: {}", ran.err);
    }
}
