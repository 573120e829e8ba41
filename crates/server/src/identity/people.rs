//! **People** and their roles, for administrators and for local commands of
//! the server's owner. There is no set-up page: the first person is made by
//! [`Identity::add_person`] from a command on the machine itself.

use super::directory::{Act, Person, Subject};
use super::principal::{Principal, Strength};
use super::role::{Grant, Permission, Role};
use super::sign_in::NewLink;
use super::{Identity, checked_text, secret};
use crate::http::gate::Caller;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::PersonId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Roles of one person at most.
const GRANTS: usize = 200;

/// A person as others see them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// Id.
    #[schema(value_type = String)]
    pub id: PersonId,
    /// Account name.
    pub account: String,
    /// Name to show.
    pub name: String,
    /// Mail address.
    pub email: Option<String>,
    /// Issuer, for people of an identity provider.
    pub issuer: Option<String>,
    /// When it was disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled: Option<Timestamp>,
    /// Whether it is an emergency account.
    pub break_glass: bool,
    /// Roles.
    pub grants: Vec<Grant>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<&Person> for PersonView {
    fn from(person: &Person) -> Self {
        Self {
            id: person.id,
            account: person.account.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            issuer: person.subject.as_ref().map(|subject| subject.issuer.clone()),
            disabled: person.disabled,
            break_glass: person.break_glass,
            grants: person.grants.clone(),
            created: person.created,
        }
    }
}

/// A person to be made.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Account name.
    pub account: String,
    /// Name to show.
    pub name: String,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Roles.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Whether it is an emergency account.
    #[serde(default)]
    pub break_glass: bool,
}

/// The longest reason that is kept, in characters.
const REASON: usize = 500;

/// Somebody who may change people: an administrator, or a local command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Steward {
    act: Act,
    /// None for a local command, which may do everything its owner may.
    person: Option<PersonId>,
}

impl Steward {
    /// Says why, in plain words that stay beside the evidence.
    ///
    /// # Errors
    /// 400 `E-TEXT` for more than 500 characters, or what cannot be shown.
    pub fn because(mut self, reason: Option<&str>) -> Result<Self, Refusal> {
        self.act.reason = match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
            None => None,
            Some(reason) => Some(checked_text("reason", reason, REASON)?),
        };
        Ok(self)
    }
}

impl Identity {
    /// The person that asks, as others see them.
    ///
    /// # Errors
    /// 401 for anybody but a person in a session.
    pub async fn own_person(&self, principal: &Principal) -> Result<PersonView, Refusal> {
        Ok((&self.person_of(principal).await?).into())
    }

    /// What a person has to prove themselves with beside a password, for those
    /// who may see people.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn factors_of(&self, id: PersonId) -> Result<Vec<super::factor::FactorView>, Refusal> {
        Ok(self.directory.factors(id).await?.iter().map(Into::into).collect())
    }

    /// An administrator with a fresh proof.
    ///
    /// # Errors
    /// As [`Principal::allow`] for [`Permission::EditPeople`].
    pub fn steward(&self, principal: &Principal, caller: &Caller) -> Result<Steward, Refusal> {
        principal.allow(Permission::EditPeople, self.now())?;
        Ok(Steward { act: self.act(principal, caller), person: principal.person_id() })
    }

    /// A command run on the server's own machine by who owns its data.
    pub fn local_steward(&self) -> Steward {
        let act = Act {
            actor: "local-command".to_owned(),
            name: None,
            strength: Strength::Nothing,
            time: self.now(),
            request: None,
            reason: None,
        };
        Steward { act, person: None }
    }

    /// Everyone, by account name.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn people(&self) -> Result<Vec<PersonView>, Refusal> {
        Ok(self.directory.people().await?.iter().map(PersonView::from).collect())
    }

    /// Makes a person, without password: a link lets them in first.
    ///
    /// # Errors
    /// 400 `E-TEXT` and `E-GRANT`, 409 `E-ACCOUNT`.
    pub async fn add_person(&self, steward: &Steward, new: NewPerson) -> Result<PersonView, Refusal> {
        check_grants(&new.grants)?;
        let person = self.draft(new, None)?;
        self.keep_person(&steward.act, &person).await?;
        Ok((&person).into())
    }

    pub(super) fn draft(&self, new: NewPerson, subject: Option<Subject>) -> Result<Person, Refusal> {
        let email = match new.email {
            None => None,
            Some(email) => {
                let email = checked_text("email", &email, 254)?;
                let sound = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
                if !sound || email.contains(char::is_whitespace) {
                    return Err(Refusal::new(StatusCode::BAD_REQUEST, "E-TEXT", format!("{email} is no mail address"), "correct it").at("email"));
                }
                Some(email)
            }
        };
        let now = self.now();
        Ok(Person {
            id: PersonId::from_bits(secret::identifier(now)?),
            account: checked_text("account", &new.account, 128)?,
            name: checked_text("name", &new.name, 128)?,
            email,
            password: None,
            subject,
            disabled: None,
            break_glass: new.break_glass,
            grants: new.grants,
            generation: 0,
            created: now,
        })
    }

    pub(super) async fn keep_person(&self, act: &Act, person: &Person) -> Result<(), Refusal> {
        if self.directory.add_person(act, person).await? {
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::CONFLICT,
            "E-ACCOUNT",
            format!("there is an account {} already", person.account),
            "take another account name, or change the roles of that one",
        ))
    }

    /// Sets a person's roles; their sessions end. Nobody sets their own.
    ///
    /// # Errors
    /// 403 `E-SELF`, 400 `E-GRANT`, 404 `E-PERSON`, 409 `E-LAST`.
    pub async fn set_grants(&self, steward: &Steward, id: PersonId, grants: &[Grant]) -> Result<(), Refusal> {
        check_grants(grants)?;
        self.other(steward, id, "roles").await?;
        if !grants.contains(&Grant::everywhere(Role::Administrator)) {
            self.keep_an_administrator(id).await?;
        }
        Ok(self.directory.set_grants(&steward.act, id, grants).await?)
    }

    /// Disables or enables a person; their sessions and tokens stop counting.
    ///
    /// # Errors
    /// 403 `E-SELF`, 404 `E-PERSON`, 409 `E-LAST`.
    pub async fn set_disabled(&self, steward: &Steward, id: PersonId, disabled: bool) -> Result<(), Refusal> {
        self.other(steward, id, "state").await?;
        if disabled {
            self.keep_an_administrator(id).await?;
        }
        Ok(self.directory.set_disabled(&steward.act, id, disabled).await?)
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// 404 `E-PERSON`.
    pub async fn end_sessions(&self, steward: &Steward, id: PersonId) -> Result<(), Refusal> {
        self.known(id).await?;
        Ok(self.directory.end_sessions(&steward.act, id, None).await?)
    }

    /// Makes a one-time sign-in link for a person; it stands for the password,
    /// not for the second proof.
    ///
    /// # Errors
    /// 404 `E-PERSON`, 403 `E-SELF` for an administrator's own: a stolen
    /// session must not make itself a way back.
    pub async fn link(&self, steward: &Steward, id: PersonId) -> Result<NewLink, Refusal> {
        self.other(steward, id, "sign-in link").await?;
        self.make_link(&steward.act, id).await
    }

    /// Sets a person's password from a local command.
    ///
    /// # Errors
    /// 403 `E-SELF` for anyone but a local command, 400 `E-PASSWORD`, 404.
    pub async fn set_password(&self, steward: &Steward, id: PersonId, new: &str) -> Result<(), Refusal> {
        if steward.person.is_some() {
            return Err(own("password", "let the person set it themselves after a sign-in link"));
        }
        let person = self.known(id).await?;
        self.check_password(&person, new)?;
        let hash = self.passwords.hash(new).await?;
        Ok(self.directory.set_password(&steward.act, id, Some(hash)).await?)
    }

    /// Removes a person's apps, passkeys and recovery codes from a local
    /// command, for somebody who lost them all.
    ///
    /// # Errors
    /// 403 `E-SELF` for anyone but a local command, 404.
    pub async fn remove_proofs(&self, steward: &Steward, id: PersonId) -> Result<(), Refusal> {
        if steward.person.is_some() {
            return Err(own("proofs", "run `plimsoll person reset NAME` on the server's machine"));
        }
        self.known(id).await?;
        for factor in self.directory.factors(id).await? {
            self.directory.remove_factor(&steward.act, id, &factor.id).await?;
        }
        if self.directory.recovery_codes_left(id).await? > 0 {
            self.directory.set_recovery_codes(&steward.act, id, &[]).await?;
        }
        Ok(self.directory.end_sessions(&steward.act, id, None).await?)
    }

    async fn known(&self, id: PersonId) -> Result<Person, Refusal> {
        self.directory.person(id).await?.ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "E-PERSON", format!("there is no person {id}"), "reload the list of people")
        })
    }

    async fn other(&self, steward: &Steward, id: PersonId, what: &str) -> Result<Person, Refusal> {
        if steward.person == Some(id) {
            return Err(own(what, "ask another administrator"));
        }
        self.known(id).await
    }

    /// Refuses to take the last administrator of everything away: nobody but
    /// a local command could bring one back.
    async fn keep_an_administrator(&self, but: PersonId) -> Result<(), Refusal> {
        let people = self.directory.people().await?;
        let whole = Grant::everywhere(Role::Administrator);
        let mut others = people.iter().filter(|person| person.id != but && person.disabled.is_none());
        let is_one = people.iter().any(|person| person.id == but && person.grants.contains(&whole));
        if !is_one || others.any(|person| person.grants.contains(&whole)) {
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::CONFLICT,
            "E-LAST",
            "this is the last administrator of all clients",
            "make another one first",
        ))
    }
}

fn own(what: &str, next: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "E-SELF", format!("an administrator does not set this {what}"), next)
}

fn check_grants(grants: &[Grant]) -> Result<(), Refusal> {
    let refuse = |detail: String| {
        Err(Refusal::new(StatusCode::BAD_REQUEST, "E-GRANT", detail, "correct the roles").at("grants"))
    };
    if grants.len() > GRANTS {
        return refuse(format!("{} roles were given, the limit is {GRANTS}", grants.len()));
    }
    match grants.iter().find(|grant| !grant.is_sound()) {
        Some(grant) => refuse(format!("the role {} names a group and no client", grant.role.word())),
        None => Ok(()),
    }
}
