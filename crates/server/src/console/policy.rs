//! The **policy**: what is in force, and putting another one in force. The
//! text is checked and what it would change is shown before the button is.

use super::handlers::{Page, Visit, refused, written};
use super::views::PolicyEdit;
use super::{fill, pages};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::policy::{self, PolicyWish};
use axum::extract::{Form, RawQuery, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

/// The page.
const POLICY: &str = "/console/policy";
/// Largest form: a policy of a mebibyte, each byte written as three.
const FORM: usize = 4 << 20;

/// The routes.
pub fn routes() -> Routes<Shared> {
    let edit = Access::Needs(Permission::EditPolicy);
    Routes::new()
        .route(Method::GET, POLICY, Access::Needs(Permission::ReadPolicy), show)
        .route(Method::GET, "/console/policy/edit", edit, draft)
        .route_up_to(FORM, Method::POST, "/console/policy/check", edit, check)
        .route_up_to(FORM, Method::POST, POLICY, edit, set)
}

#[derive(Deserialize)]
struct Draft {
    #[serde(default, deserialize_with = "lines")]
    text: String,
    #[serde(default)]
    replaces: String,
    #[serde(default)]
    reason: String,
}

/// Browsers end the lines of what a form sends with CR and LF.
fn lines<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(String::deserialize(deserializer)?.replace("\r\n", "\n"))
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    Ok(written(pages::policy(&visit.shell, &fill::policy(&app, &allowed))))
}

/// The form, with the text in force or that of a preset.
async fn draft(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let held = app.policies.in_force();
    let query = query.unwrap_or_default();
    let preset = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "preset").map(|(_, value)| value.into_owned());
    let text = match preset.as_deref() {
        None => held.text.clone(),
        Some(name) => plimsoll_formats::policy::preset(name).ok_or_else(|| visit.refused(crate::api::missing("preset", name)))?.to_owned(),
    };
    let trouble = match &held.origin {
        policy::Origin::Given(place) => Some(format!("The command line names the policy ({place}), so only a restart changes it. You can check a text here.")),
        _ => None,
    };
    let view = PolicyEdit { text, replaces: held.digest(), checked: None, trouble };
    Ok(written(pages::policy_edit(&visit.shell, &view)))
}

async fn check(State(app): State<Shared>, allowed: Allowed, Form(draft): Form<Draft>) -> Page {
    let checked = policy::check(&app, &allowed, &draft.text).await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    let view = PolicyEdit { text: draft.text, replaces: draft.replaces, checked: Some(checked), trouble: None };
    Ok(written(pages::policy_edit(&fill::shell(&app, &allowed), &view)))
}

async fn set(State(app): State<Shared>, allowed: Allowed, Form(draft): Form<Draft>) -> Page {
    let replaces = Some(draft.replaces.clone()).filter(|digest| !digest.is_empty());
    match policy::set(&app, &allowed, PolicyWish { text: draft.text.clone(), reason: draft.reason, replaces }).await {
        Ok(_) => Ok(Redirect::to(POLICY).into_response()),
        // What was typed is not lost.
        Err(refusal) => {
            let checked = policy::check(&app, &allowed, &draft.text).await.map_err(|refusal| refused(&app, &allowed, refusal))?;
            let trouble = Some(format!("{}; {}", refusal.detail(), refusal.next()));
            let view = PolicyEdit { text: draft.text, replaces: app.policies.in_force().digest(), checked: Some(checked), trouble };
            let mut response = written(pages::policy_edit(&fill::shell(&app, &allowed), &view));
            *response.status_mut() = refusal.status();
            Ok(response)
        }
    }
}
