//! **Acts** on webhooks and mail: each one transaction with its leaf in the
//! evidence log. API and console share them.

use super::events::{Event, Kind, Tried};
use super::{mail, webhook};
use crate::api::acts::actor;
use crate::api::{missing, parameter, stored};
use crate::app::{News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::{Permission, Scope};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, WebhookId};
use plimsoll_store::Intent;
use plimsoll_store::deliveries::Delivery;
use plimsoll_store::webhooks::{Channel, Webhook};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// Longest name.
const NAME: usize = 100;
/// Longest reason.
const REASON: usize = 1_000;

/// Where events are sent. The signing secret is in none of these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WebhookRow {
    /// Id.
    #[schema(value_type = String)]
    pub id: WebhookId,
    /// Client whose events it gets; none for those of all.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// `webhook`, `mail`, `slack`, `teams` or `matrix`.
    pub channel: String,
    /// Name.
    pub name: String,
    /// Address, or mail addresses with commas between them. Who may not edit
    /// sees the host only, because addresses often carry a secret.
    pub address: String,
    /// Kinds of event; empty for all.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why the server switched it off.
    pub disabled_because: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Since when every try failed; none while they arrive.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// What came of the last try.
    pub last_answer: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
    /// When one last arrived.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_arrived: Option<Timestamp>,
    /// Until when the signing secret before the present one signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub old_secret_until: Option<Timestamp>,
}

/// One delivery.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct DeliveryRow {
    /// Id, the same over all tries; receivers see it as `webhook-id`.
    pub id: String,
    /// Kind of event.
    pub event: String,
    /// `waiting`, `delivered` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was put in.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it is tried next, while it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
    /// When it was taken or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// What came of the last try.
    pub answer: Option<String>,
    /// The event itself.
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
}

impl From<Delivery> for DeliveryRow {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.state == plimsoll_store::deliveries::DeliveryState::Waiting;
        Self {
            state: delivery.state.word().to_owned(),
            next_try: waits.then_some(delivery.next_try),
            body: serde_json::from_slice(&delivery.body).unwrap_or_default(),
            id: delivery.id,
            event: delivery.event,
            attempts: delivery.attempts,
            created: delivery.created,
            ended: delivery.ended,
            answer: delivery.answer,
        }
    }
}

/// A webhook that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookWish {
    /// Client whose events it gets; left out, those of all, which takes an
    /// administrator of all.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// `webhook`, `mail`, `slack`, `teams` or `matrix`.
    #[serde(default = "requests")]
    pub channel: String,
    /// Name.
    pub name: String,
    /// Address, or mail addresses with commas between them.
    pub address: String,
    /// Kinds of event; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Why.
    pub reason: Option<String>,
}

fn requests() -> String {
    Channel::Webhook.word().to_owned()
}

/// What is to change; a field left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEdit {
    /// Name.
    pub name: Option<String>,
    /// Address, or mail addresses with commas between them.
    pub address: Option<String>,
    /// Kinds of event; empty for all.
    pub events: Option<Vec<String>>,
    /// Whether events are sent. What waits is given up when they are not.
    pub enabled: Option<bool>,
    /// Why.
    pub reason: Option<String>,
}

/// A new webhook with its signing secret, which is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookMade {
    /// The webhook.
    pub webhook: WebhookRow,
    /// `whsec_…`, by which a receiver knows what comes from here; none for
    /// mail.
    pub secret: Option<String>,
}

/// An address as somebody may see it who may not edit it.
fn masked(webhook: &Webhook) -> String {
    match webhook.channel {
        Channel::Mail => webhook.url.clone(),
        _ => url::Url::parse(&webhook.url).ok().map_or_else(String::new, |url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}/…", url.scheme(), url.host_str().unwrap_or_default())
        }),
    }
}

/// Whether somebody may edit what belongs to a client, or to all.
fn edits(scope: &Scope, client: Option<ClientId>) -> bool {
    match client {
        Some(client) => scope.holds(client),
        None => *scope == Scope::Everything,
    }
}

async fn rows(app: &Shared, allowed: &Allowed, webhooks: Vec<Webhook>) -> Result<Vec<WebhookRow>, Refusal> {
    let standings = app.store.delivery_standings().await?;
    let editor = allowed.principal.scope(Permission::EditNotifications);
    let row = |webhook: Webhook| {
        let (waiting, last_arrived) = standings.get(&webhook.id.to_string()).copied().unwrap_or_default();
        WebhookRow {
            id: webhook.id,
            client: webhook.client,
            channel: webhook.channel.word().to_owned(),
            address: if edits(&editor, webhook.client) { webhook.url.clone() } else { masked(&webhook) },
            name: webhook.name,
            events: webhook.events,
            enabled: webhook.enabled,
            disabled_because: webhook.disabled_because,
            created: webhook.created,
            failing_since: webhook.failing_since,
            old_secret_until: webhook.old_secret_until.filter(|until| Timestamp::now() < *until),
            last_answer: webhook.last_answer,
            waiting,
            last_arrived,
        }
    };
    Ok(webhooks.into_iter().map(row).collect())
}

/// Webhooks that the asker may see, by name.
///
/// # Errors
/// What the store meets.
pub async fn list(app: &Shared, allowed: &Allowed) -> Result<Vec<WebhookRow>, Refusal> {
    let webhooks = app.store.webhooks(&stored(&allowed.scope)).await?;
    rows(app, allowed, webhooks).await
}

/// One webhook that the asker may see; one that it may not see is not there.
async fn seen(app: &Shared, allowed: &Allowed, id: &str) -> Result<Webhook, Refusal> {
    let found = match id.parse::<WebhookId>() {
        Ok(id) => app.store.webhook(id).await.ok(),
        Err(_) => None,
    };
    found.filter(|webhook| edits(&allowed.scope, webhook.client)).ok_or_else(|| missing("webhook", id))
}

fn bounded(place: &str, text: &str, limit: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length == 0 || length > limit {
        return Err(parameter(place, format!("has {length} characters, allowed are 1 to {limit}"), "shorten it, or write something"));
    }
    if text.chars().any(char::is_control) {
        return Err(parameter(place, "holds control characters", "write it in one line"));
    }
    Ok(())
}

fn reason(text: Option<&str>) -> Result<(), Refusal> {
    text.map_or(Ok(()), |text| {
        let length = text.chars().count();
        if length <= REASON { Ok(()) } else { Err(parameter("reason", format!("has {length} characters, allowed are {REASON}"), "shorten it")) }
    })
}

fn kinds(words: &[String]) -> Result<(), Refusal> {
    match words.iter().find(|word| !Kind::chosen().any(|kind| kind.word() == word.as_str())) {
        None => Ok(()),
        Some(word) => {
            let all: Vec<_> = Kind::chosen().map(Kind::word).collect();
            Err(parameter("events", format!("{word:?} is none of {}", all.join(", ")), "name kinds of event, or none for all"))
        }
    }
}

fn address(app: &Shared, channel: Channel, text: &str) -> Result<String, Refusal> {
    match channel {
        Channel::Webhook | Channel::Slack | Channel::Teams | Channel::Matrix => Ok(app.notices.outward.check(text)?.to_string()),
        Channel::Mail if app.notices.mailer.is_none() => Err(Refusal::new(
            StatusCode::CONFLICT,
            "E-MAIL",
            "this server has no mail server",
            "start it with `--smtp` and `--mail-from`",
        )),
        Channel::Mail => {
            let people = mail::people(text).map_err(|text| parameter("address", text, "write addresses with commas between them"))?;
            Ok(people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Makes a webhook.
///
/// # Errors
/// What is wrong with the wish; `E-URL-BLOCKED` for an address inside.
pub async fn make(app: &Shared, allowed: &Allowed, wish: WebhookWish) -> Result<WebhookMade, Refusal> {
    let channel = Channel::parse(&wish.channel)
        .ok_or_else(|| {
            let all = Channel::ALL.map(Channel::word).join(", ");
            parameter("channel", format!("{:?} is none of {all}", wish.channel), "write one of these words")
        })?;
    bounded("name", &wish.name, NAME)?;
    reason(wish.reason.as_deref())?;
    kinds(&wish.events)?;
    let client = whose(app, allowed, wish.client).await?;
    let address = address(app, channel, &wish.address)?;
    let mut change = app.store.begin(Intent::new(actor(allowed), Timestamp::now(), "webhook.add", "webhook")).await?;
    let (webhook, secret) = change.add_webhook(client, channel, &wish.name, &address, wish.events).await?;
    change.commit(wish.reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    let secret = (channel == Channel::Webhook).then(|| webhook::shown(&secret)).flatten();
    Ok(WebhookMade { webhook: one(app, allowed, webhook).await?, secret })
}

/// How long the secret before the present one signs too: a working day in every
/// time zone.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Gives a webhook another signing secret, which is shown once. Each delivery
/// carries the signatures of both until the old one ends.
///
/// # Errors
/// Where there is none; `E-CHANNEL` for mail and chats, which nothing signs.
pub async fn renew_secret(app: &Shared, allowed: &Allowed, id: &str, why: Option<&str>) -> Result<WebhookMade, Refusal> {
    let webhook = seen(app, allowed, id).await?;
    reason(why)?;
    if webhook.channel != Channel::Webhook {
        return Err(Refusal::new(StatusCode::CONFLICT, "E-CHANNEL", "mail and messages to chats are not signed", "name a webhook"));
    }
    let now = Timestamp::now();
    let intent = Intent::new(actor(allowed), now, "webhook.renew-secret", format!("webhook:{}", webhook.id));
    let mut change = app.store.begin(intent).await?;
    let until = now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX);
    let (webhook, secret) = change.renew_webhook_secret(webhook.id, until).await?;
    change.commit(why).await?;
    let _ = app.news.send(News::Other);
    Ok(WebhookMade { secret: webhook::shown(&secret), webhook: one(app, allowed, webhook).await? })
}

async fn one(app: &Shared, allowed: &Allowed, webhook: Webhook) -> Result<WebhookRow, Refusal> {
    let id = webhook.id.to_string();
    rows(app, allowed, vec![webhook]).await?.pop().ok_or_else(|| missing("webhook", &id))
}

/// Whose a new webhook is: the client's that was named; else everybody's for
/// who may see everybody, else the only client's there is.
async fn whose(app: &Shared, allowed: &Allowed, named: Option<ClientId>) -> Result<Option<ClientId>, Refusal> {
    if let Some(client) = named {
        // Whoever may see everything may still name what is not there.
        let there = allowed.scope.holds(client) && app.store.client(client).await.is_ok();
        return if there { Ok(Some(client)) } else { Err(missing("client", &client.to_string())) };
    }
    if allowed.scope == Scope::Everything {
        return Ok(None);
    }
    match app.store.clients(&stored(&allowed.scope)).await?.as_slice() {
        [only] => Ok(Some(only.id)),
        several => Err(parameter("client", format!("is left out, and there are {} clients", several.len()), "name the client")),
    }
}

/// Edits a webhook.
///
/// # Errors
/// As [`make`], and where there is none.
pub async fn edit(app: &Shared, allowed: &Allowed, id: &str, edit: WebhookEdit) -> Result<WebhookRow, Refusal> {
    let webhook = seen(app, allowed, id).await?;
    if let Some(name) = &edit.name {
        bounded("name", name, NAME)?;
    }
    reason(edit.reason.as_deref())?;
    kinds(edit.events.as_deref().unwrap_or_default())?;
    let address = edit.address.as_deref().map(|text| address(app, webhook.channel, text)).transpose()?;
    let intent = Intent::new(actor(allowed), Timestamp::now(), "webhook.edit", format!("webhook:{}", webhook.id));
    let mut change = app.store.begin(intent).await?;
    let webhook = change
        .update_webhook(webhook.id, |webhook| {
            webhook.name = edit.name.unwrap_or_else(|| std::mem::take(&mut webhook.name));
            webhook.url = address.unwrap_or_else(|| std::mem::take(&mut webhook.url));
            webhook.events = edit.events.unwrap_or_else(|| std::mem::take(&mut webhook.events));
            webhook.enabled = edit.enabled.unwrap_or(webhook.enabled);
        })
        .await?;
    change.commit(edit.reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    one(app, allowed, webhook).await
}

/// Deletes a webhook; what waits for it is given up.
///
/// # Errors
/// Where there is none.
pub async fn delete(app: &Shared, allowed: &Allowed, id: &str, why: Option<&str>) -> Result<(), Refusal> {
    reason(why)?;
    let webhook = seen(app, allowed, id).await?;
    let intent = Intent::new(actor(allowed), Timestamp::now(), "webhook.delete", format!("webhook:{}", webhook.id));
    let mut change = app.store.begin(intent).await?;
    change.delete_webhook(webhook.id).await?;
    change.commit(why).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Sends a test event; gives the id of its delivery.
///
/// # Errors
/// Where there is none, or it is switched off.
pub async fn test(app: &Shared, allowed: &Allowed, id: &str) -> Result<DeliveryRow, Refusal> {
    let webhook = seen(app, allowed, id).await?;
    if !webhook.enabled {
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", "the webhook is switched off", "switch it on first").at(id));
    }
    let now = Timestamp::now();
    let client = match webhook.client {
        Some(client) => {
            let client = app.store.client(client).await?;
            Some(super::events::ClientNamed { id: client.id.to_string(), name: client.name })
        }
        None => None,
    };
    let data = Tried { webhook: webhook.name.clone() };
    let text = format!("a test for {}", webhook.name);
    let event = Event::new(Kind::Test, client, now, text, "/console/webhooks".to_owned(), &data);
    let event_id = WebhookId::from_bits(plimsoll_store::identifier::fresh(now)?).to_string();
    let body = event.written(&event_id, &app.url).map_err(|text| parameter("event", text, "report this as a bug"))?;
    let intent = Intent::new(actor(allowed), now, "webhook.test", format!("webhook:{}", webhook.id));
    let mut change = app.store.begin(intent).await?;
    let delivery = change.send(webhook.channel.word(), &webhook.id.to_string(), webhook.client, Kind::Test.word(), &body).await?;
    change.record(&format!("delivery:{delivery}"), None, Some(&json!({ "state": "waiting" })))?;
    change.commit(None).await?;
    app.notices.wake.notify_one();
    let _ = app.news.send(News::Other);
    Ok(app.store.delivery(&delivery).await?.into())
}

/// The log of deliveries to one webhook, newest first.
///
/// # Errors
/// Where there is none.
pub async fn deliveries(app: &Shared, allowed: &Allowed, id: &str, before: Option<&str>, take: usize) -> Result<Vec<DeliveryRow>, Refusal> {
    let webhook = seen(app, allowed, id).await?;
    let limit = u32::try_from(take).unwrap_or(u32::MAX);
    let log = app.store.deliveries(&stored(&allowed.scope), Some(webhook.id), before, limit).await?;
    Ok(log.into_iter().map(DeliveryRow::from).collect())
}

/// Sends a delivery again that ended, under the same id.
///
/// # Errors
/// Where there is none, it still waits, or its webhook is gone or switched off.
pub async fn send_again(app: &Shared, allowed: &Allowed, id: &str) -> Result<DeliveryRow, Refusal> {
    let delivery = app.store.delivery(id).await.map_err(|_| missing("delivery", id))?;
    let webhook = seen(app, allowed, &delivery.target).await.map_err(|_| missing("delivery", id))?;
    if !webhook.enabled {
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", "the webhook is switched off", "switch it on first").at(id));
    }
    if delivery.state == plimsoll_store::deliveries::DeliveryState::Waiting {
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", "the delivery still waits", "wait for it to end").at(id));
    }
    let intent = Intent::new(actor(allowed), Timestamp::now(), "delivery.send-again", format!("delivery:{}", delivery.id));
    let mut change = app.store.begin(intent).await?;
    change.send_again(&delivery.id).await?;
    change.commit(None).await?;
    app.notices.wake.notify_one();
    let _ = app.news.send(News::Other);
    Ok(app.store.delivery(&delivery.id).await?.into())
}
