//! Processes that are killed: at each statement of a migration, and at each
//! between a change and its leaf.

use crate::databases::engines;
use crate::values::{enrolment_token, intent, registration};
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::hosts::Machine;
use plimsoll_store::{ErrorKind, Options, Scope, Store};
use std::collections::BTreeSet;
use std::process::Command;
use tokio::runtime::Runtime;

/// Ends the process at the statement that the parent named.
fn end_here(number: usize) {
    if std::env::var("PLIMSOLL_END_AT").is_ok_and(|wanted| wanted == number.to_string()) {
        std::process::abort();
    }
}

fn child_options() -> Option<Options> {
    let mut options = Options::new(std::env::var("PLIMSOLL_CHILD").ok()?);
    options.keys = std::env::var_os("PLIMSOLL_KEYS").map(Into::into);
    options.before_statement = Some(end_here);
    Some(options)
}

/// Runs one of the children below; true when it was not killed.
fn child(name: &str, options: &Options, end_at: usize) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env("PLIMSOLL_CHILD", &options.url).env("PLIMSOLL_END_AT", end_at.to_string());
    if let Some(keys) = &options.keys {
        command.env("PLIMSOLL_KEYS", keys);
    }
    let output = command.output().unwrap();
    // A failed assertion ends otherwise than an abort.
    assert_ne!(output.status.code(), Some(101), "{}", String::from_utf8_lossy(&output.stdout));
    output.status.success()
}

#[test]
fn child_that_opens() {
    let Some(options) = child_options() else { return };
    Runtime::new().unwrap().block_on(async { Store::open_with(options).await.map(drop) }).unwrap();
}

#[test]
fn child_that_changes() {
    let Some(options) = child_options() else { return };
    Runtime::new().unwrap().block_on(async {
        let store = Store::open_with(options).await.unwrap();
        let name = format!("client {}", plimsoll_store::identifier::secret().unwrap());
        let mut change = store.begin(intent(0, "client.add", "client")).await.unwrap();
        let client = change.add_client(&name).await.unwrap().id;
        let host = change.insert_host(registration(client, "web1"), &Machine::default()).await.unwrap();
        change.commit(Some("killed or not")).await.unwrap();
        // In a group the leaf is written before the next piece begins.
        let one = store.submit(intent(1, "host.edit", &format!("host:{}", host.id)), move |change| {
            Box::pin(async move { change.flag_host(host.id, Some("flag")).await.map(drop) })
        });
        let two = store.submit(intent(1, "token.add", "token"), move |change| {
            Box::pin(async move { change.add_enrolment_token(&name, &enrolment_token(client, 1)).await })
        });
        let (one, two) = futures_util::future::join(one, two).await;
        one.unwrap();
        two.unwrap();
    });
}

#[test]
fn a_migration_survives_a_kill_at_any_statement() {
    for (_folder, options) in engines() {
        let mut kills = 0;
        while !child("kills::child_that_opens", &options, kills) {
            kills += 1;
            assert!(kills < 1000);
        }
        eprintln!("{} kills of {}", kills, options.url.split(':').next().unwrap());
        assert!(kills > 50, "each statement was one: {kills}");
        Runtime::new().unwrap().block_on(async {
            let store = Store::open_with(options.clone()).await.unwrap();
            crate::values::client(&store, "Acme").await;
        });
    }
}

#[test]
fn no_change_without_its_leaf_and_no_leaf_without_its_change() {
    for (_folder, options) in engines() {
        assert!(child("kills::child_that_opens", &options, 100_000));
        let mut end_at = 0;
        let mut left_behind = BTreeSet::new();
        loop {
            let finished = child("kills::child_that_changes", &options, end_at);
            Runtime::new().unwrap().block_on(async {
                let store = Store::open_with(options.clone()).await.unwrap();
                let hosts = store.hosts_after(None, 1000).await.unwrap();
                let leaves = store.activity(&ActivityQuery { limit: 1000, ..ActivityQuery::new(Scope::All) }).await.unwrap();
                let with = |verb: &str| leaves.iter().filter(|leaf| leaf.verb == verb).count();
                assert_eq!(store.clients(&Scope::All).await.unwrap().len(), with("client.add"));
                assert_eq!(hosts.len(), with("client.add"));
                assert_eq!(hosts.iter().filter(|(host, _)| host.flag.is_some()).count(), with("host.edit"));
                assert_eq!(store.enrolment_tokens(&Scope::All).await.unwrap().len(), with("token.add"));
                assert!(leaves.iter().filter(|leaf| leaf.verb == "client.add").all(|leaf| leaf.reason.is_some()));
                left_behind.insert((with("client.add"), with("host.edit"), with("token.add")));
                store.close().await;
            });
            end_at += 1;
            if finished {
                break;
            }
            assert!(end_at < 1000);
        }
        eprintln!("{end_at} kill points, {} states seen", left_behind.len());
        assert!(end_at > 15 && left_behind.len() > 2, "{end_at}");
    }
}

#[test]
fn a_newer_or_foreign_schema_and_a_second_server_are_refused() {
    for (_folder, options) in engines() {
        Runtime::new().unwrap().block_on(async {
            let store = Store::open_with(options.clone()).await.unwrap();
            let second = Store::open_with(options.clone()).await;
            match store.engine() {
                plimsoll_store::Engine::Sqlite => {
                    let error = second.unwrap_err();
                    assert_eq!((error.kind, error.problem.code.as_str()), (ErrorKind::Refused, "E-LOCKED"));
                    assert!(error.problem.text.contains(&format!("pid {}", std::process::id())), "{error}");
                }
                plimsoll_store::Engine::Postgres => assert!(second.unwrap().ping().await.is_ok()),
            }
            store.close().await;
            let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&options.url).await.unwrap();
            for (sql, code) in [
                ("INSERT INTO migrations (number, name, digest) VALUES (999, 'future', 'x')", "E-STORE-NEWER"),
                ("DELETE FROM migrations WHERE number = 999", ""),
                ("UPDATE migrations SET digest = 'x' WHERE number = 1", "E-STORE-SCHEMA"),
            ] {
                sqlx::query(sql).execute(&pool).await.unwrap();
                match Store::open_with(options.clone()).await {
                    Ok(store) => {
                        assert_eq!(code, "");
                        store.close().await;
                    }
                    Err(error) => assert_eq!(error.problem.code, code),
                }
            }
            pool.close().await;
        });
    }
}

#[test]
fn keys_are_readable_by_their_owner_only_and_missed_when_gone() {
    for (folder, options) in engines() {
        Runtime::new().unwrap().block_on(async {
            let store = Store::open_with(options.clone()).await.unwrap();
            store.close().await;
            drop(store);
            for name in ["evidence.key", "sealing.key"] {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
            }
            std::fs::remove_file(folder.path().join("evidence.key")).unwrap();
            let error = Store::open_with(options.clone()).await.unwrap_err();
            assert_eq!((error.kind, error.problem.code.as_str()), (ErrorKind::Refused, "E-LOG-KEY"));
        });
    }
}

#[test]
fn two_servers_that_start_together_make_one_schema() {
    for (_folder, options) in engines().into_iter().filter(|(_, options)| options.url.starts_with("postgres")) {
        Runtime::new().unwrap().block_on(async {
            let starts = (0..4).map(|_| Store::open_with(options.clone()));
            for store in futures_util::future::join_all(starts).await {
                store.unwrap().ping().await.unwrap();
            }
        });
    }
}
