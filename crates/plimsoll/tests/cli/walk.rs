//! The server, killed at its N-th write, fsync, rename or send, for N = 1, 2,
//! 3 … until a run ends unharmed, from the first start on an empty folder.
//!
//! `PLIMSOLL_KILLS` and `PLIMSOLL_KILLS_SEED` say which; see [`drawn`].

use crate::evaluation::Evaluation;
use crate::sandbox::{Small, plimsoll};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tracer::{Count, drawn};

#[path = "../../../agent/tests/agent/apply/tracer.rs"]
mod tracer;

/// What people do at a server, in this order; `@1` stands for the id that the
/// second step was answered with.
fn wishes() -> Vec<(&'static str, String, Value)> {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let component = json!({
        "purl": "pkg:deb/debian/alpha@1.0", "stream": "debian:12", "name": "alpha", "version": "1.0",
        "source": "alpha", "source_version": "1.0", "kind": "package", "locations": ["by hand"],
    });
    let host = |name: &str| ("POST", "/api/v1/hosts".to_owned(), json!({"name": name, "components": [component.clone()]}));
    let wish = |method: &'static str, path: &str, body: Value| (method, path.to_owned(), body);
    vec![
        host("web1"),
        host("web2"),
        wish("PATCH", "/api/v1/hosts/@0", json!({"owner": "anna", "environment": "prod"})),
        wish("POST", "/api/v1/groups", json!({"name": "front"})),
        wish("PUT", "/api/v1/groups/@3/hosts", json!({"hosts": ["@0", "@1"]})),
        wish("POST", "/api/v1/applications", json!({"name": "shop", "hosts": ["@1"], "owner": "ben"})),
        wish("POST", "/api/v1/exceptions", json!({"kind": "deferral", "advisories": ["TEST-2026-1"], "hosts": ["@0"], "owner": "anna", "reason": "the vendor tests it", "until": until})),
        wish("POST", "/api/v1/mitigations", json!({"advisories": ["TEST-2026-1"], "hosts": ["@1"], "measure": "filter", "done": "the port is closed", "owner": "ben", "verify": "nmap from outside", "reason": "no patch yet"})),
        wish("POST", "/api/v1/work", json!({"subject": "advisory:TEST-2026-1", "step": "3.1", "hours": "1.5"})),
        wish("POST", "/api/v1/hosts/@1/retire", json!({"reason": "sold"})),
    ]
}

/// Puts the ids of earlier answers where a wish names them.
fn filled(text: &str, ids: &[String]) -> String {
    ids.iter().enumerate().rev().fold(text.to_owned(), |text, (number, id)| text.replace(&format!("@{number}"), id))
}

/// What a server keeps in the end: of each wish what came of it, and what the
/// log says of it, without ids and times.
#[derive(PartialEq, Debug)]
struct End {
    lists: BTreeMap<String, Vec<String>>,
    leaves: BTreeMap<String, usize>,
}

/// What a wish made, where it was done though nothing was answered. Hosts by
/// hand are not looked for: whoever enters one again completes it.
fn stands(server: &Evaluation, method: &str, path: &str, ids: &[String]) -> Option<Value> {
    let rows = |path: &str| {
        let (status, answer) = server.ask("GET", path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer.as_array().or_else(|| answer["rows"].as_array()).unwrap_or_else(|| panic!("{path}: {answer}")).clone()
    };
    let done = |is_done: bool| is_done.then_some(Value::Null);
    let list = path.split('/').nth(3)?;
    let id = path.split('/').nth(4);
    match (method, list, id) {
        ("POST", "hosts", None) => None,
        ("POST", _, None) => rows(path).into_iter().find(|row| row["id"].as_str().is_some_and(|id| !ids.iter().any(|known| known == id))),
        ("POST", "hosts", Some(id)) => done(rows("/api/v1/hosts").iter().all(|row| row["id"] != id)),
        ("PATCH", "hosts", Some(id)) => done(rows("/api/v1/hosts").iter().any(|row| row["id"] == id && row["owner"] == "anna")),
        ("PUT", "groups", Some(id)) => done(rows("/api/v1/groups").iter().any(|row| row["id"] == id && row["hosts"] == 2)),
        _ => panic!("{method} {path} is none of the wishes"),
    }
}

/// Carries all wishes out at a server that dies at its N-th call and is
/// started again.
fn run(at: u32) -> (End, Count) {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let (data, advisories, log) = (small.at("server"), small.path("small.db"), small.at("log"));
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let mut count = Count::default();
    let mut server = Evaluation::start_by(&data, &advisories, &log, |command, errors| {
        let (child, counted) = tracer::start(&command, Stdio::piped(), errors.into(), |words| words.get(1).is_some_and(|word| word == "up"), at);
        count = counted;
        child
    });
    let began = Instant::now();
    let mut ids: Vec<String> = Vec::new();
    for (number, (method, path, body)) in wishes().into_iter().enumerate() {
        let (path, key) = (filled(&path, &ids), format!("wish-{number}"));
        let body: Value = serde_json::from_str(&filled(&body.to_string(), &ids)).expect("JSON");
        let mut last = Value::Null;
        let mut cut_off = false;
        let answer = loop {
            assert!(began.elapsed() < Duration::from_secs(120), "{method} {path}: {last}, killed at {:?}: {}", count.killed(), said());
            let up = server.get_or_insert_with(|| Evaluation::start(&data, &advisories, &log));
            // Each start has a token of its own, to which no earlier key
            // belongs: whoever lost an answer looks before they ask again.
            if let Some(done) = cut_off.then(|| stands(up, method, &path, &ids)).flatten() {
                break done;
            }
            match up.answer(method, &path, Some(body.clone()), Some(&key)) {
                Some((status, answer)) if (200..300).contains(&status) => break answer,
                // A wish that was cut off may be at work still when it is repeated.
                Some((status, answer)) if status == 503 || answer["code"] == "E-IDEMPOTENCY-BUSY" => {
                    last = answer;
                    std::thread::sleep(Duration::from_millis(50));
                }
                Some(answer) => panic!("{method} {path}: {answer:?}, killed at {:?}\n{}", count.killed(), said()),
                None => {
                    assert!(count.killed().is_some(), "{method} {path}: no answer\n{}", said());
                    server = None;
                    cut_off = true;
                }
            }
        };
        ids.push(answer["id"].as_str().unwrap_or_default().to_owned());
    }
    let server = server.unwrap_or_else(|| Evaluation::start(&data, &advisories, &log));
    let end = ended(&server, &ids, count.killed().as_deref().unwrap_or("nothing"));
    drop(server);
    let folder = small.path("evidence");
    let exported = plimsoll(&["evidence", "export", "--data", &small.path("server"), "--to", &folder]);
    let verified = plimsoll(&["evidence", "verify", &folder, "--key", exported.finished().out.trim()]);
    assert_eq!(verified.code, Some(0), "killed at {:?}: {}{}", count.killed(), verified.out, verified.err);
    (end, count)
}

fn ended(server: &Evaluation, ids: &[String], killed: &str) -> End {
    let lists = ["hosts", "groups", "applications", "exceptions", "mitigations", "work"];
    let got = |path: &str| {
        let (status, answer) = server.ask("GET", path, None);
        assert_eq!(status, 200, "{path}, killed at {killed}: {answer}");
        answer
    };
    // A server that has just started judges its hosts again.
    let began = Instant::now();
    let waits = |row: &Value| row["state"] == "waiting" && row["name"].as_str().is_some_and(|name| name.starts_with("web"));
    while got("/api/v1/hosts")["rows"].as_array().is_none_or(|rows| rows.iter().any(waits)) {
        assert!(began.elapsed() < Duration::from_secs(60), "a host waits to be judged, killed at {killed}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let lists = lists.into_iter().map(|list| {
        let answer = got(&format!("/api/v1/{list}"));
        let rows = answer.as_array().or_else(|| answer["rows"].as_array()).unwrap_or_else(|| panic!("{list}: {answer}")).clone();
        let shown = |row: &Value| ["name", "owner", "environment", "hosts", "findings", "stands", "state", "hours", "step", "reason"].map(|field| row[field].to_string()).join(" ");
        // This machine's own host is not one of the wishes.
        let own = |row: &&Value| list != "hosts" || row["name"].as_str().is_some_and(|name| name.starts_with("web"));
        let mut rows: Vec<String> = rows.iter().filter(own).map(shown).collect();
        rows.iter_mut().for_each(|row| *row = ids.iter().enumerate().filter(|(_, id)| !id.is_empty()).fold(row.clone(), |row, (number, id)| row.replace(id.as_str(), &format!("@{number}"))));
        rows.sort();
        (list.to_owned(), rows)
    });
    let lists = lists.collect();
    // Entries come into the log in order, a moment after what they tell of.
    let began = Instant::now();
    let entries = loop {
        let entries = got("/api/v1/evidence?take=1000").as_array().expect("entries").clone();
        if entries.iter().any(|entry| entry["leaf"]["verb"] == "host.retire") {
            break entries;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the last wish is in no entry, killed at {killed}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut leaves: BTreeMap<String, usize> = BTreeMap::new();
    for leaf in entries.iter().map(|entry| &entry["leaf"]) {
        let text = leaf.to_string();
        if ids.iter().any(|id| !id.is_empty() && text.contains(id.as_str())) {
            *leaves.entry(leaf["verb"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    End { lists, leaves }
}

#[test]
fn the_server_may_die_at_every_call() {
    let (unharmed, count) = run(0);
    let calls = count.calls();
    assert!(unharmed.leaves.len() >= 8 && unharmed.lists.values().all(|rows| !rows.is_empty()), "{unharmed:#?}");
    let mut killed = 0;
    for at in drawn(calls) {
        let (mut end, count) = run(at);
        let Some(call) = count.killed() else {
            assert!(at > calls / 2, "nobody was killed at call {at} of {calls}");
            break;
        };
        killed += 1;
        if let (Some(reports), Some(&once)) = (end.leaves.get_mut("host.report"), unharmed.leaves.get("host.report"))
            && *reports == once + 1
        {
            // A report that was kept and not answered is sent again, and that
            // the host was seen so a second time is true.
            *reports = once;
        }
        assert_eq!(end, unharmed, "killed at {at} of {calls}, {call}");
        eprintln!("server killed at {at} of {calls}, {call}");
    }
    eprintln!("server: killed at {killed} of {calls} calls, {} leaves each time", unharmed.leaves.values().sum::<usize>());
    assert!(killed > 0, "the server was never killed");
}
