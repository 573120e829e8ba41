//! Backup while working, and restore into either engine.

use crate::databases::{Database, each, postgres, sqlite};
use crate::values::{at, client, host, intent};
use jiff::SignedDuration;
use plimsoll_store::backup::inspect;
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::evidence::verify::verify;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::{Engine, ErrorKind, Options, Scope, Store};

async fn fill(store: &Store) -> plimsoll_core::model::identifier::ClientId {
    let client = client(store, "Acmé \u{1f6a2}").await;
    for number in 0..30 {
        let host = host(store, client, &format!("host{number}")).await;
        let report = PackedReport::new(format!("{{\"n\":{}}}", number % 3).as_bytes()).unwrap();
        store
            .submit(intent(2, "host.report", &format!("host:{}", host.id)), move |change| {
                Box::pin(async move { change.put_report(host.id, &report, at(2)).await })
            })
            .await
            .unwrap();
        store.note_last_seen(&[(host.id, at(3), 1)]).await.unwrap();
    }
    let mut change = store.begin(intent(4, "webhook.add", "webhook")).await.unwrap();
    change.add_webhook(None, plimsoll_store::webhooks::Channel::Webhook, "chat", "https://example.org", vec![]).await.unwrap();
    change.add_person(&crate::values::person("ada")).await.unwrap();
    change.commit(Some("a reason")).await.unwrap();
    let lease = store.take_lease(LEASE, "test", at(0), SignedDuration::from_secs(60)).await.unwrap().unwrap();
    store.integrate_all(&lease, at(5)).await.unwrap();
    client
}

async fn same(store: &Store, restored: &Store, client: plimsoll_core::model::identifier::ClientId) {
    assert_eq!(store.hosts_after(None, 1000).await.unwrap(), restored.hosts_after(None, 1000).await.unwrap());
    assert_eq!(store.changes_since(0, 1000).await.unwrap(), restored.changes_since(0, 1000).await.unwrap());
    assert_eq!(store.people().await.unwrap(), restored.people().await.unwrap());
    let webhook = store.webhooks(&Scope::All).await.unwrap()[0].id;
    assert_eq!(store.webhook_secrets(webhook, at(0)).await.unwrap(), restored.webhook_secrets(webhook, at(0)).await.unwrap());
    let digest = PackedReport::new(b"{\"n\":1}").unwrap().digest().to_owned();
    assert_eq!(restored.report(client, &digest).await.unwrap(), b"{\"n\":1}");
}

#[test]
fn a_backup_restores_into_either_engine_and_the_log_goes_on() {
    each(|database: Database| async move {
        let store = &database.store;
        let client = fill(store).await;
        let path = database.folder.join("b.backup");
        // Others write meanwhile.
        let busy = store.clone();
        let writing = tokio::spawn(async move {
            for _ in 0..20 {
                crate::values::client(&busy, &format!("late {:?}", std::time::Instant::now())).await;
            }
        });
        let made = store.backup(&path, Some(&database.folder), at(6)).await.unwrap();
        writing.await.unwrap();
        assert_eq!(inspect(&path).unwrap(), made);
        assert!(made.with_keys && made.rows["hosts"] == 30 && made.rows["reports"] == 3);
        assert_eq!(store.backup(&path, None, at(6)).await.unwrap_err().kind, ErrorKind::Invalid);

        let quiet = database.folder.join("quiet.backup");
        store.backup(&quiet, Some(&database.folder), at(7)).await.unwrap();
        let mut targets: Vec<Options> = vec![sqlite(&database.folder.join("restored"))];
        let keys = database.folder.join("restored-keys");
        targets.extend(postgres(&keys));
        for options in targets {
            let restored = Store::restore(&quiet, options.clone()).await.unwrap();
            same(store, &restored, client).await;
            // New hosts get new numbers, new leaves continue the log.
            assert_eq!(host(&restored, client, "new").await.number, 30);
            let lease = restored.take_lease(LEASE, "other", at(100), SignedDuration::from_secs(60)).await.unwrap().unwrap();
            assert_eq!(lease.token, 2, "epochs go on");
            restored.integrate_all(&lease, at(101)).await.unwrap();
            let folder = database.folder.join(format!("export-{:?}", restored.engine()));
            let exported = restored.export_evidence(&folder).await.unwrap();
            let older = store.checkpoint().await.unwrap().unwrap();
            let verdict = verify(&folder, &exported.verifier_key, Some(&older.note));
            assert!(verdict.is_good(), "{:?}", verdict.problems);
            restored.close().await;
            assert_eq!(Store::restore(&quiet, options).await.unwrap_err().problem.code, "E-NOT-EMPTY");
        }
    });
}

#[test]
fn an_incomplete_or_changed_backup_is_refused_before_anything_is_touched() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_with(sqlite(folder.path())).await.unwrap();
        fill(&store).await;
        let path = folder.path().join("b.backup");
        store.backup(&path, None, at(6)).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let plain = zstd::decode_all(bytes.as_slice()).unwrap();
        let broken = folder.path().join("broken.backup");
        let mut cut: Vec<Vec<u8>> = (1..20).map(|part| bytes[..bytes.len() * part / 20].to_vec()).collect();
        let lines: Vec<&[u8]> = plain.split_inclusive(|byte| *byte == b'\n').collect();
        let without = |skip: usize| lines.iter().enumerate().filter(|(number, _)| *number != skip).flat_map(|(_, line)| line.to_vec()).collect::<Vec<u8>>();
        for skip in [0, 1, 5, lines.len() / 2, lines.len() - 1] {
            cut.push(zstd::encode_all(without(skip).as_slice(), 1).unwrap());
        }
        cut.push(zstd::encode_all([plain.as_slice(), b"{\"table\":\"hosts\"}\n"].concat().as_slice(), 1).unwrap());
        cut.push(Vec::new());
        for bytes in cut {
            std::fs::write(&broken, bytes).unwrap();
            let error = Store::restore(&broken, sqlite(&folder.path().join("new"))).await.unwrap_err();
            assert_eq!(error.problem.code, "E-BACKUP", "{error}");
        }
        assert!(!folder.path().join("new").exists());
        // Without the keys, the log could not go on.
        let error = Store::restore(&path, sqlite(&folder.path().join("new"))).await.unwrap_err();
        assert_eq!(error.problem.code, "E-LOG-KEY");
        // A command beside the server may do it too.
        let mut beside = sqlite(folder.path());
        beside.opener = plimsoll_store::Opener::Command;
        let beside = Store::open_with(beside).await.unwrap();
        beside.backup(&folder.path().join("second.backup"), Some(folder.path()), at(7)).await.unwrap();
        assert_eq!(beside.engine(), Engine::Sqlite);
    });
}

#[test]
fn every_table_is_in_a_backup_or_left_out_on_purpose() {
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/migrations")).unwrap();
    let text: String = migrations.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let all: std::collections::BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.strip_suffix(" (")).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rows = runtime.block_on(async {
        let store = Store::open_with(sqlite(folder.path())).await.unwrap();
        store.backup(&folder.path().join("b.backup"), None, at(0)).await.unwrap().rows
    });
    let missing: Vec<&&str> = all.iter().filter(|table| !rows.contains_key(**table)).collect();
    assert_eq!(missing, [&"answers", &"sessions", &"sign_in_links", &"tickets"]);
}
