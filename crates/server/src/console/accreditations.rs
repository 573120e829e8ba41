//! The page of **accreditations**; each act is the API's.

use super::exceptions::end_of;
use super::fill;
use super::handlers::{Page, Visit, chosen_client, filled, written};
use super::pages;
use super::views::{AccreditationItem, Accreditations, Choice};
use crate::accreditations::{self, AccreditationWish};
use crate::api::stored;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use plimsoll_core::model::accreditation::{Accreditation, AccreditationStanding};
use plimsoll_core::model::identifier::{ClientId, GroupId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = "/console/accreditations";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(Method::POST, PAGE, Access::Needs(Permission::Approve), give)
        .route(Method::POST, "/console/accreditations/{accreditation}/withdraw", Access::Needs(Permission::StopRollouts), withdraw)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = view(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::accreditations(&visit.shell, &view)))
}

async fn view(app: &Shared, allowed: &Allowed) -> Result<Accreditations, Refusal> {
    let found = app.store.accreditations(&stored(&allowed.scope)).await?;
    let names: BTreeMap<ClientId, String> = fill::clients(app, &allowed.principal).into_iter().collect();
    let groups = accreditations::group_names(app, allowed).await?;
    let (stops, gives) = (allowed.principal.scope(Permission::StopRollouts), allowed.principal.scope(Permission::Approve));
    let choice = |value: String, text: String| Choice { value, text, count: None };
    let rows = found.into_iter().map(|given| {
        let client = names.get(&given.client).filter(|_| names.len() > 1).cloned();
        let may = stops.holds(given.client);
        let item = item(given, &groups);
        AccreditationItem { client, may_withdraw: may && item.withdrawn.is_none() && item.state.0 == "in force", ..item }
    });
    let set = app.policy();
    let asked = set.governance.accreditation.as_ref().map(|rule| if rule.select.is_empty() { "on every host".to_owned() } else { format!("on hosts whose {}", rule.select.words()) });
    Ok(Accreditations {
        asked,
        rows: rows.collect(),
        gives: allowed.principal.may(Permission::Approve),
        clients: names.iter().filter(|(client, _)| gives.holds(**client)).map(|(client, name)| choice(client.to_string(), name.clone())).collect(),
        groups: groups.into_iter().map(|(group, name)| choice(group.to_string(), name)).collect(),
    })
}

fn item(given: Accreditation, groups: &BTreeMap<GroupId, String>) -> AccreditationItem {
    let state = match given.standing(Timestamp::now()) {
        AccreditationStanding::InForce => ("in force", "excepted"),
        AccreditationStanding::Ended => ("ended", "none"),
        AccreditationStanding::Withdrawn => ("taken back", "overdue"),
    };
    let named = |group: &GroupId| groups.get(group).cloned().unwrap_or_else(|| group.to_string());
    let list = |what: &str, every: &str, names: Vec<String>| if names.is_empty() { every.to_owned() } else { format!("{what} {}", names.join(", ")) };
    let scope = vec![
        list("environments:", "every environment", given.scope.environments.into_iter().collect()),
        list("groups:", "all hosts", given.scope.groups.iter().map(named).collect()),
        list("products:", "every product", given.scope.products.into_iter().collect()),
    ];
    AccreditationItem {
        id: given.id.to_string(),
        client: None,
        state,
        scope,
        statement: given.statement,
        by: given.by,
        given: given.given,
        until: given.until,
        withdrawn: given.withdrawn.map(|gone| (gone.by, gone.at, gone.why)),
        may_withdraw: false,
    }
}

#[derive(Debug, Deserialize)]
struct Given {
    #[serde(default)]
    client: String,
    #[serde(default)]
    environments: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    products: String,
    statement: String,
    until: String,
}

async fn give(State(app): State<Shared>, allowed: Allowed, Form(form): Form<Given>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let words = |text: &str| text.split([' ', ',']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect::<BTreeSet<String>>();
        let wish = AccreditationWish {
            client: chosen_client(form.client)?,
            environments: words(&form.environments),
            groups: filled(form.group).into_iter().collect(),
            products: words(&form.products),
            statement: form.statement,
            until: end_of(&app, &form.until)?,
        };
        accreditations::give(&app, &allowed, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Because {
    reason: String,
}

async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Because>) -> Page {
    let visit = Visit::new(&app, &allowed);
    accreditations::withdraw(&app, &allowed, &id, &form.reason).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
