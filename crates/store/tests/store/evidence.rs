//! The evidence log: order, proofs, export, and two verifiers that must agree
//! on everything that can be done to it.

use crate::databases::{Database, each};
use crate::values::{at, client, host, intent};
use jiff::SignedDuration;
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::evidence::proofs::{leaf_hash, proves_consistency, proves_inclusion};
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::evidence::signing::read_checkpoint;
use plimsoll_store::evidence::verify::{Verdict, verify};
use plimsoll_store::leases::Lease;
use plimsoll_store::{Engine, Scope, Store};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

async fn lease(store: &Store) -> Lease {
    store.take_lease(LEASE, "test", at(0), SignedDuration::from_secs(3600)).await.unwrap().unwrap()
}

/// Makes so many changes; some with a reason, some with a long text beside.
async fn changes(store: &Store, count: usize) {
    for number in 0..count {
        let intent = intent(10, "setting.set", &format!("setting:{number}"));
        store
            .submit(intent, move |change| {
                Box::pin(async move {
                    let text = if number.is_multiple_of(7) { "x".repeat(3000) } else { number.to_string() };
                    change.set(&format!("s{}", number % 5), Some(&text)).await
                })
            })
            .await
            .unwrap();
    }
}

/// The verdict of the second verifier.
fn python(folder: &Path, key: &str, older: Option<&Path>) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(folder).arg(key).args(older);
    let output = command.output().expect("python3");
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Both verdicts, which must be the same.
fn judge(folder: &Path, key: &str, older: Option<&str>) -> Verdict {
    let verdict = verify(folder, key, older);
    let kept = older.map(|older| {
        let path = folder.with_extension("kept");
        std::fs::write(&path, older).unwrap();
        path
    });
    let mut codes: Vec<_> = verdict.problems.iter().map(|problem| problem.code.clone()).collect();
    codes.sort();
    codes.dedup();
    let ours = json!({ "good": verdict.is_good(), "size": verdict.size, "first_bad": verdict.first_bad, "last_good": verdict.last_good,
        "codes": codes, "texts": verdict.texts, "withheld": verdict.withheld });
    assert_eq!(ours, python(folder, key, kept.as_deref()), "{:?}", verdict.problems);
    verdict
}

async fn export(database: &Database, name: &str) -> (PathBuf, String) {
    let folder = database.folder.join(name);
    let exported = database.store.export_evidence(&folder).await.unwrap();
    (folder, exported.verifier_key)
}

/// Statements straight into the database, past the store.
async fn tamper(database: &Database, statements: &[&str]) {
    let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&database.options.url).await.unwrap();
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned())).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

#[test]
fn leaves_are_integrated_in_order_and_proven() {
    each(|database| async move {
        let store = &database.store;
        let lease = lease(store).await;
        let (mut roots, mut seen) = (Vec::new(), 0);
        for count in [1, 1, 5, 249, 1, 300] {
            changes(store, count).await;
            let pending = store.pending_leaves().await.unwrap();
            let checkpoint = store.integrate_all(&lease, at(20)).await.unwrap().unwrap();
            seen += count as u64;
            assert_eq!((pending, checkpoint.size), (count as u64, seen));
            let log = store.log().await.unwrap();
            assert_eq!(read_checkpoint(&checkpoint.note, &log.verifier_key).unwrap(), checkpoint);
            roots.push((checkpoint.size, checkpoint.root));
        }
        assert_eq!(store.integrate(&lease, at(21)).await.unwrap(), None);
        // The feed has the order of the changes.
        let feed = store.changes_since(0, 1000).await.unwrap();
        assert_eq!(feed.len(), 557);
        assert!(feed.iter().zip(0..).all(|(entry, position)| entry.position == Some(position)));
        assert!(feed.iter().zip(feed.iter().skip(1)).all(|(left, right)| left.id < right.id));
        assert_eq!(store.changes_since(556, 10).await.unwrap().len(), 1);
        // A state that is too long for the leaf is read from beside it.
        assert_eq!(feed[0].after, Some(json!({ "setting:s0": "x".repeat(3000) })));
        for (size, root) in &roots {
            assert_eq!(store.root_at(*size).await.unwrap(), *root);
            for position in [0, size / 2, size - 1] {
                let proof = store.inclusion_proof(position, *size).await.unwrap();
                let leaf = leaf_hash(&feed[position as usize].bytes);
                assert!(proves_inclusion(&proof, *size, *root, position, leaf));
                assert!(!proves_inclusion(&proof, *size, *root, position, leaf_hash(b"forged")));
            }
            for (older, older_root) in &roots {
                if older <= size {
                    let proof = store.consistency_proof(*older, *size).await.unwrap();
                    assert!(proves_consistency(&proof, *size, *root, *older, *older_root));
                    assert!(older == size || !proves_consistency(&proof, *size, *root, *older, [7; 32]));
                }
            }
        }
        assert!(store.inclusion_proof(557, 557).await.is_err() && store.consistency_proof(1, 558).await.is_err());
    });
}

#[test]
fn whatever_is_done_to_the_rows_shows() {
    each(|database| async move {
        let store = &database.store;
        let lease = lease(store).await;
        let client = client(store, "Acme").await;
        host(store, client, "web1").await;
        for _ in 0..3 {
            changes(store, 100).await;
            store.integrate_all(&lease, at(30)).await.unwrap();
        }
        let (folder, key) = export(&database, "good").await;
        let good = judge(&folder, &key, None);
        assert!(good.is_good(), "{:?}", good.problems);
        assert_eq!((good.size, good.last_good, good.first_bad, good.withheld), (302, 302, None, 0));
        assert!(good.texts > 300);
        let kept = std::fs::read_to_string(folder.join("checkpoint")).unwrap();

        // What is done, one after the other, and the first bad leaf by then.
        let swap_parts: Vec<String> = [(50, -1), (251, 50), (-1, 251)].map(|(from, to)| format!("UPDATE evidence_leaves SET position = {to} WHERE position = {from}")).to_vec();
        let swap_parts: Vec<&str> = swap_parts.iter().map(String::as_str).collect();
        let blob = |text: &str| match database.engine() {
            Engine::Sqlite => format!("CAST('{text}' AS BLOB)"),
            Engine::Postgres => format!("CAST('{text}' AS BYTEA)"),
        };
        let edit = format!("UPDATE evidence_leaves SET bytes = {} WHERE position = 150", blob("{}"));
        let cases: Vec<(&str, Vec<&str>, u64)> = vec![
            ("edited", vec![&edit], 150),
            ("swapped", swap_parts, 50),
            ("deleted", vec!["DELETE FROM evidence_texts WHERE leaf IN (SELECT id FROM evidence_leaves WHERE position = 120)", "DELETE FROM evidence_leaves WHERE position = 120"], 50),
            ("truncated", vec!["UPDATE evidence_leaves SET position = NULL WHERE position >= 300"], 50),
            ("text", vec!["UPDATE evidence_texts SET content = 'another reason' WHERE leaf IN (SELECT id FROM evidence_leaves WHERE position = 20)"], 20),
        ];
        for (name, statements, first_bad) in cases {
            tamper(&database, &statements).await;
            let (folder, _) = export(&database, name).await;
            let verdict = judge(&folder, &key, Some(&kept));
            assert!(!verdict.is_good());
            assert_eq!(verdict.first_bad, Some(first_bad), "{name}: {:?}", verdict.problems);
        }
    });
}

#[test]
fn a_history_that_was_signed_anew_shows_against_a_kept_checkpoint() {
    each(|database| async move {
        let store = &database.store;
        let lease = lease(store).await;
        changes(store, 40).await;
        let kept = store.integrate_all(&lease, at(30)).await.unwrap().unwrap();
        changes(store, 40).await;
        store.integrate_all(&lease, at(31)).await.unwrap();
        let (folder, key) = export(&database, "good").await;
        assert!(judge(&folder, &key, Some(&kept.note)).is_good());
        // Whoever has the database and the key edits leaf 10, forgets the tree
        // and lets the server integrate and sign all of it again.
        let edit = match database.engine() {
            Engine::Sqlite => "UPDATE evidence_leaves SET bytes = CAST('{}' AS BLOB) WHERE position = 10",
            Engine::Postgres => "UPDATE evidence_leaves SET bytes = CAST('{}' AS BYTEA) WHERE position = 10",
        };
        tamper(&database, &[
            edit,
            "DELETE FROM evidence_texts WHERE leaf = (SELECT id FROM evidence_leaves WHERE position = 10)",
            "DELETE FROM evidence_tiles",
            "DELETE FROM evidence_checkpoints",
            "UPDATE evidence_log SET size = 0",
            "UPDATE evidence_leaves SET position = NULL",
        ])
        .await;
        store.integrate_all(&lease, at(32)).await.unwrap();
        let (folder, _) = export(&database, "forged").await;
        assert!(judge(&folder, &key, None).is_good(), "by itself it looks good");
        let verdict = judge(&folder, &key, Some(&kept.note));
        assert_eq!(verdict.problems[0].code, "E-EVIDENCE-REWRITTEN");
        // Its own newest checkpoint vouches for the forgery; nothing before
        // the kept one vouches for any of it.
        assert_eq!((verdict.first_bad, verdict.last_good), (Some(0), 0));
        // So do another key and a broken checkpoint.
        let other = Store::open(&plimsoll_store::engine::sqlite_url(&database.folder.join("other/o.db"))).await.unwrap();
        let their_key = other.log().await.unwrap().verifier_key;
        assert_eq!(judge(&folder, &their_key, None).problems[0].code, "E-EVIDENCE-SIGNATURE");
        let note = std::fs::read_to_string(folder.join("checkpoint")).unwrap();
        std::fs::write(folder.join("checkpoint"), note.replace("\n80\n", "\n79\n")).unwrap();
        assert_eq!(judge(&folder, &key, None).problems[0].code, "E-EVIDENCE-SIGNATURE");
    });
}

#[test]
fn files_that_were_changed_show_as_well() {
    each(|database| async move {
        let store = &database.store;
        let lease = lease(store).await;
        changes(store, 300).await;
        store.integrate_all(&lease, at(30)).await.unwrap();
        let (folder, key) = export(&database, "good").await;
        let original = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let entries = original("tile/entries/000");
        let tile = original("tile/0/000");
        let last = original("tile/entries/001.p/44");
        let mut flipped = entries.clone();
        flipped[100] ^= 1;
        let mut wrong_tile = tile.clone();
        wrong_tile[32 * 9] ^= 1;
        let mut longer = last.clone();
        longer.extend([0, 1, b'x']);
        let cases = [
            ("tile/entries/000", flipped, entries.clone(), "E-EVIDENCE-ROOT", Some(0)),
            ("tile/entries/000", entries[..5000].to_vec(), entries.clone(), "E-EVIDENCE-TRUNCATED", None),
            ("tile/entries/000", Vec::new(), entries, "E-EVIDENCE-TRUNCATED", Some(0)),
            ("tile/0/000", wrong_tile, tile.clone(), "E-EVIDENCE-TILE", None),
            ("tile/0/000", vec![], tile, "E-EVIDENCE-TILE", None),
            ("tile/entries/001.p/44", longer, last.clone(), "E-EVIDENCE-ENTRIES", Some(300)),
            ("tile/entries/001.p/44", last[..last.len() - 1].to_vec(), last, "E-EVIDENCE-TRUNCATED", Some(299)),
        ];
        for (name, changed, back, code, first_bad) in cases {
            std::fs::write(folder.join(name), changed).unwrap();
            let verdict = judge(&folder, &key, None);
            assert!(verdict.problems.iter().any(|problem| problem.code == code), "{name}: {:?}", verdict.problems);
            if first_bad.is_some() {
                assert_eq!(verdict.first_bad, first_bad, "{name} {code}");
            }
            std::fs::write(folder.join(name), back).unwrap();
        }
        std::fs::write(folder.join("texts/9.jsonl"), "").unwrap();
        assert!(judge(&folder, &key, None).is_good());
    });
}

#[test]
fn texts_about_a_person_can_go_and_proofs_stay() {
    each(|database| async move {
        let store = &database.store;
        let lease = lease(store).await;
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        let ada = crate::values::person("ada");
        change.add_person(&ada).await.unwrap();
        change.commit(Some("joined")).await.unwrap();
        let object = format!("person:{}", ada.id);
        let mut change = store.begin(plimsoll_store::Intent::new(plimsoll_store::Actor::server(), at(2), "person.forget", &object)).await.unwrap();
        let gone = change.forget_texts("person:0123456789abcdefghjkmnpqrs", &object).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(gone, 2, "name and reason of the actor; the object of that change was another");
        store.integrate_all(&lease, at(3)).await.unwrap();
        let (folder, key) = export(&database, "forgotten").await;
        let verdict = judge(&folder, &key, None);
        assert!(verdict.is_good());
        assert_eq!((verdict.texts, verdict.withheld), (1, 2));
        let entries = store.activity(&ActivityQuery::new(Scope::All)).await.unwrap();
        assert!(entries.iter().all(|entry| entry.actor_name.is_none() && entry.reason.is_none()));
    });
}
