//! Hosts, their lists and reports.

use crate::databases::each;
use crate::values::{at, client, host, intent, registration};
use plimsoll_core::model::registration::HostState;
use plimsoll_store::hosts::Machine;
use plimsoll_store::hosts::list::{HostQuery, HostSort};
use plimsoll_store::hosts::summary::Summary;
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
fn lists_are_sorted_and_never_leave_their_scope() {
    each(|database| async move {
        let store = &database.store;
        let (ours, theirs) = (client(store, "Ours").await, client(store, "Theirs").await);
        let mut figures = Vec::new();
        for (number, name) in ["B", "a", "Z", "é", "_x", "m%"].into_iter().enumerate() {
            let ours = host(store, ours, name).await;
            let theirs = host(store, theirs, name).await;
            let overdue = number as u64 % 3;
            figures.push((ours.id, Summary { overdue, findings: 10, ..Summary::default() }));
            figures.push((theirs.id, Summary { overdue: 100 + overdue, findings: 1000, ..Summary::default() }));
        }
        store.save_summaries(&figures).await.unwrap();
        let mut query = HostQuery::new(Scope::client(ours));
        query.limit = 2;
        let mut names = Vec::new();
        loop {
            let page = store.hosts(&query).await.unwrap();
            assert!(page.hosts.iter().all(|row| row.host.client == ours));
            names.extend(page.hosts.iter().map(|row| row.host.name.clone()));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        // Bytewise on both engines.
        assert_eq!(names, ["B", "Z", "_x", "a", "m%", "é"]);

        for sort in [HostSort::Overdue, HostSort::LastSeen, HostSort::NextDue, HostSort::Findings] {
            for descending in [false, true] {
                let mut query = HostQuery { sort, descending, limit: 1, ..HostQuery::new(Scope::client(ours)) };
                let mut seen = Vec::new();
                loop {
                    let page = store.hosts(&query).await.unwrap();
                    seen.extend(page.hosts.iter().map(|row| (row.summary.overdue, row.host.id, row.host.client)));
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
                assert_eq!(seen.len(), 6, "{sort:?}");
                assert!(seen.iter().all(|(overdue, _, client)| *overdue < 100 && *client == ours));
                let mut sorted = seen.clone();
                sorted.sort();
                if descending {
                    sorted.reverse();
                }
                if sort == HostSort::Overdue {
                    assert_eq!(seen, sorted);
                }
            }
        }
        let totals = store.host_totals(&HostQuery::new(Scope::client(ours))).await.unwrap();
        assert_eq!((totals.findings, totals.overdue, totals.hosts_overdue, totals.states["active"]), (60, 6, 4, 6));
        // What was asked for inside a scope cannot widen it.
        let query = HostQuery { client: Some(theirs), ..HostQuery::new(Scope::client(ours)) };
        assert_eq!(store.hosts(&query).await.unwrap().hosts.len(), 0);
        let nothing = Scope::Some { clients: Default::default(), groups: Default::default() };
        assert_eq!(store.hosts(&HostQuery::new(nothing.clone())).await.unwrap().hosts.len(), 0);
        assert_eq!(store.host_totals(&HostQuery::new(nothing)).await.unwrap(), Default::default());
        // A pattern in a name is no pattern; case of ASCII letters is folded.
        for (text, found) in [("%", vec!["m%"]), ("_", vec!["_x"]), ("b", vec!["B"]), ("' OR 1=1", vec![])] {
            let query = HostQuery { name: Some(text.into()), ..HostQuery::new(Scope::client(ours)) };
            let page = store.hosts(&query).await.unwrap();
            assert_eq!(page.hosts.iter().map(|row| row.host.name.as_str()).collect::<Vec<_>>(), found, "{text}");
        }
        let query = HostQuery { after: Some("nonsense".into()), ..HostQuery::new(Scope::All) };
        assert_eq!(store.hosts(&query).await.unwrap_err().kind, ErrorKind::Invalid);
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
