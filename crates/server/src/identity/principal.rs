//! The **principal**: who a request comes from, how surely we know, and what
//! they may do.

use super::role::{Grant, Permission, Portion, Reach, Scope};
use super::secret::SecretDigest;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId, PersonId, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How a principal proved itself, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Not at all.
    Nothing,
    /// By an API token.
    Token,
    /// By a password alone.
    Password,
    /// By a one-time link printed by a local command of the server's owner.
    Link,
    /// By an identity provider.
    Oidc,
    /// By a password and a one-time code, a recovery code or a passkey.
    SecondFactor,
    /// By a passkey that verified its user.
    Passkey,
    /// By a host's own key.
    HostKey,
}

impl Strength {
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Token,
        Self::Password,
        Self::Link,
        Self::Oidc,
        Self::SecondFactor,
        Self::Passkey,
        Self::HostKey,
    ];

    /// The word in storage, evidence and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Token => "token",
            Self::Password => "password",
            Self::Link => "link",
            Self::Oidc => "oidc",
            Self::SecondFactor => "second-factor",
            Self::Passkey => "passkey",
            Self::HostKey => "host-key",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strength| strength.word() == word)
    }
}

/// Who a request comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Nobody we know.
    Nobody,
    /// A person with a session.
    Person {
        /// The person.
        id: PersonId,
        /// Their account name.
        name: String,
        /// Digest of the session's key.
        session: SecretDigest,
    },
    /// An API token, which acts for the person that made it.
    Token {
        /// The token.
        id: TokenId,
        /// Its name.
        name: String,
        /// Its maker.
        owner: PersonId,
    },
    /// A managed host.
    Host {
        /// The host.
        id: HostId,
        /// Its client.
        client: ClientId,
    },
}

/// Who a request comes from, how surely, and with which rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// Who.
    pub who: Who,
    /// How surely.
    pub strength: Strength,
    /// Rights of the person, or of the token's maker at this moment.
    grants: Vec<Grant>,
    /// Rights written into the token; they only ever narrow.
    limit: Option<Vec<Grant>>,
    /// Until when a fresh proof of the person counts.
    proven_until: Option<Timestamp>,
    /// The one client that they want to see now.
    focus: Option<ClientId>,
}

impl Principal {
    /// Nobody.
    pub fn nobody() -> Self {
        Self { who: Who::Nobody, strength: Strength::Nothing, grants: Vec::new(), limit: None, proven_until: None, focus: None }
    }

    /// A person with a session.
    pub fn person(
        id: PersonId,
        name: impl Into<String>,
        session: SecretDigest,
        strength: Strength,
        grants: Vec<Grant>,
        proven_until: Option<Timestamp>,
    ) -> Self {
        Self { who: Who::Person { id, name: name.into(), session }, strength, grants, limit: None, proven_until, focus: None }
    }

    /// A token: `grants` are its maker's now, `limit` its own.
    pub fn token(
        id: TokenId,
        name: impl Into<String>,
        owner: PersonId,
        grants: Vec<Grant>,
        limit: Vec<Grant>,
    ) -> Self {
        let who = Who::Token { id, name: name.into(), owner };
        Self { who, strength: Strength::Token, grants, limit: Some(limit), proven_until: None, focus: None }
    }

    /// A host whose signature was checked; it holds no permission of people.
    pub fn host(id: HostId, client: ClientId) -> Self {
        let who = Who::Host { id, client };
        Self { who, strength: Strength::HostKey, grants: Vec::new(), limit: None, proven_until: None, focus: None }
    }

    /// The person behind it, if any: themselves, or the token's maker.
    pub fn person_id(&self) -> Option<PersonId> {
        match &self.who {
            Who::Person { id, .. } => Some(*id),
            Who::Token { owner, .. } => Some(*owner),
            Who::Nobody | Who::Host { .. } => None,
        }
    }

    /// Roles as they count now, for display; a token's are its own.
    pub fn grants(&self) -> &[Grant] {
        self.limit.as_deref().unwrap_or(&self.grants)
    }

    /// Narrows what they see and do to one client, where they see some of it;
    /// otherwise nothing changes. What belongs to no client (people, settings)
    /// stays as it was.
    #[must_use]
    pub fn focused(mut self, client: ClientId) -> Self {
        let sees = match self.whole_scope(Permission::ReadFleet) {
            Scope::Everything => true,
            Scope::Clients(clients) => clients.contains_key(&client),
        };
        self.focus = sees.then_some(client);
        self
    }

    /// The one client that they want to see now; none is all of theirs.
    pub fn focus(&self) -> Option<ClientId> {
        self.focus
    }

    /// Where it may do a thing; [`Scope::nothing`] where it may not at all.
    pub fn scope(&self, permission: Permission) -> Scope {
        let scope = self.whole_scope(permission);
        match self.focus {
            Some(client) if permission.reach() != Reach::Everything => {
                scope.intersection(&Scope::Clients(BTreeMap::from([(client, Portion::Whole)])))
            }
            _ => scope,
        }
    }

    /// The same, whatever client they want to see now.
    pub fn whole_scope(&self, permission: Permission) -> Scope {
        let scope = Scope::of(&self.grants, permission);
        match &self.limit {
            None => scope,
            Some(limit) => scope.intersection(&Scope::of(limit, permission)),
        }
    }

    /// Whether it may do a thing somewhere.
    pub fn may(&self, permission: Permission) -> bool {
        !self.scope(permission).is_nothing()
    }

    /// Whether a fresh proof of the person counts at `now`.
    pub fn is_proven(&self, now: Timestamp) -> bool {
        matches!(self.who, Who::Person { .. }) && self.proven_until.is_some_and(|until| now < until)
    }

    /// Until when a fresh proof of the person counts; none where it does not
    /// count at `now`.
    pub fn proven_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.proven_until.filter(|_| self.is_proven(now))
    }

    /// Where it may do a thing, or the refusal that says why not.
    ///
    /// # Errors
    /// 401 `E-SIGN-IN` for nobody, 403 `E-PERMISSION` without the right, 403
    /// `E-STEP-UP` without a fresh proof where one is asked.
    pub fn allow(&self, permission: Permission, now: Timestamp) -> Result<Scope, Refusal> {
        let roles: Vec<_> = permission.roles().iter().map(|role| role.word()).collect();
        match self.who {
            Who::Nobody => return Err(sign_in_first()),
            Who::Host { .. } => return Err(not_for_hosts()),
            Who::Person { .. } | Who::Token { .. } => {}
        }
        let scope = self.scope(permission);
        if scope.is_nothing() {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "E-PERMISSION",
                format!("{self} lacks the permission {}", permission.word()),
                format!("ask an administrator for one of the roles {}", roles.join(", ")),
            ));
        }
        if permission.proof() == super::role::Proof::StepUp && !self.is_proven(now) {
            return Err(self.step_up(permission.word()));
        }
        Ok(scope)
    }

    /// The refusal for a missing fresh proof.
    pub fn step_up(&self, act: &str) -> Refusal {
        let next = match self.who {
            Who::Token { .. } => "do it in the console: a token cannot prove that its maker is there",
            _ => "confirm with your passkey, code or password (POST /api/v1/session/proof/question, then /api/v1/session/proof), then repeat the request",
        };
        Refusal::new(StatusCode::FORBIDDEN, "E-STEP-UP", format!("{act} asks for a fresh proof of the person"), next)
    }
}

impl fmt::Display for Principal {
    /// The form in which evidence and messages name it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Nobody => formatter.write_str("nobody"),
            Who::Person { id, .. } => write!(formatter, "person:{id}"),
            Who::Token { id, .. } => write!(formatter, "token:{id}"),
            Who::Host { id, .. } => write!(formatter, "host:{id}"),
        }
    }
}

/// The refusal for a request without credentials.
pub fn sign_in_first() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "E-SIGN-IN",
        "the request carries no valid session or token",
        "sign in, or send `Authorization: Bearer plim_…`",
    )
}

fn not_for_hosts() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", "a host's key opens only the agents' routes", "use a person's session or an API token")
}
