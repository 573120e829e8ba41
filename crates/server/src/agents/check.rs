//! Whether a request comes from the host it names.

use super::refuse;
use crate::app::Shared;
use crate::fleet::presence::Presence;
use crate::http::gate::HostCheck;
use crate::http::problem::Refusal;
use crate::identity::principal::Principal;
use async_trait::async_trait;
use axum::http::request::Parts;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostState, Registration};
use plimsoll_formats::protocol::{self, SignedRequest, code, headers};
use std::sync::Arc;

/// Checks hosts' signatures.
pub struct Signatures(pub Shared);

/// The protocol's headers of a request.
pub struct Signed<'a> {
    /// Id of the host, or the word for a new one.
    pub host: &'a str,
    /// Date as written.
    pub date: &'a str,
    /// Rising number.
    pub sequence: u64,
    /// Digest of the body.
    pub digest: &'a str,
    /// Signature.
    pub signature: &'a str,
}

impl<'a> Signed<'a> {
    /// Takes them from a request.
    ///
    /// # Errors
    ///
    /// `E-SIGNATURE` naming the header that is missing or cannot be read.
    pub fn of(parts: &'a Parts) -> Result<Self, Problem> {
        let text = |name: &'static str| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| {
                Problem::new(code::SIGNATURE, name, "is missing or is not plain text", "send it as an agent of this release does")
            })
        };
        let sequence = text(headers::SEQUENCE)?.parse().map_err(|_| {
            Problem::new(code::SIGNATURE, headers::SEQUENCE, "is no number", "send it as an agent of this release does")
        })?;
        Ok(Self {
            host: text(headers::HOST)?,
            date: text(headers::DATE)?,
            sequence,
            digest: text(headers::DIGEST)?,
            signature: text(headers::SIGNATURE)?,
        })
    }

    /// Checks date, body and signature against a key.
    ///
    /// # Errors
    ///
    /// `E-CLOCK`, `E-DIGEST`, `E-SIGNATURE`.
    pub fn verify(&self, parts: &Parts, body: &[u8], public_key: &str, now: Timestamp) -> Result<(), Problem> {
        protocol::check_clock(self.date, now)?;
        if protocol::digest(body) != self.digest {
            return Err(Problem::new(
                code::DIGEST,
                "request",
                "has a body whose SHA-256 is not the one that was signed",
                "look for a proxy that changes requests",
            ));
        }
        let request = SignedRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            host: self.host,
            date: self.date,
            sequence: self.sequence,
            digest: self.digest,
        };
        protocol::verify(public_key, &request, self.signature)
    }
}

#[async_trait]
impl HostCheck for Signatures {
    async fn check(&self, parts: &Parts, body: &[u8]) -> Result<Principal, Refusal> {
        let checked = self.believe(parts, body).await;
        if checked.is_err() {
            self.0.metrics.refusals.inc();
        }
        checked
    }
}

impl Signatures {
    async fn believe(&self, parts: &Parts, body: &[u8]) -> Result<Principal, Refusal> {
        let signed = Signed::of(parts).map_err(refuse)?;
        let unknown = || {
            refuse(Problem::new(code::HOST, signed.host, "is no host of this server", "join again with a new token"))
        };
        let id: HostId = signed.host.parse().map_err(|_| unknown())?;
        let (registration, presence) = self.known(id).await?.ok_or_else(unknown)?;
        let key = registration.public_key.as_deref().ok_or_else(unknown)?;
        let now = Timestamp::now();
        signed.verify(parts, body, key, now).map_err(refuse)?;
        // Only a believed request may move the number on.
        presence.note(now, signed.sequence).map_err(|replayed| {
            refuse(Problem::new(
                code::REPLAY,
                &registration.name,
                format!("sent number {}, the newest seen is {}", signed.sequence, replayed.newest),
                "two machines may share one key: look for a clone, and let one of them join anew",
            ))
        })?;
        match registration.state {
            HostState::Active => Ok(Principal::host(id, registration.client)),
            HostState::Pending => Err(refuse(Problem::new(
                code::PENDING,
                &registration.name,
                "waits for a person to accept it: the name is taken by another host",
                "accept it in the console or with `plimsoll hosts accept`",
            ))),
            HostState::Retired => Err(refuse(Problem::new(
                code::RETIRED,
                &registration.name,
                "was retired here",
                "remove the agent, or join again with a new token",
            ))),
        }
    }

    /// A host as this server knows it; one that joined through another server
    /// is taken up from the store.
    async fn known(&self, id: HostId) -> Result<Option<(Registration, Arc<Presence>)>, Refusal> {
        let find = || {
            let fleet = self.0.fleet.read();
            fleet.host(id).map(|managed| (managed.registration.clone(), Arc::clone(&managed.presence)))
        };
        if let Some(found) = find() {
            return Ok(Some(found));
        }
        match self.0.store.host(id).await {
            Ok(registration) => {
                let sequence = self.0.store.sequence(id).await?.unwrap_or(0);
                self.0.fleet.write().register(registration, sequence);
                crate::membership::follow(&self.0, id).await;
                Ok(find())
            }
            Err(error) if error.kind == plimsoll_store::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
