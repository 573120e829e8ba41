//! The page of **webhooks and mail** with the log of deliveries.

use super::handlers::{Refused, filled, refused, written};
use super::views::{Choice, DeliveryRow, DeliveryStanding, NewSecret, WebhookRow, Webhooks};
use super::{fill, pages};
use crate::api::stored;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::{Permission, Scope};
use crate::notices::acts::{self, WebhookEdit, WebhookWish};
use crate::notices::events::Kind;
use axum::extract::{Path, RawForm, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_store::deliveries::{Delivery, DeliveryState};
use plimsoll_store::webhooks::Channel;
use std::collections::BTreeMap;

const PAGE: &str = "/console/webhooks";
/// Deliveries on the page: a screen or two; the API has all of them.
const DELIVERIES: u32 = 50;

type Page = Result<Response, Refused>;

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let (see, change) = (Access::Needs(Permission::ReadNotifications), Access::Needs(Permission::EditNotifications));
    Routes::new()
        .route(Method::GET, PAGE, see, show)
        .route(Method::POST, PAGE, change, make)
        .route(Method::POST, "/console/webhooks/{id}", change, edit)
        .route(Method::POST, "/console/webhooks/{id}/switch", change, switch)
        .route(Method::POST, "/console/webhooks/{id}/test", change, test)
        .route(Method::POST, "/console/webhooks/{id}/secret", change, renew_secret)
        .route(Method::POST, "/console/webhooks/{id}/remove", change, remove)
        .route(Method::POST, "/console/deliveries/{id}/send-again", change, send_again)
}

/// Fields of a form; one may come several times.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    fn one(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }

    fn reason(&self) -> Option<String> {
        filled(self.one("reason"))
    }
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    answer(&app, &allowed, None).await
}

async fn answer(app: &Shared, allowed: &Allowed, created: Option<NewSecret>) -> Page {
    let view = view(app, allowed, created).await.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(written(pages::webhooks(&fill::shell(app, allowed), &view)))
}

async fn make(State(app): State<Shared>, allowed: Allowed, RawForm(body): RawForm) -> Page {
    let fields = Fields::read(&body);
    let made = async {
        let client = fields.one("client");
        let client = if client.is_empty() { None } else { Some(client.parse().map_err(|_| crate::api::missing("client", &client))?) };
        let (channel, name, address) = (fields.one("channel"), fields.one("name"), fields.one("address"));
        acts::make(&app, &allowed, WebhookWish { client, channel, name, address, events: fields.all("kind"), reason: fields.reason() }).await
    };
    let made = made.await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    match made.secret {
        Some(secret) => answer(&app, &allowed, Some(NewSecret { name: made.webhook.name, secret })).await,
        None => Ok(Redirect::to(PAGE).into_response()),
    }
}

fn back<T>(app: &Shared, allowed: &Allowed, done: Result<T, Refusal>) -> Page {
    done.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawForm(body): RawForm) -> Page {
    let fields = Fields::read(&body);
    let edit = WebhookEdit {
        name: Some(fields.one("name")),
        address: Some(fields.one("address")),
        events: Some(fields.all("kind")),
        enabled: None,
        reason: fields.reason(),
    };
    back(&app, &allowed, acts::edit(&app, &allowed, &id, edit).await)
}

async fn switch(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawForm(body): RawForm) -> Page {
    let edit = WebhookEdit { enabled: Some(Fields::read(&body).one("on") == "yes"), ..WebhookEdit::default() };
    back(&app, &allowed, acts::edit(&app, &allowed, &id, edit).await)
}

async fn test(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    back(&app, &allowed, acts::test(&app, &allowed, &id).await)
}

async fn renew_secret(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawForm(body): RawForm) -> Page {
    let renewed = acts::renew_secret(&app, &allowed, &id, Fields::read(&body).reason().as_deref()).await;
    let renewed = renewed.map_err(|refusal| refused(&app, &allowed, refusal))?;
    answer(&app, &allowed, renewed.secret.map(|secret| NewSecret { name: renewed.webhook.name, secret })).await
}

async fn remove(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawForm(body): RawForm) -> Page {
    back(&app, &allowed, acts::delete(&app, &allowed, &id, Fields::read(&body).reason().as_deref()).await)
}

async fn send_again(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    back(&app, &allowed, acts::send_again(&app, &allowed, &id).await)
}

async fn view(app: &Shared, allowed: &Allowed, created: Option<NewSecret>) -> Result<Webhooks, Refusal> {
    let webhooks = acts::list(app, allowed).await?;
    let scope = allowed.principal.scope(Permission::EditNotifications);
    let edits = !scope.is_nothing();
    let clients = app.store.clients(&stored(&allowed.scope)).await?;
    let client_names: BTreeMap<String, String> = clients.iter().map(|client| (client.id.to_string(), client.name.clone())).collect();
    let names: BTreeMap<String, (String, bool)> = webhooks.iter().map(|hook| (hook.id.to_string(), (hook.name.clone(), hook.enabled))).collect();
    let log = app.store.deliveries(&stored(&allowed.scope), None, None, DELIVERIES).await?;
    let mut choices: Vec<Choice> = clients
        .iter()
        .filter(|client| scope.holds(client.id))
        .map(|client| Choice { value: client.id.to_string(), text: client.name.clone(), count: None })
        .collect();
    if scope == Scope::Everything {
        choices.insert(0, Choice { value: String::new(), text: "all clients".to_owned(), count: None });
    }
    Ok(Webhooks {
        rows: webhooks
            .into_iter()
            .map(|hook| WebhookRow {
                id: hook.id.to_string(),
                old_secret_until: hook.old_secret_until,
                name: hook.name,
                address: hook.address,
                client: hook.client.map(|client| client_names.get(&client.to_string()).cloned().unwrap_or_default()),
                mail: hook.channel == Channel::Mail.word(),
                signed: hook.channel == Channel::Webhook.word(),
                kinds: hook.events,
                enabled: hook.enabled,
                off_because: hook.disabled_because,
                waiting: hook.waiting,
                last_good: hook.last_arrived,
                last_error: hook.failing_since.and(hook.last_answer),
            })
            .collect(),
        deliveries: log.into_iter().map(|one| delivery(one, &names, edits)).collect(),
        kinds: Kind::chosen().map(|kind| Choice { value: kind.word().to_owned(), text: kind.text().to_owned(), count: None }).collect(),
        clients: choices,
        mail: app.notices.mailer.is_some(),
        edits,
        created,
    })
}

fn delivery(one: Delivery, names: &BTreeMap<String, (String, bool)>, edits: bool) -> DeliveryRow {
    let waits = one.state == DeliveryState::Waiting;
    let event: serde_json::Value = serde_json::from_slice(&one.body).unwrap_or_default();
    let target = names.get(&one.target);
    DeliveryRow {
        at: one.created,
        kind: one.event,
        text: event.pointer("/data/text").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned(),
        to: target.map_or_else(|| "a webhook that was removed".to_owned(), |(name, _)| name.clone()),
        tries: u64::from(one.attempts),
        outcome: one.answer.unwrap_or_default(),
        next: waits.then_some(one.next_try),
        standing: match one.state {
            DeliveryState::Delivered => DeliveryStanding::Arrived,
            DeliveryState::Waiting => DeliveryStanding::Waiting,
            DeliveryState::Failed => DeliveryStanding::Failed,
        },
        again: edits && !waits && target.is_some_and(|(_, enabled)| *enabled),
        id: one.id,
    }
}
