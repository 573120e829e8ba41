//! What identity asks of the **directory**: people, their proofs, sessions
//! and tokens. The store answers it; each method that changes something is one
//! transaction with its leaf in the evidence log.

use super::principal::Strength;
use super::role::Grant;
use super::secret::SecretDigest;
use async_trait::async_trait;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, PersonId, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Something that identity needs did not answer: the store, the random source,
/// an identity provider. Never shown to a client in detail.
#[derive(Debug)]
pub struct Unavailable {
    what: &'static str,
    cause: String,
}

impl Unavailable {
    /// Names what did not answer, and how.
    pub fn new(what: &'static str, cause: impl fmt::Display) -> Self {
        Self { what, cause: cause.to_string() }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} did not answer: {}", self.what, self.cause)
    }
}

impl std::error::Error for Unavailable {}

/// What the directory answers.
pub type Answer<T> = Result<T, Unavailable>;

/// Who changes something, and why; goes into the leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// `person:01h…`, `token:01h…`, `server`, `nobody`.
    pub actor: String,
    /// Their account name; kept beside the leaf.
    pub name: Option<String>,
    /// How they proved it.
    pub strength: Strength,
    /// When.
    pub time: Timestamp,
    /// Request it came with.
    pub request: Option<String>,
    /// In plain words; kept beside the leaf.
    pub reason: Option<String>,
}

/// A person with an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Id.
    pub id: PersonId,
    /// Account name as typed at sign-in; unique without regard to case.
    pub account: String,
    /// Name to show.
    pub name: String,
    /// Mail address.
    pub email: Option<String>,
    /// Argon2id in PHC form; none cannot sign in by password.
    pub password: Option<String>,
    /// Issuer and subject at an identity provider.
    pub subject: Option<Subject>,
    /// When the account was disabled.
    pub disabled: Option<Timestamp>,
    /// A local account for when the identity provider is down: its sign-in
    /// raises an alarm.
    pub break_glass: bool,
    /// Roles.
    pub grants: Vec<Grant>,
    /// Rises when password, roles or state change; a session of an older one
    /// is dead.
    pub generation: i64,
    /// When it was made.
    pub created: Timestamp,
}

/// A person as an identity provider names them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// Issuer, exactly as configured.
    pub issuer: String,
    /// Its name for the person; never the mail address, which can pass on.
    pub subject: String,
}

/// What kind of second proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorKind {
    /// Codes of an app (RFC 6238).
    Totp,
    /// A passkey (WebAuthn).
    Passkey,
}

impl FactorKind {
    /// The word in storage and API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Totp, Self::Passkey].into_iter().find(|kind| kind.word() == word)
    }
}

/// A second proof of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Factor {
    /// Id.
    pub id: String,
    /// Whose.
    pub person: PersonId,
    /// Kind.
    pub kind: FactorKind,
    /// What its owner calls it.
    pub label: String,
    /// Public name of a passkey, unique; none for an app.
    pub credential: Option<String>,
    /// Seed or public key, in clear here; the directory keeps it sealed.
    pub content: Vec<u8>,
    /// Newest step or count that was used; it only rises.
    pub counter: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// A session of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Digest of its key.
    pub digest: SecretDigest,
    /// Whose.
    pub person: PersonId,
    /// The person's generation when it began.
    pub generation: i64,
    /// How it began.
    pub strength: Strength,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Timestamp,
    /// When it ends if not used.
    pub idle_expires: Timestamp,
    /// When it ends in any case.
    pub expires: Timestamp,
    /// Until when a fresh proof counts.
    pub proven_until: Option<Timestamp>,
    /// From where it began.
    pub address: Option<IpAddr>,
    /// The browser's own words, shortened.
    pub browser: Option<String>,
}

/// An API token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiToken {
    /// Id.
    pub id: TokenId,
    /// Digest of its secret.
    pub digest: SecretDigest,
    /// What its maker calls it.
    pub name: String,
    /// Maker.
    pub maker: PersonId,
    /// What it may do, at most.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

/// An enrolment token: admits hosts to one client, and maybe one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnrolmentToken {
    /// Id.
    pub id: TokenId,
    /// Digest of its secret.
    pub digest: SecretDigest,
    /// Client it admits to.
    pub client: ClientId,
    /// Group that its hosts join.
    pub group: Option<GroupId>,
    /// Labels that its hosts get.
    pub labels: BTreeMap<String, String>,
    /// What its maker noted.
    pub note: String,
    /// Who made it, as in the evidence log.
    pub maker: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// How often it may be used.
    pub uses: u32,
    /// How often it was.
    pub used: u32,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

/// A one-time sign-in link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInLink {
    /// Digest of its secret.
    pub digest: SecretDigest,
    /// Whom it signs in.
    pub person: PersonId,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// People, proofs, sessions and tokens, as one transaction a question.
#[async_trait]
pub trait Directory: Send + Sync {
    /// A person by id.
    async fn person(&self, id: PersonId) -> Answer<Option<Person>>;
    /// A person by account name, without regard to case.
    async fn person_by_account(&self, account: &str) -> Answer<Option<Person>>;
    /// A person as an identity provider names them.
    async fn person_by_subject(&self, subject: &Subject) -> Answer<Option<Person>>;
    /// Everyone, by account name.
    async fn people(&self) -> Answer<Vec<Person>>;
    /// Adds a person; false when the account name or subject is taken.
    async fn add_person(&self, act: &Act, person: &Person) -> Answer<bool>;
    /// Sets or removes the password, raises the generation and ends all the
    /// person's sessions and sign-in links.
    async fn set_password(&self, act: &Act, person: PersonId, password: Option<String>) -> Answer<()>;
    /// Sets the roles, raises the generation and ends all the person's sessions.
    async fn set_grants(&self, act: &Act, person: PersonId, grants: &[Grant]) -> Answer<()>;
    /// Disables or enables, raises the generation and ends all the person's
    /// sessions and sign-in links.
    async fn set_disabled(&self, act: &Act, person: PersonId, disabled: bool) -> Answer<()>;

    /// A person's second proofs, oldest first.
    async fn factors(&self, person: PersonId) -> Answer<Vec<Factor>>;
    /// Adds one; false when its credential is somebody's already.
    async fn add_factor(&self, act: &Act, factor: &Factor) -> Answer<bool>;
    /// Removes one; false when the person has none such.
    async fn remove_factor(&self, act: &Act, person: PersonId, id: &str) -> Answer<bool>;
    /// Moves a counter from what was seen to what was used, and keeps the new
    /// content; false when somebody else moved it meanwhile.
    async fn advance_factor(&self, factor: &Factor, to: i64, content: &[u8], now: Timestamp) -> Answer<bool>;
    /// Replaces a person's recovery codes.
    async fn set_recovery_codes(&self, act: &Act, person: PersonId, codes: &[SecretDigest]) -> Answer<()>;
    /// Uses up one recovery code; false when there is none such.
    async fn use_recovery_code(&self, act: &Act, person: PersonId, code: &SecretDigest) -> Answer<bool>;
    /// How many recovery codes are left.
    async fn recovery_codes_left(&self, person: PersonId) -> Answer<u32>;

    /// A session by the digest of its key, whatever its state.
    async fn session(&self, digest: &SecretDigest) -> Answer<Option<Session>>;
    /// A person's sessions, newest first.
    async fn sessions(&self, person: PersonId) -> Answer<Vec<Session>>;
    /// Begins a session, and ends `replaces` in the same transaction.
    async fn begin_session(&self, act: &Act, session: &Session, replaces: Option<&SecretDigest>) -> Answer<()>;
    /// Notes a use; no leaf.
    async fn touch_session(&self, digest: &SecretDigest, now: Timestamp, idle_expires: Timestamp) -> Answer<()>;
    /// Ends one session.
    async fn end_session(&self, act: &Act, digest: &SecretDigest) -> Answer<()>;
    /// Ends a person's sessions but `keep`.
    async fn end_sessions(&self, act: &Act, person: PersonId, keep: Option<&SecretDigest>) -> Answer<()>;

    /// Keeps a sign-in link.
    async fn add_link(&self, act: &Act, link: &SignInLink) -> Answer<()>;
    /// Uses up a sign-in link: exactly one caller gets it, before it expires.
    async fn take_link(&self, act: &Act, digest: &SecretDigest) -> Answer<Option<SignInLink>>;
    /// Keeps something half done (a sign-in, a ceremony) until `expires`;
    /// no leaf.
    async fn add_ticket(&self, kind: &'static str, digest: &SecretDigest, content: &[u8], expires: Timestamp) -> Answer<()>;
    /// Takes it back: exactly one caller gets it, before it expires; no leaf.
    async fn take_ticket(&self, kind: &'static str, digest: &SecretDigest, now: Timestamp) -> Answer<Option<Vec<u8>>>;

    /// An API token by the digest of its secret, whatever its state.
    async fn token(&self, digest: &SecretDigest) -> Answer<Option<ApiToken>>;
    /// API tokens, of one person or all, newest first.
    async fn tokens(&self, maker: Option<PersonId>) -> Answer<Vec<ApiToken>>;
    /// Keeps a new one.
    async fn add_token(&self, act: &Act, token: &ApiToken) -> Answer<()>;
    /// Withdraws one; false when there is none such of that maker (or at all).
    async fn revoke_token(&self, act: &Act, maker: Option<PersonId>, id: TokenId) -> Answer<bool>;
    /// Notes a use; no leaf.
    async fn touch_token(&self, id: TokenId, now: Timestamp) -> Answer<()>;

    /// Keeps a new enrolment token.
    async fn add_enrolment(&self, act: &Act, token: &EnrolmentToken) -> Answer<()>;
    /// An enrolment token by digest, whatever its state.
    async fn enrolment(&self, digest: &SecretDigest) -> Answer<Option<EnrolmentToken>>;

    /// A client by name or id and, where one is named, a group of its hosts;
    /// none where either is not there, or the client was put away.
    async fn place(&self, client: &str, group: Option<&str>) -> Answer<Option<(ClientId, Option<GroupId>)>>;

    /// Raises an alarm that people must look at.
    async fn alarm(&self, act: &Act, code: &'static str, text: &str) -> Answer<()>;
}
