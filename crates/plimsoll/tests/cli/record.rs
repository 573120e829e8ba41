//! The record of a change from the command line: the server's and the one made
//! of an exported log are the same bytes.

use crate::fleet::Up;
use crate::sandbox::{Ran, Small, plimsoll, text};
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::{
    ChangeType, ConfigurationFiles, DeploymentPackage, Place, PolicyNamed, RebootRule, Ring, StreamPlan, Target, Tool,
};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::deploy::{Gate, Progress, Wanted};
use plimsoll_formats::trust::{HostTree, SignedPackage};
use plimsoll_store::deployment_packages::{ACCEPT, PackageContent, PackageRow, PackageState};
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::rollouts::Rollout;
use plimsoll_store::{Actor, Intent, Opener, Options, Scope, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

pub fn package(client: ClientId, places: &[Place], now: Timestamp) -> DeploymentPackage {
    let target = Target { name: "openssl".to_owned(), arch: "amd64".to_owned(), version: "3.0.2-1".to_owned(), sha256: "ab".repeat(32), size: 7, repository: "https://deb.example".to_owned(), new: false };
    let plan = StreamPlan { tool: Tool::Apt, install: vec![target], remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() };
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl".to_owned(),
        version: 1,
        client,
        title: "OpenSSL, *known* <exploited>".to_owned(),
        reason: "DSA-1".to_owned(),
        advisories: vec!["DSA-1".to_owned()],
        author: "anna".to_owned(),
        created: now,
        expires: now + jiff::SignedDuration::from_hours(24),
        change: ChangeType::Normal,
        policy: PolicyNamed { id: "quick".to_owned(), version: "1".to_owned(), sha256: "cd".repeat(32) },
        streams: BTreeMap::from([(Stream::release("debian", "12"), plan)]),
        hosts: HostTree::new(places.to_vec()).unwrap().list(),
        rings: vec![Ring { name: "canary".to_owned(), opens: now, soak_seconds: 1, success_per_mille: 1000, failures: 0 }],
        windows: BTreeMap::new(),
        checks: Vec::new(),
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

/// A rollout that ended, written beside the server as its own changes would.
fn ended(data: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { opener: Opener::Command, keys: Some(data.to_owned()), ..Options::new(sqlite_url(&data.join("plimsoll.db"))) };
        let store = Store::open_with(options).await.unwrap();
        let client = store.clients(&Scope::All).await.unwrap()[0].id;
        // Whole seconds, as a server writes them into packages.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let places: Vec<Place> = (1..=3).map(|number| Place { host: HostId::from_bits(number), ring: 0, window: None }).collect();
        let document = SignedPackage::unsigned(package(client, &places, now)).bytes();
        let digest = SignedPackage::read("package", &document).unwrap().digest();
        let row = PackageRow { digest: digest.clone(), client, name: "openssl".to_owned(), version: 1, title: "OpenSSL".to_owned(), author: "anna".to_owned(), state: PackageState::Draft, created: now, expires: now, accepted: None };
        let content = PackageContent { document, hosts: serde_json::to_vec(&places).unwrap(), notes: br#"{"because":[],"why":[],"left_out":[],"apart":[]}"#.to_vec() };
        let anna = Actor { name: Some("Anna".to_owned()), ..Actor::server() };
        let intent = |verb: &str, object: &str| Intent::new(anna.clone(), now, verb, format!("{object}:{digest}"));
        let mut change = store.begin(intent("package.draft", "package-draft")).await.unwrap();
        change.add_package(&row, &content).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(ACCEPT, "package")).await.unwrap();
        change.accept_package(&digest).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent("rollout.start", "rollout")).await.unwrap();
        let generation = change.next_generation().await.unwrap();
        let rollout = Rollout { package: digest.clone(), client, epoch: 1, generation, revision: 1, wanted: Wanted::Done, gate: Gate::Waiting, rings: Vec::new(), reasons: Vec::new(), retried: 0, started: now, changed: now };
        let names = places.iter().map(|place| (place.host, format!("web{}", place.host.bits()))).collect();
        change.start_rollout(&rollout, &names).await.unwrap();
        change.commit(Some("the board wants it")).await.unwrap();
        let mut change = store.begin(intent("rollout.advance", "rollout")).await.unwrap();
        let rings = vec![Progress { opened: Some(now), succeeded: None }];
        change.move_rollout(&rollout, |rollout| (rollout.gate, rollout.rings) = (Gate::Done, rings)).await.unwrap();
        change.commit(None).await.unwrap();
        store.close().await;
        digest
    })
}

fn record(up: &Up, digest: &str, more: &[&str]) -> Ran {
    let words = ["rollout", "record", digest, "--server", &up.url, "--token", &up.token];
    plimsoll(&[&words[..], more].concat())
}

#[test]
fn a_record_is_the_same_with_and_without_the_server() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let up = Up::start(&small);
    let digest = ended(&small.at("data"));
    let started = Instant::now();
    while !record(&up, &digest, &[]).out.contains("\"state\": \"done\"") {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", record(&up, &digest, &[]).err);
        std::thread::sleep(Duration::from_millis(300));
    }
    let folder = small.path("evidence");
    let key = plimsoll(&["evidence", "export", "--data", &small.path("data"), "--to", &folder]).finished().out.trim().to_owned();
    let forms: [&[&str]; 6] = [&["json"], &["html"], &["markdown"], &["pdf"], &["docx"], &["markdown", "--notes"]];
    for form in forms {
        let ended = form[0];
        let (with, without) = (small.at(&format!("with.{ended}")), small.at(&format!("without.{ended}")));
        let more = [&["--format"], form].concat();
        record(&up, &digest, &[&more[..], &["--output", &text(&with)]].concat()).finished();
        let words = ["evidence", "record", &folder, "--rollout", &digest, "--key", &key, "--output", &text(&without)];
        plimsoll(&[&words[..], &more].concat()).finished();
        let (with, without) = (std::fs::read(with).unwrap(), std::fs::read(without).unwrap());
        assert!(!with.is_empty() && with == without, "{form:?} differs");
    }
    // Without a key the folder's own is believed, and that is said.
    let own = plimsoll(&["evidence", "record", &folder, "--rollout", &digest, "--format", "markdown"]);
    assert!(own.finished().out.starts_with("# OpenSSL, \\*known\\* \\<exploited\\>\n") && own.err.contains("--key"), "{}{}", own.out, own.err);
    assert!(own.out.contains("the board wants it") && own.out.contains("web3"), "{}", own.out);
    // L1: an edited log has no record.
    let texts = small.at("evidence").join("texts/0.jsonl");
    let kept = std::fs::read_to_string(&texts).unwrap();
    std::fs::write(&texts, kept.replacen("the board wants it", "nobody wants it", 1)).unwrap();
    let refused = plimsoll(&["evidence", "record", &folder, "--rollout", &digest, "--key", &key]);
    assert!(refused.code == Some(2) && refused.err.contains("E-EVIDENCE-TEXT") && refused.out.is_empty(), "{:?} {}", refused.code, refused.err);
}
