//! Open findings by day.

use crate::databases::each;
use crate::values::{at, client, host};
use jiff::SignedDuration;
use plimsoll_store::exposure::{Rows, Standing, Tally};
use std::collections::{BTreeMap, BTreeSet};

fn tally(exceeded: u64) -> Tally {
    let standing = Standing { exceeded, within: 1, ..Standing::default() };
    Tally { priorities: BTreeMap::from([("high".to_owned(), standing)]), rebuilt: false }
}

#[test]
fn days_are_kept_replaced_and_forgotten_and_a_fenced_server_writes_nothing() {
    each(|database| async move {
        let store = &database.store;
        let (one, two) = (client(store, "One").await, client(store, "Two").await);
        let (web, mail) = (host(store, one, "web").await, host(store, two, "mail").await);
        assert!(!store.has_exposure().await.unwrap());
        let length = SignedDuration::from_secs(60);
        let lease = store.take_lease("exposure", "a", at(0), length).await.unwrap().unwrap();
        let rows = Rows {
            hosts: vec![(web.id, 10, tally(1)), (web.id, 12, tally(2)), (mail.id, 11, tally(5))],
            clients: vec![(one, 10, tally(1)), (one, 12, tally(2)), (two, 12, tally(5))],
        };
        store.put_exposure(&lease, &rows).await.unwrap();
        store.put_exposure(&lease, &Rows { hosts: vec![(web.id, 12, tally(3))], clients: vec![(one, 12, tally(3))] }).await.unwrap();
        assert!(store.has_exposure().await.unwrap());
        assert_eq!(store.exposure_of_clients(None, 11).await.unwrap().len(), 2);
        assert_eq!(store.exposure_of_clients(Some(&BTreeSet::from([one])), 0).await.unwrap(), BTreeMap::from([(one, vec![(10, tally(1)), (12, tally(3))])]));
        assert_eq!(store.exposure_of_clients(Some(&BTreeSet::new()), 0).await.unwrap(), BTreeMap::new());
        assert_eq!(store.exposure_of_hosts(&[web.id]).await.unwrap(), BTreeMap::from([(web.id, vec![(10, tally(1)), (12, tally(3))])]));
        assert_eq!(store.newest_exposure().await.unwrap(), BTreeMap::from([(web.id, (12, tally(3))), (mail.id, (11, tally(5)))]));
        let other = store.take_lease("exposure", "b", at(120), length).await.unwrap().unwrap();
        let late = Rows { clients: vec![(one, 13, tally(9))], ..Rows::default() };
        assert_eq!(store.put_exposure(&lease, &late).await.unwrap_err().problem.code, "E-FENCED");
        store.put_exposure(&other, &Rows::default()).await.unwrap();
        // Of each host the row that still holds stays, however old.
        store.forget_exposure(12).await.unwrap();
        assert_eq!(store.newest_exposure().await.unwrap().len(), 2);
        assert_eq!(store.exposure_of_hosts(&[web.id]).await.unwrap()[&web.id], [(12, tally(3))]);
        assert_eq!(store.exposure_of_clients(None, 0).await.unwrap().len(), 2);
    });
}
