//! Recurrences and due dates held against Python's `dateutil` and `zoneinfo`:
//! another library with another copy of the rules of zones.

use jiff::tz::TimeZoneDatabase;
use plimsoll_core::model::policy::{Length, Recurrence};
use std::io::Write;
use std::process::{Command, Stdio};

const SCRIPT: &str = r#"
import json, sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo
from dateutil.rrule import rrulestr
from dateutil.relativedelta import relativedelta

def instant(local, zone):
    # fold=0: the first of two passes, and past a gap by as much as it is wide
    return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp())

out = []
for case in json.load(sys.stdin):
    if case["kind"] == "rule":
        rule = rrulestr("RRULE:" + case["rule"], dtstart=datetime.fromisoformat(case["start"]))
        found = []
        for local in rule:
            at = instant(local, case["zone"])
            if at >= case["to"] or len(found) > 2000:
                break
            if at >= case["from"]:
                found.append(at)
        out.append(found)
    else:
        start = datetime.fromtimestamp(case["at"], timezone.utc).astimezone(ZoneInfo(case["zone"])).replace(tzinfo=None)
        day = (start + relativedelta(months=case["months"], days=case["days"])).date()
        midnight = datetime(day.year, day.month, day.day) + timedelta(days=1)
        out.append([instant(midnight, case["zone"]) - 1])
json.dump(out, sys.stdout)
"#;

/// Answers of the other implementation; none where it is missing.
fn asked(cases: &serde_json::Value) -> Option<Vec<Vec<i64>>> {
    let ready = Command::new("python3").args(["-c", "import dateutil, zoneinfo; zoneinfo.ZoneInfo('Europe/Oslo')"]).stderr(Stdio::null()).status();
    if !ready.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no python3 with dateutil and zones");
        eprintln!("skipped: no python3 with dateutil and zones");
        return None;
    }
    let mut child = Command::new("python3").args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    child.stdin.take().expect("stdin").write_all(cases.to_string().as_bytes()).expect("cases");
    let output = child.wait_with_output().expect("answers");
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

const ZONES: [&str; 7] = ["UTC", "Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo"];

/// The same numbers on every run.
fn drawn(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn rule(seed: &mut u64) -> String {
    let days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let mut pick = |below: usize| usize::try_from(drawn(seed, below as u64)).expect("small");
    let some: Vec<&str> = (0..=pick(3)).map(|_| days[pick(7)]).collect();
    let interval = 1 + pick(3);
    match pick(7) {
        0 => format!("FREQ=DAILY;INTERVAL={interval}"),
        1 => format!("FREQ=WEEKLY;INTERVAL={interval};BYDAY={}", some.join(",")),
        2 => format!("FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={}", [1, 15, 29, 30, 31, -1, -3][pick(7)]),
        3 => format!("FREQ=MONTHLY;BYDAY={}{}", [1, 2, 3, 4, 5, -1, -2][pick(7)], days[pick(7)]),
        4 => format!("FREQ=MONTHLY;BYDAY={};BYMONTHDAY=10,11,12,13,14,15,16", days[pick(7)]),
        5 => format!("FREQ=MONTHLY;BYMONTH={},{};BYDAY=2TU", 1 + pick(12), 1 + pick(12)),
        _ => format!("FREQ=WEEKLY;BYDAY={};COUNT={}", some.join(","), 1 + pick(40)),
    }
}

#[test]
fn recurrences_and_due_dates_agree_with_another_library() {
    let mut seed = 26_04;
    let mut cases = Vec::new();
    let mut ours: Vec<Vec<i64>> = Vec::new();
    for number in 0..400 {
        let zone_name = ZONES[number % ZONES.len()];
        let zone = TimeZoneDatabase::bundled().get(zone_name).expect("zone");
        let rule = rule(&mut seed);
        let start = format!("2026-{:02}-{:02}T{:02}:{:02}:00", 1 + drawn(&mut seed, 12), 1 + drawn(&mut seed, 28), drawn(&mut seed, 24), [0, 15, 30, 45][usize::try_from(drawn(&mut seed, 4)).expect("small")]);
        let from = 1_767_225_600 + i64::try_from(drawn(&mut seed, 500)).expect("small") * 86_400;
        let to = from + 700 * 86_400;
        let at = |second: i64| jiff::Timestamp::from_second(second).expect("instant");
        let found = Recurrence::parse(&rule).expect("rule").beginnings(start.parse().expect("start"), &zone, at(from), at(to));
        ours.push(found.iter().map(|begins| begins.timestamp().as_second()).collect());
        cases.push(serde_json::json!({ "kind": "rule", "rule": rule, "start": start, "zone": zone_name, "from": from, "to": to }));
        let (months, days) = if number % 2 == 0 { (1 + drawn(&mut seed, 14), 0) } else { (0, 1 + drawn(&mut seed, 400)) };
        let length = if months > 0 { format!("P{months}M") } else { format!("P{days}D") };
        let instant = from + i64::try_from(drawn(&mut seed, 86_400 * 300)).expect("small");
        let due = Length::parse(&length).expect("length").due(at(instant), &zone, false).expect("due");
        ours.push(vec![due.as_second()]);
        cases.push(serde_json::json!({ "kind": "due", "at": instant, "months": months, "days": days, "zone": zone_name }));
    }
    let cases = serde_json::Value::Array(cases);
    let Some(theirs) = asked(&cases) else { return };
    let mut compared = 0;
    for ((case, ours), theirs) in cases.as_array().expect("cases").iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "{case}");
        compared += ours.len();
    }
    assert!(compared > 5_000, "only {compared} instants");
}
