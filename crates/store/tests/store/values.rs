//! Values that tests share.

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId, PersonId, TokenId};
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_store::hosts::Machine;
use plimsoll_store::identifier::fresh;
use plimsoll_store::people::{Person, SecondFactor};
use plimsoll_store::sessions::{Session, SignInLink};
use plimsoll_store::tokens::{ApiToken, EnrolmentToken};
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

pub fn person(account: &str) -> Person {
    Person {
        id: PersonId::from_bits(fresh(at(1)).expect("id")),
        account: account.to_owned(),
        name: "Ada Lovelace".to_owned(),
        email: Some("ada@example.org".to_owned()),
        password_hash: None,
        oidc: None,
        disabled: None,
        created: at(0),
        last_sign_in: None,
        break_glass: false,
        generation: 0,
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

/// A session that ends after 100 seconds without use, and after 1000.
pub fn session(person: PersonId, hash: &str) -> Session {
    Session {
        hash: hash.to_owned(),
        person,
        generation: 0,
        strength: "passkey".to_owned(),
        proven_until: Some(at(50)),
        created: at(2),
        last_used: at(2),
        idle_expires: at(100),
        expires: at(1000),
        address: Some("192.0.2.1".to_owned()),
        browser: None,
    }
}

/// A link that ends after 600 seconds.
pub fn link(person: PersonId) -> SignInLink {
    SignInLink { person, purpose: "sign-in".to_owned(), created: at(1), expires: at(600) }
}

/// A token that ends after an hour.
pub fn enrolment_token(client: ClientId, uses: u32) -> EnrolmentToken {
    EnrolmentToken {
        id: TokenId::from_bits(fresh(at(1)).expect("id")),
        client,
        group: None,
        labels: BTreeMap::new(),
        note: "rack 3".to_owned(),
        maker: operator().id,
        created: at(1),
        expires: at(3600),
        uses,
        used: 0,
        last_used: None,
        revoked: None,
    }
}

pub fn api_token(maker: PersonId) -> ApiToken {
    ApiToken {
        id: TokenId::from_bits(fresh(at(1)).expect("id")),
        name: "script".to_owned(),
        maker,
        scopes: serde_json::json!(["hosts.read"]),
        created: at(1),
        expires: None,
        last_used: None,
        revoked: None,
    }
}
