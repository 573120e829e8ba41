//! Values that tests share.

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_store::hosts::Machine;
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Actor, Intent, Store};
use std::collections::BTreeMap;

/// A time in the tests' day.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("time") + SignedDuration::from_secs(seconds)
}

/// An operator with a name.
pub fn operator() -> Actor {
    Actor {
        id: "person:0123456789abcdefghjkmnpqrs".to_owned(),
        name: Some("Ada Operator".to_owned()),
        strength: "passkey".to_owned(),
        request: Some("request-1".to_owned()),
    }
}

pub fn intent(seconds: i64, verb: &str, object: &str) -> Intent {
    Intent::new(operator(), at(seconds), verb, object)
}

pub async fn client(store: &Store, name: &str) -> ClientId {
    let mut change = store.begin(intent(0, "client.add", name)).await.expect("begins");
    let client = change.add_client(name).await.expect("client");
    change.commit(None).await.expect("commits");
    client.id
}

pub fn registration(client: ClientId, name: &str) -> Registration {
    Registration {
        id: HostId::from_bits(fresh(at(1)).expect("id")),
        number: 0,
        client,
        name: name.to_owned(),
        state: HostState::Active,
        source: HostSource::Agent,
        labels: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
        tier: Some("gold".to_owned()),
        exposure: Some(plimsoll_core::model::policy::Exposure::Open),
        environment: Some("prod".to_owned()),
        owner: None,
        public_key: None,
        enrolled: at(1),
        last_seen: None,
        report: None,
        reported: None,
        flag: None,
    }
}

pub async fn host(store: &Store, client: ClientId, name: &str) -> Registration {
    let host = registration(client, name);
    let mut change = store.begin(intent(1, "host.enrol", &format!("host:{}", host.id))).await.expect("begins");
    let host = change.insert_host(host, &Machine::default()).await.expect("inserts");
    change.commit(None).await.expect("commits");
    host
}
