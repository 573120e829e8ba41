//! **Identity**: who somebody is, how surely, and what they may do.
//!
//! [`Identity`] is the whole of it for other rooms: the gate asks it who a
//! request comes from, the console and the API call its methods with plain
//! structs and draw what comes back. It keeps nothing but counters of tries in
//! memory; everything else is in the [`directory`].

pub mod api;
pub mod attempts;
pub mod cookie;
pub mod directory;
pub mod enrolment;
pub mod factor;
pub mod oidc;
pub mod passkey;
pub mod password;
pub mod people;
pub mod principal;
pub mod proof;
pub mod role;
pub mod secret;
pub mod session;
pub mod sign_in;
mod stored;
pub mod token;
pub mod totp;

#[cfg(test)]
pub mod memory;
#[cfg(test)]
pub mod stage;
#[cfg(test)]
mod scenarios;

pub use directory::Unavailable;

use crate::http::gate::Caller;
use crate::http::origin::Origins;
use crate::http::problem::Refusal;
use attempts::{Attempts, Target};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use directory::{Act, Directory, Person};
use jiff::{SignedDuration, Timestamp};
use passkey::Passkeys;
use password::Passwords;
use principal::{Principal, Strength, Who};
use secret::{API_PREFIX, Secret};
use std::fmt;
use std::sync::Arc;

/// How long things last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lifetimes {
    /// A session that is not used.
    pub idle: SignedDuration,
    /// A session in any case.
    pub session: SignedDuration,
    /// A fresh proof of the person.
    pub proof: SignedDuration,
    /// A sign-in link.
    pub link: SignedDuration,
    /// Something half done: a second proof, a ceremony, a trip to a provider.
    pub ticket: SignedDuration,
    /// An API token, at most.
    pub token: SignedDuration,
    /// An enrolment token, at most.
    pub enrolment: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            idle: SignedDuration::from_hours(1),
            session: SignedDuration::from_hours(12),
            proof: SignedDuration::from_mins(5),
            link: SignedDuration::from_mins(15),
            ticket: SignedDuration::from_mins(5),
            token: SignedDuration::from_hours(24 * 366),
            enrolment: SignedDuration::from_hours(24 * 30),
        }
    }
}

/// Reads the time; a parameter, so that tests and drills can set it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who somebody is, how surely, and what they may do.
pub struct Identity {
    directory: Arc<dyn Directory>,
    passwords: Passwords,
    passkeys: Passkeys,
    attempts: Attempts,
    lifetimes: Lifetimes,
    clock: Clock,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("lifetimes", &self.lifetimes).finish_non_exhaustive()
    }
}

impl Identity {
    /// Puts it together. Computes one password hash: call it off the event
    /// loop or at start.
    ///
    /// # Errors
    /// No randomness, or an address that passkeys cannot be bound to.
    pub fn new(
        directory: Arc<dyn Directory>,
        origins: &Origins,
        lifetimes: Lifetimes,
        clock: Clock,
    ) -> Result<Self, Unavailable> {
        Ok(Self {
            directory,
            passwords: Passwords::new()?,
            passkeys: Passkeys::new(origins)?,
            attempts: Attempts::default(),
            lifetimes,
            clock,
        })
    }

    /// The time by its clock.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The directory it asks.
    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory
    }

    /// Who a request comes from: a token, a session, or nobody where it
    /// carries neither. Never both: what would count is not clear.
    ///
    /// # Errors
    /// 401 for credentials that are unknown, expired or withdrawn, 400 for
    /// several at once, 429 for too many wrong ones.
    pub async fn authenticate(&self, request: &Parts, origins: &Origins, caller: &Caller) -> Result<Principal, Refusal> {
        let mut bearers = request.headers.get_all(header::AUTHORIZATION).iter();
        let bearer = bearers.next();
        // Cookies count only under an address of ours: a name that merely
        // resolves to this machine has none.
        let key = origins.of_host(&request.headers).and_then(|own| cookie::Kind::Session.read(own, &request.headers));
        match (bearer, key) {
            (None, None) => Ok(Principal::nobody()),
            (None, Some(key)) => self.session_of(&key).await,
            (Some(_), Some(_)) => Err(ambiguous()),
            (Some(_), None) if bearers.next().is_some() => Err(ambiguous()),
            (Some(value), None) => {
                let text = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                self.token_of(text, caller).await
            }
        }
    }

    async fn token_of(&self, text: &str, caller: &Caller) -> Result<Principal, Refusal> {
        let wrong = |what: &str| {
            Refusal::new(StatusCode::UNAUTHORIZED, "E-TOKEN", format!("the API token {what}"), "make a new one in the console under your name")
        };
        let target = [Target::token(caller.address)];
        let Some(secret) = Secret::read(API_PREFIX, text) else {
            self.attempts.count(&target, self.now())?;
            return Err(wrong("is not one of this form: plim_ and 52 letters"));
        };
        let digest = secret.digest();
        let Some(token) = self.directory.token(&digest).await?.filter(|token| token.digest == digest) else {
            self.attempts.count(&target, self.now())?;
            return Err(wrong("is unknown"));
        };
        let now = self.now();
        if token.revoked.is_some() {
            return Err(wrong("was withdrawn"));
        }
        if token.expires <= now {
            return Err(wrong(&format!("expired at {}", token.expires)));
        }
        let Some(maker) = self.directory.person(token.maker).await?.filter(|person| person.disabled.is_none()) else {
            return Err(wrong("belongs to an account that is disabled"));
        };
        if token.last_used.is_none_or(|last| now.duration_since(last) >= session::TOUCH) {
            untouched(self.directory.touch_token(token.id, now).await);
        }
        Ok(Principal::token(token.id, token.name, token.maker, maker.grants, token.grants))
    }

    async fn person_of(&self, principal: &Principal) -> Result<Person, Refusal> {
        let id = match principal.who {
            Who::Person { id, .. } => id,
            _ => return Err(principal::sign_in_first()),
        };
        let person = self.directory.person(id).await?;
        person.filter(|person| person.disabled.is_none()).ok_or_else(principal::sign_in_first)
    }

    fn act(&self, principal: &Principal, caller: &Caller) -> Act {
        let name = match &principal.who {
            Who::Person { name, .. } | Who::Token { name, .. } => Some(name.clone()),
            Who::Nobody | Who::Host { .. } => None,
        };
        Act {
            actor: principal.to_string(),
            name,
            strength: principal.strength,
            time: self.now(),
            request: Some(caller.request.clone()).filter(|request| !request.is_empty()),
            reason: None,
        }
    }

    fn act_of(&self, person: &Person, strength: Strength, caller: &Caller) -> Act {
        Act {
            actor: format!("person:{}", person.id),
            name: Some(person.account.clone()),
            strength,
            time: self.now(),
            request: Some(caller.request.clone()).filter(|request| !request.is_empty()),
            reason: None,
        }
    }

    fn after(&self, span: SignedDuration) -> Timestamp {
        self.now().saturating_add(span).unwrap_or(Timestamp::MAX)
    }
}

fn ambiguous() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "E-CREDENTIALS",
        "the request carries several credentials",
        "send either the session's cookie or one Authorization header",
    )
}

/// Says that a time of last use is not stored: what can still be read is not
/// refused for that.
fn untouched(outcome: Result<(), Unavailable>) {
    if let Err(unavailable) = outcome {
        tracing::warn!(%unavailable, "the time of last use is not stored");
    }
}

impl From<Unavailable> for Refusal {
    /// Says that something is down; what exactly goes to the log only.
    fn from(unavailable: Unavailable) -> Self {
        tracing::error!(%unavailable, "identity cannot answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "E-UNAVAILABLE",
            "the server cannot reach what it needs to answer",
            "repeat the request after the seconds in Retry-After; the server's log names the cause",
        )
        .retry_after(5)
    }
}

/// Refuses a text that people typed when it is empty, too long or has control
/// or direction-changing characters; gives it trimmed.
///
/// # Errors
/// 400 `E-TEXT` naming the field.
pub fn checked_text(field: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let length = text.chars().count();
    let refuse = |detail: String| {
        Err(Refusal::new(StatusCode::BAD_REQUEST, "E-TEXT", detail, "correct the field and send it again").at(field))
    };
    if length == 0 || length > longest {
        return refuse(format!("{field} has {length} characters; 1 to {longest} are taken"));
    }
    if plimsoll_core::model::problem::printable(&text.chars().take(200).collect::<String>()).chars().ne(text.chars().take(200))
        || text.chars().any(char::is_control)
    {
        return refuse(format!("{field} has characters that cannot be shown"));
    }
    Ok(text.to_owned())
}
