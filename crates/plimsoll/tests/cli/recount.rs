//! The figures of reports against a second program that counts them again from
//! the exported events.

use crate::fleet::Up;
use crate::record::package;
use crate::sandbox::{Small, plimsoll, text};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::deployment_package::Place;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::confirm::second::Agreement;
use plimsoll_core::phases::deploy::{Gate, Wanted};
use plimsoll_formats::trust::SignedPackage;
use plimsoll_store::deployment_packages::{ACCEPT, PackageContent, PackageRow, PackageState};
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::hosts::Machine;
use plimsoll_store::rollouts::{Confirmation, OutcomeRow, Rollout, Second};
use plimsoll_store::{Actor, Intent, Opener, Options, Scope, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const DAY: i64 = 86_400;
/// Hosts of the history, half of them of another client.
const HOSTS: u64 = 24;

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// What a finding obliges to under the policies of a moment.
fn obliged(chance: &mut Chance, number: u64, at: i64) -> Obliged {
    let (rating, days) = [(Rating::Critical, 3), (Rating::High, 14), (Rating::Medium, 30), (Rating::Low, 90), (Rating::Unknown, 200)][number as usize % 5];
    // The clock may have started before the host showed it.
    let start = at - (chance.below(4) * 20_000) as i64;
    let longer = (chance.below(3) * 4) as i64 * DAY;
    let mut bounds = vec![Bound { due: start + days * DAY + longer, start: Some(start), rule: format!("samm/{}", rating.as_str()) }];
    if chance.one_in(3) {
        bounds.push(Bound { due: at + 21 * DAY, start: chance.one_in(2).then_some(at), rule: "pci/6.3.3".to_owned() });
    }
    if chance.one_in(12) {
        bounds.remove(0);
    }
    bounds.sort_by(|one, other| (one.due, &one.rule).cmp(&(other.due, &other.rule)));
    Obliged { rating, exploited: number.is_multiple_of(7), bounds }
}

/// A host's journal as a server writes it: what closes was open, what opens was
/// not, and what opens obliges to something, but for a server that kept no due
/// dates yet.
fn journal(chance: &mut Chance, host: HostId, from: i64, to: i64) -> Vec<Transition> {
    let (mut open, mut at, mut story) = (BTreeSet::new(), from, Vec::new());
    while at < to {
        let old = at < to - 170 * DAY;
        let mut transition = Transition { host, serial: story.len() as u64, at: Timestamp::from_microsecond(at * 1_000_000 + chance.below(1_000_000) as i64).unwrap(), opened: vec![], closed: vec![], obliged: vec![], policies: vec![] };
        for number in 0..40 {
            let key = FindingKey { advisory: format!("TEST-2026-{number}"), component: format!("debian:12 library{}", number % 9) };
            if open.contains(&number) {
                if chance.one_in(9) {
                    open.remove(&number);
                    transition.closed.push(key);
                } else if !old && chance.one_in(40) {
                    transition.obliged.push((key, obliged(chance, number, at)));
                }
            } else if chance.one_in(12) {
                open.insert(number);
                transition.opened.push(key.clone());
                if !old {
                    transition.obliged.push((key, obliged(chance, number, at)));
                }
            }
        }
        // Pending updates stand in journals too, and in no report.
        let update = FindingKey { advisory: "update".to_owned(), component: format!("library{} amd64 1", story.len()) };
        transition.opened.push(update);
        if !transition.obliged.is_empty() {
            transition.policies = if at < to - 60 * DAY { vec!["samm 1".to_owned()] } else { vec!["pci 4".to_owned(), "samm 2".to_owned()] };
        }
        story.push(transition);
        at += 20_000 + (chance.below(10) * 50_000) as i64;
    }
    story
}

/// A rollout that began so many days ago, on all hosts of a client: some fail,
/// some of those try again, and most are seen with it later. Gives how many.
async fn rollout(store: &Store, chance: &mut Chance, client: ClientId, hosts: &[HostId], (number, drafted): (u32, Timestamp)) -> usize {
    let hour = |hours: i64| drafted + SignedDuration::from_hours(hours);
    let places: Vec<Place> = hosts.iter().map(|host| Place { host: *host, ring: 0, window: None }).collect();
    let mut content = package(client, &places, drafted);
    (content.name, content.version) = (format!("openssl-{number}"), number.into());
    let (name, version) = (content.name.clone(), content.version);
    let document = SignedPackage::unsigned(content).bytes();
    let digest = SignedPackage::read("package", &document).unwrap().digest();
    let row = PackageRow { digest: digest.clone(), client, name, version, title: "OpenSSL".to_owned(), author: "anna".to_owned(), state: PackageState::Draft, created: drafted, expires: hour(24), accepted: None };
    let answer = json!({ "advisory": "TEST-2026-1", "aliases": [], "summary": "", "severity": "high", "exploited": false, "hosts": hosts.len(), "published": hour(-200), "first_seen": if number % 2 == 0 { Some(hour(-100)) } else { None }, "due": null });
    let notes = json!({ "because": [], "why": [], "left_out": [], "apart": [], "answers": [answer] });
    let content = PackageContent { document, hosts: serde_json::to_vec(&places).unwrap(), notes: notes.to_string().into_bytes() };
    let intent = |at: Timestamp, verb: &str, object: String| Intent::new(Actor::server(), at, verb, object);

    let mut change = store.begin(intent(drafted, "package.draft", format!("package-draft:{digest}"))).await.unwrap();
    change.add_package(&row, &content).await.unwrap();
    change.commit(None).await.unwrap();
    let mut change = store.begin(intent(hour(5), ACCEPT, format!("package:{digest}"))).await.unwrap();
    change.accept_package(&digest).await.unwrap();
    change.commit(None).await.unwrap();
    let mut change = store.begin(intent(hour(6), "rollout.start", format!("rollout:{digest}"))).await.unwrap();
    let generation = change.next_generation().await.unwrap();
    let rollout = Rollout { package: digest.clone(), client, epoch: 1, generation, revision: 1, wanted: Wanted::Done, gate: Gate::Done, rings: Vec::new(), reasons: Vec::new(), retried: 0, started: hour(6), changed: hour(6) };
    change.start_rollout(&rollout, &BTreeMap::new()).await.unwrap();
    change.commit(None).await.unwrap();

    let mut seen = Vec::new();
    for (place, host) in hosts.iter().enumerate() {
        let first = [State::Succeeded, State::Succeeded, State::Succeeded, State::AlreadySatisfied, State::RolledBack, State::FailedClean, State::Refused][chance.below(7) as usize];
        let mut states = vec![State::Executing, first];
        if !first.is_success() && chance.one_in(2) {
            states.extend([State::Executing, State::Succeeded]);
        }
        for (step, state) in states.iter().enumerate() {
            let observed = hour(8 + place as i64) + SignedDuration::from_secs((step * 1_000) as i64 + chance.below(900) as i64);
            let attempt = format!("{:064x}", u64::from(number) * 1_000_000 + place as u64 * 100 + step as u64 / 2);
            let row = OutcomeRow { attempt: attempt.clone(), package: digest.clone(), host: *host, generation: generation + step as u64 / 2, state: json!(state).as_str().unwrap().to_owned(), observed, received: observed + SignedDuration::from_secs(5), reboot_pending: false };
            let mut change = store.begin(intent(row.received, "outcome.report", format!("outcome:{attempt}"))).await.unwrap();
            assert!(change.put_outcome(&row, client, b"{}").await.unwrap());
            change.commit(None).await.unwrap();
        }
        if states.last().is_some_and(|state| state.is_success()) {
            let second = [None, Some(Agreement::Agrees), Some(Agreement::Disagrees), Some(Agreement::Missing)][chance.below(4) as usize];
            let state = if second == Some(Agreement::Disagrees) { Confirmed::Disputed } else { Confirmed::Installed };
            let second = second.map(|agreement| Second { agreement, results: Vec::new() });
            seen.push(Confirmation { host: *host, state, reasons: Vec::new(), report: None, second });
        }
    }
    let mut change = store.begin(intent(hour(40), "rollout.confirm", format!("rollout:{digest}"))).await.unwrap();
    change.put_confirmations(&digest, client, &seen).await.unwrap();
    change.commit(None).await.unwrap();
    seen.iter().filter(|one| one.state == Confirmed::Installed).count()
}

/// Two hundred days of a fleet, written as the server's own changes would be.
/// Gives how many parts in rollouts were seen at their end.
fn history(data: &Path, now: Timestamp) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { opener: Opener::Command, keys: Some(data.to_owned()), ..Options::new(sqlite_url(&data.join("plimsoll.db"))) };
        let store = Store::open_with(options).await.unwrap();
        let intent = |at: Timestamp, verb: &str, host: HostId| Intent::new(Actor::server(), at, verb, format!("host:{host}"));
        let mut change = store.begin(Intent::new(Actor::server(), now, "client.add", "Acme")).await.unwrap();
        let acme = change.add_client("Acme").await.unwrap().id;
        change.commit(None).await.unwrap();
        let own = store.clients(&Scope::All).await.unwrap().into_iter().map(|client| client.id).find(|client| *client != acme).unwrap();
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for number in 0..HOSTS {
            let host = HostId::from_bits(u128::from(number) + 1);
            let client: ClientId = if number % 2 == 0 { own } else { acme };
            let days = 200 - (chance.below(9) * 20) as i64;
            let enrolled = now - SignedDuration::from_secs(days * DAY);
            let registration = Registration {
                id: host,
                number: 0,
                client,
                name: format!("host-{}", number / 2),
                state: HostState::Active,
                source: HostSource::Manual,
                labels: BTreeMap::new(),
                tier: None,
                exposure: None,
                environment: None,
                owner: None,
                public_key: None,
                enrolled,
                last_seen: None,
                report: None,
                reported: None,
                flag: None,
            };
            let mut change = store.begin(intent(enrolled, "host.enrol", host)).await.unwrap();
            change.insert_host(registration, &Machine::default()).await.unwrap();
            change.add_transitions(&journal(&mut chance, host, enrolled.as_second(), now.as_second())).await.unwrap();
            change.commit(None).await.unwrap();
            if number % 5 == 3 {
                let at = now - SignedDuration::from_secs(chance.below(40 * DAY as u64) as i64);
                let mut change = store.begin(intent(at, "host.retire", host)).await.unwrap();
                change.retire_host(host).await.unwrap();
                change.commit(None).await.unwrap();
            }
        }
        let mut seen = 0;
        for (number, days) in (0..).zip([80_i64, 50, 20, 10]) {
            let (client, rest) = if number % 2 == 0 { (own, 0) } else { (acme, 1) };
            let hosts: Vec<HostId> = (0..HOSTS).filter(|host| host % 2 == rest).map(|host| HostId::from_bits(u128::from(host) + 1)).collect();
            seen += rollout(&store, &mut chance, client, &hosts, (number, now - SignedDuration::from_secs(days * DAY))).await;
        }
        store.close().await;
        seen
    })
}

/// What the second program says of a report; none where there is no Python.
fn recount(events: &Path, report: &Path) -> Option<(Option<i32>, String)> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/recompute-report.py");
    let Ok(output) = Command::new("python3").arg(program).args([events, report]).output() else {
        assert!(std::env::var_os("CI").is_none(), "CI needs python3");
        eprintln!("skipped: no python3");
        return None;
    };
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((output.status.code(), said))
}

/// Holds a report against its events; gives it.
pub fn holds(small: &Small, up: &Up, words: &[&str]) -> Value {
    let (events, report) = (small.at("events.jsonl"), small.at("recounted.json"));
    let server = ["--server", &up.url, "--token", &up.token, "--output"];
    plimsoll(&[&["report"], words, &["--format", "json"], &server[..], &[&text(&report)]].concat()).finished();
    let at = words.iter().position(|word| *word == "--as-of").map(|place| &words[place..place + 2]);
    let client = words.iter().position(|word| *word == "--client").map(|place| &words[place..place + 2]);
    let which = [at.unwrap_or_default(), client.unwrap_or_default()].concat();
    plimsoll(&[&["report", "events", "--format", "jsonl"], &which[..], &server[..], &[&text(&events)]].concat()).finished();
    if let Some((code, said)) = recount(&events, &report) {
        assert!(code == Some(0) && said.contains(", 0 differ"), "{words:?}: {said}");
    }
    serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap()
}

/// Places of all numbers.
fn numbers(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(place.to_owned()),
        Value::Array(items) => items.iter().enumerate().for_each(|(number, item)| numbers(item, &format!("{place}/{number}"), found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| numbers(member, &format!("{place}/{name}"), found)),
        _ => {}
    }
}

#[test]
fn every_figure_is_the_same_when_another_program_counts_again() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    // A server reads its hosts when it starts.
    Up::start(&small).stop();
    let now = Timestamp::now();
    let seen = history(&small.at("data"), now);
    let up = Up::start(&small);
    let started = Instant::now();
    let told = |words: &[&str]| plimsoll(&[&["report", "events", "--server", &up.url, "--token", &up.token], words].concat());
    let all = |out: &str| out.matches("\"event\":\"host\"").count() as u64 >= HOSTS && out.matches("\"confirmed\":\"").count() == seen;
    while !all(&told(&[]).out) {
        assert!(started.elapsed() < Duration::from_secs(120), "{seen} were seen: {}", told(&[]).out.lines().map(|line| &line[..line.len().min(200)]).collect::<Vec<_>>().join("\n"));
        std::thread::sleep(Duration::from_millis(500));
    }

    let past = |days: i64| (now - SignedDuration::from_secs(days * DAY)).to_string();
    let (today, before) = (past(0), past(45));
    for words in [&["operator", "--as-of", &today][..], &["weekly", "--as-of", &before], &["client", "--client", "Acme", "--as-of", &today], &["auditor", "--as-of", &before, "--days", "400"], &["management", "--as-of", &past(230)]] {
        holds(&small, &up, words);
    }
    let report = holds(&small, &up, &["auditor", "--as-of", &today]);
    // There was something to count, of every kind.
    let measures = &report["measures"];
    let sum = |list: &str, name: &str| measures[list].as_array().unwrap().iter().map(|line| line[name].as_u64().unwrap()).sum::<u64>();
    for (list, names) in [("open", &["within", "approaching", "exceeded", "undated"][..]), ("on_time", &["met", "late", "open"])] {
        assert!(names.iter().all(|name| sum(list, name) > 0), "{measures}");
    }
    assert!(measures["on_time"].as_array().unwrap().iter().any(|rule| rule["share"].is_f64()), "{measures}");
    for place in ["/flow/opened_again", "/exploited/open", "/exploited/overdue", "/exploited/closed", "/started_before", "/moved_later", "/hosts_overdue", "/rollouts/rolled_back", "/rollouts/refused", "/rollouts/failed", "/rollouts/scanner_agrees", "/rollouts/scanner_disagrees", "/time_spent/detect", "/time_spent/confirm"] {
        assert!(measures.pointer(place).and_then(Value::as_u64) > Some(0), "{place} of {measures}");
    }
    assert!(measures["time_to_patch"][0]["patched"].as_array().is_some_and(|points| points.len() == 7) && measures["open"].as_array().unwrap().len() >= 5, "{measures}");
    let rollouts = &measures["rollouts"];
    assert!(rollouts["failed_share"].is_f64() && rollouts["first_attempts"].as_u64() < rollouts["attempts"].as_u64() && rollouts["confirmed"] == json!(seen), "{rollouts}");
    assert!(measures["hosts"].as_u64() < Some(HOSTS), "nobody was retired: {measures}");

    // And it can fail: one number altered anywhere is named.
    let (events, altered) = (small.at("events.jsonl"), small.at("altered.json"));
    let mut places = Vec::new();
    numbers(measures, "/measures", &mut places);
    for place in places.iter().step_by(places.len() / 12) {
        let mut report = report.clone();
        let number = report.pointer_mut(place).unwrap();
        *number = number.as_u64().map_or_else(|| json!(number.as_f64().unwrap() + 0.1), |whole| json!(whole + 1));
        std::fs::write(&altered, report.to_string()).unwrap();
        let Some((code, said)) = recount(&events, &altered) else { return up.stop() };
        assert!(code == Some(1) && said.contains(", 1 differ"), "{place}: {said}");
    }
    // One closing left out of the events shows, and so does a file that is cut.
    std::fs::write(&altered, report.to_string()).unwrap();
    let whole = std::fs::read_to_string(&events).unwrap();
    let (head, tail) = whole.rsplit_once("\"closed\":[{").unwrap();
    for (changed, ended, says) in [
        (format!("{head}\"closed\":[],\"was\":[{{{tail}"), 1, "differs: measures."),
        (whole.trim_end().rsplit_once('\n').unwrap().0.to_owned(), 2, "is cut"),
        (whole.replacen(&now.to_string(), &before, 1), 2, "as of"),
    ] {
        std::fs::write(&events, changed).unwrap();
        let (code, said) = recount(&events, &altered).unwrap();
        assert!(code == Some(ended) && said.contains(says), "{says}: {said}");
    }
    up.stop();
}
