//! Accounts, roles, sessions and second factors.

use crate::databases::each;
use crate::values::{at, client, factor, host, intent, link, person, session};
use plimsoll_store::people::{Grant, OidcSubject};
use plimsoll_store::transitions::{FindingKey, Transition};
use plimsoll_store::{ErrorKind, Scope, Store};
use std::collections::BTreeSet;

#[test]
fn accounts_and_roles() {
    each(|database| async move {
        let store = &database.store;
        let ada = plimsoll_store::people::Person { break_glass: true, ..person("Ada") };
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        change.add_person(&ada).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        assert_eq!(change.add_person(&person(" aDA ")).await.unwrap_err().problem.code, "E-TAKEN");
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
        change.commit(None).await.unwrap();
        assert_eq!(store.person_by_subject(&oidc).await.unwrap(), Some(edited.clone()));
        assert_eq!(store.person(ada.id).await.unwrap(), edited);
        assert_eq!(store.grants(ada.id).await.unwrap(), grants);
    });
}

#[test]
fn a_time_step_and_a_recovery_code_are_accepted_once() {
    each(|database| async move {
        let store = &database.store;
        let ada = person("ada");
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        change.add_person(&ada).await.unwrap();
        change.add_second_factor(&factor(ada.id, "f1", b"sealed")).await.unwrap();
        change.set_recovery_codes(ada.id, &["c1".into(), "c2".into()]).await.unwrap();
        change.commit(None).await.unwrap();
        let tries = (0..20).map(|_| store.advance_factor("f1", 0, 5, b"newer", at(3)));
        let won = futures_util::future::join_all(tries).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(won, 1);
        assert!(!store.advance_factor("f1", 4, 6, b"stale", at(4)).await.unwrap());
        let kept = store.second_factors(ada.id).await.unwrap().into_iter().find(|factor| factor.id == "f1").unwrap();
        assert_eq!((kept.counter, kept.content.as_slice(), kept.last_used), (5, b"newer".as_slice(), Some(at(3))));

        let mut change = store.begin(intent(5, "code.use", "person")).await.unwrap();
        assert!(change.use_recovery_code(ada.id, "c1").await.unwrap());
        assert!(!change.use_recovery_code(ada.id, "c1").await.unwrap());
        assert!(!change.use_recovery_code(plimsoll_core::model::identifier::PersonId::from_bits(1), "c2").await.unwrap());
        change.commit(None).await.unwrap();
        assert_eq!(store.recovery_codes_left(ada.id).await.unwrap(), 1);
    });
}

async fn hashes(store: &Store, person: plimsoll_core::model::identifier::PersonId) -> Vec<String> {
    store.sessions_of(person).await.unwrap().into_iter().map(|session| session.hash).collect()
}

#[test]
fn sessions_end_without_use_at_their_end_and_with_the_rights_they_began_under() {
    each(|database| async move {
        let store = &database.store;
        let ada = person("ada");
        let mut change = store.begin(intent(1, "person.add", "person")).await.unwrap();
        change.add_person(&ada).await.unwrap();
        for hash in ["one", "two", "three"] {
            change.begin_session(&session(ada.id, hash), None).await.unwrap();
        }
        change.begin_session(&session(ada.id, "four"), Some("three")).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.session_by_hash("one").await.unwrap(), Some(session(ada.id, "one")));
        assert_eq!(store.session_by_hash("three").await.unwrap(), None, "replaced");
        assert_eq!(store.person(ada.id).await.unwrap().last_sign_in, Some(at(2)));

        // Without use; touched; at the end whatever is done.
        store.touch_sessions(&[("one".into(), at(90), at(2000))]).await.unwrap();
        store.touch_sessions(&[("one".into(), at(80), at(100))]).await.unwrap();
        assert_eq!(store.expire_sessions(at(99)).await.unwrap(), 0);
        assert_eq!(store.expire_sessions(at(100)).await.unwrap(), 2);
        assert_eq!(hashes(store, ada.id).await, ["one"], "it was used at 90");
        assert_eq!(store.expire_sessions(at(999)).await.unwrap(), 0);
        assert_eq!(store.expire_sessions(at(1000)).await.unwrap(), 1);

        let mut change = store.begin(intent(6, "session.end", "session")).await.unwrap();
        for hash in ["one", "two", "three"] {
            change.begin_session(&session(ada.id, hash), None).await.unwrap();
        }
        assert!(!change.end_session("four").await.unwrap());
        assert!(change.end_session("three").await.unwrap());
        assert_eq!(change.end_sessions(ada.id, Some("one")).await.unwrap(), 1);
        change.add_link("link", &link(ada.id)).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(hashes(store, ada.id).await, ["one"]);
        let mut change = store.begin(intent(7, "person.disable", "person")).await.unwrap();
        change.update_person(ada.id, |person| { person.disabled = Some(at(7)); person.generation = 9; }).await.unwrap();
        change.raise_generation(ada.id, true).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(hashes(store, ada.id).await, Vec::<String>::new(), "a closed account has no sessions");
        assert_eq!(store.person(ada.id).await.unwrap().generation, 1);
        let mut change = store.begin(intent(8, "link.use", "link")).await.unwrap();
        assert_eq!(change.take_link("link").await.unwrap(), None, "nor links");
    });
}

async fn hosts_seen(store: &Store, scope: &Scope) -> BTreeSet<plimsoll_core::model::identifier::HostId> {
    store.transitions_since(scope, at(0), None, 10).await.unwrap().into_iter().map(|transition| transition.host).collect()
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
        let opened = |host: plimsoll_core::model::identifier::HostId| Transition { host, serial: 0, at: at(1), opened: vec![FindingKey { advisory: "A".into(), component: "openssl".into() }], closed: vec![], obliged: vec![], policies: vec![] };
        let mut change = store.begin(intent(1, "evaluate", "fleet")).await.unwrap();
        change.add_transitions(&[one.id, two.id, three.id].map(opened)).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(hosts_seen(store, &scope).await, BTreeSet::from([one.id, three.id]));
        assert_eq!(hosts_seen(store, &Scope::client(ours)).await, BTreeSet::from([one.id, two.id]));
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
        assert_eq!(hosts_seen(store, &scope).await, BTreeSet::new());
    });
}
