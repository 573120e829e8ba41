//! Deadlines to the second, in UTC and across the change of summer time.

use crate::sandbox::{Small, put, word};

struct Case {
    severity: &'static str,
    published: &'static str,
    before: &'static str,
    due: &'static str,
    after: &'static str,
}

/// 48 hours are 48 hours wherever the clocks stand; a day ends when it ends there.
fn holds(policy: Option<&str>, case: &Case) {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", case.severity, case.published, "alpha", "2.0").build(&[]);
    let file = small.path("policy.toml");
    let mut more = vec!["--format", "json", "--as-of"];
    if let Some(text) = policy {
        put(&small.at("policy.toml"), text);
        more.splice(0..0, ["--policy", file.as_str()]);
    }
    for (instant, code, verdicts) in [
        (case.before, 0, &["in_time", "due_soon"][..]),
        (case.due, 0, &["in_time", "due_soon"][..]),
        (case.after, 1, &["overdue"][..]),
    ] {
        let ran = small.scan(&[&more[..], &[instant]].concat());
        let answer = ran.json();
        assert_eq!(answer["findings"].as_array().map(Vec::len), Some(1), "{}", ran.out);
        let finding = &answer["findings"][0];
        assert_eq!(word(finding, "/due"), case.due, "{} of {}", case.severity, case.published);
        assert_eq!(finding["obligations"].as_array().map(Vec::len), Some(1));
        let verdict = word(finding, "/obligations/0/verdict");
        assert!(verdicts.contains(&verdict.as_str()), "{verdict} at {instant}, due {}", case.due);
        assert_eq!(ran.code, Some(code), "{verdict} at {instant}");
    }
}

const OSLO: &str = r#"
schema = "patch-policy/1"
[policy]
id = "oslo"
version = "1"
title = "Deadlines in Oslo"
source = "a test"
timezone = "Europe/Oslo"
[[deadline]]
id = "critical"
when = { severity = ["critical"] }
within = "PT48H"
clock = "fix_released"
done = "effective"
[[deadline]]
id = "rest"
when = { severity = ["high", "medium", "low"] }
within = "P30D"
clock = "fix_released"
done = "effective"
"#;

#[test]
fn forty_eight_hours_of_the_default_policy_end_to_the_second() {
    holds(None, &Case {
        severity: "critical",
        published: "2026-03-28T12:00:00Z",
        before: "2026-03-30T11:59:59Z",
        due: "2026-03-30T12:00:00Z",
        after: "2026-03-30T12:00:01Z",
    });
}

#[test]
fn thirty_days_of_the_default_policy_end_with_the_day_in_utc() {
    holds(None, &Case {
        severity: "low",
        published: "2026-03-09T23:30:00Z",
        before: "2026-04-08T23:59:58Z",
        due: "2026-04-08T23:59:59Z",
        after: "2026-04-09T00:00:00Z",
    });
}

#[test]
fn forty_eight_hours_are_not_shortened_when_summer_time_begins() {
    holds(Some(OSLO), &Case {
        severity: "critical",
        published: "2026-03-28T12:00:00Z",
        before: "2026-03-30T11:59:59Z",
        due: "2026-03-30T12:00:00Z",
        after: "2026-03-30T12:00:01Z",
    });
}

#[test]
fn forty_eight_hours_are_not_lengthened_when_summer_time_ends() {
    holds(Some(OSLO), &Case {
        severity: "critical",
        published: "2026-10-24T12:00:00Z",
        before: "2026-10-26T11:59:59Z",
        due: "2026-10-26T12:00:00Z",
        after: "2026-10-26T12:00:01Z",
    });
}

/// It is 10 March in Oslo already when the fix comes out.
#[test]
fn thirty_days_end_with_the_day_in_oslo_after_summer_time_began() {
    holds(Some(OSLO), &Case {
        severity: "low",
        published: "2026-03-09T23:30:00Z",
        before: "2026-04-09T21:59:58Z",
        due: "2026-04-09T21:59:59Z",
        after: "2026-04-09T22:00:00Z",
    });
}

#[test]
fn thirty_days_end_with_the_day_in_oslo_after_summer_time_ended() {
    holds(Some(OSLO), &Case {
        severity: "low",
        published: "2026-10-10T10:00:00Z",
        before: "2026-11-09T22:59:58Z",
        due: "2026-11-09T22:59:59Z",
        after: "2026-11-09T23:00:00Z",
    });
}
