//! Alerts.

use super::super::query::segment;
use super::super::views::{AlertItem, Alerts};
use crate::api::alerts::{AlertRow, open};
use crate::api::{PAGE_LIMIT, stored};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use std::collections::BTreeMap;

/// Fills the page of open alerts.
///
/// # Errors
///
/// The store cannot be read.
pub async fn alerts(app: &Shared, allowed: &Allowed) -> Result<Alerts, Refusal> {
    Ok(Alerts { rows: newest(app, allowed, PAGE_LIMIT).await?, closes: allowed.principal.may(Permission::CloseAlerts) })
}

/// The newest open alerts that the reader may see.
///
/// # Errors
///
/// The store cannot be read.
pub(super) async fn newest(app: &Shared, allowed: &Allowed, most: usize) -> Result<Vec<AlertItem>, Refusal> {
    let scope = allowed.principal.scope(Permission::ReadAlerts);
    let clients = app.store.clients(&stored(&scope)).await?;
    let names: BTreeMap<String, String> = clients.into_iter().map(|client| (client.id.to_string(), client.name)).collect();
    let rows = open(app, &scope, most).await?;
    Ok(rows.into_iter().map(|row| item(row, &names)).collect())
}

fn item(row: AlertRow, names: &BTreeMap<String, String>) -> AlertItem {
    let client = row.client.map(|client| names.get(&client.to_string()).cloned().unwrap_or_default());
    AlertItem { link: page(&row.object), client, id: row.id, kind: row.kind, text: row.text, object: row.object, raised: row.raised, times: row.times, last: row.last }
}

fn page(object: &str) -> Option<String> {
    match object.split_once(':')? {
        ("host", id) => Some(format!("/console/hosts/{}", segment(id))),
        ("webhook", _) => Some("/console/webhooks".to_owned()),
        ("exception", id) => Some(format!("/console/exceptions#exception-{}", segment(id))),
        ("mitigation", id) => Some(format!("/console/mitigations#mitigation-{}", segment(id))),
        ("cycle", _) => Some("/console/policy".to_owned()),
        ("watch", _) => Some("/console/sources".to_owned()),
        ("triage-client", _) => Some("/console/triage".to_owned()),
        ("meeting", _) => Some("/console/teams#due".to_owned()),
        ("deployment-package", digest) => Some(format!("/console/deployment-packages/{}", segment(digest))),
        ("rollout-host", rest) => Some(format!("/console/rollouts/{}", segment(rest.split(':').next()?))),
        ("question", id) => Some(format!("/console/questions/{}", segment(id))),
        ("person", _) => Some("/console/people".to_owned()),
        _ => None,
    }
}
