//! `plimsoll work` and `plimsoll report cost` against a running server.

use crate::fleet::Up;
use crate::remote::administrator;
use crate::sandbox::{Ran, Small, plimsoll, put};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const POLICY: &str = r#"schema = "patch-policy/1"
extends = ["samm"]
combine = "strictest"

[policy]
id = "acme"
version = "1"

[cost]
currency = "EUR"
rate = { default = 80, analyst = 85 }
"#;

fn asked(up: &Up, words: &[&str]) -> Ran {
    plimsoll(&[words, &["--server", &up.url, "--token", &up.token]].concat())
}

#[test]
fn hours_are_written_down_and_cost_what_the_policy_says() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let mut up = Up::start(&small);
    up.token = administrator(&up);
    let policy = small.path("acme.toml");
    put(&small.at("acme.toml"), POLICY);
    asked(&up, &["policy", "set", &policy, "--reason", "prices", "--accept-longer"]).finished();

    let sat = Instant::now();
    let started = asked(&up, &["work", "start", "--for", "overhead:guides"]).finished().json();
    assert_eq!(started["running"], json!(true), "{started}");
    asked(&up, &["work", "add", "--for", "advisory:TEST-2026-1", "--step", "2.3", "--role", "analyst", "--hours", "2"]).finished();
    let stopped = asked(&up, &["work", "stop"]).finished().json();
    assert_eq!(stopped["id"], started["id"]);
    let log = small.path("log.csv");
    let day = Timestamp::now().strftime("%Y-%m-%d").to_string();
    put(&small.at("log.csv"), format!("ticket,date,hours,role,step,subject\nOPS-1,{day},0.5,operator,7.3,advisory:TEST-2026-1\n"));
    assert_eq!(asked(&up, &["work", "import", &log]).finished().json(), json!({ "added": 1, "corrected": 0, "same": 0 }));
    put(&small.at("wrong.csv"), "ticket,date,hours\n=cmd|'/c calc'!A1,x,y\n");
    let wrong = asked(&up, &["work", "import", &small.path("wrong.csv")]);
    assert!(wrong.failed().code == Some(2) && wrong.err.contains("E-WORK-LOG") && wrong.err.contains("line 1"), "{}", wrong.err);
    let listed = asked(&up, &["work", "list", "--format", "json"]).finished().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");

    // The prices are noted within seconds of coming into force.
    let begun = Instant::now();
    let told: Value = loop {
        let told = asked(&up, &["report", "cost", "--format", "json"]).finished().json();
        if told["cost"]["currency"] == "EUR" {
            break told;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{told}");
        std::thread::sleep(Duration::from_secs(1));
    };
    // The session of the guides cost as long as it took here, and no longer than this test.
    let most = 21_000.0 + sat.elapsed().as_secs_f64() / 3600.0 * 8_000.0 + 1.0;
    let variable = told["cost"]["totals"]["variable"].as_f64().unwrap();
    assert!((21_000.0..=most).contains(&variable), "{told}");
    let then = Timestamp::now().to_string();
    let first: Vec<String> = ["markdown", "csv", "html"].map(|form| asked(&up, &["report", "cost", "--as-of", &then, "--format", form]).finished().out.clone()).into();
    asked(&up, &["work", "correct", listed[0]["id"].as_str().unwrap(), "--hours", "5", "--reason", "the ticket was wrong"]).finished();
    let again: Vec<String> = ["markdown", "csv", "html"].map(|form| asked(&up, &["report", "cost", "--as-of", &then, "--format", form]).finished().out.clone()).into();
    assert_eq!(first, again, "the past has changed");
    assert!(first[0].contains("Where the money went") && first[0].contains("170.00"), "{}", first[0]);
    assert!(first[1].contains("\r\nsteps,2.3,cost,17000\r\n") && first[1].contains("\r\nsteps,7.3,cost,4000\r\n"), "{}", first[1]);

    for form in ["bod-26-04", "fedramp-vdr", "pci-6-3-3"] {
        let csv = asked(&up, &["report", form, "--format", "csv"]);
        assert!(csv.finished().out.starts_with("Verdict,Tracking id,"), "{}", csv.out);
    }
    assert_eq!(asked(&up, &["report", "made"]).finished().json(), json!([]));
    assert!(asked(&up, &["report", "weekly", "--made", "x"]).failed().err.contains("--made"));
    up.stop();
}
