//! Facts about teams: in the order they were recorded, up to a moment, of one's
//! own clients; the past of an application; days of coverage.

use crate::databases::each;
use crate::values::{at, client, intent};
use plimsoll_core::measures::targets::Coverage;
use plimsoll_core::operations::teams::{Circle, Fact, Member, Roster, Teams};
use plimsoll_store::{Scope, Store};
use plimsoll_core::model::identifier::ClientId;
use jiff::SignedDuration;

async fn roster(store: &Store, seconds: i64, of: ClientId, names: &[&str]) {
    let members = names.iter().map(|name| Member { name: (*name).to_owned(), accounts: Default::default() }).collect();
    let mut change = store.begin(intent(seconds, "roster.set", "roster")).await.unwrap();
    change.tell_of_teams(of, &Fact::Roster(Roster { name: "all".to_owned(), circle: Circle::Teams, members })).await.unwrap();
    change.commit(None).await.unwrap();
}

#[test]
fn facts_are_kept_as_they_were_recorded() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        roster(store, 10, own, &["a", "b"]).await;
        roster(store, 20, foreign, &["c"]).await;
        roster(store, 30, own, &["b"]).await;
        let count = |scope: Scope, until: i64| async move { store.team_facts(&scope, at(until)).await.unwrap().len() };
        assert_eq!([count(Scope::All, 9).await, count(Scope::All, 20).await, count(Scope::client(own), 30).await, count(Scope::client(foreign), 99).await], [0, 2, 2, 1]);
        let members = |until: i64| async move {
            let recorded = store.team_facts(&Scope::client(own), at(until)).await.unwrap();
            Teams::as_of(&recorded, at(until), None).members(Circle::Teams).len()
        };
        assert_eq!([members(10).await, members(30).await], [2, 1]);

        // Many facts of one change keep their order.
        let mut change = store.begin(intent(35, "roster.set", "roster")).await.unwrap();
        for turn in 0..30 {
            let members = (0..=turn).map(|name| Member { name: format!("t{name}"), accounts: Default::default() }).collect();
            change.tell_of_teams(own, &Fact::Roster(Roster { name: "all".to_owned(), circle: Circle::Teams, members })).await.unwrap();
        }
        change.commit(None).await.unwrap();
        assert_eq!(members(35).await, 30);

        // What an application was stays, also where nothing was kept of it at first.
        let mut change = store.begin(intent(40, "application.add", "application")).await.unwrap();
        let made = change.add_application(own, "shop").await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(50, "application.edit", "application")).await.unwrap();
        change.update_application(made.id, |application| application.team = "web".to_owned()).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(60, "application.delete", "application")).await.unwrap();
        change.delete_application(made.id).await.unwrap();
        change.commit(None).await.unwrap();
        let team = |until: i64| async move {
            let recorded = store.team_facts(&Scope::client(own), at(until)).await.unwrap();
            Teams::as_of(&recorded, at(until), None).applications.get(&made.id).map(|(_, described)| described.team.clone())
        };
        assert_eq!([team(39).await, team(40).await, team(59).await, team(60).await], [None, Some(String::new()), Some("web".to_owned()), None]);
    });
}

#[test]
fn the_last_word_of_a_day_stands() {
    each(|database| async move {
        let store = &database.store;
        let own = client(store, "Own").await;
        let lease = store.take_lease("exposure", "me", at(10), SignedDuration::from_mins(15)).await.unwrap().unwrap();
        let looked = |hosts| [(own, Coverage { hosts, judged: hosts, fresh: 1, findings: Some(9), excepted: 2 })].into();
        store.put_coverage(&lease, 100, &looked(5)).await.unwrap();
        store.put_coverage(&lease, 100, &looked(6)).await.unwrap();
        store.put_coverage(&lease, 101, &looked(7)).await.unwrap();
        let hosts = |since, day| async move { store.coverage(since, day).await.unwrap().get(&own).map(|one| one.hosts) };
        assert_eq!([hosts(99, 100).await, hosts(100, 101).await, hosts(102, 103).await], [Some(6), Some(7), None]);
        let later = store.take_lease("exposure", "another", at(10_000), SignedDuration::from_mins(15)).await.unwrap().unwrap();
        assert_eq!(store.put_coverage(&lease, 101, &looked(8)).await.unwrap_err().problem.code, "E-FENCED");
        store.put_coverage(&later, 101, &looked(8)).await.unwrap();
    });
}
