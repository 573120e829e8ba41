//! **Alerts**: what somebody should look at that no list of work shows.

use super::acts::{Reason, actor};
use super::{Answer, missing, stored, window};
use crate::app::{News, Shared};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_store::Intent;
use plimsoll_store::alerts::Alert;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertRow {
    /// Id.
    pub id: String,
    /// Client it concerns; none for what concerns the server.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Kind, a stable code.
    pub kind: String,
    /// What it is about, `webhook:01h…`.
    pub object: String,
    /// One sentence.
    pub text: String,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    pub raised: Timestamp,
    /// How often it happened since, this time included.
    pub times: u64,
    /// When it last happened.
    #[schema(value_type = String, format = DateTime)]
    pub last: Timestamp,
    /// When somebody closed it; none while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed: Option<Timestamp>,
}

impl From<Alert> for AlertRow {
    fn from(alert: Alert) -> Self {
        let Alert { id, client, kind, object, text, raised, times, last, closed } = alert;
        Self { id, client, kind, object, text, raised, times, last, closed }
    }
}

/// How many.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Much {
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Open alerts within a scope, newest first.
///
/// # Errors
/// What the store meets.
pub async fn open(app: &Shared, scope: &Scope, most: usize) -> Result<Vec<AlertRow>, Refusal> {
    let limit = u32::try_from(most).unwrap_or(u32::MAX);
    Ok(app.store.open_alerts(&stored(scope), limit).await?.into_iter().map(AlertRow::from).collect())
}

/// Lists open alerts.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(much): Query<Much>) -> Answer<Vec<AlertRow>> {
    let (_, take) = window(None, much.take)?;
    Ok(Json(open(&app, &allowed.scope, take).await?))
}

/// Closes an alert that somebody looked at; raised again, it is a new one.
///
/// # Errors
/// 404 for one that the asker may not see, or that is closed.
pub async fn close(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Answer<AlertRow> {
    let known = app.store.open_alert(&stored(&allowed.scope), &id).await?.ok_or_else(|| missing("open alert", &id))?;
    let mut change = app.store.begin(Intent::new(actor(&allowed), Timestamp::now(), "alert.close", format!("alert:{id}"))).await?;
    let alert = change.close_alert(&known.id).await?;
    change.commit(why.reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    Ok(Json(alert.into()))
}

#[cfg(test)]
mod tests {
    use crate::trial::{Asker, Trial};
    use axum::http::StatusCode;
    use plimsoll_core::model::identifier::ClientId;
    use plimsoll_store::{Actor, Intent};
    use serde_json::{Value, json};

    async fn raise(trial: &Trial, client: Option<ClientId>, kind: &str, object: &str) {
        let store = &trial.app().store;
        let mut change = store.begin(Intent::new(Actor::server(), jiff::Timestamp::now(), "alert.raise", object)).await.unwrap();
        change.raise_alert(client, kind, object, &format!("{kind} of {object}")).await.unwrap();
        change.commit(None).await.unwrap();
    }

    async fn kinds(trial: &Trial, asker: &Asker) -> Vec<String> {
        let said = trial.get(asker, "/api/v1/alerts").await;
        assert_eq!(said.status, StatusCode::OK, "{said:?}");
        said.json().as_array().unwrap().iter().map(|alert| alert["kind"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn alerts_are_seen_and_closed_within_a_scope() {
        let trial = Trial::start().await;
        let mut owner = trial.owner().await;
        let store = trial.app().store.clone();
        raise(&trial, None, "E-SERVER", "person:3").await;
        let empty = trial.get(&owner, "/console").await;
        assert!(empty.body.contains("href=\"/console/alerts\""), "also while no host has joined: {}", empty.body);
        trial.host(&owner, "web", "prod").await;
        let own = store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
        let mut change = store.begin(Intent::new(Actor::server(), jiff::Timestamp::now(), "client.add", "client")).await.unwrap();
        let foreign = change.add_client("Foreign").await.unwrap().id;
        change.commit(None).await.unwrap();
        raise(&trial, Some(own), "E-OWN", "webhook:1").await;
        raise(&trial, Some(foreign), "E-FOREIGN", "webhook:2").await;
        raise(&trial, None, "E-SERVER", "person:3").await;

        assert_eq!(kinds(&trial, &owner).await, ["E-SERVER", "E-FOREIGN", "E-OWN"]);
        let operator = trial.person(&mut owner, "per", "operator", &format!("{own}|")).await;
        assert_eq!(kinds(&trial, &operator).await, ["E-OWN"]);
        let viewer = trial.person(&mut owner, "vera", "viewer", "").await;
        assert_eq!(trial.get(&viewer, "/api/v1/alerts").await.status, StatusCode::FORBIDDEN);
        assert!(!trial.get(&viewer, "/console").await.body.contains("/console/alerts"), "no link that leads nowhere");

        let all = trial.get(&owner, "/api/v1/alerts?take=1").await.json();
        assert_eq!((all.as_array().unwrap().len(), &all[0]["times"]), (1, &json!(2)));
        let id = |kind: &str, alerts: &Value| alerts.as_array().unwrap().iter().find(|alert| alert["kind"] == kind).unwrap()["id"].as_str().unwrap().to_owned();
        let everything = trial.get(&owner, "/api/v1/alerts").await.json();
        let close = |kind: &str| format!("/api/v1/alerts/{}/close", id(kind, &everything));
        for kind in ["E-FOREIGN", "E-SERVER"] {
            assert_eq!(trial.send(&operator, "POST", &close(kind), &json!({})).await.status, StatusCode::NOT_FOUND, "{kind}");
        }
        let closed = trial.send(&operator, "POST", &close("E-OWN"), &json!({ "reason": "the receiver is back" })).await;
        assert!(closed.status == StatusCode::OK && closed.json()["closed"].is_string(), "{closed:?}");
        assert_eq!(trial.send(&operator, "POST", &close("E-OWN"), &json!({})).await.status, StatusCode::NOT_FOUND);

        // The console's way: from Today to the page, and closed there.
        let today = trial.get(&owner, "/console").await;
        assert!(today.body.contains("href=\"/console/alerts\"") && today.body.contains("E-SERVER of person:3"), "{}", today.body);
        let page = trial.get(&owner, "/console/alerts").await;
        assert!(page.body.contains("E-FOREIGN") && !page.body.contains("E-OWN"), "{}", page.body);
        let path = close("E-FOREIGN").replace("/api/v1/", "/console/");
        assert_eq!(trial.post(&mut owner, &path, &[("reason", "looked at")]).await.location, "/console/alerts");
        assert_eq!(kinds(&trial, &owner).await, ["E-SERVER"]);
    }
}
