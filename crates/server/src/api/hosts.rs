//! Hosts.

use super::{Answer, missing, parameter, window};
use crate::app::{App, Shared};
use crate::fleet::Managed;
use crate::fleet::exceptions::Excepted;
use crate::fleet::filter::{Field, Filter};
use crate::fleet::question::{HostOrder, HostQuestion, HostRow, Page, Standing};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use crate::phases::evaluate;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::Registration;
use plimsoll_core::model::scan::Scan;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which hosts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// In the filter language, `environment = prod, label.role = web`.
    pub filter: Option<String>,
    /// Part of the name.
    pub name: Option<String>,
    /// `active`, `silent`, `waiting`, `pending` or `retired`.
    pub state: Option<String>,
    /// Only with overdue findings.
    #[serde(default)]
    pub overdue: bool,
    /// Environment.
    pub environment: Option<String>,
    /// Order, see [`HostOrder::ALL`].
    pub order: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

impl Which {
    /// Reads the words.
    ///
    /// # Errors
    ///
    /// `E-PARAMETER` and `E-COLUMN` with what is allowed.
    pub fn question(self) -> Result<HostQuestion, Refusal> {
        let (skip, take) = window(self.skip, self.take)?;
        let state = self.state.map(|word| {
            Standing::parse(&word).ok_or_else(|| {
                parameter("state", format!("is {word:?}, allowed are active, silent, waiting, pending and retired"), "choose one of them")
            })
        });
        let order = self.order.map(|word| {
            let words: Vec<&str> = HostOrder::ALL.iter().map(|(word, _)| *word).collect();
            HostOrder::parse(&word).ok_or_else(|| {
                let text = format!("{word:?} is no order, allowed are {}", words.join(", "));
                Refusal::new(StatusCode::BAD_REQUEST, "E-COLUMN", text, "choose one of them").at("order")
            })
        });
        let mut filter = Filter::parse(&self.filter.unwrap_or_default())?;
        if let Some(part) = self.name.filter(|name| !name.is_empty()) {
            filter = filter.and_holds(Field::Name, &part);
        }
        if let Some(state) = state.transpose()? {
            filter = filter.and_is(Field::State, state.word());
        }
        if self.overdue {
            filter = filter.and_is(Field::Overdue, "yes");
        }
        if let Some(word) = self.environment.filter(|word| !word.is_empty()) {
            filter = filter.and_is(Field::Environment, &word);
        }
        Ok(HostQuestion {
            filter,
            order: order.transpose()?.unwrap_or_default(),
            skip,
            take,
        })
    }
}

/// Hosts that somebody may see.
pub fn visible(app: &App, scope: &Scope) -> RoaringBitmap {
    let fleet = app.fleet.read();
    let Scope::Clients(clients) = scope else { return fleet.all() };
    let mut seen = RoaringBitmap::new();
    for (client, portion) in clients {
        let Some(whole) = fleet.of_client(*client) else { continue };
        match portion {
            Portion::Whole => seen |= whole,
            // A group holds hosts of its own client only, whatever was typed.
            Portion::Groups(groups) => {
                groups.iter().filter_map(|group| fleet.of_group(*group)).for_each(|hosts| seen |= hosts & whole);
            }
        }
    }
    seen
}

/// Lists hosts.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<HostRow>> {
    let question = which.question()?;
    let seen = visible(&app, &allowed.scope);
    Ok(Json(app.fleet.read().list_hosts(&seen, &question, app.clock())))
}

/// One host: what is kept of it, and the whole answer about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HostAnswer {
    /// What lists show.
    pub row: HostRow,
    /// What the server keeps.
    #[schema(value_type = Object)]
    pub registration: Registration,
    /// The answer; none before the first report.
    #[schema(value_type = Option<Object>)]
    pub scan: Option<Scan>,
    /// Its findings that are under an exception; they stand in the answer with
    /// their due dates like the others.
    pub exceptions: Vec<Excepted>,
}

/// Looks at one host that the asker may see.
pub fn seen_host<T>(app: &App, scope: &Scope, id: &str, look: impl FnOnce(&Managed) -> T) -> Result<T, Refusal> {
    let unseen = || missing("host", id);
    let key: HostId = id.parse().map_err(|_| unseen())?;
    let seen = visible(app, scope);
    let fleet = app.fleet.read();
    let managed = fleet.host(key).filter(|managed| seen.contains(managed.registration.number)).ok_or_else(unseen)?;
    Ok(look(managed))
}

/// Judges a host afresh from its stored report, with all reasons.
///
/// # Errors
///
/// What the store or the advisory database meets.
pub async fn explain(app: &Shared, registration: &Registration, include_fixed: bool) -> Result<Option<Scan>, Refusal> {
    let Some(digest) = registration.report.clone() else { return Ok(None) };
    let report = evaluate::stored_report(app, registration.client, &digest).await?;
    let memory = evaluate::known(app, registration.id).await?.memory;
    let (held, policies) = (app.advisories.held(), app.policy());
    let (registration, id) = (registration.clone(), registration.id);
    let mut answer = app
        .compute(move || {
            let ground = evaluate::Ground { now: Timestamp::now(), held: held.as_deref(), policies: &policies };
            evaluate::judge(report, &registration.facts(), &memory, &ground, include_fixed)
        })
        .await?;
    if !answer.scan.findings.is_empty() {
        crate::scanners::explain(&mut answer.scan.findings, &app.store.scanner_readings(id).await?);
    }
    Ok(Some(answer.scan))
}

/// One host in full.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<HostAnswer> {
    let (row, registration) =
        seen_host(&app, &allowed.scope, &id, |managed| (managed.row(app.clock()), managed.registration.clone()))?;
    let scan = explain(&app, &registration, false).await?;
    let exceptions = {
        let fleet = app.fleet.read();
        fleet.host(registration.id).map(|managed| fleet.excepted(managed, app.clock().now)).unwrap_or_default()
    };
    Ok(Json(HostAnswer { row, registration, scan, exceptions }))
}
