//! **Enrolment tokens**: admit hosts to one client, and maybe one group, a
//! few times and not for long.

use super::attempts::Target;
use super::directory::EnrolmentToken;
use super::principal::Principal;
use super::role::{Permission, Portion, Scope};
use super::secret::{self, ENROLMENT_PREFIX, Secret};
use super::{Identity, checked_text};
use crate::http::gate::Caller;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, GroupId, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hosts that one token may admit.
const MOST_USES: u32 = 10_000;

/// An enrolment token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// Client it admits to.
    pub client: ClientId,
    /// Group that its hosts join.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Labels that its hosts get.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What it is for.
    pub note: String,
    /// Hours until it ends.
    pub hours: u16,
    /// How many hosts it admits.
    #[serde(default = "once")]
    pub uses: u32,
}

fn once() -> u32 {
    1
}

/// An enrolment token that was just made; its secret is shown once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MadeEnrolment {
    /// Id.
    pub id: TokenId,
    /// When it ends.
    pub expires: Timestamp,
    /// Its secret.
    pub secret: Secret,
}

/// An enrolment token's state, for lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentState {
    /// Admits hosts.
    Open,
    /// Was used as often as it may be.
    Used,
    /// Ended.
    Expired,
    /// Was withdrawn.
    Revoked,
}

impl EnrolmentToken {
    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> EnrolmentState {
        if self.revoked.is_some() {
            EnrolmentState::Revoked
        } else if self.used >= self.uses {
            EnrolmentState::Used
        } else if self.expires <= now {
            EnrolmentState::Expired
        } else {
            EnrolmentState::Open
        }
    }
}

impl Identity {
    /// Makes an enrolment token within what its maker may enrol: a whole
    /// client, or only the groups they look after.
    ///
    /// # Errors
    /// 403 `E-PERMISSION` naming the client, 400 `E-TOKEN-LIFE` and `E-TEXT`.
    pub async fn make_enrolment(&self, principal: &Principal, new: NewEnrolment, caller: &Caller) -> Result<MadeEnrolment, Refusal> {
        let scope = principal.allow(Permission::EnrolHosts, self.now())?;
        if !admits(&scope, new.client, new.group) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "E-PERMISSION",
                format!("{principal} may not enrol hosts to client {} {}", new.client, group_text(new.group)),
                "choose a client and group that you look after",
            ));
        }
        self.keep_enrolment(&self.act(principal, caller), new).await
    }

    /// Makes one from a local command (`plimsoll up` enrols its own machine).
    ///
    /// # Errors
    /// 400 `E-TOKEN-LIFE` and `E-TEXT`.
    pub async fn make_local_enrolment(&self, new: NewEnrolment) -> Result<MadeEnrolment, Refusal> {
        let mut act = self.act(&Principal::nobody(), &Caller { address: std::net::Ipv4Addr::LOCALHOST.into(), request: String::new() });
        "local-command".clone_into(&mut act.actor);
        self.keep_enrolment(&act, new).await
    }

    async fn keep_enrolment(&self, act: &super::directory::Act, new: NewEnrolment) -> Result<MadeEnrolment, Refusal> {
        let note = checked_text("note", &new.note, 200)?;
        for (name, value) in &new.labels {
            checked_text("labels", name, 64)?;
            checked_text("labels", value, 256)?;
        }
        let life = SignedDuration::from_hours(i64::from(new.hours));
        if new.hours == 0 || life > self.lifetimes.enrolment || new.uses == 0 || new.uses > MOST_USES {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "E-TOKEN-LIFE",
                format!(
                    "{} hours and {} uses were asked; 1 to {} hours and 1 to {MOST_USES} uses are given",
                    new.hours,
                    new.uses,
                    self.lifetimes.enrolment.as_hours()
                ),
                "choose a shorter life or fewer uses",
            ));
        }
        let now = self.now();
        let secret = Secret::make(ENROLMENT_PREFIX)?;
        let token = EnrolmentToken {
            id: TokenId::from_bits(secret::identifier(now)?),
            digest: secret.digest(),
            client: new.client,
            group: new.group,
            labels: new.labels,
            note,
            maker: act.actor.clone(),
            created: now,
            expires: self.after(life),
            uses: new.uses,
            used: 0,
            revoked: None,
        };
        self.directory.add_enrolment(act, &token).await?;
        Ok(MadeEnrolment { id: token.id, expires: token.expires, secret })
    }

    /// Looks an enrolment token up before a host is admitted by it. The use
    /// itself is counted by the store in the transaction that adds the host;
    /// whoever loses that race gets [`spent`].
    ///
    /// # Errors
    /// 401 `E-TOKEN`, `E-TOKEN-USED`, `E-TOKEN-EXPIRED`, `E-TOKEN-REVOKED`,
    /// 429 `E-ATTEMPTS`.
    pub async fn enrolment(&self, text: &str, caller: &Caller) -> Result<EnrolmentToken, Refusal> {
        let found = match Secret::read(ENROLMENT_PREFIX, text).map(|secret| secret.digest()) {
            None => None,
            Some(digest) => self.directory.enrolment(&digest).await?.filter(|token| token.digest == digest),
        };
        let Some(token) = found else {
            self.attempts.count(&[Target::token(caller.address)], self.now())?;
            return Err(refused("E-TOKEN", "the enrolment token is unknown"));
        };
        match token.state(self.now()) {
            EnrolmentState::Open => Ok(token),
            EnrolmentState::Used => {
                // Two machines hold one token: a copy went astray.
                self.attempts.count(&[Target::token(caller.address)], self.now())?;
                let text = format!("The enrolment token {} was tried again, from {}.", token.id, caller.address);
                self.directory.alarm(&self.act(&Principal::nobody(), caller), "A-TOKEN-REUSED", &text).await?;
                Err(spent())
            }
            EnrolmentState::Expired => {
                Err(refused("E-TOKEN-EXPIRED", &format!("the enrolment token expired at {}", token.expires)))
            }
            EnrolmentState::Revoked => Err(refused("E-TOKEN-REVOKED", "the enrolment token was withdrawn")),
        }
    }
}

/// The refusal for a token that was used as often as it may be.
pub fn spent() -> Refusal {
    refused("E-TOKEN-USED", "the enrolment token was used already")
}

/// The refusal for a host that names another client or group than its token's.
pub fn elsewhere() -> Refusal {
    refused("E-TOKEN-GROUP", "the enrolment token admits to another client or group")
}

fn refused(code: &'static str, detail: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, code, detail, "make a new token in the console (Hosts, Add a host) or by `plimsoll host token`")
}

fn admits(scope: &Scope, client: ClientId, group: Option<GroupId>) -> bool {
    match (scope, group) {
        (_, None) => scope.holds(client),
        (Scope::Everything, _) => true,
        (Scope::Clients(clients), Some(group)) => match clients.get(&client) {
            Some(Portion::Whole) => true,
            Some(Portion::Groups(groups)) => groups.contains(&group),
            None => false,
        },
    }
}

fn group_text(group: Option<GroupId>) -> String {
    group.map_or_else(|| "as a whole".to_owned(), |group| format!("in group {group}"))
}
