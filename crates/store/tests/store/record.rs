//! What the log tells of a rollout: from the tables and from an exported
//! folder the same.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use jiff::SignedDuration;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::authorisation::{Remark, RemarkKind};
use plimsoll_core::model::deployment_package::{ChangeType, ConfigurationFiles, DeploymentPackage, HostList, Place, PolicyNamed, RebootRule, Ring};
use plimsoll_core::model::identifier::{ClientId, HostId, TriageId};
use plimsoll_core::model::outcome::{Observed, Outcome, State};
use plimsoll_core::model::triage::TriageStep;
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::deploy::{Gate, Progress, RingStanding, Wanted};
use plimsoll_core::phases::document::{DeviationKind, Event, Input, Triaged, decide};
use plimsoll_store::Store;
use plimsoll_store::deployment_packages::{ACCEPT, PackageContent, PackageRow, PackageSignature, PackageState};
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::evidence::record::exported;
use plimsoll_store::rollouts::{Assigned, Confirmation, OutcomeRow, Rollout};

fn package(client: ClientId) -> DeploymentPackage {
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl".to_owned(),
        version: 1,
        client,
        title: "OpenSSL".to_owned(),
        reason: "KEV".to_owned(),
        advisories: Vec::new(),
        author: "anna".to_owned(),
        created: at(10),
        expires: at(10_000),
        change: ChangeType::Normal,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: "cd".repeat(32) },
        streams: Default::default(),
        hosts: HostList { count: 2, root: String::new() },
        rings: vec![Ring { name: "canary".to_owned(), opens: at(0), soak_seconds: 1, success_per_mille: 1000, failures: 0 }],
        windows: Default::default(),
        checks: Vec::new(),
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

fn outcome(digest: &str, host: HostId, state: State, second: i64) -> Outcome {
    Outcome {
        host,
        package: digest.to_owned(),
        epoch: 1,
        generation: 1,
        attempt: format!("{host}-1"),
        state,
        observed: at(second),
        boot_id: String::new(),
        packages: vec![Observed { name: "openssl".to_owned(), arch: "amd64".to_owned(), before: Some("1".to_owned()), after: Some("2".to_owned()), status: "ii".to_owned() }],
        checks: Vec::new(),
        restarted: Vec::new(),
        stale_processes: Vec::new(),
        reboot_pending: false,
        effects: 1,
        log: format!("{}the end", "x".repeat(10_000)),
        problem: None,
    }
}

async fn say(store: &Store, client: ClientId, said: &Outcome) {
    let word = serde_json::to_value(said.state).unwrap().as_str().unwrap().to_owned();
    let row = OutcomeRow { attempt: said.attempt.clone(), package: said.package.clone(), host: said.host, generation: 1, state: word, observed: said.observed, received: said.observed, reboot_pending: said.reboot_pending };
    let document = serde_json::to_vec(said).unwrap();
    let intent = intent(50, "outcome.report", &format!("outcome:{}", said.attempt));
    assert!(store.submit(intent, move |change| Box::pin(async move { change.put_outcome(&row, client, &document).await })).await.unwrap());
}

/// A rollout of two hosts: one succeeds and is confirmed, one rolls back.
async fn carried(store: &Store, client: ClientId, hosts: [HostId; 2], digest: &str) {
    let places: Vec<Place> = hosts.iter().map(|host| Place { host: *host, ring: 0, window: None }).collect();
    let row = PackageRow { digest: digest.to_owned(), client, name: "openssl".into(), version: 1, title: "OpenSSL".into(), author: "anna".into(), state: PackageState::Draft, created: at(10), expires: at(10_000), accepted: None };
    let content = PackageContent { document: serde_json::to_vec(&serde_json::json!({ "signed": package(client), "signatures": [] })).unwrap(), hosts: serde_json::to_vec(&places).unwrap(), notes: b"{}".to_vec() };
    let mut change = store.begin(intent(10, "package.draft", &format!("package-draft:{digest}"))).await.unwrap();
    change.add_package(&row, &content).await.unwrap();
    change.commit(Some("KEV")).await.unwrap();
    let mut change = store.begin(intent(12, "package.sign", &format!("package-draft:{digest}"))).await.unwrap();
    let signature = PackageSignature { keyid: "k1".into(), person: "ben".into(), signature: "00".into(), added: at(12) };
    change.add_package_signature(digest, &signature).await.unwrap();
    change.commit(None).await.unwrap();
    for (second, who, kind, text) in [(12, "dirk", RemarkKind::Approve, ""), (12, "server", RemarkKind::RetroOverdue, "it was to be approved")] {
        let mut change = store.begin(intent(second, kind.verb(), &format!("package-draft:{digest}"))).await.unwrap();
        assert!(change.add_remark(digest, client, &Remark { kind, who: who.into(), text: text.into(), at: at(second) }).await.unwrap());
        change.commit(None).await.unwrap();
    }
    let mut change = store.begin(intent(13, ACCEPT, &format!("package:{digest}"))).await.unwrap();
    change.accept_package(digest).await.unwrap();
    change.commit(None).await.unwrap();
    let rollout = Rollout { package: digest.to_owned(), client, epoch: 1, generation: 1, revision: 1, wanted: Wanted::Running, gate: Gate::Waiting, rings: Vec::new(), reasons: Vec::new(), retried: 0, started: at(20), changed: at(20) };
    let names = hosts.iter().zip(["web1", "web2"]).map(|(host, name)| (*host, name.to_owned())).collect();
    let mut change = store.begin(intent(20, "rollout.start", &format!("rollout:{digest}"))).await.unwrap();
    change.start_rollout(&rollout, &names).await.unwrap();
    change.commit(Some("go")).await.unwrap();
    let mut change = store.begin(intent(30, "rollout.advance", &format!("rollout:{digest}"))).await.unwrap();
    change.record_standings(digest, &[RingStanding { hosts: 2, ..RingStanding::default() }]).unwrap();
    let looked = Triaged { host: hosts[0], word: Some(TriageId::from_bits(7)), step: Some(TriageStep::Evidence), said: Some(at(25)), evidence: Some("case 7".into()), lapsed: None };
    let lapsed = Triaged { host: hosts[1], word: None, step: None, said: None, evidence: None, lapsed: Some(at(28)) };
    change.record_triages(digest, &[looked, lapsed]).unwrap();
    let progress = vec![Progress { opened: Some(at(30)), succeeded: None }];
    let moved = change.move_rollout(&rollout, |rollout| (rollout.gate, rollout.rings) = (Gate::Open, progress)).await.unwrap();
    let given: Vec<Assigned> = hosts.iter().map(|host| Assigned { host: *host, go: Some(Go::Apply), applied: Some(at(30)), changed: at(30) }).collect();
    change.put_assignments(digest, &given).await.unwrap();
    change.commit(None).await.unwrap();
    say(store, client, &outcome(digest, hosts[0], State::Executing, 40)).await;
    say(store, client, &outcome(digest, hosts[0], State::Succeeded, 50)).await;
    say(store, client, &outcome(digest, hosts[1], State::RolledBack, 51)).await;
    let mut change = store.begin(intent(60, "rollout.confirm", &format!("rollout:{digest}"))).await.unwrap();
    let confirmation = Confirmation { host: hosts[0], state: Confirmed::Installed, reasons: vec!["seen".into()], report: Some("r".into()), second: None };
    change.put_confirmations(digest, client, &[confirmation]).await.unwrap();
    change.commit(None).await.unwrap();
    let mut change = store.begin(intent(70, "rollout.advance", &format!("rollout:{digest}"))).await.unwrap();
    change.record_standings(digest, &[RingStanding { hosts: 2, succeeded: 1, failed: 1, against: vec![hosts[1]], ..RingStanding::default() }]).unwrap();
    change.move_rollout(&moved, |rollout| (rollout.gate, rollout.reasons) = (Gate::Shut, vec!["1 of 2".into()])).await.unwrap();
    change.commit(None).await.unwrap();
}

#[test]
fn the_tables_and_an_exported_folder_tell_the_same_of_a_rollout() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let hosts = [host(store, acme, "web1").await.id, host(store, acme, "web2").await.id];
        let digest = "ab".repeat(32);
        assert_eq!(store.rollout_evidence(&digest).await.unwrap_err().problem.code, "E-NOT-FOUND");
        carried(store, acme, hosts, &digest).await;
        let lease = store.take_lease(LEASE, "test", at(80), SignedDuration::from_secs(1_000)).await.unwrap().unwrap();
        let sealed = store.integrate_all(&lease, at(80)).await.unwrap().unwrap();
        let told = store.rollout_evidence(&digest).await.unwrap();
        assert_eq!((told.seal.size, told.seal.entries), (sealed.size, 12), "{:?}", told.seal);
        // What comes later and is of something else changes nothing.
        client(store, "Other").await;
        store.integrate_all(&lease, at(90)).await.unwrap().unwrap();
        assert_eq!(store.rollout_evidence(&digest).await.unwrap(), told);
        let folder = tempfile::tempdir().unwrap();
        let key = store.export_evidence(folder.path()).await.unwrap().verifier_key;
        assert_eq!(exported(folder.path(), &key, &digest).unwrap(), told);
        assert_eq!(exported(folder.path(), &key, &"cd".repeat(32)).unwrap_err().problem.code, "E-NOT-FOUND");

        let record = decide(&Input { package: &digest, entries: &told.entries, seal: told.seal.clone() }).unwrap();
        assert_eq!(record.acts.iter().map(|act| act.verb.as_str()).collect::<Vec<_>>(), ["package.draft", "package.sign", "package.approve", "package.retro-overdue", "package.accept", "rollout.start"]);
        assert_eq!((record.totals.confirmed, record.totals.failed, record.totals.effects), (1, 1, 2));
        assert_eq!(record.hosts.iter().map(|host| host.name.as_str()).collect::<std::collections::BTreeSet<_>>(), ["web1", "web2"].into());
        assert_eq!(record.deviations.iter().map(|deviation| deviation.kind).collect::<Vec<_>>(), [DeviationKind::ApprovalLate, DeviationKind::Untriaged, DeviationKind::RolledBack, DeviationKind::GateShut]);
        let triages: Vec<_> = record.triages.iter().map(|triage| (triage.triaged.host, triage.triaged.step, triage.triaged.evidence.as_deref())).collect();
        assert_eq!(triages, [(hosts[0], Some(TriageStep::Evidence), Some("case 7")), (hosts[1], None, None)]);
        // Of a long output the end is kept, and only where something failed.
        let logs: Vec<usize> = told.entries.iter().filter_map(|entry| match &entry.event { Event::Said(word) => Some(word.saw.as_ref().map_or(0, |saw| saw.log.len())), _ => None }).collect();
        assert_eq!(logs, [0, 0, 2_000]);
    });
}
