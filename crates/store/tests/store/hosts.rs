//! Hosts, their lists and reports.

use crate::databases::each;
use crate::values::{at, client, host, intent, registration};
use plimsoll_core::model::registration::HostState;
use plimsoll_store::hosts::Machine;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::{ErrorKind, Scope};

#[test]
fn a_host_is_stored_edited_and_retired() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let machine = Machine { boot_id: Some("b1".into()), ..Machine::default() };
        let mut wanted = registration(client, "web1");
        wanted.public_key = Some("aa".repeat(32));
        let mut change = store.begin(intent(1, "host.enrol", "host")).await.unwrap();
        let stored = change.insert_host(wanted.clone(), &machine).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(stored, wanted);
        assert_eq!(store.host(stored.id).await.unwrap(), wanted);
        assert_eq!(store.machine(stored.id).await.unwrap(), machine);
        assert_eq!(store.host_by_key(&"aa".repeat(32)).await.unwrap(), Some(wanted.clone()));

        // The name is taken while the host is active; the change that failed
        // leaves nothing, not even a number.
        let mut change = store.begin(intent(2, "host.enrol", "host")).await.unwrap();
        let error = change.insert_host(registration(client, "web1"), &machine).await.unwrap_err();
        assert_eq!((error.kind, error.problem.code.as_str()), (ErrorKind::Conflict, "E-TAKEN"));
        drop(change);

        // Another may wait under the name, and join once the first is retired.
        let mut waiting = registration(client, "web1");
        waiting.state = HostState::Pending;
        let mut change = store.begin(intent(3, "host.enrol", "host")).await.unwrap();
        let waiting = change.insert_host(waiting, &machine).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(waiting.number, 1);
        let mut change = store.begin(intent(4, "host.approve", "host")).await.unwrap();
        assert_eq!(change.approve_host(waiting.id).await.unwrap_err().problem.code, "E-TAKEN");
        drop(change);
        let mut change = store.begin(intent(5, "host.retire", "host")).await.unwrap();
        change.retire_host(stored.id).await.unwrap();
        change.approve_host(waiting.id).await.unwrap();
        change.commit(Some("replaced")).await.unwrap();
        assert_eq!(store.host(stored.id).await.unwrap().state, HostState::Retired);
        assert_eq!(store.host_by_key(&"aa".repeat(32)).await.unwrap(), None);
        assert_eq!(store.host(waiting.id).await.unwrap().state, HostState::Active);

        // Times of contact never go back.
        store.note_last_seen(&[(waiting.id, at(60), 7), (waiting.id, at(50), 9)]).await.unwrap();
        store.note_last_seen(&[(waiting.id, at(55), 8)]).await.unwrap();
        assert_eq!(store.host(waiting.id).await.unwrap().last_seen, Some(at(60)));
        assert_eq!(store.sequence(waiting.id).await.unwrap(), Some(9));
    });
}

#[test]
fn lists_are_sorted_bytewise_on_both_engines() {
    each(|database| async move {
        let store = &database.store;
        for name in ["B", "a", "Z", "é", "_x", "m%"] {
            client(store, name).await;
        }
        let names: Vec<String> = store.clients(&Scope::All).await.unwrap().into_iter().map(|client| client.name).collect();
        assert_eq!(names, ["B", "Z", "_x", "a", "m%", "é"]);
    });
}

#[test]
fn a_server_that_starts_reads_every_host_page_by_page() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let mut made = Vec::new();
        for number in 0..7 {
            made.push(host(store, client, &format!("host{number}")).await);
        }
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = store.hosts_after(after, 3).await.unwrap();
            assert!(page.len() <= 3);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.number);
            read.extend(page.into_iter().map(|(host, _)| host));
        }
        assert_eq!(read, made);
    });
}

#[test]
fn reports_are_shared_within_a_client_and_collected() {
    each(|database| async move {
        let store = &database.store;
        let (ours, theirs) = (client(store, "Ours").await, client(store, "Theirs").await);
        let (one, two, three) = (host(store, ours, "one").await, host(store, ours, "two").await, host(store, theirs, "three").await);
        let first = PackedReport::new(b"{\"first\":true}").unwrap();
        let second = PackedReport::new(b"{\"second\":true}").unwrap();
        for (time, host, report) in [(10, one.id, &first), (11, two.id, &first), (12, three.id, &first), (13, one.id, &second)] {
            let report = report.clone();
            let intent = intent(time, "host.report", &format!("host:{host}"));
            store.submit(intent, move |change| Box::pin(async move { change.put_report(host, &report, at(time)).await })).await.unwrap();
        }
        assert_eq!(store.report(ours, first.digest()).await.unwrap(), b"{\"first\":true}");
        assert!(!store.has_report(theirs, second.digest()).await.unwrap());
        assert_eq!(store.host(one.id).await.unwrap().report.as_deref(), Some(second.digest()));
        assert_eq!(store.collect_garbage(at(1000), 100).await.unwrap(), 0);
        let report = second.clone();
        let intent = intent(14, "host.report", "two");
        store.submit(intent, move |change| Box::pin(async move { change.put_report(two.id, &report, at(14)).await })).await.unwrap();
        assert_eq!(store.collect_garbage(at(5), 100).await.unwrap(), 0, "too young");
        assert_eq!(store.collect_garbage(at(1000), 100).await.unwrap(), 1, "nobody of ours has the first");
        assert_eq!(store.report(ours, first.digest()).await.unwrap_err().kind, ErrorKind::NotFound);
        assert!(store.has_report(theirs, first.digest()).await.unwrap());
    });
}
