//! **Proofs**: a code, a passkey or a recovery code of a person we already
//! have a name for, as second step of a sign-in or as the fresh proof that
//! dangerous acts ask.

use super::Identity;
use super::attempts::Target;
use super::directory::{Act, Factor, FactorKind, Person};
use super::principal::{Principal, Strength, Who, sign_in_first};
use super::secret::Secret;
use super::session::{Browser, NewSession};
use super::{Unavailable, totp};
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::PasskeyAuthentication;
use utoipa::ToSchema;

/// What somebody gives as proof.
#[derive(Clone, PartialEq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// A code of their app.
    Code(String),
    /// One of their recovery codes.
    RecoveryCode(String),
    /// What `navigator.credentials.get` gave, as `toJSON()` writes it.
    Passkey(Value),
    /// Their password; counts only for a fresh proof, and only for people who
    /// have nothing better.
    Password(String),
}

/// What a person can prove themselves with; for drawing the question.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Question {
    /// Sent back with the proof.
    pub ticket: String,
    /// Whether a code of an app will do.
    pub code: bool,
    /// Whether a recovery code will do.
    pub recovery_code: bool,
    /// Whether the password will do.
    pub password: bool,
    /// Options for `navigator.credentials.get`, where a passkey will do.
    #[schema(value_type = Option<Object>)]
    pub passkey: Option<Value>,
}

/// What is kept between a question and its proof.
#[derive(Serialize, Deserialize)]
struct Asked {
    person: plimsoll_core::model::identifier::PersonId,
    generation: i64,
    /// How the first step was made; none for a fresh proof.
    first: Option<Strength>,
    /// Session that a fresh proof is for.
    session: Option<String>,
    passkey: Option<PasskeyAuthentication>,
    tries: u8,
}

/// Kind of the ticket.
const TICKET: &str = "proof";

/// Wrong proofs until the question must be asked anew.
const TRIES: u8 = 5;

impl Identity {
    pub(super) async fn ticket<T: Serialize>(&self, kind: &'static str, content: &T) -> Result<Secret, Refusal> {
        let secret = Secret::make("")?;
        self.keep_ticket(kind, &secret, content).await?;
        Ok(secret)
    }

    async fn keep_ticket<T: Serialize>(&self, kind: &'static str, secret: &Secret, content: &T) -> Result<(), Refusal> {
        let content = serde_json::to_vec(content).map_err(|error| Unavailable::new("tickets", error))?;
        let expires = self.after(self.lifetimes.ticket);
        Ok(self.directory.add_ticket(kind, &secret.digest(), &content, expires).await?)
    }

    pub(super) async fn redeem<T: DeserializeOwned>(&self, kind: &'static str, ticket: &str) -> Result<T, Refusal> {
        let gone = || {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "E-TICKET",
                "this step was already taken, or it took too long",
                "begin again from the first step",
            )
        };
        let secret = Secret::read("", ticket).ok_or_else(gone)?;
        let content = self.directory.take_ticket(kind, &secret.digest(), self.now()).await?.ok_or_else(gone)?;
        Ok(serde_json::from_slice(&content).map_err(|error| Unavailable::new("tickets", error))?)
    }

    /// Asks a person for a proof; none when they have nothing to give.
    async fn ask(&self, person: &Person, first: Option<Strength>, session: Option<String>) -> Result<Option<Question>, Refusal> {
        let factors = self.directory.factors(person.id).await?;
        let recovery_code = self.directory.recovery_codes_left(person.id).await? > 0;
        let code = factors.iter().any(|factor| factor.kind == FactorKind::Totp);
        // Where the address allows no passkeys, those registered under another
        // one do not count as a way.
        let passkey = if self.passkeys.are_possible() { self.passkeys.begin_proof(&factors)? } else { None };
        let password = first.is_none() && factors.is_empty() && person.password.is_some();
        if factors.is_empty() && !password {
            return Ok(None);
        }
        let (options, state) = passkey.unzip();
        let asked = Asked { person: person.id, generation: person.generation, first, session, passkey: state, tries: 0 };
        let ticket = self.ticket(TICKET, &asked).await?;
        Ok(Some(Question { ticket: ticket.expose().to_owned(), code, recovery_code, password, passkey: options }))
    }

    pub(super) async fn ask_second(&self, person: &Person, first: Strength) -> Result<Option<Question>, Refusal> {
        self.ask(person, Some(first), None).await
    }

    /// Takes the second step of a sign-in.
    ///
    /// # Errors
    /// 401 `E-PROOF` for a wrong one, `E-TICKET` for one too late or too
    /// often, 429 `E-ATTEMPTS`.
    pub async fn second_step(&self, ticket: &str, proof: &Proof, from: &Browser<'_>) -> Result<NewSession, Refusal> {
        let (asked, person) = self.prove(ticket, proof, from, |asked| asked.first.is_some()).await?;
        let strength = match (proof, asked.first) {
            (Proof::Passkey(_), _) => Strength::Passkey,
            (_, Some(Strength::Oidc)) => Strength::Oidc,
            _ => Strength::SecondFactor,
        };
        self.begin(&person, strength, false, from, from.session().as_ref()).await
    }

    /// Asks the person of a session for a fresh proof.
    ///
    /// # Errors
    /// 409 `E-NO-PROOF` when the account has nothing to prove itself with.
    pub async fn ask_fresh(&self, principal: &Principal) -> Result<Question, Refusal> {
        let Who::Person { session, .. } = &principal.who else { return Err(sign_in_first()) };
        let person = self.person_of(principal).await?;
        self.ask(&person, None, Some(session.as_str().to_owned())).await?.ok_or_else(|| {
            Refusal::new(
                StatusCode::CONFLICT,
                "E-NO-PROOF",
                "the account has no passkey, no app and no password to prove itself with",
                "sign in again at the identity provider, or by a new link that an administrator makes under People, and register a passkey then",
            )
        })
    }

    /// Takes a fresh proof: the session goes on under a new key, proven for
    /// some minutes.
    ///
    /// # Errors
    /// As [`Identity::second_step`].
    pub async fn prove_fresh(&self, principal: &Principal, ticket: &str, proof: &Proof, from: &Browser<'_>) -> Result<NewSession, Refusal> {
        let Who::Person { session, .. } = &principal.who else { return Err(sign_in_first()) };
        let (_, person) = self.prove(ticket, proof, from, |asked| asked.session.as_deref() == Some(session.as_str())).await?;
        let strength = match proof {
            Proof::Passkey(_) => Strength::Passkey,
            Proof::Password(_) => principal.strength,
            Proof::Code(_) | Proof::RecoveryCode(_) => principal.strength.max(Strength::SecondFactor),
        };
        self.begin(&person, strength, true, from, Some(session)).await
    }

    async fn prove(
        &self,
        ticket: &str,
        proof: &Proof,
        from: &Browser<'_>,
        fits: impl Fn(&Asked) -> bool,
    ) -> Result<(Asked, Person), Refusal> {
        let address = Target::sign_in(from.caller.address);
        self.attempts.count(std::slice::from_ref(&address), self.now())?;
        let mut asked: Asked = self.redeem(TICKET, ticket).await?;
        let person = self.directory.person(asked.person).await?;
        let person = person.filter(|person| {
            fits(&asked) && person.disabled.is_none() && person.generation == asked.generation
        });
        let Some(person) = person else { return Err(wrong()) };
        let target = Target::Proof(person.id.to_string());
        self.attempts.count(std::slice::from_ref(&target), self.now())?;
        let right = self.is_right(&person, &asked, proof, from).await?;
        if !right {
            asked.tries += 1;
            // A passkey's challenge counts once; what is typed may be mistyped.
            if asked.tries < TRIES && !matches!(proof, Proof::Passkey(_)) {
                let secret = Secret::read("", ticket).ok_or_else(wrong)?;
                self.keep_ticket(TICKET, &secret, &asked).await?;
            }
            return Err(wrong());
        }
        self.attempts.met(&target);
        Ok((asked, person))
    }

    async fn is_right(&self, person: &Person, asked: &Asked, proof: &Proof, from: &Browser<'_>) -> Result<bool, Refusal> {
        let now = self.now();
        let act = || -> Act { self.act_of(person, Strength::Nothing, from.caller) };
        let factors = self.directory.factors(person.id).await?;
        match proof {
            Proof::Code(code) => {
                for factor in factors.iter().filter(|factor| factor.kind == FactorKind::Totp) {
                    if let Some(step) = totp::check(&factor.content, code, factor.counter, now)? {
                        return Ok(self.directory.advance_factor(factor, step, &factor.content, now).await?);
                    }
                }
                Ok(false)
            }
            Proof::RecoveryCode(code) => {
                let used = self.directory.use_recovery_code(&act(), person.id, &totp::recovery_digest(code)).await?;
                Ok(used)
            }
            Proof::Passkey(answer) => {
                let Some(state) = &asked.passkey else { return Ok(false) };
                let used = self.passkeys.end_proof(answer, state, &factors)?;
                self.note_passkey(&used).await
            }
            Proof::Password(password) => {
                let alone = asked.first.is_none() && factors.is_empty();
                Ok(alone && self.passwords.verify(password, person.password.as_deref()).await?)
            }
        }
    }

    pub(super) async fn note_passkey(&self, used: &super::passkey::Used<'_>) -> Result<bool, Refusal> {
        let factor: &Factor = used.factor;
        let to = used.counter.max(factor.counter);
        Ok(self.directory.advance_factor(factor, to, &used.content, self.now()).await?)
    }
}

fn wrong() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "E-PROOF",
        "the proof is wrong, was used before, or does not belong to this step",
        "wait for the next code and try again, or begin again",
    )
}
