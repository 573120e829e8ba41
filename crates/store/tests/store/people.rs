//! Accounts, roles, sessions and second factors.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::PersonId;
use plimsoll_store::hosts::list::HostQuery;
use plimsoll_store::people::{Grant, OidcSubject, Person, SecondFactor};
use plimsoll_store::sessions::NewSession;
use plimsoll_store::{ErrorKind, Scope};
use std::collections::BTreeSet;

pub fn person(account: &str) -> Person {
    Person {
        id: PersonId::from_bits(0),
        account: account.to_owned(),
        name: "Ada Lovelace".to_owned(),
        email: Some("ada@example.org".to_owned()),
        password_hash: None,
        oidc: None,
        disabled: None,
        created: at(0),
        last_sign_in: None,
    }
}

pub fn factor(person: PersonId, id: &str, content: &[u8]) -> SecondFactor {
    SecondFactor {
        id: id.to_owned(),
        person,
        kind: "totp".to_owned(),
        label: "phone".to_owned(),
        credential: None,
        content: content.to_vec(),
        counter: 0,
        created: at(0),
        last_used: None,
    }
}

#[test]
fn accounts_sessions_and_factors() {
    each(|database| async move {
        let store = &database.store;
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        let ada = change.add_person(person("Ada")).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        assert_eq!(change.add_person(person(" aDA ")).await.unwrap_err().problem.code, "E-TAKEN");
        drop(change);
        assert_eq!(store.person_by_account("ADA").await.unwrap(), Some(ada.clone()));

        let oidc = OidcSubject { issuer: "https://id.example.org".into(), subject: "42".into() };
        let mut change = store.begin(intent(2, "person.edit", "person")).await.unwrap();
        let subject = oidc.clone();
        let edited = change.update_person(ada.id, |person| { person.oidc = Some(subject); person.password_hash = Some("$argon2id$x".into()); }).await.unwrap();
        let everywhere = Grant { role: "viewer".into(), client: None, group: None, origin: "local".into() };
        let at_one = Grant { role: "operator".into(), client: Some(plimsoll_core::model::identifier::ClientId::from_bits(7)), group: None, origin: "oidc".into() };
        let grants = BTreeSet::from([everywhere, at_one]);
        change.set_grants(ada.id, &grants).await.unwrap();
        change.add_second_factor(&factor(ada.id, "f1", b"sealed")).await.unwrap();
        let new = |strength: &str| NewSession { person: ada.id, strength: strength.into(), idle_expires: at(100), expires: at(1000), address: Some("192.0.2.1".into()), browser: None };
        let (session, secret) = change.begin_session(new("passkey")).await.unwrap();
        let (_, other) = change.begin_session(new("password")).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.person_by_subject(&oidc).await.unwrap(), Some(edited));
        assert_eq!(store.grants(ada.id).await.unwrap(), grants);

        // A time step is accepted once.
        assert!(store.use_second_factor("f1", 5, at(3)).await.unwrap());
        assert!(!store.use_second_factor("f1", 5, at(3)).await.unwrap());
        assert!(!store.use_second_factor("f1", 4, at(3)).await.unwrap());
        assert_eq!(store.second_factors(ada.id).await.unwrap()[0].counter, 5);

        // Idle, touched, absolute end; another's hash ends nothing.
        assert_eq!(store.session(&secret, at(99)).await.unwrap(), Some(session.clone()));
        assert_eq!(store.session(&secret, at(100)).await.unwrap(), None);
        store.touch_sessions(&[(session.hash.clone(), at(90), at(2000))]).await.unwrap();
        assert!(store.session(&secret, at(999)).await.unwrap().is_some());
        assert_eq!(store.session(&secret, at(1000)).await.unwrap(), None);
        assert_eq!(store.session(&session.hash, at(5)).await.unwrap(), None, "a hash out of a dump opens nothing");
        let mut change = store.begin(intent(6, "session.end", "session")).await.unwrap();
        assert_eq!(change.end_session(PersonId::from_bits(1), &session.hash).await.unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(change.end_sessions(ada.id, Some(&session.hash)).await.unwrap(), 1);
        change.commit(None).await.unwrap();
        assert_eq!(store.session(&other, at(6)).await.unwrap(), None);
        let mut change = store.begin(intent(7, "person.disable", "person")).await.unwrap();
        change.update_person(ada.id, |person| person.disabled = Some(at(7))).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.session(&secret, at(8)).await.unwrap(), None, "a closed account has no sessions");
        assert_eq!(store.expire_sessions(at(2000)).await.unwrap(), 1);
    });
}

#[test]
fn groups_narrow_what_is_seen() {
    each(|database| async move {
        let store = &database.store;
        let (ours, theirs) = (client(store, "Ours").await, client(store, "Theirs").await);
        let (one, two, three) = (host(store, ours, "one").await, host(store, ours, "two").await, host(store, theirs, "three").await);
        let mut change = store.begin(intent(1, "group.add", "group")).await.unwrap();
        let group = change.add_group(Some(ours), "web", "label:role=web", "").await.unwrap();
        assert_eq!(change.add_group(Some(ours), "web", "", "").await.unwrap_err().problem.code, "E-TAKEN");
        drop(change);
        let mut change = store.begin(intent(1, "group.add", "group")).await.unwrap();
        let group = change.add_group(Some(ours), &group.name, &group.query, "").await.unwrap();
        change.commit(None).await.unwrap();
        store.derive_group_members(group.id, &BTreeSet::from([one.id, three.id])).await.unwrap();
        let commits = store.commits();
        store.derive_group_members(group.id, &BTreeSet::from([one.id, three.id])).await.unwrap();
        assert_eq!(store.commits(), commits, "nothing differs, nothing is written");
        let scope = Scope::Some { clients: Default::default(), groups: BTreeSet::from([group.id]) };
        let page = store.hosts(&HostQuery::new(scope.clone())).await.unwrap();
        assert_eq!(page.hosts.iter().map(|row| row.host.id).collect::<BTreeSet<_>>(), BTreeSet::from([one.id, three.id]));
        assert_eq!(store.host_totals(&HostQuery::new(scope.clone())).await.unwrap().states["active"], 2);
        // Members of a group see nothing of the client as a whole.
        assert_eq!(store.clients(&scope).await.unwrap(), vec![]);
        assert_eq!(store.applications(&scope).await.unwrap(), vec![]);
        assert_eq!(store.groups(&scope).await.unwrap().len(), 1);
        let mut change = store.begin(intent(2, "application.add", "application")).await.unwrap();
        let application = change.add_application(ours, "Shop").await.unwrap();
        assert_eq!(change.set_application_hosts(application.id, &BTreeSet::from([three.id])).await.unwrap_err().kind, ErrorKind::NotFound);
        change.set_application_hosts(application.id, &BTreeSet::from([two.id])).await.unwrap();
        change.update_application(application.id, |application| application.group = Some(group.id)).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.application(application.id).await.unwrap().group, Some(group.id));
        for belongs in [true, true, false, false] {
            store.derive_membership(group.id, two.id, belongs).await.unwrap();
            assert_eq!(store.group_members(group.id).await.unwrap().contains(&two.id), belongs);
        }
        let mut change = store.begin(intent(3, "group.delete", "group")).await.unwrap();
        change.delete_group(group.id).await.unwrap();
        change.commit(None).await.unwrap();
        store.derive_membership(group.id, two.id, true).await.unwrap();
        assert_eq!(store.group_members(group.id).await.unwrap(), BTreeSet::new(), "a group that is gone takes nobody");
        assert_eq!(store.application(application.id).await.unwrap().group, None);
        assert_eq!(store.application_hosts(application.id).await.unwrap(), BTreeSet::from([two.id]));
        assert_eq!(store.hosts(&HostQuery::new(scope)).await.unwrap().hosts.len(), 0);
    });
}
