//! What a policy costs: due dates of a million findings, and the linter.

use crate::measure::Row;
use jiff::{Timestamp, ToSpan};
use plimsoll_core::model::advisory::{Rating, Severity};
use plimsoll_core::model::policy::{Exposure, HostFacts, PolicySet};
use plimsoll_core::model::threat::{Exploitation, Kev, Ssvc, TechnicalImpact, Threat};
use plimsoll_core::operations::escalation::{Deadline, Level, Step, newly, next};
use plimsoll_core::phases::prioritize::{self, Facts, Input};
use plimsoll_formats::policy::{self, PRESETS};
use std::time::Instant;

/// Findings that get a due date.
const FINDINGS: usize = 1_000_000;
/// Rules of the policy that they are held against.
const RULES: usize = 200;

/// The figures. One thread works and waits for nothing, so that its time on
/// the wall is its time on a core.
pub fn rows() -> Result<Vec<Row>, String> {
    let row = |name: &str, start: Instant, limit: f64, note: String| Row {
        name: name.to_owned(),
        cpu_ms: start.elapsed().as_secs_f64() * 1e3,
        cpu_limit_ms: Some(limit),
        memory_mib: None,
        memory_limit_mib: None,
        note,
    };
    let set = read(&many_rules())?;
    let start = Instant::now();
    let (dated, obligations) = due_dates(&set)?;
    let due = row("due dates of 1,000,000 findings, 200 rules", start, 2_000.0, format!("{dated} have one, {obligations} obligations"));
    let all = read(&everything())?;
    let start = Instant::now();
    let found = policy::lint(&all);
    let lint = row("lint of all presets together", start, 1_000.0, format!("{} policies, {} remarks", all.policies.len(), found.problems.len()));
    let start = Instant::now();
    let (called, coming) = escalated();
    let steps = row("a first look of escalation at 1,000,000 deadlines", start, 1_000.0, format!("{called} steps reached, {coming} to come; later looks pass over a host until its next step"));
    Ok(vec![due, lint, steps])
}

/// What a server asks of each finding of a host that was judged anew, with
/// nothing remembered between two of them: steps that are reached, and the next.
fn escalated() -> (usize, usize) {
    let step = |percent, to: &str, levels: &[&str]| Step { percent, to: vec![to.to_owned()], levels: levels.iter().map(|level| (*level).to_owned()).collect() };
    let steps = [step(100, "ciso", &["critical", "act"]), step(100, "owner", &[]), step(80, "owner", &["high"]), step(50, "team", &[])];
    let levels = [("critical", "act"), ("high", "attend"), ("low", "track")];
    let (now, day) = (1_800_000_000_i64, 86_400);
    let (mut called, mut coming) = (0, 0);
    for number in 0..i64::try_from(FINDINGS).unwrap_or(i64::MAX) {
        let (severity, priority) = levels.get(usize::try_from(number % 3).unwrap_or(0)).copied().unwrap_or_default();
        let (deadline, level) = (Deadline { due: now + (number % 90 - 30) * day, length: 2_592_000 }, Level { severity, priority });
        called += newly(&steps, deadline, level, 0, 0, now).len();
        coming += usize::from(next(&steps, deadline, level, now).is_some());
    }
    (called, coming)
}

fn read(text: &str) -> Result<PolicySet, String> {
    policy::load("benches", text, &|_| None).map_err(|problems| problems.into_iter().map(|problem| problem.text).collect::<Vec<_>>().join("; "))
}

/// Two rules for each of 98 kinds of hosts, and four for all others: a finding
/// passes most before one binds.
fn many_rules() -> String {
    let mut text = "schema = \"patch-policy/1\"\n[policy]\nid = \"many\"\nversion = \"1\"\ntimezone = \"Europe/Oslo\"\n".to_owned();
    let severities = [("critical", "high"), ("medium", "low")];
    for number in 0..(RULES - 4) / 2 {
        for (one, other) in severities {
            text.push_str(&format!("[[deadline]]\nid = \"kind-{number}-{one}\"\nwhen = {{ tier = [\"kind{number}\"], severity = [\"{one}\", \"{other}\"] }}\nwithin = \"P{}D\"\n", 3 + number));
        }
    }
    for (number, severity) in ["critical", "high", "medium", "low"].into_iter().enumerate() {
        text.push_str(&format!("[[deadline]]\nid = \"{severity}\"\nwhen = {{ severity = [\"{severity}\"] }}\nwithin = \"P{}D\"\n", 7 * (number + 1)));
    }
    text
}

fn everything() -> String {
    let names: Vec<String> = PRESETS.iter().map(|preset| format!("\"{}\"", preset.name)).collect();
    format!(
        "schema = \"patch-policy/1\"\nextends = [{}]\n[policy]\nid = \"all\"\nversion = \"1\"\nowner = \"ciso\"\n[[window]]\nid = \"night\"\nstart = 2026-01-01T22:00:00\nrule = \"FREQ=WEEKLY;BYDAY=TU,TH\"\nduration = \"PT4H\"\n",
        names.join(", ")
    )
}

/// Decides due dates of findings of every kind; how many have one, and how
/// many obligations there are.
fn due_dates(set: &PolicySet) -> Result<(usize, usize), String> {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().map_err(|error| format!("{error}"))?;
    let hosts: Vec<HostFacts> = (0..128).map(|number| HostFacts { tier: Some(format!("kind{number}")), exposure: Some(Exposure::Controlled), ..HostFacts::default() }).collect();
    let ratings = [Rating::Critical, Rating::High, Rating::Medium, Rating::Low];
    let severities: Vec<Vec<Severity>> = ratings.iter().map(|rating| vec![Severity::Vendor { vendor: "vendor".to_owned(), word: rating.as_str().to_owned(), rating: *rating }]).collect();
    let kev = Kev { date_added: jiff::civil::date(2026, 10, 1), due_date: None, ransomware: false, name: String::new(), action: String::new() };
    let ssvc = Ssvc { exploitation: Some(Exploitation::PublicPoc), automatable: Some(true), technical_impact: Some(TechnicalImpact::Total) };
    let threats = [Threat::default(), Threat { kev: Some(kev), ssvc: Some(ssvc), ..Threat::default() }];
    let (mut dated, mut obligations) = (0, 0);
    for number in 0..FINDINGS {
        let released = now.checked_sub(i64::try_from(number % 2_000).unwrap_or(0).hours()).map_err(|error| error.to_string())?;
        let pick = |length: usize, step: usize| (number / step) % length;
        let (Some(host), Some(severities), Some(threat)) = (hosts.get(pick(hosts.len(), 1)), severities.get(pick(4, 7)), threats.get(pick(2, 3))) else { continue };
        let finding = Facts {
            severities,
            threat,
            cves: &[],
            component: None,
            class: None,
            published: Some(released),
            fix_released: Some(released),
            fix_exists: true,
            fix_available: Some(true),
            first_seen: Some(released),
            closed: None,
        };
        let decision = prioritize::due(&Input { now, policies: set, finding, host });
        dated += usize::from(decision.due.is_some());
        obligations += decision.obligations.len();
    }
    Ok((dated, obligations))
}
