//! The **liability waiver**: an exception of the kind client-refusal, which is
//! in force from the moment of the refusal or of the silence.

use crate::app::Shared;
use crate::exceptions::levels;
use crate::fleet::exceptions::Selection;
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::Place;
use plimsoll_core::model::exception::{Covered, Decided, Exception, ExceptionState, Somebody};
use plimsoll_core::model::identifier::{ClientId, ExceptionId, HostId};
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_core::model::question::Question;
use plimsoll_core::phases::certify::client::waiver_ends;
use plimsoll_store::change::Change;
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Scope, StoreError};
use std::collections::BTreeSet;

/// What a waiver would say; none where no finding is open that it would cover,
/// as for a change that repairs no advisory. The question itself is the record
/// then.
pub(super) async fn prepared(app: &Shared, question: &Question, now: Timestamp) -> Result<Option<Exception>, StoreError> {
    let content = app.store.package_content(&question.package).await?;
    let places: Vec<Place> = serde_json::from_slice(&content.hosts)
        .map_err(|error| StoreError::damaged(format!("package:{}", question.package), error.to_string()))?;
    let hosts: BTreeSet<HostId> = places.iter().map(|place| place.host).collect();
    let advisories: BTreeSet<String> = question.content.advisories.iter().cloned().collect();
    let hosts = Covered::Hosts(hosts);
    let findings = {
        let which = Selection { client: question.client, advisories: &advisories, package: None, hosts: &hosts };
        app.fleet.read().concerned(which)
    };
    if findings.is_empty() {
        return Ok(None);
    }
    let mut waiver = Exception {
        id: ExceptionId::from_bits(fresh(now)?),
        client: question.client,
        kind: WaiverKind::ClientRefusal,
        advisories,
        package: None,
        hosts,
        owner: client_name(app, question.client).await?,
        reason: String::new(),
        control: String::new(),
        levels: BTreeSet::new(),
        quorum: 1,
        until: now,
        requested: now,
        requester: Somebody { person: None, name: "the client".to_owned() },
        approvals: Vec::new(),
        state: ExceptionState::Approved,
        decided: None,
        since: None,
        renews: None,
        renewals: 0,
        reviewed: None,
        replaced_by: None,
    };
    waiver.levels = levels(app, &waiver, &findings, now).await.unwrap_or_else(|refusal| {
        tracing::warn!(code = refusal.code(), "a waiver is recorded without what the journal says of its findings: {}", refusal.detail());
        findings.iter().map(|finding| finding.rating.as_str().to_owned()).collect()
    });
    waiver.until = waiver_ends(&app.policy(), &waiver.levels, now);
    Ok(Some(waiver))
}

async fn client_name(app: &Shared, client: ClientId) -> Result<String, StoreError> {
    let named = app.store.clients(&Scope::client(client)).await?.into_iter().next();
    Ok(named.map_or_else(|| "the client".to_owned(), |client| client.name))
}

/// Keeps the waiver, with its ground: a person's refusal, or silence.
pub(super) async fn record(change: &mut Change, prepared: Option<Exception>, question: &Question, (by, why): (&Somebody, &str)) -> Result<Option<ExceptionId>, StoreError> {
    let Some(waiver) = prepared else { return Ok(None) };
    let ground = match by.person {
        Some(_) => format!("{} refused for the client: {why}", by.name),
        None => why.to_owned(),
    };
    let decided = Decided { at: change.time(), by: by.name.clone(), why: ground.clone() };
    let waiver = Exception {
        reason: format!("{} ({ground}; question {} of {:.0})", question.waiver_text, question.id, question.asked),
        requester: by.clone(),
        decided: Some(decided),
        ..waiver
    };
    change.record_waiver(&waiver).await?;
    Ok(Some(waiver.id))
}
