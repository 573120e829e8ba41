//! **Mitigations**: applied, seen to work and removed, each one transaction
//! with its leaf; API and console share them.
//!
//! A mitigation is never a fix: no finding closes and no clock stops for one.
//! Whether a patch took its place is not stored, it is looked up: a host on
//! which no finding that the mitigation is for is open any more.

use crate::api::acts::{actor, one_client};
use crate::api::{missing, parameter, stored};
use crate::app::{App, News, Shared};
use crate::exceptions::{against_policy, checked_advisories, covered, person};
use crate::fleet::exceptions::Selection;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use crate::reviews;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::exception::Covered;
use plimsoll_core::model::identifier::{ClientId, HostId, MitigationId};
use plimsoll_core::model::mitigation::{Mitigation, MitigationStanding, Removal, Verification};
use plimsoll_core::model::policy::governance::Measure;
use plimsoll_core::model::registration::HostState;
use plimsoll_core::phases::prioritize::mitigation::{self, counts_until, terms};
use plimsoll_store::{Actor, Intent, StoreError};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Kind of the alert about one that somebody must look at.
pub const LOOK: &str = "E-MITIGATION";
/// Kind of the alert about one that a patch replaced too long ago.
pub const REMOVE: &str = "mitigation-removal";
/// Longest owner or name of a check, in characters.
const WORDS: usize = 200;
/// Longest text, in characters.
const TEXT: usize = 2_000;

/// A mitigation that was applied. Of `hosts`, `group` and `all_hosts` one is
/// given; of what it names, the hosts with an open finding are kept.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MitigationWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// isolate, disable-service, configuration, filter or monitoring.
    pub measure: String,
    /// Advisories it is for, by the ids that findings carry.
    pub advisories: BTreeSet<String>,
    /// Hosts, by id.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub hosts: BTreeSet<HostId>,
    /// A group, whose hosts of this moment it was applied on.
    pub group: Option<String>,
    /// All hosts of the client.
    #[serde(default)]
    pub all_hosts: bool,
    /// What was done.
    pub done: String,
    /// How it is seen to work.
    pub verify: String,
    /// Name of the check that sees it.
    pub check: Option<String>,
    /// Who answers for it; the policy's owner of mitigations where it is left
    /// out.
    pub owner: Option<String>,
    /// Why now.
    pub reason: Option<String>,
}

/// A check that saw a mitigation work.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckWish {
    /// First moment in which it counts no more; as long as the policy allows
    /// where it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// What was seen.
    pub note: Option<String>,
}

/// The removal of a mitigation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalWish {
    /// Hosts it was removed from, by id; all where it is in place, where they
    /// are left out.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub hosts: BTreeSet<HostId>,
    /// Why.
    pub reason: String,
}

/// Hosts of a mitigation on which a patch took its place: in use, judged, and
/// without an open finding that it is for.
pub fn closed(app: &App, mitigation: &Mitigation) -> BTreeSet<HostId> {
    let there = mitigation.in_place();
    let hosts = Covered::Hosts(there.clone());
    let fleet = app.fleet.read();
    let open = fleet.concerned(Selection { client: mitigation.client, advisories: &mitigation.advisories, package: None, hosts: &hosts });
    let open: BTreeSet<HostId> = open.into_iter().map(|finding| finding.host).collect();
    let told = |host: &HostId| {
        // Of whom nobody can tell, nothing is closed.
        let judged = |managed: &crate::fleet::Managed| managed.judged.as_ref().is_some_and(|judged| judged.known);
        fleet.host(*host).is_some_and(|managed| managed.registration.state == HostState::Active && judged(managed))
    };
    there.difference(&open).copied().filter(told).collect()
}

/// Where one stands now.
pub fn standing(app: &App, mitigation: &Mitigation, now: Timestamp) -> MitigationStanding {
    mitigation.standing(now, &closed(app, mitigation))
}

/// By when one that a patch replaced is to be removed, by the policy in force:
/// counted from the moment at which the last of its findings closed on the
/// first host. None where the policy does not say, where nothing replaced it,
/// and where the journal has no word of that.
///
/// # Errors
///
/// What the store meets.
pub async fn remove_by(app: &App, mitigation: &Mitigation, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let policy = app.policy();
    let closed: Vec<HostId> = closed(app, mitigation).into_iter().collect();
    if closed.is_empty() || policy.governance.mitigation.as_ref().is_none_or(|rules| rules.remove_within.is_none()) {
        return Ok(None);
    }
    let stories = app.store.stories(&closed, now).await?;
    let closing = |transition: &&plimsoll_core::model::transition::Transition| transition.closed.iter().any(|key| mitigation.advisories.contains(&key.advisory));
    let last = stories.into_values().filter_map(|story| story.iter().filter(closing).map(|transition| transition.at).max());
    Ok(last.min().and_then(|since| mitigation::remove_by(&policy, since)))
}

/// One that the asker may see.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen(app: &App, allowed: &Allowed, id: &str) -> Result<Mitigation, Refusal> {
    let unseen = || missing("mitigation", id);
    let key: MitigationId = id.parse().map_err(|_| unseen())?;
    let found = app.store.mitigation(key).await.map_err(|error| match error.kind {
        plimsoll_store::ErrorKind::NotFound => unseen(),
        _ => error.into(),
    })?;
    let scope = stored(&allowed.principal.scope(Permission::ReadFleet));
    if scope.sees_client(found.client) { Ok(found) } else { Err(unseen()) }
}

/// One of a client for which the asker holds the act's permission.
async fn entitled(app: &App, allowed: &Allowed, id: &str) -> Result<Mitigation, Refusal> {
    let known = seen(app, allowed, id).await?;
    if allowed.scope.holds(known.client) {
        return Ok(known);
    }
    let text = format!("{} may not do that with mitigations of this client", allowed.principal);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who holds the role for the whole client"))
}

fn intent(allowed: &Allowed, act: &str, id: MitigationId, now: Timestamp) -> Intent {
    Intent::new(actor(allowed), now, format!("mitigation.{act}"), format!("mitigation:{id}"))
}

/// Writes down a mitigation that was applied.
///
/// # Errors
///
/// 400 for words that cannot be used and where no finding is open, 404 for what
/// the asker may not see, 409 for a measure that the policy does not allow.
pub async fn add(app: &Shared, allowed: &Allowed, wish: MitigationWish) -> Result<Mitigation, Refusal> {
    let client = one_client(app, allowed, wish.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let words: Vec<&str> = Measure::ALL.iter().map(|measure| measure.as_str()).collect();
    let measure = Measure::parse(&wish.measure)
        .ok_or_else(|| parameter("measure", format!("is {:?}, allowed are {}", wish.measure, words.join(", ")), "choose one of them"))?;
    let advisories = checked_advisories(&wish.advisories)?;
    let hosts = covered(app, allowed, client, (&wish.hosts, wish.group.as_deref(), wish.all_hosts)).await?;
    let found = app.fleet.read().concerned(Selection { client, advisories: &advisories, package: None, hosts: &hosts });
    if found.is_empty() {
        let text = "no open finding of these advisories is on the hosts that are named";
        let next = "look at the findings of these hosts, and name what stands there as the advisory";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "E-MITIGATION-NOTHING", text, next).at("advisories"));
    }
    let (policy, now) = (app.policy(), Timestamp::now());
    let held = terms(&policy, measure, now).map_err(against_policy)?;
    let known = policy.governance.mitigation.as_ref().and_then(|rules| rules.owner.clone());
    let owner = wish.owner.filter(|owner| !owner.trim().is_empty()).or(known).unwrap_or_default();
    let check = wish.check.as_deref().filter(|check| !check.trim().is_empty());
    let mitigation = Mitigation {
        id: MitigationId::from_bits(plimsoll_store::identifier::fresh(now)?),
        client,
        measure,
        advisories,
        done: checked_text("done", &wish.done, TEXT)?,
        verify: checked_text("verify", &wish.verify, TEXT)?,
        check: check.map(|check| checked_text("check", check, WORDS)).transpose()?,
        owner: checked_text("owner", &owner, WORDS)?,
        applied: now,
        by: person(app, allowed).await?.account,
        verify_by: held.verify_by,
        ends: held.ends,
        verified: None,
        hosts: found.into_iter().map(|finding| (finding.host, None)).collect(),
    };
    let mut change = app.store.begin(intent(allowed, "add", mitigation.id, now)).await?;
    change.add_mitigation(&mitigation).await?;
    change.commit(wish.reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    Ok(mitigation)
}

/// Notes that one was seen to work.
///
/// # Errors
///
/// 409 where it is removed or the policy wants it looked at sooner.
pub async fn verify(app: &Shared, allowed: &Allowed, id: &str, wish: CheckWish) -> Result<Mitigation, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let now = Timestamp::now();
    let until = counts_until(&app.policy(), now, wish.until).map_err(against_policy)?;
    let note = match wish.note.as_deref().map(str::trim).unwrap_or_default() {
        "" => String::new(),
        note => checked_text("note", note, TEXT)?,
    };
    let seen = Verification { at: now, by: person(app, allowed).await?.account, until, note };
    let mut change = app.store.begin(intent(allowed, "verify", known.id, now)).await?;
    let after = change.verify_mitigation(known.id, &seen).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(after)
}

/// Notes that one was removed.
///
/// # Errors
///
/// 409 `E-STATE` where it is not in place.
pub async fn remove(app: &Shared, allowed: &Allowed, id: &str, wish: RemovalWish) -> Result<Mitigation, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let now = Timestamp::now();
    let why = checked_text("reason", &wish.reason, TEXT)?;
    let hosts = if wish.hosts.is_empty() { known.in_place() } else { wish.hosts };
    let removal = Removal { at: now, by: person(app, allowed).await?.account, why: why.clone() };
    let open = app.store.alert_about(REMOVE, &format!("mitigation:{}", known.id)).await?;
    let mut change = app.store.begin(intent(allowed, "remove", known.id, now)).await?;
    let after = change.remove_mitigation(known.id, &hosts, &removal).await?;
    // Where it still stands on some that is replaced, the clock tells it again.
    reviews::settle(&mut change, open.as_ref()).await?;
    change.commit(Some(&why)).await?;
    let _ = app.news.send(News::Other);
    Ok(after)
}

/// Raises an alert for each whose check was missed and each that a patch
/// replaced.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn tell(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let told = app.store.mitigations_told().await?;
    for mitigation in app.store.mitigations(&plimsoll_store::Scope::All).await? {
        let standing = standing(app, &mitigation, now);
        let of = mitigation.advisories.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let text = match standing {
            MitigationStanding::ToRemove => format!("The mitigation of {of} is to be removed: the patch is there. {} answers for it.", mitigation.owner),
            MitigationStanding::Overdue => format!(
                "The mitigation of {of} was not seen to work in time, or stands too long: look at it, or replace it. {} answers for it.",
                mitigation.owner
            ),
            MitigationStanding::Unverified | MitigationStanding::Verified | MitigationStanding::Removed => continue,
        };
        let object = format!("mitigation:{}", mitigation.id);
        if let Some(due) = remove_by(app, &mitigation, now).await? {
            let text = format!("The mitigation of {of} was to be removed by {due:.0}, after the patch took its place (mitigation.remove_within). {} answers for it.", mitigation.owner);
            let clock = reviews::Clock { client: Some(mitigation.client), kind: REMOVE, object: &object, act: "mitigation.removal-due", due, text };
            reviews::remind(app, &clock, now).await?;
        }
        if told.get(&mitigation.id) == Some(&standing) {
            continue;
        }
        let mut change = app.store.begin(Intent::new(Actor::server(), now, "mitigation.tell", object.as_str())).await?;
        if change.note_mitigation_told(mitigation.id, standing).await? {
            change.raise_alert(Some(mitigation.client), LOOK, &object, &text).await?;
            change.commit(None).await?;
            let _ = app.news.send(News::Other);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
