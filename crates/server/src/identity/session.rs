//! **Sessions**: begun by a sign-in, ended by time, by their owner, and by
//! whatever changes the person's password, roles or state.

use super::cookie::Kind;
use super::directory::{Person, Session};
use super::principal::{Principal, Strength, Who, sign_in_first};
use super::secret::{Secret, SecretDigest};
use super::{Identity, principal};
use crate::http::gate::Caller;
use crate::http::origin::Origins;
use crate::http::problem::Refusal;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A use is noted at most this often, so that reading pages writes nothing.
pub const TOUCH: SignedDuration = SignedDuration::from_secs(60);

/// Longest part of a browser's own words that is kept.
const BROWSER: usize = 200;

/// A session that has just begun; its key is here and nowhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSession {
    key: Secret,
    /// Whom it signs in.
    pub person: super::people::PersonView,
    /// How.
    pub strength: Strength,
    /// When it ends in any case.
    pub expires: Timestamp,
    seconds: i64,
}

impl NewSession {
    /// The `Set-Cookie` header that hands it over, under the address that the
    /// request was sent to.
    ///
    /// # Errors
    /// 403 `E-ORIGIN` under no address of ours.
    pub fn cookie(&self, origins: &Origins, request: &HeaderMap) -> Result<HeaderValue, Refusal> {
        origins.of_host(request).and_then(|own| Kind::Session.write(own, self.key.expose(), self.seconds)).ok_or_else(|| {
            Refusal::new(
                StatusCode::FORBIDDEN,
                "E-ORIGIN",
                "the request was sent to an address that is not the console's",
                format!("open {}", origins.canonical()),
            )
        })
    }
}

/// The `Set-Cookie` header that removes the session from the browser.
pub fn removal(origins: &Origins, request: &HeaderMap) -> Option<HeaderValue> {
    origins.of_host(request).and_then(|own| Kind::Session.write(own, "", 0))
}

/// A session as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Name to end it by; the beginning of its key's digest.
    pub id: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_used: Timestamp,
    /// When it ends in any case.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// How it began.
    #[schema(value_type = String)]
    pub strength: Strength,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub browser: Option<String>,
    /// Whether it is the one asking.
    pub current: bool,
}

/// Digits of a session's digest that name it to its owner.
const NAME: usize = 16;

impl Identity {
    pub(super) async fn session_of(&self, key: &Secret) -> Result<Principal, Refusal> {
        let digest = key.digest();
        let now = self.now();
        let session = self.directory.session(&digest).await?.filter(|session| session.digest == digest);
        let Some(session) = session.filter(|session| now < session.expires && now < session.idle_expires) else {
            return Err(ended());
        };
        let person = self.directory.person(session.person).await?;
        let Some(person) = person.filter(|person| person.disabled.is_none() && person.generation == session.generation) else {
            return Err(ended());
        };
        if now.duration_since(session.last_used) >= TOUCH {
            let idle = self.after(self.lifetimes.idle).min(session.expires);
            super::untouched(self.directory.touch_session(&digest, now, idle).await);
        }
        let Person { id, account, grants, .. } = person;
        Ok(Principal::person(id, account, digest, session.strength, grants, session.proven_until))
    }

    /// Begins a session under a new key, in place of `replaces` if the browser
    /// had one: a key from before a sign-in is worth nothing after it.
    pub(super) async fn begin(
        &self,
        person: &Person,
        strength: Strength,
        proven: bool,
        from: &Browser<'_>,
        replaces: Option<&SecretDigest>,
    ) -> Result<NewSession, Refusal> {
        let now = self.now();
        let key = Secret::make("")?;
        // What a proof gives does not make a session live longer than the one
        // it replaces.
        let expires = match replaces {
            Some(old) => self.directory.session(old).await?.filter(|old| old.person == person.id && proven).map(|old| old.expires),
            None => None,
        };
        let expires = expires.unwrap_or_else(|| self.after(self.lifetimes.session));
        let session = Session {
            digest: key.digest(),
            person: person.id,
            generation: person.generation,
            strength,
            created: now,
            last_used: now,
            idle_expires: self.after(self.lifetimes.idle).min(expires),
            expires,
            proven_until: proven.then(|| self.after(self.lifetimes.proof).min(expires)),
            address: Some(from.caller.address),
            browser: from.name().map(|name| name.chars().filter(|c| !c.is_control()).take(BROWSER).collect()),
        };
        let act = self.act_of(person, strength, from.caller);
        self.directory.begin_session(&act, &session, replaces).await?;
        if person.break_glass {
            let text = format!("The emergency account {} signed in from {}.", person.account, from.caller.address);
            self.directory.alarm(&act, "A-BREAK-GLASS", &text).await?;
        }
        let seconds = expires.duration_since(now).as_secs();
        Ok(NewSession { key, person: person.into(), strength, expires, seconds })
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn sign_out(&self, principal: &Principal, caller: &Caller) -> Result<(), Refusal> {
        if let Who::Person { session, .. } = &principal.who {
            self.directory.end_session(&self.act(principal, caller), session).await?;
        }
        Ok(())
    }

    /// The sessions of the person that asks, newest first.
    ///
    /// # Errors
    /// 401 for anybody else.
    pub async fn own_sessions(&self, principal: &Principal) -> Result<Vec<SessionView>, Refusal> {
        let Who::Person { id, session: current, .. } = &principal.who else { return Err(sign_in_first()) };
        let now = self.now();
        let person = self.person_of(principal).await?;
        let sessions = self.directory.sessions(*id).await?;
        let alive = sessions.into_iter().filter(|session| {
            now < session.expires && now < session.idle_expires && session.generation == person.generation
        });
        Ok(alive
            .map(|session| SessionView {
                id: session.digest.as_str().chars().take(NAME).collect(),
                created: session.created,
                last_used: session.last_used,
                expires: session.expires,
                strength: session.strength,
                address: session.address.map(|address| address.to_string()),
                browser: session.browser,
                current: session.digest == *current,
            })
            .collect())
    }

    /// Ends one of one's own sessions by its name, or all but the one that
    /// asks without one.
    ///
    /// # Errors
    /// 404 `E-SESSION` for a name that is none of theirs.
    pub async fn end_own_sessions(&self, principal: &Principal, name: Option<&str>, caller: &Caller) -> Result<(), Refusal> {
        let Who::Person { id, session: current, .. } = &principal.who else { return Err(sign_in_first()) };
        let act = self.act(principal, caller);
        let Some(name) = name else {
            return Ok(self.directory.end_sessions(&act, *id, Some(current)).await?);
        };
        let sessions = self.directory.sessions(*id).await?;
        let found = sessions.iter().find(|session| name.len() == NAME && session.digest.as_str().starts_with(name));
        match found {
            Some(session) => Ok(self.directory.end_session(&act, &session.digest).await?),
            None => Err(Refusal::new(StatusCode::NOT_FOUND, "E-SESSION", "you have no such session", "reload the list of sessions")),
        }
    }
}

/// The browser (or program) at the other end of a sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// From where.
    pub caller: &'a Caller,
    /// Its request's headers.
    pub headers: &'a HeaderMap,
    /// Our addresses.
    pub origins: &'a Origins,
}

impl Browser<'_> {
    fn name(&self) -> Option<&str> {
        self.headers.get(axum::http::header::USER_AGENT)?.to_str().ok()
    }

    /// Digest of the session's key it brings along, if any.
    pub(super) fn session(&self) -> Option<SecretDigest> {
        let own = self.origins.of_host(self.headers)?;
        Kind::Session.read(own, self.headers).map(|key| key.digest())
    }
}

fn ended() -> Refusal {
    let next = principal::sign_in_first().next().to_owned();
    Refusal::new(StatusCode::UNAUTHORIZED, "E-SESSION", "the session has ended", next)
}
