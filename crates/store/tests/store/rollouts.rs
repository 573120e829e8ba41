//! Packages, rollouts, what hosts were allowed and what they said.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use jiff::SignedDuration;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::authorisation::{Remark, RemarkKind};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::deploy::{Gate, Progress, Wanted};
use plimsoll_store::acquired::Acquired;
use plimsoll_store::deployment_packages::{ACCEPT, PackageContent, PackageRow, PackageSignature, PackageState};
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::evidence::proofs::{leaf_hash, proves_inclusion};
use plimsoll_store::rollouts::{Assigned, Confirmation, OutcomeRow, Rollout};
use plimsoll_store::{Scope, Store};

fn package(client: ClientId, version: u64) -> (PackageRow, PackageContent) {
    let row = PackageRow {
        digest: format!("{version:064x}"),
        client,
        name: "openssl".to_owned(),
        version,
        title: "OpenSSL".to_owned(),
        author: "anna".to_owned(),
        state: PackageState::Draft,
        created: at(10),
        expires: at(1000),
        accepted: None,
    };
    let content = PackageContent { document: b"{\"signed\":1}".to_vec(), hosts: b"[]".to_vec(), notes: vec![b'x'; 100_000] };
    (row, content)
}

async fn add(store: &Store, client: ClientId, version: u64) -> PackageRow {
    let (row, content) = package(client, version);
    let mut change = store.begin(intent(10, "package.draft", "package-draft")).await.unwrap();
    change.add_package(&row, &content).await.unwrap();
    change.commit(None).await.unwrap();
    row
}

fn rollout(package: &PackageRow, generation: u64) -> Rollout {
    Rollout {
        package: package.digest.clone(),
        client: package.client,
        epoch: 1,
        generation,
        revision: 1,
        wanted: Wanted::Running,
        gate: Gate::Waiting,
        rings: Vec::new(),
        reasons: Vec::new(),
        retried: 0,
        started: at(20),
        changed: at(20),
    }
}

/// The package of a rollout that was started.
pub(crate) async fn started(store: &Store, client: ClientId, version: u64) -> String {
    let package = add(store, client, version).await;
    start(store, &package).await.package
}

async fn start(store: &Store, package: &PackageRow) -> Rollout {
    let mut change = store.begin(intent(20, "rollout.start", "rollout")).await.unwrap();
    let generation = change.next_generation().await.unwrap();
    let rollout = rollout(package, generation);
    change.start_rollout(&rollout, &Default::default()).await.unwrap();
    change.commit(None).await.unwrap();
    rollout
}

#[test]
fn what_was_acquired_is_known_once_and_never_with_other_bytes() {
    each(|database| async move {
        let store = &database.store;
        let stream = Stream::release("debian", "12");
        let one = Acquired { stream: stream.clone(), name: "curl".into(), arch: "amd64".into(), version: "1".into(), sha256: "ab".repeat(32), size: 7, repository: "r".into() };
        let mut change = store.begin(intent(1, "artefact.acquire", "acquired")).await.unwrap();
        assert_eq!(change.add_acquired(&[one.clone(), one.clone()]).await.unwrap(), 1);
        change.commit(None).await.unwrap();
        assert_eq!(store.acquired(&stream).await.unwrap(), std::slice::from_ref(&one));
        assert_eq!(store.acquired(&Stream::release("debian", "13")).await.unwrap(), []);
        let mut change = store.begin(intent(2, "artefact.acquire", "acquired")).await.unwrap();
        let other = Acquired { sha256: "cd".repeat(32), ..one };
        assert_eq!(change.add_acquired(&[other]).await.unwrap_err().problem.code, "E-OTHER-BYTES");
    });
}

#[test]
fn a_package_is_signed_accepted_once_and_proven_in_the_log() {
    each(|database| async move {
        let store = &database.store;
        let (acme, other) = (client(store, "Acme").await, client(store, "Other").await);
        assert_eq!(store.next_package_version(acme).await.unwrap(), 1);
        let row = add(store, acme, 1).await;
        assert_eq!(store.next_package_version(acme).await.unwrap(), 2);
        assert_eq!(store.next_package_version(other).await.unwrap(), 1);
        assert_eq!(store.package_content(&row.digest).await.unwrap(), package(acme, 1).1);
        assert_eq!(store.deployment_packages(&Scope::client(other)).await.unwrap(), []);
        assert_eq!(store.deployment_packages(&Scope::client(acme)).await.unwrap(), std::slice::from_ref(&row));
        let (again, content) = package(acme, 1);
        let mut change = store.begin(intent(11, "package.draft", "x")).await.unwrap();
        let again = PackageRow { digest: "ff".repeat(32), ..again };
        assert_eq!(change.add_package(&again, &content).await.unwrap_err().problem.code, "E-TAKEN", "one package of a number");
        drop(change);
        for signature in ["one", "two"] {
            let mut change = store.begin(intent(12, "package.sign", "x")).await.unwrap();
            let signature = PackageSignature { keyid: "k".into(), person: "ben".into(), signature: signature.into(), added: at(12) };
            change.add_package_signature(&row.digest, &signature).await.unwrap();
            change.commit(None).await.unwrap();
        }
        let kept = store.package_signatures(&row.digest).await.unwrap();
        assert_eq!((kept.len(), kept[0].signature.as_str()), (1, "two"), "one a key");
        assert_eq!(store.deployment_package(&row.digest).await.unwrap().state, PackageState::Signed);
        assert!(store.acceptance(&row.digest).await.is_err());
        let object = format!("package:{}", row.digest);
        let mut change = store.begin(intent(13, ACCEPT, &object)).await.unwrap();
        assert_eq!(change.accept_package(&row.digest).await.unwrap().accepted, Some(at(13)));
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(14, ACCEPT, &object)).await.unwrap();
        assert_eq!(change.accept_package(&row.digest).await.unwrap_err().problem.code, "E-STATE");
        drop(change);
        let mut change = store.begin(intent(14, "package.sign", "x")).await.unwrap();
        assert_eq!(change.add_package_signature(&row.digest, &kept[0]).await.unwrap_err().problem.code, "E-STATE");
        drop(change);
        assert_eq!(store.acceptance(&row.digest).await.unwrap().1, None);
        let lease = store.take_lease(LEASE, "test", at(0), SignedDuration::from_secs(60)).await.unwrap().unwrap();
        let checkpoint = store.integrate_all(&lease, at(15)).await.unwrap().unwrap();
        let (leaf, position) = store.acceptance(&row.digest).await.unwrap();
        let position = position.unwrap();
        let proof = store.inclusion_proof(position, checkpoint.size).await.unwrap();
        assert!(proves_inclusion(&proof, checkpoint.size, checkpoint.root, position, leaf_hash(&leaf)));
        let text = String::from_utf8(leaf).unwrap();
        assert!(text.contains(&format!("\"object\":\"{object}\"")), "{text}");
        // Nothing before the acceptance carries the name that hosts look for.
        let entries = store.changes_since(0, 1000).await.unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.object == object).count(), 1);
    });
}

#[test]
fn a_package_that_began_is_not_withdrawn() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let (one, two) = (add(store, acme, 1).await, add(store, acme, 2).await);
        start(store, &one).await;
        let mut change = store.begin(intent(30, "package.withdraw", "x")).await.unwrap();
        assert_eq!(change.withdraw_package(&one.digest).await.unwrap_err().problem.code, "E-STATE");
        drop(change);
        let mut change = store.begin(intent(30, "package.withdraw", "x")).await.unwrap();
        assert_eq!(change.withdraw_package(&two.digest).await.unwrap().state, PackageState::Withdrawn);
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(31, "rollout.start", "x")).await.unwrap();
        assert_eq!(change.start_rollout(&rollout(&one, 9), &Default::default()).await.unwrap_err().problem.code, "E-TAKEN");
    });
}

#[test]
fn of_two_who_decided_from_the_same_state_one_may_write() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let package = add(store, acme, 1).await;
        let before = start(store, &package).await;
        assert_eq!(store.rollout(&package.digest).await.unwrap(), before);
        let (one, two) = (host(store, acme, "one").await.id, host(store, acme, "two").await.id);
        let progress = Progress { opened: Some(at(21)), succeeded: None };
        let mut change = store.begin(intent(21, "rollout.advance", "x")).await.unwrap();
        let after = change
            .move_rollout(&before, |rollout| (rollout.gate, rollout.rings, rollout.reasons) = (Gate::Open, vec![progress], vec!["because".to_owned()]))
            .await
            .unwrap();
        let given = |host, go, applied| Assigned { host, go, applied, changed: at(21) };
        change.put_assignments(&package.digest, &[given(one, Some(Go::Apply), Some(at(21))), given(two, Some(Go::Stop), None)]).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!((after.revision, store.rollout(&package.digest).await.unwrap()), (2, after.clone()));
        let mut change = store.begin(intent(22, "rollout.pause", "x")).await.unwrap();
        assert_eq!(change.move_rollout(&before, |rollout| rollout.wanted = Wanted::Paused).await.unwrap_err().problem.code, "E-RACE");
        drop(change);
        let mut change = store.begin(intent(23, "rollout.advance", "x")).await.unwrap();
        change.put_assignments(&package.digest, &[given(two, None, None)]).await.unwrap();
        change.commit(None).await.unwrap();
        let mut kept = store.assignments(&package.digest).await.unwrap();
        kept.sort_by_key(|assigned| assigned.go);
        assert_eq!(kept.iter().map(|assigned| (assigned.host, assigned.go, assigned.applied)).collect::<Vec<_>>(), [(two, None, None), (one, Some(Go::Apply), Some(at(21)))]);
        // Many at once: one moves it, the others hear of the race.
        let second = database.second().await;
        let mut tasks = Vec::new();
        for number in 0..8 {
            let (store, after) = (if number % 2 == 0 { store.clone() } else { second.clone() }, after.clone());
            tasks.push(tokio::spawn(async move {
                let mut change = store.begin(intent(24, "rollout.pause", "x")).await.unwrap();
                let moved = change.move_rollout(&after, |rollout| rollout.wanted = Wanted::Paused).await;
                match moved {
                    Ok(_) => change.commit(None).await.map(|_| ()),
                    Err(error) => Err(error),
                }
            }));
        }
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.problem.code, "E-RACE"),
            }
        }
        assert_eq!(won, 1);
    });
}

#[test]
fn the_newest_word_of_an_attempt_stays_and_repeats_change_nothing() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let web = host(store, acme, "web").await.id;
        let row = |state: &str, observed| OutcomeRow { attempt: "aa".repeat(32), package: "p".into(), host: web, generation: 3, state: state.into(), observed: at(observed), received: at(observed + 1), reboot_pending: false };
        let put = |row: OutcomeRow| async move {
            store.submit(intent(40, "outcome.report", "x"), move |change| Box::pin(async move { change.put_outcome(&row, acme, b"{}").await })).await
        };
        assert!(put(row("executing", 40)).await.unwrap());
        assert!(put(row("succeeded", 42)).await.unwrap());
        for old in [row("succeeded", 42), row("executing", 40)] {
            assert_eq!(put(old).await.unwrap_err().problem.code, "E-NO-CHANGE");
        }
        assert_eq!(store.outcomes("p").await.unwrap(), [row("succeeded", 42)]);
        assert_eq!(store.outcomes_since(at(43)).await.unwrap().len(), 1);
        assert_eq!(store.outcomes_since(at(44)).await.unwrap().len(), 0);
        assert_eq!(store.outcome(&"aa".repeat(32)).await.unwrap().unwrap().1, b"{}");
        assert!(store.outcome("none").await.unwrap().is_none());
        // Many at once share a write.
        let before = store.commits();
        let many = (0..200u32).map(|number| put(OutcomeRow { attempt: format!("{number:064x}"), ..row("succeeded", 50) }));
        for done in futures_util::future::join_all(many).await {
            assert!(done.unwrap());
        }
        assert!(store.commits() - before < 50, "{} commits for 200 outcomes", store.commits() - before);
        let confirmation = |state| Confirmation { host: web, state, reasons: vec!["seen".into()], report: Some("r".into()), second: None };
        for state in [Confirmed::Unknown, Confirmed::Installed] {
            let mut change = store.begin(intent(60, "rollout.confirm", "x")).await.unwrap();
            change.put_confirmations("p", acme, &[confirmation(state)]).await.unwrap();
            change.commit(None).await.unwrap();
        }
        assert_eq!(store.confirmations("p").await.unwrap(), [confirmation(Confirmed::Installed)]);
    });
}

#[test]
fn a_backup_that_is_taken_up_begins_another_life() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let package = add(store, acme, 1).await;
        let rollout = start(store, &package).await;
        assert_eq!(store.epoch().await.unwrap(), 1);
        let path = database.folder.join("r.backup");
        store.backup(&path, Some(&database.folder), at(6)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let restored = Store::restore(&path, crate::databases::sqlite(folder.path())).await.unwrap();
        assert_eq!((restored.epoch().await.unwrap(), restored.rollout(&package.digest).await.unwrap()), (2, rollout));
        assert_eq!(restored.package_content(&package.digest).await.unwrap(), store.package_content(&package.digest).await.unwrap());
    });
}

#[test]
fn what_was_said_of_a_package_is_said_once_and_lasts() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let package = add(store, acme, 1).await;
        let remark = |who: &str, text: &str| Remark { kind: RemarkKind::Approve, who: who.to_owned(), text: text.to_owned(), at: at(30) };
        // Many at once, from two servers: one writes, the others find it said.
        let second = database.second().await;
        let mut tasks = Vec::new();
        for number in 0..8 {
            let (store, digest, remark) = (if number % 2 == 0 { store.clone() } else { second.clone() }, package.digest.clone(), remark("ben", "fine"));
            tasks.push(tokio::spawn(async move {
                let mut change = store.begin(intent(30, "package.approve", &format!("package-draft:{digest}"))).await.unwrap();
                let new = change.add_remark(&digest, acme, &remark).await.unwrap();
                if new {
                    change.commit(Some("fine")).await.unwrap();
                }
                new
            }));
        }
        let mut new = 0;
        for task in tasks {
            new += usize::from(task.await.unwrap());
        }
        assert_eq!(new, 1);
        let mut change = store.begin(intent(31, "package.approve", "x")).await.unwrap();
        assert!(!change.add_remark(&package.digest, acme, &remark("ben", "other words")).await.unwrap());
        assert!(change.add_remark(&package.digest, acme, &remark("carla", "fine, too")).await.unwrap());
        change.commit(None).await.unwrap();
        let kept = vec![remark("ben", "fine"), remark("carla", "fine, too")];
        assert_eq!(second.remarks(&package.digest).await.unwrap(), kept);
        assert_eq!(second.all_remarks().await.unwrap(), [(package.digest.clone(), kept)].into());
        let mut change = store.begin(intent(32, "package.approve", "x")).await.unwrap();
        assert!(change.add_remark("none", acme, &remark("ben", "x")).await.is_err(), "there is no such package");
    });
}
