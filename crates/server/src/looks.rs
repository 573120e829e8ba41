//! **Looks**: people look at the hosts of a change's sample, and say which
//! tickets a change caused. API and console share them; what they lead to is
//! decided where changes are deployed and confirmed.

use crate::api::acts::actor;
use crate::api::rollouts::{follow_up, seen_rollout};
use crate::api::{missing, parameter};
use crate::app::Shared;
use crate::duties;
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::rollouts::{Live, Looks};
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::look::{Look, LookKind};
use plimsoll_core::model::policy::PolicySet;
use plimsoll_formats::trust::sample;
use plimsoll_store::Intent;
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Longest text, in characters.
const TEXT: usize = 2_000;
/// Longest name of a ticket, in characters.
const TICKET: usize = 100;
/// Times that a look is tried again where others move the rollout.
const TRIES: usize = 5;

/// Hosts of a rollout that people look at by hand; none where the policy asks
/// for no sample.
pub fn drawn(policy: &PolicySet, live: &Live) -> Option<BTreeSet<HostId>> {
    let share = policy.governance.verify.as_ref()?.sample_pct?.0;
    Some(sample(&live.content.digest, live.content.tree.places(), share))
}

/// Why a change counts as failed by the tickets that name it.
pub fn too_many_tickets(policy: &PolicySet, looks: &Looks) -> Option<String> {
    let limit = policy.governance.test.post_deploy.as_ref()?.ticket_limit?;
    let caused = looks.caused();
    (caused.len() >= limit.max(1) as usize).then(|| {
        format!("{} tickets name the change as their cause, and the policy stops it from {limit} on (test.post_deploy.ticket_limit): {}", caused.len(), caused.join(", "))
    })
}

/// What a person saw who looked by hand at a host of the sample.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleWish {
    /// Host, by id.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Whether the change was there and in effect.
    pub held: bool,
    /// What was looked at, and what was seen.
    pub note: String,
}

/// A ticket that names a change as its cause.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketWish {
    /// What the ticket is called where it is kept.
    pub ticket: String,
    /// Whether the change caused it; `false` takes that back.
    #[serde(default = "caused")]
    pub caused: bool,
    /// Why.
    pub note: String,
}

fn caused() -> bool {
    true
}

/// Notes what a person saw at a host of the sample.
///
/// # Errors
///
/// 404; 409 `E-SAMPLE` for a host that the sample does not draw.
pub async fn look(app: &Shared, allowed: &Allowed, digest: &str, wish: SampleWish) -> Result<(), Refusal> {
    let rollout = seen_rollout(app, &allowed.scope, digest).await?;
    duties::hold(app, allowed, "confirm").await?;
    let is_drawn = {
        let live = app.rollouts.read();
        let own = live.get(&rollout.package);
        own.and_then(|own| drawn(&app.policy(), own)).is_some_and(|drawn| drawn.contains(&wish.host))
    };
    if !is_drawn {
        let text = format!("the package's digest does not draw host {} for the sample under the policy in force", wish.host);
        return Err(Refusal::new(StatusCode::CONFLICT, "E-SAMPLE", text, "look at the rollout for the hosts that it draws").at("host"));
    }
    keep(app, allowed, &rollout.package, (LookKind::Sample, wish.host.to_string(), wish.held, wish.note)).await
}

/// Notes that a ticket names a change as its cause, or does not any more.
///
/// # Errors
///
/// 404; 400 for a ticket without a name.
pub async fn ticket(app: &Shared, allowed: &Allowed, digest: &str, wish: TicketWish) -> Result<(), Refusal> {
    let rollout = seen_rollout(app, &allowed.scope, digest).await?;
    let name = checked_text("ticket", &wish.ticket, TICKET)?;
    if name.contains([',', ';']) {
        return Err(parameter("ticket", "holds a comma or semicolon", "name one ticket at a time"));
    }
    keep(app, allowed, &rollout.package, (LookKind::Ticket, name, !wish.caused, wish.note)).await
}

async fn keep(app: &Shared, allowed: &Allowed, digest: &str, (kind, item, held, note): (LookKind, String, bool, String)) -> Result<(), Refusal> {
    let note = checked_text("note", &note, TEXT)?;
    let by = person(app, allowed).await?.account;
    for _ in 0..TRIES {
        let before = app.store.rollout(digest).await.map_err(|_| missing("rollout", digest))?;
        let now = Timestamp::now();
        let look = Look { kind, subject: digest.to_owned(), item: item.clone(), client: Some(before.client), held, note: note.clone(), at: now, by: by.clone() };
        let mut change = app.store.begin(Intent::new(actor(allowed), now, format!("rollout.{}", kind.word()), format!("rollout:{digest}"))).await?;
        change.add_look(&look).await?;
        // The rollout's own revision tells the other servers.
        match change.move_rollout(&before, |_| ()).await {
            Err(error) if error.problem.code == "E-RACE" => continue,
            moved => moved?,
        };
        let about = match kind {
            LookKind::Sample => format!("host {item}: {}: {note}", if held { "as it should be" } else { "otherwise" }),
            LookKind::Ticket | LookKind::Sources => format!("{item}: {}: {note}", if held { "not by this change" } else { "by this change" }),
        };
        change.commit(Some(&about)).await?;
        follow_up(app).await;
        return Ok(());
    }
    Err(Refusal::new(StatusCode::CONFLICT, "E-RACE", "others move this rollout at the same time", "try again"))
}

#[cfg(test)]
mod tests;
