//! **API tokens**: act for the person that made them, within what both may at
//! the moment of each request.

use super::directory::ApiToken;
use super::principal::{Principal, Who, sign_in_first};
use super::role::{self, Grant};
use super::secret::{self, API_PREFIX, Secret};
use super::{Identity, checked_text};
use crate::http::gate::Caller;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{PersonId, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Living tokens of one person at most.
const MOST: usize = 100;

/// A token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do; no more than its maker.
    pub grants: Vec<Grant>,
    /// Days until it ends.
    pub days: u16,
}

/// A token as its maker and auditors see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Id.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Maker.
    #[schema(value_type = String)]
    pub maker: PersonId,
    /// What it may do at most.
    pub grants: Vec<Grant>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
    /// When it was withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked: Option<Timestamp>,
}

/// A token that was just made; its secret is shown once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MadeToken {
    /// It.
    pub token: TokenView,
    /// Its secret.
    pub secret: Secret,
}

impl Identity {
    /// Makes a token for the person that asks, with a fresh proof: a token
    /// outlives the session, so a stolen cookie must not make one.
    ///
    /// # Errors
    /// 403 `E-STEP-UP`, 403 `E-TOKEN-SCOPE` for more than its maker may, 400
    /// `E-TOKEN-LIFE`, 409 `E-TOKENS`.
    pub async fn make_token(&self, principal: &Principal, new: NewToken, caller: &Caller) -> Result<MadeToken, Refusal> {
        let person = self.person_of(principal).await?;
        if !principal.is_proven(self.now()) {
            return Err(principal.step_up("making a token"));
        }
        self.make_token_of(person.id, &person.grants, new, &self.act(principal, caller)).await
    }

    /// Makes a token for a person from a local command (`plimsoll up` prints
    /// one for scripts).
    ///
    /// # Errors
    /// As [`Identity::make_token`], 404 `E-PERSON`.
    pub async fn make_local_token(&self, person: PersonId, new: NewToken) -> Result<MadeToken, Refusal> {
        let known = self.directory.person(person).await?.ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "E-PERSON", format!("there is no person {person}"), "make the person first")
        })?;
        let act = super::directory::Act {
            actor: "local-command".to_owned(),
            name: None,
            strength: super::principal::Strength::Nothing,
            time: self.now(),
            request: None,
            reason: None,
        };
        self.make_token_of(person, &known.grants, new, &act).await
    }

    async fn make_token_of(&self, maker: PersonId, held: &[Grant], new: NewToken, act: &super::directory::Act) -> Result<MadeToken, Refusal> {
        let name = checked_text("name", &new.name, 64)?;
        let now = self.now();
        let life = SignedDuration::from_hours(24 * i64::from(new.days));
        if new.days == 0 || life > self.lifetimes.token {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "E-TOKEN-LIFE",
                format!("{} days were asked, 1 to {} are given", new.days, self.longest_token_days()),
                "choose a shorter life and make a new token before it ends",
            )
            .at("days"));
        }
        let unsound = new.grants.is_empty() || !new.grants.iter().all(Grant::is_sound);
        let excess = role::excess(&new.grants, held);
        if unsound || excess.is_some() {
            let what = excess.map_or("is empty or names a group without its client".to_owned(), |permission| {
                format!("asks for {} where its maker may not", permission.word())
            });
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "E-TOKEN-SCOPE",
                format!("the token's scope {what}"),
                "ask for roles and clients that you hold yourself",
            )
            .at("grants"));
        }
        let living = self.directory.tokens(Some(maker)).await?;
        let living = living.iter().filter(|token| token.revoked.is_none() && now < token.expires).count();
        if living >= MOST {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "E-TOKENS",
                format!("you have {living} living tokens, the limit is {MOST}"),
                "withdraw those that are no longer used",
            ));
        }
        let secret = Secret::make(API_PREFIX)?;
        let token = ApiToken {
            id: TokenId::from_bits(secret::identifier(now)?),
            digest: secret.digest(),
            name,
            maker,
            grants: new.grants,
            created: now,
            expires: self.after(life),
            last_used: None,
            revoked: None,
        };
        self.directory.add_token(act, &token).await?;
        Ok(MadeToken { token: token.into(), secret })
    }

    /// Days that a token lives at most.
    pub fn longest_token_days(&self) -> i64 {
        self.lifetimes.token.as_hours() / 24
    }

    /// Tokens of the person that asks, newest first.
    ///
    /// # Errors
    /// 401 for nobody.
    pub async fn own_tokens(&self, principal: &Principal) -> Result<Vec<TokenView>, Refusal> {
        let id = principal.person_id().ok_or_else(sign_in_first)?;
        Ok(self.directory.tokens(Some(id)).await?.into_iter().map(TokenView::from).collect())
    }

    /// Everyone's tokens, for those who may see people.
    ///
    /// # Errors
    /// The directory does not answer.
    pub async fn tokens(&self) -> Result<Vec<TokenView>, Refusal> {
        Ok(self.directory.tokens(None).await?.into_iter().map(TokenView::from).collect())
    }

    /// Withdraws a token: one's own, or anyone's for who may edit people. It
    /// takes rights away, so no fresh proof is asked.
    ///
    /// # Errors
    /// 404 `E-TOKEN-ID`, 401 for nobody.
    pub async fn revoke_token(&self, principal: &Principal, id: TokenId, caller: &Caller) -> Result<(), Refusal> {
        let own = principal.person_id().ok_or_else(sign_in_first)?;
        let anyones = matches!(principal.who, Who::Person { .. }) && principal.may(role::Permission::EditPeople);
        let maker = (!anyones).then_some(own);
        if self.directory.revoke_token(&self.act(principal, caller), maker, id).await? {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::NOT_FOUND, "E-TOKEN-ID", format!("you have no token {id}"), "reload the list of tokens"))
    }
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> Self {
        let ApiToken { id, name, maker, grants, created, expires, last_used, revoked, digest: _ } = token;
        Self { id, name, maker, grants, created, expires, last_used, revoked }
    }
}
