//! Hours: written once, stopped once, corrected once; seen by their client's
//! people. Reports that were made: once, and without their file in the end.

use crate::databases::each;
use crate::values::{at, client, intent};
use plimsoll_core::measures::cost::Terms;
use plimsoll_core::measures::cost::money::Price;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::model::identifier::{ClientId, MadeReportId, PersonId, WorkId};
use plimsoll_core::model::work::{Downtime, Source, Subject, Work};
use plimsoll_store::made_reports::MadeReport;
use plimsoll_store::{Result, Scope, Store};

fn timer(client: ClientId, id: u128) -> Work {
    Work {
        id: WorkId::from_bits(id),
        client,
        person: Some(PersonId::from_bits(5)),
        role: "analyst".to_owned(),
        step: Step::parse("2.3"),
        subject: Subject::Advisory("DSA-1-1".to_owned()),
        source: Source::Timer,
        started: at(10),
        ended: None,
        seconds: None,
        downtime: None,
        ticket: None,
        replaces: None,
        recorded: at(10),
        note: "read it".to_owned(),
    }
}

async fn add(store: &Store, work: &Work) -> Result<()> {
    let mut change = store.begin(intent(10, "work.add", "work")).await?;
    change.add_work(work).await?;
    change.commit(None).await.map(drop)
}

#[test]
fn hours_are_written_once_and_corrected_once() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        let running = timer(own, 1);
        let downtime = Downtime { minutes: 7, tier: "tier1".to_owned(), host: None };
        let other = Work { seconds: Some(0), downtime: Some(downtime), step: None, source: Source::Ticket, ticket: Some("OPS-1".to_owned()), person: None, ..timer(foreign, 2) };
        add(store, &running).await.unwrap();
        add(store, &other).await.unwrap();
        assert_eq!(store.work(&Scope::All, None, at(100)).await.unwrap(), [running.clone(), other.clone()]);
        assert_eq!(store.work(&Scope::client(foreign), None, at(100)).await.unwrap(), std::slice::from_ref(&other));
        assert_eq!(store.work(&Scope::client(foreign), Some(own), at(100)).await.unwrap(), []);
        assert_eq!(store.work(&Scope::All, None, at(9)).await.unwrap(), [], "not written down yet");

        assert_eq!(store.running_work(PersonId::from_bits(5)).await.unwrap(), std::slice::from_ref(&running));
        let mut change = store.begin(intent(50, "work.stop", "work")).await.unwrap();
        let stopped = change.stop_work(running.id, at(50)).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!((stopped.ended, store.one_work(running.id).await.unwrap()), (Some(at(50)), stopped.clone()));
        let mut change = store.begin(intent(60, "work.stop", "work")).await.unwrap();
        assert_eq!(change.stop_work(running.id, at(60)).await.unwrap_err().problem.code, "E-STATE");
        drop(change);

        let correction = Work { id: WorkId::from_bits(3), seconds: Some(30), source: Source::Entered, replaces: Some(running.id), recorded: at(70), ..running.clone() };
        add(store, &correction).await.unwrap();
        let again = Work { id: WorkId::from_bits(4), ..correction.clone() };
        assert_eq!(add(store, &again).await.unwrap_err().problem.code, "E-STATE", "two corrections of one record");
        assert_eq!(store.running_work(PersonId::from_bits(5)).await.unwrap(), []);
        assert_eq!(store.work(&Scope::client(own), None, at(100)).await.unwrap(), [stopped, correction], "nothing is gone");
    });
}

#[test]
fn prices_are_noted_when_they_change_and_reports_are_made_once() {
    each(|database| async move {
        let store = &database.store;
        let own = client(store, "Own").await;
        let terms = |price: i64| Terms { currency: "EUR".to_owned(), rate: [("default".to_owned(), Price(price))].into(), ..Terms::default() };
        for (second, price, noted) in [(10, 80, true), (20, 80, false), (30, 90, true)] {
            let mut change = store.begin(intent(second, "cost-terms.note", "cost-terms")).await.unwrap();
            assert_eq!(change.note_cost_terms("acme 1", &terms(price)).await.unwrap(), noted);
            if noted {
                change.commit(None).await.unwrap();
            }
        }
        let at_that_time = async |second: i64| store.cost_terms(at(second)).await.unwrap().map(|in_force| (in_force.since, in_force.terms));
        assert_eq!((at_that_time(9).await, at_that_time(29).await, at_that_time(30).await), (None, Some((at(10), terms(80))), Some((at(30), terms(90)))));

        let made = |id: u128, client: Option<ClientId>| MadeReport {
            id: MadeReportId::from_bits(id),
            report: "management".to_owned(),
            format: "pdf".to_owned(),
            client,
            title: "monthly".to_owned(),
            audience: vec!["management".to_owned()],
            since: at(10),
            as_of: at(40),
            made: at(50),
            digest: "00".repeat(32),
            kept: true,
        };
        for (id, client, new) in [(1, None, true), (2, None, false), (3, Some(own), true), (4, Some(own), false)] {
            let mut change = store.begin(intent(50, "report.make", "made-report")).await.unwrap();
            assert_eq!(change.add_made_report(&made(id, client), b"%PDF").await.unwrap(), new, "{id}");
            if new {
                change.commit(None).await.unwrap();
            }
        }
        assert!(store.is_made(("management", "pdf", Some(own)), (at(10), at(40))).await.unwrap() && !store.is_made(("management", "html", None), (at(10), at(40))).await.unwrap());
        assert_eq!(store.made_reports(&Scope::client(own)).await.unwrap(), [made(3, Some(own))], "all clients' is not one client's");
        assert_eq!(store.made_reports(&Scope::All).await.unwrap().len(), 2);
        assert_eq!(store.made_report(&Scope::client(own), made(1, None).id).await.unwrap_err().problem.code, "E-NOT-FOUND");
        assert_eq!(store.made_report(&Scope::All, made(1, None).id).await.unwrap().1.as_deref(), Some(b"%PDF".as_slice()));
        assert_eq!((store.expire_made_reports(at(40)).await.unwrap(), store.expire_made_reports(at(41)).await.unwrap()), (0, 2));
        let (gone, content) = store.made_report(&Scope::All, made(1, None).id).await.unwrap();
        assert!(!gone.kept && content.is_none());
    });
}
