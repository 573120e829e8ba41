//! **Accreditations**: given, taken back, and held against rollouts under way;
//! API, console and deploying share them.
//!
//! What is in force is kept in memory and read again at every look at rollouts,
//! so that each server decides by the same ones.

use crate::api::acts::{actor, one_client};
use crate::api::groups::seen_group;
use crate::api::{missing, parameter, stored};
use crate::app::{App, Shared};
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use crate::rollouts::Live;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::accreditation::{Accreditation, Accredited, Withdrawal};
use plimsoll_core::model::identifier::{AccreditationId, ClientId, GroupId};
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::phases::certify::accreditation::{Input, Subject, decide};
use plimsoll_core::phases::deploy::{Phase, Standing};
use plimsoll_store::{Intent, Scope, StoreError};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use utoipa::ToSchema;

/// Longest statement, in characters.
const TEXT: usize = 2_000;
/// Most names in one list of a scope, and their longest, in characters.
const NAMES: (usize, usize) = (500, 200);

/// Every accreditation that the store had at the last look.
#[derive(Default)]
pub struct Known(RwLock<Vec<Accreditation>>);

/// An accreditation that somebody gives.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccreditationWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Environments that it holds for; every one where there are none.
    #[serde(default)]
    pub environments: BTreeSet<String>,
    /// Groups of hosts, by id; all hosts where there are none.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Products by the names of their packages; every one where there are none.
    #[serde(default)]
    pub products: BTreeSet<String>,
    /// On what it rests, and under which conditions.
    pub statement: String,
    /// First moment in which it holds no more.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Reads again what others gave and took back.
///
/// # Errors
///
/// The store cannot be read; what was known stays.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    if app.policy().governance.accreditation.is_none() {
        return Ok(());
    }
    let all = app.store.accreditations(&Scope::All).await?;
    *app.accreditations.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    Ok(())
}

/// Rings of a rollout with a host that has not begun, needs an accreditation
/// and has none.
pub fn missing_for(app: &App, set: &PolicySet, own: &Live, standings: &[Standing], now: Timestamp) -> Vec<(usize, String)> {
    let Some(rule) = &set.governance.accreditation else { return Vec::new() };
    let given = app.accreditations.0.read().unwrap_or_else(PoisonError::into_inner);
    let groups: BTreeSet<GroupId> = given.iter().flat_map(|given| given.scope.groups.iter().copied()).collect();
    let fleet = app.fleet.read();
    let mut hosts = Vec::new();
    for (place, standing) in own.content.tree.places().iter().zip(standings) {
        let over = matches!(standing.phase(), Phase::Succeeded | Phase::Pending | Phase::Failed | Phase::LeftOut) || standing.has_begun();
        let Some(managed) = fleet.host(place.host).filter(|_| !over) else { continue };
        let registration = &managed.registration;
        let is_in = |group: &&GroupId| fleet.of_group(**group).is_some_and(|hosts| hosts.contains(registration.number));
        hosts.push(Subject { ring: place.ring as usize, facts: registration.facts(), groups: groups.iter().filter(is_in).copied().collect() });
    }
    decide(&Input { now, rule, package: &own.content.package, hosts: &hosts, given: &given })
}

fn names(what: &'static str, given: BTreeSet<String>) -> Result<BTreeSet<String>, Refusal> {
    if given.len() > NAMES.0 {
        return Err(parameter(what, format!("names {}, the limit is {}", given.len(), NAMES.0), "give several accreditations"));
    }
    given.into_iter().map(|name| checked_text(what, &name, NAMES.1)).collect()
}

/// Gives one.
///
/// # Errors
///
/// 400 for words that cannot be used and an end that has come, 403
/// `E-ACCREDITATION` for whom the policy does not name, 404.
pub async fn give(app: &Shared, allowed: &Allowed, wish: AccreditationWish) -> Result<Accreditation, Refusal> {
    let client = one_client(app, allowed, wish.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let (who, now, set) = (person(app, allowed).await?, Timestamp::now(), app.policy());
    let by = set.governance.accreditation.as_ref().map_or(&[][..], |rule| &rule.by);
    if !by.is_empty() && !by.iter().any(|name| set.governance.stands_for(name, &who.account, who.email.as_deref())) {
        let text = format!("the policy names who accredits: {}; {} is none of them", by.join(", "), who.account);
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-ACCREDITATION", text, "ask them; [people] of the policy says which account or address they have").at("accreditation.by"));
    }
    if wish.until <= now {
        return Err(parameter("until", format!("{} has come already", wish.until), "name a later moment"));
    }
    let mut groups = BTreeSet::new();
    for group in &wish.groups {
        let found = seen_group(app, &allowed.scope, group).await?;
        if found.client.is_some_and(|of| of != client) {
            return Err(missing("group", group));
        }
        groups.insert(found.id);
    }
    let accreditation = Accreditation {
        id: AccreditationId::from_bits(plimsoll_store::identifier::fresh(now)?),
        client,
        scope: Accredited { environments: names("environments", wish.environments)?, groups, products: names("products", wish.products)? },
        statement: checked_text("statement", &wish.statement, TEXT)?,
        by: who.account,
        given: now,
        until: wish.until,
        withdrawn: None,
    };
    let intent = Intent::new(actor(allowed), now, "accreditation.give", format!("accreditation:{}", accreditation.id));
    let mut change = app.store.begin(intent).await?;
    change.add_accreditation(&accreditation).await?;
    change.commit(None).await?;
    follow(app).await;
    Ok(accreditation)
}

/// Takes one back: less is needed than to give it.
///
/// # Errors
///
/// 400, 404, 409 `E-STATE`.
pub async fn withdraw(app: &Shared, allowed: &Allowed, id: &str, why: &str) -> Result<Accreditation, Refusal> {
    let unseen = || missing("accreditation", id);
    let key: AccreditationId = id.parse().map_err(|_| unseen())?;
    let seen = app.store.accreditations(&stored(&allowed.scope)).await?;
    if !seen.iter().any(|found| found.id == key && allowed.scope.holds(found.client)) {
        return Err(unseen());
    }
    let (who, now) = (person(app, allowed).await?, Timestamp::now());
    let withdrawal = Withdrawal { at: now, by: who.account, why: checked_text("reason", why, TEXT)? };
    let mut change = app.store.begin(Intent::new(actor(allowed), now, "accreditation.withdraw", format!("accreditation:{key}"))).await?;
    let after = change.withdraw_accreditation(key, &withdrawal).await?;
    change.commit(Some(&withdrawal.why)).await?;
    follow(app).await;
    Ok(after)
}

/// Lets rollouts see it at once.
async fn follow(app: &Shared) {
    if let Err(error) = refresh(app).await {
        tracing::warn!(code = error.problem.code, "accreditations are read again with the next look: {}", error.problem.text);
    }
    app.rollouts.wake.notify_one();
    let _ = app.news.send(crate::app::News::Other);
}

/// Names of groups that the asker may see.
///
/// # Errors
///
/// The store cannot be read.
pub async fn group_names(app: &App, allowed: &Allowed) -> Result<BTreeMap<GroupId, String>, Refusal> {
    let seen = app.store.groups(&stored(&allowed.principal.scope(Permission::ReadFleet))).await?;
    Ok(seen.into_iter().map(|group| (group.id, group.name)).collect())
}
