//! The **review clock** of the policy: looked at anew as often as it says of
//! itself (`policy.review_every`), or an alert says that nobody did.

use super::{InForce, PolicyFile, file};
use crate::api::{acts, parameter};
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::reviews;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_store::{Intent, Store, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the store keeps the last review.
pub(super) const SETTING: &str = "policy.reviewed";
/// The act in the evidence log.
pub const ACT: &str = "policy.review";
/// Kind of the alert, and what it is about.
const ALERT: (&str, &str) = ("policy-review", "policy");
/// Longest word on a review, in characters.
const WORDS: usize = 500;

/// A review, as it is sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reviewing {
    /// What came of it.
    pub text: String,
}

/// The last review of a policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reviewed {
    /// SHA-256 of the text that was reviewed, hex.
    digest: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What came of it.
    pub text: String,
}

/// Reads the last review.
///
/// # Errors
///
/// The store cannot be read.
pub(super) async fn last(store: &Store) -> Result<Option<Reviewed>, Problem> {
    store.setting(SETTING).await.map_err(|error| *error.problem)
}

/// The last review, where it was of the text in force.
pub(super) fn of(held: &InForce, last: Option<&Reviewed>) -> Option<Reviewed> {
    last.filter(|last| last.digest == held.digest()).cloned()
}

/// Until when the policy in force is to be looked at anew; none where it does
/// not say how often, or nothing dates it.
pub(super) fn due(held: &InForce, last: Option<&Reviewed>) -> Option<Timestamp> {
    let own = held.set.policies.first()?;
    let every = held.set.governance.review_every.as_ref()?;
    let since = match of(held, last) {
        Some(reviewed) => reviewed.at,
        None => super::since(held)?,
    };
    every.due(since, &own.zone, false)
}

/// Notes that somebody looked at the policy in force and what came of it; its
/// clock begins anew, and the alert is closed.
///
/// # Errors
///
/// `E-PARAMETER` without words; what the store meets.
pub async fn review(app: &Shared, allowed: &Allowed, reviewing: Reviewing) -> Result<PolicyFile, Refusal> {
    let text = reviewing.text.trim();
    let count = text.chars().count();
    if text.is_empty() || count > WORDS {
        return Err(parameter("text", format!("has {count} characters, allowed are 1 to {WORDS}"), "say what came of the review"));
    }
    let (now, actor) = (Timestamp::now(), acts::actor(allowed));
    let by = actor.name.clone().unwrap_or_else(|| actor.id.clone());
    let reviewed = Reviewed { digest: app.policies.in_force().digest(), at: now, by, text: text.to_owned() };
    let open = app.store.alert_about(ALERT.0, ALERT.1).await?;
    let mut change = app.store.begin(Intent::new(actor, now, ACT, "policy").because(text)).await?;
    change.set(SETTING, Some(&reviewed)).await?;
    reviews::settle(&mut change, open.as_ref()).await?;
    change.commit(None).await?;
    app.policies.reviewed(Some(reviewed));
    let _ = app.news.send(News::Other);
    Ok(file(app))
}

/// Raises the alert once the policy should have been looked at by `now`.
///
/// # Errors
///
/// What the store meets.
pub(super) async fn tick(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let held = app.policies.in_force();
    let Some(due) = due(&held, app.policies.last_review().as_ref()) else { return Ok(()) };
    let owner = held.set.governance.owner.as_ref().map_or_else(String::new, |owner| format!("; {owner} answers for it"));
    let text = format!("the policy in force was to be looked at anew by {due}, as often as it says of itself{owner}");
    reviews::remind(app, &reviews::Clock { client: None, kind: ALERT.0, object: ALERT.1, act: "policy.review-due", due, text }, now).await
}
