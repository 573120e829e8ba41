//! `plimsoll report` against a running server: true figures, in every form, and
//! the same bytes for the same moment whatever happens later.

use crate::fleet::Up;
use crate::recount;
use crate::sandbox::{Ran, Small, plimsoll};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

fn report(up: &Up, words: &[&str]) -> Ran {
    let server = ["--server", &up.url, "--token", &up.token];
    plimsoll(&[&["report"], words, &server].concat())
}

/// Reads the host and brings it to the server.
fn bring(small: &Small, up: &Up) {
    let file = small.path("host.zst");
    let _ = std::fs::remove_file(&file);
    plimsoll(&["collect", "--root", &small.path("root"), "--output", &file]).finished();
    plimsoll(&["import", &file, "--server", &up.url, "--token", &up.token]).finished();
}

fn later() -> Timestamp {
    std::thread::sleep(Duration::from_millis(1_100));
    Timestamp::now()
}

#[test]
fn the_past_is_told_the_same_whatever_happens_since() {
    let small = Small::new(&[("alpha", "1.0"), ("beta", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").advise("TEST-2026-2", "critical", "2026-03-01", "beta", "2.0").build(&[]);
    let up = Up::start(&small);
    bring(&small, &up);
    let then = later().to_string();
    let auditor = ["auditor", "--as-of", &then, "--format", "json"];
    let first = report(&up, &auditor);
    let told = first.finished().json();
    assert_eq!((&told["schema"], &told["report"]), (&json!("plimsoll-report/1"), &json!("auditor")));
    let measures = &told["measures"];
    assert_eq!(measures["flow"], json!({ "opened": 2, "closed": 0, "opened_again": 0 }), "{measures}");
    let open: Vec<(&str, u64)> = measures["open"].as_array().unwrap().iter().map(|line| (line["priority"].as_str().unwrap(), line["open"].as_u64().unwrap())).collect();
    assert_eq!(open, [("critical", 1), ("low", 1)]);
    assert!(measures["due_dates_since"].is_string() && measures["policies"].as_array().is_some_and(|policies| !policies.is_empty()), "{measures}");
    assert_eq!((&measures["approaching"][0]["advisory"], &measures["approaching"][0]["priority"]), (&json!("TEST-2026-2"), &json!("critical")));

    small.install(&[("alpha", "1.0"), ("beta", "2.0")]);
    bring(&small, &up);
    let now = later().to_string();
    assert_eq!(report(&up, &auditor).out, first.out, "the past has changed");
    let now = report(&up, &["auditor", "--as-of", &now, "--format", "json"]).finished().json();
    assert_eq!((&now["measures"]["flow"]["closed"], now["measures"]["open"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let critical = now["measures"]["time_to_patch"].as_array().unwrap().iter().find(|line| line["priority"] == "critical").cloned();
    assert_eq!(critical.map(|line| (line["started"].clone(), line["closed"].clone())), Some((json!(1), json!(1))), "{now}");

    // A program of its own counts the same, what was judged by the policy in force included.
    recount::holds(&small, &up, &["auditor", "--as-of", &then]);
    recount::holds(&small, &up, &["weekly", "--as-of", &later().to_string()]);

    let clients = plimsoll(&["clients", "list", "--server", &up.url, "--token", &up.token, "--format", "json"]).json();
    let own = clients[0]["name"].as_str().unwrap().to_owned();
    for (form, begins) in [("markdown", "# "), ("html", "<!doctype html"), ("pdf", "%PDF"), ("docx", "PK")] {
        let file = small.at(&format!("report.{form}"));
        for name in ["operator", "weekly", "management", "auditor"] {
            report(&up, &[name, "--as-of", &then, "--format", form, "--output", file.to_str().unwrap()]).finished();
            let bytes = std::fs::read(&file).unwrap();
            assert!(bytes.to_ascii_lowercase().starts_with(begins.to_ascii_lowercase().as_bytes()), "{name} in {form}");
            if let Some(keep) = std::env::var_os("PLIMSOLL_KEEP") {
                std::fs::write(std::path::Path::new(&keep).join(format!("report-{name}.{form}")), &bytes).unwrap();
            }
        }
    }
    for name in ["operator", "client", "auditor"] {
        let client: &[&str] = if name == "client" { &["--client", &own] } else { &[] };
        let csv = report(&up, &[&[name, "--as-of", &then, "--format", "csv"], client].concat());
        assert!(csv.finished().out.starts_with("section,key,measure,value\r\n") && csv.out.contains("\r\nopen,critical,open,1\r\n"), "{}", csv.out);
        let plan = report(&up, &[&[name, "--as-of", &then, "--format", "oscal-poam"], client].concat());
        if name == "operator" {
            assert!(plan.failed().err.contains("take the auditor's or a client's report"), "{}", plan.err);
            continue;
        }
        let items = &plan.finished().json()["plan-of-action-and-milestones"]["poam-items"];
        assert_eq!(items.as_array().map(Vec::len), Some(2), "{items}");
    }
    let before = (then.parse::<Timestamp>().unwrap() - jiff::SignedDuration::from_hours(24 * 400)).to_string();
    assert!(report(&up, &["auditor", "--as-of", &before, "--format", "oscal-poam"]).failed().err.contains("E-POAM-EMPTY"));
    let text = report(&up, &["operator", "--as-of", &then]);
    assert!(text.finished().out.contains("TEST-2026-2") && text.out.contains(&format!("--as-of {then}")), "{}", text.out);

    // What cannot be asked for is refused with what to do instead.
    let to_come = report(&up, &["weekly", "--as-of", "2099-01-01T00:00:00Z"]);
    assert!(to_come.failed().err.contains("is still to come") && to_come.out.is_empty(), "{}", to_come.err);
    assert!(report(&up, &["client"]).failed().err.contains("name the client whose report it is"));
    assert!(report(&up, &["client", "--client", "Nobody"]).failed().err.contains("E-NOT-FOUND"));
    for (words, told) in [(&["weekly", "--format", "jsonl"][..], "report events"), (&["events", "--format", "pdf"], "jsonl only"), (&["events", "--days", "7"], "--days")] {
        let usage = report(&up, words);
        assert!(usage.failed().code == Some(2) && usage.err.contains(told), "{}", usage.err);
    }
    for (words, told) in [(&["weekly", "--as-of", "yesterday"][..], "--as-of"), (&["yearly"], "management"), (&["weekly", "--days", "401"], "401")] {
        let usage = report(&up, words);
        assert!(usage.code == Some(2) && usage.err.contains(told), "{}", usage.err);
    }
    up.stop();
}
