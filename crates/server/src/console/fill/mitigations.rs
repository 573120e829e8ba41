//! Mitigations.

use super::super::views::{Choice, MitigationForm, MitigationItem, Mitigations};
use super::clients;
use crate::api::stored;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::mitigations::{closed, remove_by};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::mitigation::{Mitigation, MitigationStanding};
use plimsoll_core::model::policy::governance::Measure;
use std::collections::{BTreeMap, BTreeSet};

/// Mitigations on the page; more are better asked for by the API.
const ROWS: usize = 500;
/// Hosts named where one is to be removed.
const NAMED: usize = 5;

/// Fills the page of mitigations; `with` are an advisory and a host's name that
/// the form is filled with.
///
/// # Errors
///
/// The store cannot be read.
pub async fn mitigations(app: &Shared, allowed: &Allowed, with: (String, String)) -> Result<Mitigations, Refusal> {
    let now = app.clock().now;
    let found = app.store.mitigations(&stored(&allowed.scope)).await?;
    let mut found: Vec<(MitigationStanding, BTreeSet<HostId>, Mitigation)> = found
        .into_iter()
        .map(|mitigation| {
            let closed = closed(app, &mitigation);
            (mitigation.standing(now, &closed), closed, mitigation)
        })
        .collect();
    // The sort is stable: the newest stay first.
    found.sort_by_key(|(standing, ..)| *standing);
    let total = found.len() as u64;
    let edit = allowed.principal.scope(Permission::EditExceptions);
    let names: BTreeMap<ClientId, String> = clients(app, &allowed.principal).into_iter().collect();
    let mut rows = Vec::new();
    for (standing, closed, mitigation) in found.into_iter().take(ROWS) {
        rows.push(MitigationItem {
            client: names.get(&mitigation.client).filter(|_| names.len() > 1).cloned(),
            may_edit: edit.holds(mitigation.client) && standing != MitigationStanding::Removed,
            remove_by: remove_by(app, &mitigation, now).await?,
            ..item(app, standing, &closed, mitigation)
        });
    }
    let may = allowed.principal.may(Permission::EditExceptions);
    let groups = if may { app.store.groups(&stored(&allowed.principal.scope(Permission::ReadFleet))).await? } else { Vec::new() };
    let choice = |value: String, text: String| Choice { value, text, count: None };
    let add = may.then(|| MitigationForm {
        clients: names.iter().filter(|(client, _)| edit.holds(**client)).map(|(client, name)| choice(client.to_string(), name.clone())).collect(),
        groups: groups.iter().map(|group| choice(group.id.to_string(), group.name.clone())).collect(),
        measures: Measure::ALL.into_iter().map(|measure| choice(measure.as_str().to_owned(), measure.words().to_owned())).collect(),
        advisories: with.0,
        hosts: with.1,
    });
    Ok(Mitigations { rows, total, add })
}

fn item(app: &Shared, standing: MitigationStanding, closed: &BTreeSet<HostId>, mitigation: Mitigation) -> MitigationItem {
    let state = match standing {
        MitigationStanding::ToRemove => ("to be removed", "due-soon"),
        MitigationStanding::Overdue => ("check overdue", "overdue"),
        MitigationStanding::Unverified => ("not seen to work yet", "unknown"),
        MitigationStanding::Verified => ("in place", "excepted"),
        MitigationStanding::Removed => ("removed", "none"),
    };
    let in_place = mitigation.in_place().len();
    let fleet = app.fleet.read();
    let name = |host: &HostId| fleet.host(*host).map(|managed| managed.registration.name.clone());
    MitigationItem {
        id: mitigation.id.to_string(),
        client: None,
        state,
        measure: mitigation.measure.words(),
        next_check: mitigation.next_check(),
        in_place: in_place as u64,
        removed: (mitigation.hosts.len() - in_place) as u64,
        to_remove: closed.iter().filter_map(name).take(NAMED).collect(),
        advisories: mitigation.advisories.into_iter().collect(),
        done: mitigation.done,
        verify: mitigation.verify,
        check: mitigation.check,
        owner: mitigation.owner,
        applied: mitigation.applied,
        by: mitigation.by,
        verified: mitigation.verified.map(|seen| (seen.at, seen.by)),
        remove_by: None,
        may_edit: false,
    }
}
