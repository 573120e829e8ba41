//! **Signing in** to a local account: by password and second proof, by
//! passkey, or by a one-time link.

use super::Identity;
use super::attempts::Target;
use super::directory::{Person, SignInLink};
use super::people::PersonView;
use super::principal::Strength;
use super::proof::Question;
use super::secret::Secret;
use super::session::{Browser, NewSession};
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::PersonId;
use serde::Serialize;
use serde_json::Value;
use webauthn_rs::prelude::DiscoverableAuthentication;
use utoipa::ToSchema;

/// Kind of the ticket between the two halves of a sign-in by passkey.
const PASSKEY: &str = "passkey-sign-in";

/// Prefix of the secret in a sign-in link.
pub const LINK_PREFIX: &str = "plimlink_";

/// Longest account name or password that is looked at.
const LONGEST: usize = 1_024;

/// Where a sign-in stands after its first step.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Signed in.
    Done(Box<NewSession>),
    /// A second proof is asked, see [`Identity::second_step`].
    Second(Box<Question>),
}

/// A sign-in link that was just made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLink {
    /// The secret in it; to be shown once.
    pub secret: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// What a sign-in page asks a browser for.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct PasskeyQuestion {
    /// Sent back with the answer.
    pub ticket: String,
    /// Options for `navigator.credentials.get`.
    #[schema(value_type = Object)]
    pub passkey: Value,
}

impl Identity {
    /// Takes the first step by account name and password. Whether it was the
    /// name or the password that is wrong is not said, nor told by time.
    ///
    /// # Errors
    /// 401 `E-CREDENTIALS`, 429 `E-ATTEMPTS`, 503 `E-BUSY`.
    pub async fn sign_in_by_password(&self, account: &str, password: &str, from: &Browser<'_>) -> Result<Step, Refusal> {
        if account.len() > LONGEST || password.len() > LONGEST {
            return Err(wrong());
        }
        let target = Target::Account(account.trim().to_lowercase());
        self.attempts.count(&[target.clone(), Target::sign_in(from.caller.address)], self.now())?;
        let person = self.directory.person_by_account(account.trim()).await?;
        let kept = person.as_ref().filter(|person| person.disabled.is_none()).and_then(|person| person.password.as_deref());
        let right = self.passwords.verify(password, kept).await?;
        let Some(person) = person.filter(|_| right) else { return Err(wrong()) };
        self.attempts.met(&target);
        self.first_step(&person, Strength::Password, from).await
    }

    /// Takes the first step by the secret of a one-time link. Who has a second
    /// proof is asked for it: a link stands for the password only, so that
    /// who can make links cannot act as others.
    ///
    /// # Errors
    /// 401 `E-LINK` for one that is unknown, used or expired.
    pub async fn sign_in_by_link(&self, secret: &str, from: &Browser<'_>) -> Result<Step, Refusal> {
        let gone = || {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "E-LINK",
                "the sign-in link is unknown, was used, or has expired",
                "ask an administrator for a new one; they make it under People",
            )
        };
        self.attempts.count(&[Target::sign_in(from.caller.address)], self.now())?;
        let digest = Secret::read(LINK_PREFIX, secret).ok_or_else(gone)?.digest();
        let nobody = self.act(&super::principal::Principal::nobody(), from.caller);
        let link = self.directory.take_link(&nobody, &digest).await?.ok_or_else(gone)?;
        let person = self.directory.person(link.person).await?.filter(|person| person.disabled.is_none());
        self.first_step(&person.ok_or_else(gone)?, Strength::Link, from).await
    }

    pub(super) async fn first_step(&self, person: &Person, first: Strength, from: &Browser<'_>) -> Result<Step, Refusal> {
        // An identity provider asks for its own second proof.
        if first != Strength::Oidc
            && let Some(question) = self.ask_second(person, first).await?
        {
            return Ok(Step::Second(Box::new(question)));
        }
        // Whoever comes by a link has just shown that the server's owner made
        // it for them: that is the proof with which the first passkey is made.
        let proven = matches!(first, Strength::Link);
        let session = self.begin(person, first, proven, from, from.session().as_ref()).await?;
        Ok(Step::Done(Box::new(session)))
    }

    /// Makes a one-time sign-in link for a person, on behalf of a local
    /// command or an administrator.
    ///
    /// # Errors
    /// No randomness, or the directory does not answer.
    pub async fn make_link(&self, act: &super::directory::Act, person: PersonId) -> Result<NewLink, Refusal> {
        let secret = Secret::make(LINK_PREFIX)?;
        let expires = self.after(self.lifetimes.link);
        let link = SignInLink { digest: secret.digest(), person, created: self.now(), expires };
        self.directory.add_link(act, &link).await?;
        Ok(NewLink { secret, expires })
    }

    /// Begins a sign-in by passkey, without a name.
    ///
    /// # Errors
    /// 409 `E-PASSKEY-ADDRESS`, 429 `E-ATTEMPTS`.
    pub async fn ask_passkey(&self, from: &Browser<'_>) -> Result<PasskeyQuestion, Refusal> {
        self.attempts.count(&[Target::sign_in(from.caller.address)], self.now())?;
        let (passkey, state) = self.passkeys.begin_sign_in()?;
        let ticket = self.ticket(PASSKEY, &state).await?;
        Ok(PasskeyQuestion { ticket: ticket.expose().to_owned(), passkey })
    }

    /// Ends a sign-in by passkey.
    ///
    /// # Errors
    /// 401 `E-PASSKEY`, 429 `E-ATTEMPTS`.
    pub async fn sign_in_by_passkey(&self, ticket: &str, answer: &Value, from: &Browser<'_>) -> Result<NewSession, Refusal> {
        self.attempts.count(&[Target::sign_in(from.caller.address)], self.now())?;
        let state: DiscoverableAuthentication = self.redeem(PASSKEY, ticket).await?;
        let person = self.directory.person(self.passkeys.claimed(answer)?).await?;
        let Some(person) = person.filter(|person| person.disabled.is_none()) else { return Err(wrong()) };
        let factors = self.directory.factors(person.id).await?;
        let used = self.passkeys.end_sign_in(answer, state, &factors)?;
        if !self.note_passkey(&used).await? {
            return Err(wrong());
        }
        self.begin(&person, Strength::Passkey, false, from, from.session().as_ref()).await
    }
}

/// What is shown of a sign-in's end.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepView {
    /// Signed in.
    Done(PersonView),
    /// A second proof is asked.
    Second(Question),
}

fn wrong() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "E-CREDENTIALS",
        "the account and its proof do not match",
        "check both, or ask an administrator for a sign-in link",
    )
}
