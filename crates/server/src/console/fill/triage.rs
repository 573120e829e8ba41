//! Forensic triages.

use super::super::views::{TriageItem, TriageLine, TriagePage, TriageWordItem};
use super::clients;
use crate::api::forensics::{TriageAnswer, TriageSaid, all, answer};
use crate::app::Shared;
use crate::forensics::refresh;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::triage::TriageStanding;
use std::collections::BTreeMap;

/// Hosts on the page; the API has all.
const ROWS: usize = 300;

/// Fills the page of triages.
///
/// # Errors
///
/// The store cannot be read.
pub async fn triage(app: &Shared, allowed: &Allowed) -> Result<TriagePage, Refusal> {
    let names: BTreeMap<ClientId, String> = clients(app, &allowed.principal).into_iter().collect();
    let found = all(app, &allowed.scope).await?;
    let total = found.len() as u64;
    let rows = found.into_iter().take(ROWS).map(|one| {
        let client = names.get(&one.client).filter(|_| names.len() > 1).cloned();
        TriageItem { client, ..item(allowed, one) }
    });
    Ok(TriagePage { rows: rows.collect(), total, asked_for: app.policy().governance.forensics.is_some() })
}

/// The triage of one host; none where nothing asks for one and nothing was
/// said.
///
/// # Errors
///
/// The store cannot be read.
pub async fn of_host(app: &Shared, allowed: &Allowed, host: HostId) -> Result<Option<TriageItem>, Refusal> {
    refresh(app, &[host]).await?;
    let found = answer(app, host, app.store.triages_of(host).await?);
    Ok(found.filter(|one| !one.advisories.is_empty() || one.waits.is_some() || !one.said.is_empty()).map(|one| item(allowed, one)))
}

/// Hosts that ask for somebody, for the first page.
///
/// # Errors
///
/// The store cannot be read.
pub async fn lines(app: &Shared, allowed: &Allowed) -> Result<Vec<TriageLine>, Refusal> {
    let open = all(app, &allowed.scope).await?.into_iter().filter(|one| one.state != TriageStanding::Decided);
    let line = |one: TriageAnswer| {
        let clock = [("scope", one.scope_by), ("evidence", one.evidence_by), ("decision", one.decide_by)].into_iter().filter_map(|(what, by)| Some((what, by?))).min_by_key(|(_, by)| *by);
        let clock = clock.map_or_else(String::new, |(what, by)| format!("; {what} by {by:.0}"));
        let asks = one.advisories.keys().take(3).cloned().collect::<Vec<_>>().join(", ");
        let text = if asks.is_empty() { one.waits.unwrap_or_default() } else { format!("for {asks}{clock}") };
        TriageLine { id: one.host.to_string(), name: one.name, state: state(one.state), text }
    };
    Ok(open.map(line).collect())
}

fn state(standing: TriageStanding) -> (&'static str, &'static str) {
    match standing {
        TriageStanding::Compromised => ("broken into", "overdue"),
        TriageStanding::Late => ("late", "overdue"),
        TriageStanding::Asked => ("to be looked at", "due-soon"),
        TriageStanding::Collected => ("evidence taken", "in-time"),
        TriageStanding::Decided => ("decided", "none"),
    }
}

fn item(allowed: &Allowed, one: TriageAnswer) -> TriageItem {
    let clocks = [("scope settled", one.scope_by), ("evidence taken", one.evidence_by), ("decided", one.decide_by)];
    let said = |said: TriageSaid| TriageWordItem { step: said.step.words(), evidence: said.evidence, reason: said.reason, released: said.released, at: said.at, by: said.by };
    TriageItem {
        id: one.host.to_string(),
        name: one.name,
        client: None,
        state: state(one.state),
        may_say: one.state != TriageStanding::Decided && allowed.principal.scope(Permission::EditExceptions).holds(one.client),
        advisories: one.advisories.into_keys().collect(),
        clocks: clocks.into_iter().filter_map(|(what, by)| Some((what, by?))).collect(),
        waits: one.waits,
        said: one.said.into_iter().map(said).collect(),
    }
}
