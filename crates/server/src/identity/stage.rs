//! A **stage** for tests: identity over a directory in memory, a clock that
//! is set by hand, and people with roles.

use super::directory::{Directory, Person};
use super::memory::Memory;
use super::people::NewPerson;
use super::principal::Principal;
use super::role::{Grant, Role};
use super::secret::Secret;
use super::session::{Browser, NewSession};
use super::sign_in::Step;
use super::{Clock, Identity, Lifetimes};
use crate::http::address::Proxies;
use crate::http::gate::{Caller, Gate, HostCheck};
use crate::http::limits::Limits;
use crate::http::origin::Origins;
use crate::http::problem::Refusal;
use async_trait::async_trait;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId, PersonId};
use std::sync::{Arc, Mutex};

/// Where the console is.
pub const CONSOLE: &str = "https://plimsoll.example";

/// A password that the rules take.
pub const PASSWORD: &str = "tidal cranberry mosaic lantern";

/// The stage.
pub struct Stage {
    /// Rows.
    pub memory: Arc<Memory>,
    /// What is tested.
    pub identity: Arc<Identity>,
    /// Its addresses.
    pub origins: Origins,
    time: Arc<Mutex<Timestamp>>,
    caller: Caller,
}

/// A client of the stage.
pub fn client(number: u128) -> ClientId {
    ClientId::from_bits(number)
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Sets it.
    pub fn new() -> Self {
        let time = Arc::new(Mutex::new("2026-11-22T06:00:00Z".parse::<Timestamp>().unwrap()));
        let memory = Arc::new(Memory::default());
        let origins = Origins::new(&[CONSOLE]).unwrap();
        let hand = Arc::clone(&time);
        let clock: Clock = Arc::new(move || *hand.lock().unwrap());
        let directory: Arc<dyn Directory> = memory.clone();
        let identity = Identity::new(directory, &origins, Lifetimes::default(), clock).unwrap();
        let caller = Caller { address: "192.0.2.1".parse().unwrap(), request: "0".repeat(32) };
        Self { memory, identity: Arc::new(identity), origins, time, caller }
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: i64) {
        let mut time = self.time.lock().unwrap();
        *time += SignedDuration::from_secs(seconds);
    }

    /// Forgets how often anybody tried anything.
    pub fn forget_tries(&self) {
        self.identity.attempts.clear();
    }

    /// Where requests come from.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Adds a person with a password.
    pub async fn person(&self, account: &str, grants: &[Grant]) -> PersonId {
        let new = NewPerson {
            account: account.to_owned(),
            name: account.to_owned(),
            email: None,
            grants: grants.to_vec(),
            break_glass: false,
        };
        let steward = self.identity.local_steward();
        let id = self.identity.add_person(&steward, new).await.unwrap().id;
        self.memory.rows().people.get_mut(&id).unwrap().password = Some(cheap_hash());
        id
    }

    /// A row as it is now.
    pub fn row(&self, id: PersonId) -> Person {
        self.memory.rows().people[&id].clone()
    }

    /// Headers of a browser, with a session's cookie.
    pub fn headers(&self, session: Option<&NewSession>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("plimsoll.example"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("Stage/1"));
        if let Some(session) = session {
            let cookie = session.cookie(&self.origins, &headers).unwrap();
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            headers.insert(header::COOKIE, pair.parse().unwrap());
        }
        headers
    }

    /// A browser.
    pub fn browser<'a>(&'a self, headers: &'a HeaderMap) -> Browser<'a> {
        Browser { caller: &self.caller, headers, origins: &self.origins }
    }

    /// Signs in by password; panics when more is asked.
    pub async fn sign_in(&self, account: &str) -> NewSession {
        let headers = self.headers(None);
        match self.identity.sign_in_by_password(account, PASSWORD, &self.browser(&headers)).await.unwrap() {
            Step::Done(session) => *session,
            Step::Second(question) => panic!("{question:?}"),
        }
    }

    /// Who a session is.
    pub async fn who(&self, session: &NewSession) -> Result<Principal, Refusal> {
        self.with(&self.headers(Some(session))).await
    }

    /// Who headers are.
    pub async fn with(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let mut request = axum::http::Request::get("/");
        *request.headers_mut().unwrap() = headers.clone();
        let parts = request.body(()).unwrap().into_parts().0;
        self.identity.authenticate(&parts, &self.origins, &self.caller).await
    }

    /// Who an API token is.
    pub async fn bearer(&self, secret: &Secret) -> Result<Principal, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {}", secret.expose()).parse().unwrap());
        self.with(&headers).await
    }

    /// A person in a session that is freshly proven by their password.
    pub async fn proven(&self, account: &str) -> (NewSession, Principal) {
        let session = self.sign_in(account).await;
        let principal = self.who(&session).await.unwrap();
        let question = self.identity.ask_fresh(&principal).await.unwrap();
        let headers = self.headers(Some(&session));
        let proof = super::proof::Proof::Password(PASSWORD.to_owned());
        let session = self.identity.prove_fresh(&principal, &question.ticket, &proof, &self.browser(&headers)).await.unwrap();
        let principal = self.who(&session).await.unwrap();
        (session, principal)
    }

    /// The gate, with a check of hosts that believes the header `host-key: good`.
    pub fn gate(&self, limits: Limits) -> Arc<Gate> {
        let hosts: Arc<dyn HostCheck> = Arc::new(Believer);
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        Arc::new(Gate::new(Arc::clone(&self.identity), Some(hosts), self.origins.clone(), proxies, limits))
    }
}

/// The password's hash with the least parameters there are: a check takes its
/// parameters from the kept text, and tests check hundreds.
fn cheap_hash() -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    hasher.hash_password(PASSWORD.as_bytes(), &SaltString::encode_b64(&[7; 16]).unwrap()).unwrap().to_string()
}

/// An administrator of everything.
pub fn administrator() -> Grant {
    Grant::everywhere(Role::Administrator)
}

struct Believer;

#[async_trait]
impl HostCheck for Believer {
    async fn check(&self, request: &Parts, _: &[u8]) -> Result<Principal, Refusal> {
        let good = request.headers.get("host-key").is_some_and(|key| key == "good");
        if good { Ok(Principal::host(HostId::from_bits(7), client(1))) } else { Err(super::principal::sign_in_first()) }
    }
}
