//! Everything that the API has, from the command line: lists in three forms,
//! and what can be changed.

use crate::fleet::Up;
use crate::sandbox::{Small, plimsoll, put, word};
use serde_json::Value;

fn asked(up: &Up, words: &[&str]) -> crate::sandbox::Ran {
    let mut all = words.to_vec();
    all.extend(["--server", &up.url, "--token", &up.token]);
    plimsoll(&all)
}

fn json(up: &Up, words: &[&str]) -> Value {
    let ran = asked(up, words);
    assert!(matches!(ran.code, Some(0 | 1)), "{}: {}", ran.words, ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{}: {error}: {}", ran.words, ran.out))
}

fn done(up: &Up, words: &[&str]) {
    let ran = asked(up, words);
    assert!(ran.code == Some(0) && ran.out.is_empty(), "{}: {:?} {}{}", ran.words, ran.code, ran.out, ran.err);
}

/// A token of an administrator, made by the person whose link `up` prints.
pub fn administrator(up: &Up) -> String {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
    let link = up.sign_in.rsplit('/').next().expect("a link");
    let signed_in = agent
        .post(format!("{}/console/sign-in/link", up.url))
        .header("origin", &up.url)
        .content_type("application/x-www-form-urlencoded")
        .send(format!("token={link}&next=%2Fconsole"))
        .expect("an answer");
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("a cookie").split(';').next().expect("a pair").to_owned();
    let wish = serde_json::json!({ "name": "test", "grants": [{ "role": "administrator" }, { "role": "operator" }, { "role": "auditor" }], "days": 1 });
    let mut made = agent
        .post(format!("{}/api/v1/account/tokens", up.url))
        .header("origin", &up.url)
        .header("cookie", cookie)
        .content_type("application/json")
        .send(wish.to_string())
        .expect("an answer");
    let made: Value = serde_json::from_str(&made.body_mut().read_to_string().expect("a body")).expect("JSON");
    made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// A list in its three forms tells the same.
fn listed(up: &Up, words: &[&str], holds: &str) -> Vec<Value> {
    let form = |form: &str| asked(up, &[words, &["--format", form]].concat()).finished().out.clone();
    let rows: Vec<Value> = serde_json::from_str(&form("json")).expect("an array");
    let (table, csv) = (form("table"), form("csv"));
    assert!(table.contains(holds) && csv.contains(holds), "{words:?} lacks {holds}:\n{table}\n{csv}");
    assert_eq!(csv.lines().count(), rows.len() + 1, "{csv}");
    assert!(table.lines().count() > rows.len(), "{table}");
    rows
}

#[test]
fn what_the_api_has_can_be_done_from_the_command_line() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    small.advise("TEST-2026-1", "high", "2026-03-01", "libpng1.6", "1.6.39-2+deb12u4").build(&[]);
    let mut up = Up::start(&small);

    // Hosts: by hand, described, judged, looked at.
    put(&small.at("components.json"), r#"[{"purl": "pkg:deb/debian/libpng1.6@1.6.39-2", "stream": "debian:12", "name": "libpng1.6", "version": "1.6.39-2", "source": "libpng1.6", "source_version": "1.6.39-2", "kind": "package"}]"#);
    let host = json(&up, &["hosts", "create", "=switch", "--components", &small.path("components.json")]);
    let id = word(&host, "/id");
    let changed = json(&up, &["hosts", "change", &id, "--label", "role=net", "--environment", "prod", "--owner", "ana", "--reason", "it stands in the rack"]);
    assert_eq!((word(&changed, "/environment"), word(&changed, "/owner")), ("prod".into(), "ana".into()));
    assert!(asked(&up, &["hosts", "change", &id, "--label", "role"]).failed().err.contains("NAME=VALUE"));
    assert_eq!(listed(&up, &["hosts", "list", "--filter", "label.role = net"], "=switch").len(), 1);
    let csv = asked(&up, &["hosts", "list", "--filter", "label.role = net", "--format", "csv"]);
    assert!(csv.out.lines().nth(1).is_some_and(|line| line.starts_with("'=switch")), "a formula: {}", csv.out);
    listed(&up, &["hosts", "history", &id], "TEST-2026-1");
    assert!(word(&json(&up, &["hosts", "join-command", "--uses", "2"]), "/command").contains("plimsoll agent --server"));
    assert_eq!(asked(&up, &["findings", "list", "--text", "libpng"]).code, Some(0), "seen today, so not overdue yet");
    listed(&up, &["findings", "list", "--text", "libpng"], "=switch");
    listed(&up, &["advisories", "list"], "TEST-2026-1");
    assert_eq!(word(&json(&up, &["advisories", "show", "TEST-2026-1"]), "/id"), "TEST-2026-1");

    // Packages and sources.
    listed(&up, &["packages", "list", "--name", "libpng"], "libpng1.6");
    listed(&up, &["packages", "show", "debian:12", "libpng1.6"], "1.6.39-2");
    listed(&up, &["sources", "list"], "typed/");

    // The policy in force; the token of `up` may look at it and no more.
    let in_force = asked(&up, &["policy", "in-force"]);
    assert!(in_force.code == Some(0) && in_force.out.contains("OWASP SAMM"), "{}", in_force.out);
    put(&small.at("policy.toml"), &in_force.out);
    assert_eq!(word(&json(&up, &["policy", "in-force", "--format", "json"]), "/origin"), "default");
    let refused = asked(&up, &["policy", "set", &small.path("policy.toml"), "--reason", "a try"]);
    assert!(refused.failed().err.contains("E-PERMISSION"), "{}", refused.err);
    assert_eq!(listed(&up, &["clients", "list"], "default").len(), 1);

    // Groups.
    let group = word(&json(&up, &["groups", "create", "net", "--query", "label.role = net"]), "/id");
    assert_eq!(listed(&up, &["groups", "list"], "label.role = net").len(), 1);
    assert_eq!(listed(&up, &["groups", "hosts", &group], "=switch").len(), 1);
    assert_eq!(word(&json(&up, &["groups", "change", &group, "--query", "", "--note", "by hand"]), "/note"), "by hand");
    assert_eq!(json(&up, &["groups", "members", &group])["hosts"], 0);
    assert_eq!(json(&up, &["groups", "members", &group, "--host", &id])["hosts"], 1);
    assert_eq!(json(&up, &["groups", "show", &group])["hosts"], 1);

    // Applications.
    let application = word(&json(&up, &["applications", "create", "shop", "--team", "web", "--stakeholder", "ana@example.org", "--group", &group]), "/id");
    put(&small.at("bom.json"), r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}"#);
    assert!(json(&up, &["applications", "sbom", &application, &small.path("bom.json")])["sbom"].is_string());
    assert_eq!(word(&json(&up, &["applications", "change", &application, "--owner", "bo"]), "/owner"), "bo");
    assert_eq!(listed(&up, &["applications", "list"], "shop")[0]["hosts"].as_array().map(Vec::len), Some(1));
    assert!(json(&up, &["applications", "findings", &application])["findings"].is_array());
    done(&up, &["applications", "remove", &application, "--reason", "closed"]);
    done(&up, &["groups", "remove", &group]);
    let gone = asked(&up, &["groups", "show", &group]);
    assert!(gone.failed().err.contains("E-NOT-FOUND"), "{}", gone.err);

    // Webhooks, with what was sent; the token that `up` prints may not.
    let refused = asked(&up, &["webhooks", "create", "chat", "https://hooks.example.org/x"]);
    assert!(refused.failed().err.contains("edit-notifications"), "{}", refused.err);
    up.token = administrator(&up);
    let made = json(&up, &["webhooks", "create", "chat", "https://hooks.example.org/x", "--event", "host.silent"]);
    assert!(word(&made, "/secret").starts_with("whsec_"), "{made}");
    let hook = word(&made, "/webhook/id");
    assert_eq!(word(&json(&up, &["webhooks", "test", &hook]), "/state"), "waiting");
    assert_eq!(listed(&up, &["webhooks", "deliveries", &hook], "test").len(), 1);
    assert_eq!(json(&up, &["webhooks", "change", &hook, "--enabled", "false"])["enabled"], false);
    listed(&up, &["webhooks", "list"], "hooks.example.org");
    done(&up, &["webhooks", "remove", &hook]);

    // Who may do what, what was done, and what to look at.
    listed(&up, &["people", "list"], "owner");
    listed(&up, &["tokens", "list"], "administrator");
    let first = listed(&up, &["activity", "list", "--limit", "5"], "client.add");
    assert_eq!(first.len(), 5);
    assert!(listed(&up, &["alerts", "list"], "kind").is_empty());
    assert!(asked(&up, &["alerts", "close", "01hzzzzzzzzzzzzzzzzzzzzzzz"]).failed().err.contains("E-NOT-FOUND"));
    assert_eq!(json(&up, &["hosts", "retire", &id, "--reason", "scrapped"])["state"], "retired");
    up.stop();
}

/// Rosters, briefings, meetings and reports; the examples of the guide's page.
#[test]
fn teams_are_told_and_meet() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    small.advise("TEST-2026-1", "high", "2026-03-01", "libpng1.6", "1.6.39-2+deb12u4").build(&[]);
    let mut up = Up::start(&small);
    up.token = administrator(&up);
    let (mut application, mut briefing, mut meeting) = (String::new(), String::new(), String::new());
    let mut ran = 0;
    for example in crate::readme::examples("docs/guide/teams.md") {
        let line = example.replace("APPLICATION", &application).replace("BRIEFING", &briefing).replace("MEETING", &meeting);
        let output = std::process::Command::new("sh")
            .args(["-c", &line.replacen("plimsoll", env!("CARGO_BIN_EXE_plimsoll"), 1)])
            .current_dir(small.folder.path())
            .env("PLIMSOLL_SERVER", &up.url)
            .env("PLIMSOLL_API_TOKEN", &up.token)
            .output()
            .expect("sh runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{line}\n{out}{err}");
        if let Ok(answer) = serde_json::from_str::<Value>(&out) {
            match (answer["topic"].is_string(), answer["minutes"].is_string(), answer["stakeholders"].is_array()) {
                (true, ..) => briefing = word(&answer, "/id"),
                (_, true, _) => meeting = word(&answer, "/id"),
                (_, _, true) => application = word(&answer, "/id"),
                _ => {}
            }
        }
        ran += 1;
    }
    assert_eq!(ran, 16);
    let known = listed(&up, &["briefings", "list"], &briefing);
    assert_eq!(known[0]["reached"].as_array().map(Vec::len), Some(2));
    let page = std::fs::read_to_string(small.at("samm.html")).expect("the report");
    assert!(page.contains("2 of 2") && page.contains("unknown"), "{page}");
    assert!(std::fs::read_to_string(small.at("agenda.html")).expect("the agenda").contains("Agenda: shop"));
    let due = listed(&up, &["meetings", "due"], "shop");
    assert!(due[0]["last"].is_string() && due[0]["own"] == true, "{due:?}");
    // A token is nobody who could know anything.
    assert!(asked(&up, &["briefings", "acknowledge", &briefing]).failed().err.contains("E-"), "a token");
    put(&small.at("roster.csv"), "team,accounts\nWeb,ada\n");
    let wrong = asked(&up, &["briefings", "roster", "more", "--audience", "teams", "--csv", &small.path("roster.csv")]);
    assert!(wrong.failed().err.contains("roster:1"), "{}", wrong.err);
    assert!(asked(&up, &["meetings", "hold", &application, "--present", "ada", "--minutes", "x", "--action", "ada: x"]).failed().err.contains("three parts"));
    assert!(asked(&up, &["report", "application"]).failed().err.contains("no application is named"));
    up.stop();
}

/// Questions are listed for the provider, who answers none of them.
#[test]
fn questions_are_listed_and_answered_by_clients_alone() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    small.advise("TEST-2026-1", "high", "2026-03-01", "libpng1.6", "1.6.39-2+deb12u4").build(&[]);
    let up = Up::start(&small);
    assert_eq!(json(&up, &["questions", "list", "--format", "json"]), serde_json::json!([]));
    assert!(asked(&up, &["questions", "list", "--state", "maybe"]).failed().err.contains("allowed are told, open"));
    let unknown = "01k8m2x7r5t3y6t9p0a7x2k9mq";
    assert!(asked(&up, &["questions", "show", unknown]).failed().err.contains("E-NOT-FOUND"));
    assert!(asked(&up, &["questions", "remark", unknown, "--text", "is it late?"]).failed().err.contains("E-NOT-FOUND"));
    assert!(asked(&up, &["questions", "answer", unknown, "--answer", "approve"]).failed().err.contains("E-PERMISSION"));
    let wrong = asked(&up, &["questions", "answer", unknown, "--answer", "perhaps"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("approve"), "{}", wrong.err);
    up.stop();
}

/// Asked for, listed, shown and taken back; the examples of the guide's page.
#[test]
fn exceptions_are_asked_for_and_taken_back() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    small.advise("TEST-2026-1", "high", "2026-03-01", "libpng1.6", "1.6.39-2+deb12u4").build(&[]);
    let up = Up::start(&small);
    put(&small.at("components.json"), r#"[{"purl": "pkg:deb/debian/libpng1.6@1.6.39-2", "stream": "debian:12", "name": "libpng1.6", "version": "1.6.39-2", "source": "libpng1.6", "source_version": "1.6.39-2", "kind": "package"}]"#);
    json(&up, &["hosts", "create", "web", "--components", &small.path("components.json")]);
    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(20 * 24)).to_string();
    let (mut exception, mut mitigation) = (String::new(), String::new());
    let mut ran = 0;
    for example in crate::readme::examples("docs/guide/exceptions.md") {
        let line = example.replace("DSA-6001-1", "TEST-2026-1").replace("EXCEPTION", &exception).replace("MITIGATION", &mitigation);
        let output = std::process::Command::new("sh")
            .args(["-c", &line.replacen("plimsoll", env!("CARGO_BIN_EXE_plimsoll"), 1)])
            .env("PLIMSOLL_SERVER", &up.url)
            .env("PLIMSOLL_API_TOKEN", &up.token)
            .output()
            .expect("sh runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{line}\n{out}{err}");
        if let Ok(answer) = serde_json::from_str::<Value>(&out) {
            let known = if answer["measure"].is_string() { &mut mitigation } else { &mut exception };
            *known = word(&answer, "/id");
        }
        ran += 1;
    }
    assert_eq!(ran, 10);
    let known = listed(&up, &["mitigations", "list"], &mitigation);
    assert_eq!((word(&known[0], "/state"), word(&known[0], "/verified_note")), ("removed".into(), "closed".into()));
    let known = listed(&up, &["exceptions", "list"], &exception);
    assert_eq!((word(&known[0], "/state"), word(&known[0], "/advisories/0")), ("withdrawn".into(), "TEST-2026-1".into()));
    let again = ["exceptions", "withdraw", &exception, "--reason", "twice"];
    assert!(asked(&up, &again).failed().err.contains("E-STATE"));
    // A year is the limit where the policy names none, and a token approves nothing.
    let late = ["exceptions", "request", "--advisory", "TEST-2026-1", "--all-hosts", "--kind", "deferral", "--owner", "ana", "--reason", "x", "--until", "2099-01-01T00:00:00Z"];
    let refused = asked(&up, &late);
    assert!(refused.failed().err.contains("E-EXCEPTION-LENGTH") && refused.err.contains("366 days"), "{}", refused.err);
    assert!(asked(&up, &["exceptions", "approve", &exception]).failed().err.contains("E-PERMISSION"));
    assert!(asked(&up, &["exceptions", "renew", &exception, "--until", &until, "--reason", "x"]).failed().err.contains("E-STATE"));
    assert!(asked(&up, &["exceptions", "refuse", &exception, "--reason", "x"]).failed().err.contains("E-PERMISSION"));
    up.stop();
}
