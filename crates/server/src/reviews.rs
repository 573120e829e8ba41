//! **Review clocks**: whatever must be looked at again by a moment. One
//! mechanism for policies, meetings, exceptions and mitigations that a patch
//! replaced: past its moment an alert is open until
//! somebody looked.

use crate::app::{App, News};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_store::{Actor, Change, Intent, StoreError};
use plimsoll_store::alerts::Alert;

/// Something that is to be looked at again.
pub struct Clock<'a> {
    /// Client it concerns; none for all of them.
    pub client: Option<ClientId>,
    /// Kind of its alert.
    pub kind: &'static str,
    /// What it is about.
    pub object: &'a str,
    /// What the server's act is called in the evidence log.
    pub act: &'static str,
    /// Until when.
    pub due: Timestamp,
    /// What is said once that has passed.
    pub text: String,
}

/// Raises the clock's alert once its moment has passed, unless it is open.
///
/// # Errors
///
/// What the store meets.
pub async fn remind(app: &App, clock: &Clock<'_>, now: Timestamp) -> Result<(), StoreError> {
    if clock.due >= now || app.store.alert_about(clock.kind, clock.object).await?.is_some() {
        return Ok(());
    }
    let mut change = app.store.begin(Intent::new(Actor::server(), now, clock.act, clock.object)).await?;
    change.raise_alert(clock.client, clock.kind, clock.object, &clock.text).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Something that is so, and is told as long as it is.
pub struct Standing<'a> {
    /// Client it concerns; none for all of them.
    pub client: Option<ClientId>,
    /// Kind of its alert.
    pub kind: &'static str,
    /// What it is about.
    pub object: &'a str,
    /// What the server's act is called in the evidence log.
    pub act: &'static str,
    /// What is said; none where it is not so any more.
    pub text: Option<String>,
}

/// Raises the alert of something that has become so, and closes it once it is
/// so no more.
///
/// # Errors
///
/// What the store meets.
pub async fn follow(app: &App, standing: &Standing<'_>, now: Timestamp) -> Result<(), StoreError> {
    let open = app.store.alert_about(standing.kind, standing.object).await?;
    if standing.text.is_some() == open.is_some() {
        return Ok(());
    }
    let mut change = app.store.begin(Intent::new(Actor::server(), now, standing.act, standing.object)).await?;
    match &standing.text {
        Some(text) => drop(change.raise_alert(standing.client, standing.kind, standing.object, text).await?),
        None => settle(&mut change, open.as_ref()).await?,
    }
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Closes an alert within the change that notes that somebody looked.
///
/// # Errors
///
/// What the store meets.
pub async fn settle(change: &mut Change, open: Option<&Alert>) -> Result<(), StoreError> {
    match open {
        Some(alert) => change.close_alert(&alert.id).await.map(drop),
        None => Ok(()),
    }
}
