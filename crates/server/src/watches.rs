//! **Watches**: what people look at again and again by the policy, and what was
//! not looked at in time: sources, hosts that nobody manages, hosts that did
//! not report.

use crate::api::acts::actor;
use crate::app::{App, News, Shared};
use crate::duties;
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::policy::since;
use crate::reviews;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::look::{Look, LookKind};
use plimsoll_core::model::registration::HostState;
use plimsoll_core::phases::monitor::watch::{Watched, ahead, due, is_late, missing, watched};
use plimsoll_store::{Actor, Intent, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Kind of the alert about what somebody was to look at.
pub const MISSED: &str = "watch-missed";
/// Kind of the alert about hosts that were looked at too long ago.
pub const UNSEEN: &str = "scan-late";
/// Kind of the alert about sources that the policy names and nobody fetches.
pub const LACKING: &str = "sources-lacking";
/// Kind of the alert about a day of routine patching that comes near.
pub const AHEAD: &str = "cycle-ahead";
/// Where the store keeps which day of each cycle was told.
const TOLD: &str = "cycles.told";
/// Longest text, in characters.
const TEXT: usize = 2_000;
/// Hosts that an alert names.
const NAMED: usize = 5;

/// Something that people watch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WatchAnswer {
    /// What names it when a look is noted.
    pub subject: String,
    /// What is looked at.
    pub what: String,
    /// Who, in the policy's words.
    pub by: Option<String>,
    /// How often, as an ISO 8601 duration.
    pub every: String,
    /// When somebody last looked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Timestamp>,
    /// Who that was.
    pub last_by: Option<String>,
    /// What they saw.
    pub note: Option<String>,
    /// By when somebody is to look next; none where nothing dates it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// Whether that has passed, or nobody ever looked and nothing dates it.
    pub late: bool,
}

/// A look at what somebody watches.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchWish {
    /// What was looked at, by its subject.
    pub subject: String,
    /// What was seen.
    pub note: String,
}

/// What people watch under the policy in force, and how it stands.
///
/// # Errors
///
/// The store cannot be read.
pub async fn all(app: &App, now: Timestamp) -> Result<Vec<WatchAnswer>, StoreError> {
    let held = app.policies.in_force();
    let mut rows = Vec::new();
    for one in watched(&held.set.governance) {
        let last = app.store.looks(LookKind::Sources, &one.subject).await?.pop();
        let from = last.as_ref().map(|look| look.at).or_else(|| since(&held));
        let due = from.and_then(|from| due(&held.set, &one, from));
        let Watched { subject, what, by, every } = one;
        rows.push(WatchAnswer {
            subject,
            what,
            by,
            every: every.as_str().to_owned(),
            late: due.is_none_or(|due| due < now),
            due,
            last: last.as_ref().map(|look| look.at),
            last_by: last.as_ref().map(|look| look.by.clone()),
            note: last.map(|look| look.note),
        });
    }
    Ok(rows)
}

fn object(subject: &str) -> String {
    format!("watch:{subject}")
}

/// Notes that somebody looked; the alert is closed.
///
/// # Errors
///
/// 404 for what the policy has nobody watch, 403 `E-ROLE` for somebody whom it
/// does not name.
pub async fn look(app: &Shared, allowed: &Allowed, wish: WatchWish) -> Result<(), Refusal> {
    let policy = app.policy();
    let one = watched(&policy.governance).into_iter().find(|one| one.subject == wish.subject).ok_or_else(|| crate::api::missing("watch", &wish.subject))?;
    let who = person(app, allowed).await?;
    match &one.by {
        Some(by) if policy.governance.explains(by) && !policy.governance.stands_for(by, &who.account, who.email.as_deref()) => {
            let text = format!("the policy has {by} watch {}, and {} is none of them", one.what, who.account);
            return Err(Refusal::new(StatusCode::FORBIDDEN, "E-ROLE", text, "have one of them look, or have the policy changed"));
        }
        Some(_) => {}
        None => duties::hold(app, allowed, "monitor").await?,
    }
    let now = Timestamp::now();
    let note = checked_text("note", &wish.note, TEXT)?;
    let open = app.store.alert_about(MISSED, &object(&one.subject)).await?;
    let mut change = app.store.begin(Intent::new(actor(allowed), now, "watch.look", object(&one.subject))).await?;
    change.add_look(&Look { kind: LookKind::Sources, subject: one.subject, item: String::new(), client: None, held: true, note, at: now, by: who.account }).await?;
    reviews::settle(&mut change, open.as_ref()).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Raises the alert of whatever was not looked at in time.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn tell(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    for one in all(app, now).await?.into_iter().filter(|one| one.late) {
        let who = one.by.as_deref().map_or_else(String::new, |by| format!(" {by} watches it."));
        let text = match one.due {
            Some(due) => format!("Nobody has looked at {} since it was due by {due:.0}, as every {}.{who}", one.what, one.every),
            None => format!("Nobody has ever looked at {}, which is to be done every {}.{who}", one.what, one.every),
        };
        let object = object(&one.subject);
        let clock = reviews::Clock { client: None, kind: MISSED, object: &object, act: "watch.missed", due: one.due.unwrap_or(Timestamp::MIN), text };
        reviews::remind(app, &clock, now).await?;
    }
    unseen(app, now).await?;
    lacking(app, now).await?;
    cycles(app, now).await
}

/// One alert as long as the advisory database lacks sources that the policy
/// names.
async fn lacking(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let policy = app.policy();
    // Without any database there is nothing to compare; that is told elsewhere.
    let Some(held) = app.advisories.held() else { return Ok(()) };
    let names: Vec<String> = held.sources(now, i64::MAX).into_iter().map(|source| source.name).collect();
    let lacks = missing(&policy.governance, &names);
    let text = (!lacks.is_empty()).then(|| format!("The policy names sources that the advisory database does not hold: {}.", lacks.join(", ")));
    reviews::follow(app, &reviews::Standing { client: None, kind: LACKING, object: "watch:sources", act: "sources.lacking", text }, now).await
}

/// One alert for each day of routine patching that comes near, until it is
/// over; closed earlier, it is not raised again.
async fn cycles(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let ahead = ahead(&app.policy(), now);
    if ahead.is_empty() {
        return Ok(());
    }
    let mut told: BTreeMap<String, Date> = app.store.setting(TOLD).await?.unwrap_or_default();
    for one in ahead {
        let object = format!("cycle:{}", one.cycle);
        let open = app.store.alert_about(AHEAD, &object).await?;
        let raises = one.near && told.get(&one.cycle) != Some(&one.day);
        let over = open.filter(|_| raises || !one.near);
        if !raises && over.is_none() {
            continue;
        }
        let mut change = app.store.begin(Intent::new(Actor::server(), now, "cycle.ahead", object.as_str())).await?;
        reviews::settle(&mut change, over.as_ref()).await?;
        if raises {
            let text = format!("Routine patching ({}) is on {}: hosts change in their windows from then on.", one.cycle, one.day);
            change.raise_alert(None, AHEAD, &object, &text).await?;
            told.insert(one.cycle, one.day);
            change.set(TOLD, Some(&told)).await?;
        }
        change.commit(None).await?;
        let _ = app.news.send(News::Other);
    }
    Ok(())
}

/// One alert a client as long as any of its hosts was looked at too long ago.
async fn unseen(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let policy = app.policy();
    let mut late: BTreeMap<ClientId, Vec<String>> = BTreeMap::new();
    {
        let fleet = app.fleet.read();
        late.extend(fleet.client_names.keys().map(|client| (*client, Vec::new())));
        for managed in fleet.hosts().filter(|managed| managed.registration.state == HostState::Active) {
            let host = &managed.registration;
            // A check-in says that nothing has changed since the report.
            let looked = managed.last_seen().max(host.reported).unwrap_or(host.enrolled);
            if is_late(&policy, host.exposure, looked, now) == Some(true) {
                late.entry(host.client).or_default().push(host.name.clone());
            }
        }
    }
    for (client, names) in late {
        let text = (!names.is_empty()).then(|| {
            let some = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
            format!("Hosts were looked at longer ago than the policy allows (monitor.scan_every): {some}{more}.")
        });
        let standing = reviews::Standing { client: Some(client), kind: UNSEEN, object: &format!("scan-client:{client}"), act: "scan.late", text };
        reviews::follow(app, &standing, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
