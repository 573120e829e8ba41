//! One-time tokens, links and leases: what exactly one of many may have.

use crate::databases::each;
use crate::values::{api_token, at, client, enrolment_token, factor, host, intent, link, person, session};
use data_encoding::HEXLOWER;
use jiff::SignedDuration;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_store::identifier::{secret, secret_hash};
use plimsoll_store::tokens::EnrolmentToken;
use plimsoll_store::{Change, ErrorKind, Scope};
use std::collections::BTreeMap;

/// Keeps a token and gives it with its secret.
async fn add_enrolment_token(change: &mut Change, client: ClientId, uses: u32) -> (EnrolmentToken, String) {
    let (token, secret) = (enrolment_token(client, uses), secret().unwrap());
    change.add_enrolment_token(&secret_hash(&secret), &token).await.unwrap();
    (token, secret)
}

#[test]
fn fifty_at_once_use_a_token_once() {
    each(|database| async move {
        let store = &database.store;
        let second = database.second().await;
        let client = client(store, "Acme").await;
        let mut change = store.begin(intent(1, "token.add", "token")).await.unwrap();
        let (token, secret) = add_enrolment_token(&mut change, client, 1).await;
        change.commit(None).await.unwrap();
        let mut tasks = Vec::new();
        for number in 0..50 {
            let (store, secret) = (if number % 2 == 0 { store.clone() } else { second.clone() }, secret.clone());
            tasks.push(tokio::spawn(async move {
                let mut change = store.begin(intent(2, "host.enrol", "host")).await?;
                let used = change.use_enrolment_token(&secret).await?;
                change.commit(None).await?;
                Ok::<_, plimsoll_store::StoreError>(used)
            }));
        }
        let mut codes: BTreeMap<String, u32> = BTreeMap::new();
        for task in tasks {
            let code = task.await.unwrap().map_or_else(|error| error.problem.code.clone(), |used| format!("used {}", used.used));
            *codes.entry(code).or_default() += 1;
        }
        assert_eq!(codes, BTreeMap::from([("used 1".into(), 1), ("E-TOKEN-USED".into(), 49)]));
        assert_eq!(store.enrolment_tokens(&Scope::All).await.unwrap()[0].used, 1);
        assert_eq!(store.enrolment_tokens(&Scope::All).await.unwrap()[0].id, token.id);

        // Ended, withdrawn, unknown.
        let mut change = store.begin(intent(3, "token.add", "token")).await.unwrap();
        let (ended, ended_secret) = add_enrolment_token(&mut change, client, 5).await;
        let (withdrawn, withdrawn_secret) = add_enrolment_token(&mut change, client, 5).await;
        change.revoke_enrolment_token(withdrawn.id).await.unwrap();
        change.commit(None).await.unwrap();
        for (time, secret, code) in [
            (3600, &ended_secret, "E-TOKEN-EXPIRED"),
            (10, &withdrawn_secret, "E-TOKEN-REVOKED"),
            (10, &"guess".to_owned(), "E-TOKEN"),
        ] {
            let mut change = store.begin(intent(time, "host.enrol", "host")).await.unwrap();
            assert_eq!(change.use_enrolment_token(secret).await.unwrap_err().problem.code, code);
        }
        let mut change = store.begin(intent(3599, "host.enrol", "host")).await.unwrap();
        assert_eq!(change.use_enrolment_token(&ended_secret).await.unwrap().id, ended.id);
    });
}

#[test]
fn a_sign_in_link_works_once() {
    each(|database| async move {
        let store = &database.store;
        let second = database.second().await;
        let ada = person("ada");
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        change.add_person(&ada).await.unwrap();
        change.add_link("hash", &link(ada.id)).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(600, "link.use", "link")).await.unwrap();
        assert_eq!(change.take_link("hash").await.unwrap(), None, "it has ended");
        drop(change);
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let store = if number % 2 == 0 { store.clone() } else { second.clone() };
                tokio::spawn(async move {
                    let mut change = store.begin(intent(599, "link.use", "link")).await.unwrap();
                    let taken = change.take_link("hash").await.unwrap();
                    if taken.is_some() {
                        change.commit(None).await.unwrap();
                    }
                    taken
                })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            won.extend(task.await.unwrap());
        }
        assert_eq!(won, [link(ada.id)]);
        assert_eq!(store.expire_sessions(at(599)).await.unwrap(), 0);
        assert_eq!(store.expire_sessions(at(600)).await.unwrap(), 1);
    });
}

#[test]
fn a_ticket_is_taken_once_as_what_it_is_and_before_its_end() {
    each(|database| async move {
        let store = &database.store;
        let second = database.second().await;
        store.add_ticket("step", "hash", b"half done", at(300)).await.unwrap();
        store.add_ticket("step", "other", b"half done", at(300)).await.unwrap();
        assert_eq!(store.take_ticket("passkey", "hash", at(1)).await.unwrap(), None);
        assert_eq!(store.take_ticket("step", "hash", at(300)).await.unwrap(), None);
        let tries = (0..50).map(|number| {
            let store = if number % 2 == 0 { store } else { &second };
            store.take_ticket("step", "hash", at(299))
        });
        let taken = futures_util::future::join_all(tries).await.into_iter().filter_map(|taken| taken.unwrap()).collect::<Vec<_>>();
        assert_eq!(taken, [b"half done"]);
        assert_eq!(store.expire_sessions(at(299)).await.unwrap(), 0);
        assert_eq!(store.expire_sessions(at(300)).await.unwrap(), 1, "the one that nobody took");
    });
}

#[test]
fn a_stale_lease_holder_cannot_write() {
    each(|database| async move {
        let store = &database.store;
        let length = SignedDuration::from_secs(10);
        let first = store.take_lease("evaluate", "one", at(0), length).await.unwrap().unwrap();
        assert_eq!((first.token, store.take_lease("evaluate", "two", at(9), length).await.unwrap()), (1, None));
        let renewed = store.take_lease("evaluate", "one", at(5), length).await.unwrap().unwrap();
        assert_eq!((renewed.token, renewed.until), (1, at(15)));
        // The first sleeps past its lease and the second takes over.
        let second = store.take_lease("evaluate", "two", at(15), length).await.unwrap().unwrap();
        assert_eq!(second.token, 2);
        let mut change = store.begin(intent(16, "evaluate", "fleet")).await.unwrap();
        let error = change.fence(&first).await.unwrap_err();
        assert_eq!((error.kind, error.problem.text.as_str()), (ErrorKind::Conflict, "stale epoch 1 < 2: another server took over."));
        drop(change);
        assert_eq!(store.integrate(&first, at(16)).await.unwrap(), None, "nothing pending, nothing refused");
        let mut change = store.begin(intent(16, "evaluate", "fleet")).await.unwrap();
        change.fence(&second).await.unwrap();
        change.set("x", Some(&1)).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.integrate(&first, at(16)).await.unwrap_err().problem.code, "E-FENCED");
        store.release_lease(&second).await.unwrap();
        assert_eq!(store.take_lease("evaluate", "one", at(17), length).await.unwrap().unwrap().token, 3);
        // Many at the same time: one has it.
        let second = database.second().await;
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let store = if number % 2 == 0 { store.clone() } else { second.clone() };
                tokio::spawn(async move { store.take_lease("new", &format!("server {number}"), at(0), SignedDuration::from_secs(10)).await })
            })
            .collect();
        let mut holders = 0;
        for task in tasks {
            holders += usize::from(task.await.unwrap().unwrap().is_some());
        }
        assert_eq!(holders, 1);
    });
}

/// Everything that can be read out of a database, as text.
async fn dump(store: &plimsoll_store::Store, folder: &std::path::Path) -> Vec<u8> {
    let path = folder.join("dump.backup");
    store.backup(&path, None, at(0)).await.unwrap();
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

#[test]
fn a_dump_holds_nothing_that_opens_a_door() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        host(store, client, "web1").await;
        let mut change = store.begin(intent(1, "plant", "secrets")).await.unwrap();
        let mut person = person("ada");
        person.password_hash = Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into());
        change.add_person(&person).await.unwrap();
        let (_, enrolment) = add_enrolment_token(&mut change, client, 1).await;
        let (api, session_key, link_secret) = (secret().unwrap(), secret().unwrap(), secret().unwrap());
        let api_token = api_token(person.id);
        change.add_api_token(&secret_hash(&api), &api_token).await.unwrap();
        change.begin_session(&session(person.id, &secret_hash(&session_key)), None).await.unwrap();
        change.add_link(&secret_hash(&link_secret), &link(person.id)).await.unwrap();
        let (webhook, signing) = change.add_webhook(Some(client), plimsoll_store::webhooks::Channel::Webhook, "chat", "https://example.org/hook", vec![]).await.unwrap();
        let seed = store.seal("second-factor:1", b"JBSWY3DPEHPK3PXP").unwrap();
        change.add_second_factor(&factor(person.id, "1", &seed)).await.unwrap();
        change.commit(Some("planted")).await.unwrap();

        assert_eq!(store.webhook_secrets(webhook.id, at(0)).await.unwrap().as_slice(), std::slice::from_ref(&signing));
        // Another one, and another: the last two sign, for as long as was said.
        let mut secrets = vec![signing.clone()];
        for number in 0..2 {
            let mut change = store.begin(intent(50, "webhook.renew-secret", "webhook")).await.unwrap();
            let (renewed, secret) = change.renew_webhook_secret(webhook.id, at(100)).await.unwrap();
            change.commit(None).await.unwrap();
            assert!(!secrets.contains(&secret) && renewed.old_secret_until == Some(at(100)), "{number}");
            secrets.insert(0, secret);
        }
        assert_eq!(store.webhook_secrets(webhook.id, at(99)).await.unwrap(), secrets[..2]);
        assert_eq!(store.webhook_secrets(webhook.id, at(100)).await.unwrap(), secrets[..1]);
        assert_eq!((store.expire_webhook_secrets(at(99)).await.unwrap(), store.expire_webhook_secrets(at(100)).await.unwrap()), (0, 1));
        assert_eq!(store.webhook(webhook.id).await.unwrap().old_secret_until, None);
        assert_eq!(store.unseal("second-factor:1", &seed).unwrap(), b"JBSWY3DPEHPK3PXP");
        assert_eq!(store.unseal("second-factor:2", &seed).unwrap_err().kind, ErrorKind::Damaged);
        assert_eq!(store.api_token_by_hash(&secret_hash(&api)).await.unwrap(), Some(api_token));
        assert_eq!(store.api_token_by_hash(&api).await.unwrap(), None);
        let key = |name| std::fs::read_to_string(database.folder.join(name)).unwrap().trim().to_owned();
        let mut files = dump(store, &database.folder).await;
        if database.engine() == plimsoll_store::Engine::Sqlite {
            for name in ["plim soll%.db", "plim soll%.db-wal"] {
                files.extend(std::fs::read(database.folder.join(name)).unwrap());
            }
        }
        for secret in [enrolment, api, session_key, link_secret, signing, "JBSWY3DPEHPK3PXP".into(), key("evidence.key"), key("sealing.key")] {
            let hexed = HEXLOWER.encode(secret.as_bytes());
            for planted in [secret, hexed] {
                assert!(!files.windows(planted.len()).any(|window| window == planted.as_bytes()), "{planted} is in the dump");
            }
        }
        // The password's hash is there, and only where it belongs.
        assert!(files.windows(5).any(|window| window == b"aGFza"));
    });
}
