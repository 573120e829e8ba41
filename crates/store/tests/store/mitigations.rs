//! Mitigations: applied, seen to work, removed host by host; never lost.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::{ClientId, HostId, MitigationId};
use plimsoll_core::model::mitigation::{Mitigation, MitigationStanding, Removal, Verification};
use plimsoll_core::model::policy::governance::Measure;
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Result, Scope, Store};
use std::collections::BTreeSet;

fn applied(client: ClientId, hosts: &[HostId]) -> Mitigation {
    Mitigation {
        id: MitigationId::from_bits(fresh(at(10)).unwrap()),
        client,
        measure: Measure::Filter,
        advisories: BTreeSet::from(["DSA-1-1".to_owned()]),
        done: "the port is closed in the firewall".to_owned(),
        verify: "a scan from outside finds it closed".to_owned(),
        check: Some("port-8443-closed".to_owned()),
        owner: "Ada".to_owned(),
        applied: at(10),
        by: "ada".to_owned(),
        verify_by: at(100),
        ends: Some(at(1_000)),
        verified: None,
        hosts: hosts.iter().map(|host| (*host, None)).collect(),
    }
}

async fn add(store: &Store, mitigation: &Mitigation) -> Result<()> {
    let mut change = store.begin(intent(10, "mitigation.add", &format!("mitigation:{}", mitigation.id))).await?;
    change.add_mitigation(mitigation).await?;
    change.commit(None).await.map(drop)
}

async fn verify(store: &Store, id: MitigationId, seconds: i64, until: i64) -> Result<Mitigation> {
    let mut change = store.begin(intent(seconds, "mitigation.verify", "mitigation")).await?;
    let seen = Verification { at: at(seconds), by: "bo".to_owned(), until: at(until), note: "closed".to_owned() };
    let after = change.verify_mitigation(id, &seen).await?;
    change.commit(None).await?;
    Ok(after)
}

async fn remove(store: &Store, id: MitigationId, hosts: &[HostId]) -> Result<Mitigation> {
    let mut change = store.begin(intent(300, "mitigation.remove", "mitigation")).await?;
    let removal = Removal { at: at(300), by: "bo".to_owned(), why: "patched".to_owned() };
    let after = change.remove_mitigation(id, &hosts.iter().copied().collect(), &removal).await?;
    change.commit(None).await?;
    Ok(after)
}

#[test]
fn a_mitigation_is_seen_to_work_and_removed() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        let (one, two, other) = (host(store, own, "one").await.id, host(store, own, "two").await.id, host(store, foreign, "other").await.id);
        assert_eq!(add(store, &applied(own, &[one, other])).await.unwrap_err().problem.code, "E-NOT-FOUND", "another client's host");
        assert_eq!(store.mitigations(&Scope::All).await.unwrap(), [], "nothing of it was kept");
        let mitigation = applied(own, &[one, two]);
        add(store, &mitigation).await.unwrap();
        assert_eq!(store.mitigation(mitigation.id).await.unwrap(), mitigation, "it reads back as it was written");
        assert_eq!(store.mitigations(&Scope::client(foreign)).await.unwrap(), []);

        let nobody = BTreeSet::new();
        let standing = |one: &Mitigation, seconds, closed: &[HostId]| one.standing(at(seconds), &closed.iter().copied().collect());
        assert_eq!(mitigation.standing(at(99), &nobody), MitigationStanding::Unverified);
        assert_eq!(mitigation.standing(at(100), &nobody), MitigationStanding::Overdue, "nobody saw it work in time");
        verify(store, mitigation.id, 90, 200).await.unwrap();
        let known = verify(store, mitigation.id, 110, 250).await.unwrap();
        assert_eq!(store.mitigations(&Scope::client(own)).await.unwrap(), vec![known.clone()], "the last check counts");
        assert_eq!(standing(&known, 249, &[]), MitigationStanding::Verified);
        assert_eq!(standing(&known, 250, &[]), MitigationStanding::Overdue);
        assert_eq!(standing(&known, 249, &[two]), MitigationStanding::ToRemove);
        let longer = verify(store, mitigation.id, 260, 5_000).await.unwrap();
        assert_eq!(standing(&longer, 1_000, &[]), MitigationStanding::Overdue, "it stands longer than it may");

        let part = remove(store, mitigation.id, &[two]).await.unwrap();
        assert_eq!((part.in_place(), standing(&part, 310, &[two])), (BTreeSet::from([one]), MitigationStanding::Verified));
        assert_eq!(remove(store, mitigation.id, &[two]).await.unwrap_err().problem.code, "E-STATE");
        let gone = remove(store, mitigation.id, &[one]).await.unwrap();
        assert_eq!(standing(&gone, 310, &[]), MitigationStanding::Removed);
        assert_eq!(gone.hosts[&two].as_ref().map(|removal| removal.why.as_str()), Some("patched"));
        assert_eq!(verify(store, mitigation.id, 320, 400).await.unwrap_err().problem.code, "E-STATE");
        assert_eq!(store.mitigations(&Scope::All).await.unwrap(), vec![gone], "nothing is lost");
    });
}

#[test]
fn what_is_told_of_it_is_told_once() {
    each(|database| async move {
        let store = &database.store;
        let own = client(store, "Own").await;
        let mitigation = applied(own, &[host(store, own, "one").await.id]);
        add(store, &mitigation).await.unwrap();
        let tell = |standing| async move {
            let mut change = store.begin(intent(400, "mitigation.tell", "mitigation")).await.unwrap();
            let first = change.note_mitigation_told(mitigation.id, standing).await.unwrap();
            if first {
                change.raise_alert(Some(own), "E-MITIGATION", "mitigation:1", "Look at it.").await.unwrap();
                change.commit(None).await.unwrap();
            }
            first
        };
        assert_eq!((tell(MitigationStanding::Overdue).await, tell(MitigationStanding::Overdue).await), (true, false));
        assert_eq!(store.mitigations_told().await.unwrap().into_values().collect::<Vec<_>>(), [MitigationStanding::Overdue]);
        verify(store, mitigation.id, 500, 600).await.unwrap();
        assert!(store.mitigations_told().await.unwrap().is_empty());
        assert!(tell(MitigationStanding::Overdue).await, "a check begins anew");
    });
}
