//! A person's own **proofs**: password, apps, passkeys, recovery codes. Each
//! change of them asks for a fresh proof, so that a stolen cookie cannot put
//! the thief's key beside the owner's.

use super::directory::{Factor, FactorKind, Person};
use super::principal::{Principal, Who};
use super::session::{Browser, NewSession};
use super::{Identity, checked_text, passkey, password, secret, totp};
use crate::http::gate::Caller;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{PersonId, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::PasskeyRegistration;
use utoipa::ToSchema;

/// Proofs that a person may have.
const MOST: usize = 20;

/// Longest name of one, in characters.
const LABEL: usize = 64;

const APP: &str = "app-registration";
const PASSKEY: &str = "passkey-registration";

/// One of a person's proofs, as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FactorView {
    /// Id.
    pub id: String,
    /// Kind.
    #[schema(value_type = String)]
    pub kind: FactorKind,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was last used.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
}

/// A person's proofs, as their owner sees them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ProofsView {
    /// Whether there is a password.
    pub password: bool,
    /// Apps and passkeys, oldest first.
    pub factors: Vec<FactorView>,
    /// Recovery codes left.
    pub recovery_codes: u32,
    /// Whether the console's address allows passkeys.
    pub passkeys_possible: bool,
}

/// An app that is about to be registered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct NewApp {
    /// Sent back with the first code.
    pub ticket: String,
    /// `otpauth:` address, for a QR code.
    pub url: String,
    /// Seed in base 32, for typing.
    pub seed: String,
}

/// A passkey that is about to be registered.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct NewPasskey {
    /// Sent back with the answer.
    pub ticket: String,
    /// Options for `navigator.credentials.create`.
    #[schema(value_type = Object)]
    pub options: Value,
}

/// A proof that was registered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Registered {
    /// It.
    pub factor: FactorView,
    /// Recovery codes, where these are the person's first; shown once.
    pub recovery_codes: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
struct AppTicket {
    person: PersonId,
    seed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct PasskeyTicket {
    person: PersonId,
    state: PasskeyRegistration,
}

impl Identity {
    /// Whether the console's address allows passkeys.
    pub fn passkeys_are_possible(&self) -> bool {
        self.passkeys.are_possible()
    }

    async fn proven_person(&self, principal: &Principal, act: &str) -> Result<Person, Refusal> {
        let person = self.person_of(principal).await?;
        if principal.is_proven(self.now()) { Ok(person) } else { Err(principal.step_up(act)) }
    }

    /// What the person that asks can prove themselves with.
    ///
    /// # Errors
    /// 401 for anybody else.
    pub async fn own_proofs(&self, principal: &Principal) -> Result<ProofsView, Refusal> {
        let person = self.person_of(principal).await?;
        let factors = self.directory.factors(person.id).await?;
        Ok(ProofsView {
            password: person.password.is_some(),
            factors: factors.iter().map(FactorView::from).collect(),
            recovery_codes: self.directory.recovery_codes_left(person.id).await?,
            passkeys_possible: self.passkeys.are_possible(),
        })
    }

    /// Sets one's own password. Every session and link of the person ends;
    /// this browser gets a new one.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 400 `E-PASSWORD`.
    pub async fn set_own_password(&self, principal: &Principal, new: &str, from: &Browser<'_>) -> Result<NewSession, Refusal> {
        let person = self.proven_person(principal, "setting a password").await?;
        self.check_password(&person, new)?;
        let hash = self.passwords.hash(new).await?;
        self.directory.set_password(&self.act(principal, from.caller), person.id, Some(hash)).await?;
        let person = self.directory.person(person.id).await?.ok_or_else(super::principal::sign_in_first)?;
        self.begin(&person, principal.strength, true, from, None).await
    }

    pub(super) fn check_password(&self, person: &Person, new: &str) -> Result<(), Refusal> {
        password::check(new, &[&person.account, &person.name, person.email.as_deref().unwrap_or_default()])
    }

    /// Begins to register an app for one-time codes.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`.
    pub async fn begin_app(&self, principal: &Principal) -> Result<NewApp, Refusal> {
        let person = self.proven_person(principal, "registering an app").await?;
        let seed = secret::random::<{ totp::SEED }>()?.to_vec();
        let (url, text) = totp::describe(&seed, &person.account)?;
        let ticket = self.ticket(APP, &AppTicket { person: person.id, seed }).await?;
        Ok(NewApp { ticket: ticket.expose().to_owned(), url, seed: text })
    }

    /// Ends it with the app's first code. A wrong one ends it too: the app's
    /// clock or seed is wrong then, and it starts over.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 400 `E-CODE`, 401 `E-TICKET`.
    pub async fn end_app(&self, principal: &Principal, ticket: &str, code: &str, label: &str, caller: &Caller) -> Result<Registered, Refusal> {
        let person = self.proven_person(principal, "registering an app").await?;
        let label = checked_text("label", label, LABEL)?;
        let kept: AppTicket = self.redeem(APP, ticket).await?;
        let now = self.now();
        let step = totp::check(&kept.seed, code, -1, now)?.filter(|_| kept.person == person.id).ok_or_else(|| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "E-CODE",
                format!("the code does not fit; the server's clock says {}", now.strftime("%H:%M:%S UTC")),
                "check the clock of the device with the app, and begin again",
            )
        })?;
        let factor = Factor {
            id: TokenId::from_bits(secret::identifier(now)?).to_string(),
            person: person.id,
            kind: FactorKind::Totp,
            label,
            credential: None,
            content: kept.seed,
            counter: step,
            created: now,
            last_used: None,
        };
        self.add_factor(principal, factor, caller).await
    }

    /// Begins to register a passkey.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 409 `E-PASSKEY-ADDRESS`.
    pub async fn begin_passkey(&self, principal: &Principal) -> Result<NewPasskey, Refusal> {
        let person = self.proven_person(principal, "registering a passkey").await?;
        let have = self.directory.factors(person.id).await?;
        let (options, state) = self.passkeys.begin_registration(person.id, &person.account, &person.name, &have)?;
        let ticket = self.ticket(PASSKEY, &PasskeyTicket { person: person.id, state }).await?;
        Ok(NewPasskey { ticket: ticket.expose().to_owned(), options })
    }

    /// Ends it with the browser's answer.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 401 `E-PASSKEY` and `E-TICKET`, 409 `E-PASSKEY-KNOWN`.
    pub async fn end_passkey(&self, principal: &Principal, ticket: &str, answer: &Value, label: &str, caller: &Caller) -> Result<Registered, Refusal> {
        let person = self.proven_person(principal, "registering a passkey").await?;
        let label = checked_text("label", label, LABEL)?;
        let kept: PasskeyTicket = self.redeem(PASSKEY, ticket).await?;
        if kept.person != person.id {
            return Err(principal.step_up("registering a passkey"));
        }
        let (name, content) = self.passkeys.end_registration(answer, &kept.state)?;
        let now = self.now();
        let id = TokenId::from_bits(secret::identifier(now)?).to_string();
        let factor = passkey::factor(id, person.id, label, name, content, now);
        self.add_factor(principal, factor, caller).await
    }

    async fn add_factor(&self, principal: &Principal, factor: Factor, caller: &Caller) -> Result<Registered, Refusal> {
        let have = self.directory.factors(factor.person).await?;
        if have.len() >= MOST {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "E-PROOFS",
                format!("the account has {} apps and passkeys, the limit is {MOST}", have.len()),
                "remove one that is no longer used",
            ));
        }
        let act = self.act(principal, caller);
        if !self.directory.add_factor(&act, &factor).await? {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "E-PASSKEY-KNOWN",
                "this passkey is registered already",
                "use it, or register another",
            ));
        }
        let first = self.directory.recovery_codes_left(factor.person).await? == 0;
        let recovery_codes = if first { Some(self.make_recovery_codes(principal, caller).await?) } else { None };
        Ok(Registered { factor: (&factor).into(), recovery_codes })
    }

    /// Replaces one's own recovery codes; the new ones are shown once.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`.
    pub async fn make_recovery_codes(&self, principal: &Principal, caller: &Caller) -> Result<Vec<String>, Refusal> {
        let person = self.proven_person(principal, "making recovery codes").await?;
        let codes = totp::recovery_codes()?;
        let digests: Vec<_> = codes.iter().map(|code| totp::recovery_digest(code)).collect();
        self.directory.set_recovery_codes(&self.act(principal, caller), person.id, &digests).await?;
        Ok(codes)
    }

    /// Removes one of one's own proofs, and with the last one the recovery
    /// codes, which stand in for nothing then.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 404 `E-PROOF`.
    pub async fn remove_factor(&self, principal: &Principal, id: &str, caller: &Caller) -> Result<(), Refusal> {
        let Who::Person { .. } = principal.who else { return Err(super::principal::sign_in_first()) };
        let person = self.proven_person(principal, "removing a proof").await?;
        let act = self.act(principal, caller);
        if !self.directory.remove_factor(&act, person.id, id).await? {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "E-PROOF", "you have no such app or passkey", "reload the list"));
        }
        if self.directory.factors(person.id).await?.is_empty() && self.directory.recovery_codes_left(person.id).await? > 0 {
            self.directory.set_recovery_codes(&act, person.id, &[]).await?;
        }
        Ok(())
    }
}

impl From<&Factor> for FactorView {
    fn from(factor: &Factor) -> Self {
        Self {
            id: factor.id.clone(),
            kind: factor.kind,
            label: factor.label.clone(),
            created: factor.created,
            last_used: factor.last_used,
        }
    }
}
