//! The page of **reports**: the API's, laid out as on paper.

use super::handlers::{Page, Visit, written};
use super::pages;
use super::views::{Choice, MadeItem, ReportAsked, ReportShown, ReportsPage};
use crate::api::{clients, parameter, stored};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Query;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::reports::{self, Form, Wish, samm};
use axum::extract::State;
use axum::http::Method;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use plimsoll_core::measures::{Audience, Named};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::problem::Problem;

/// The route of the page.
pub(super) fn routes() -> Routes<Shared> {
    Routes::new().route(Method::GET, "/console/reports", Access::Needs(Permission::ReadFleet), page)
}

async fn page(State(app): State<Shared>, allowed: Allowed, Query(asked): Query<ReportAsked>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let clients = clients::seen(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    let clients: Vec<(ClientId, String)> = clients.into_iter().map(|client| (client.id, client.name)).collect();
    let (shown, trouble) = if asked.report.is_empty() {
        (None, None)
    } else {
        match shown(&app, &allowed, &asked, &clients).await {
            Ok(shown) => (Some(shown), None),
            Err(refusal) => (None, Some(Problem::new(refusal.code(), &asked.report, refusal.detail(), refusal.next()))),
        }
    };
    let made = made(&app, &allowed, &clients).await.map_err(|refusal| visit.refused(refusal))?;
    let clients = clients.into_iter().map(|(client, name)| Choice { value: client.to_string(), text: name, count: None }).collect();
    Ok(written(pages::reports(&visit.shell, &ReportsPage { asked, clients, trouble, shown, made })))
}

/// Reports on the page; more are better asked for by the API.
const MADE: usize = 100;

/// Those that were made when they were due.
async fn made(app: &Shared, allowed: &Allowed, clients: &[(ClientId, String)]) -> Result<Vec<MadeItem>, Refusal> {
    let made = app.store.made_reports(&stored(&allowed.scope)).await?;
    let item = |made: plimsoll_store::made_reports::MadeReport| {
        let form = Form::parse(&made.format).map_or_else(|| made.format.clone(), |form| title(form).to_owned());
        MadeItem {
            file: (form, made.kept.then(|| format!("/api/v1/reports/made/{}", made.id))),
            id: made.id.to_string(),
            client: made.client.and_then(|client| clients.iter().find(|(known, _)| *known == client)).map(|(_, name)| name.clone()),
            title: made.title,
            report: made.report,
            to: made.audience.join(", "),
            since: made.since,
            as_of: made.as_of,
        }
    };
    Ok(made.into_iter().take(MADE).map(item).collect())
}

/// Makes the report that was asked for.
async fn shown(app: &Shared, allowed: &Allowed, asked: &ReportAsked, clients: &[(ClientId, String)]) -> Result<ReportShown, Refusal> {
    if asked.report == samm::NAME {
        return answers(app, allowed, asked, clients).await;
    }
    let wish = wish(asked, clients)?;
    let document = reports::laid_out(app, &allowed.scope, &wish).await?;
    let forms = Form::ALL.into_iter().filter(|form| form.is_of(wish.named)).map(|form| (title(form), address(&wish, form)));
    Ok(ReportShown { document, forms: forms.chain([("Events", events(&wish))]).collect() })
}

/// Makes SAMM's answers.
async fn answers(app: &Shared, allowed: &Allowed, asked: &ReportAsked, clients: &[(ClientId, String)]) -> Result<ReportShown, Refusal> {
    let as_of = moment(&asked.as_of)?;
    let client = match asked.client.as_str() {
        "" => None,
        chosen => Some(clients.iter().find(|(client, _)| client.to_string() == chosen).cloned().ok_or_else(|| crate::api::missing("client", chosen))?),
    };
    let assessment = samm::assessed(app, &allowed.scope, as_of, client.clone()).await?;
    let address = |form: Form| {
        let mut query = which(as_of, client.as_ref());
        query.append_pair("format", form.word());
        format!("/api/v1/reports/{}?{}", samm::NAME, query.finish())
    };
    let forms = Form::PLAIN.into_iter().map(|form| (title(form), address(form))).collect();
    Ok(ReportShown { document: plimsoll_documents::samm(&assessment), forms })
}

fn wish(asked: &ReportAsked, clients: &[(ClientId, String)]) -> Result<Wish, Refusal> {
    let named = Named::parse(&asked.report).ok_or_else(|| crate::api::missing("report", &asked.report))?;
    let client = match (asked.client.as_str(), named) {
        ("", Named::For(Audience::Client)) => match clients {
            [only] => Some(only.clone()),
            _ => return Err(parameter("client", "no client is chosen", "choose the client whose report it is")),
        },
        ("", _) => None,
        (chosen, _) => {
            let found = clients.iter().find(|(client, _)| client.to_string() == chosen);
            Some(found.cloned().ok_or_else(|| crate::api::missing("client", chosen))?)
        }
    };
    let days = match asked.days.trim() {
        "" => named.days(),
        text => text.parse().map_err(|_| parameter("days", format!("{text:?} is no number of days"), "leave it empty, or write a number"))?,
    };
    Ok(Wish { named, as_of: moment(&asked.as_of)?, days, client })
}

/// A moment as a browser's form writes it, in UTC, or as the API does.
fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Timestamp::now());
    }
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(civil).ok_or_else(|| parameter("as_of", format!("{text:?} is no moment"), "write it as 2026-11-01T00:00, in UTC"))
}

fn title(form: Form) -> &'static str {
    match form {
        Form::Json => "JSON",
        Form::Html => "HTML",
        Form::Pdf => "PDF",
        Form::Markdown => "Markdown",
        Form::Docx => "Word",
        Form::Csv => "CSV",
        Form::OscalPoam => "OSCAL POA&M",
    }
}

/// Where a form of the very same report is.
fn address(wish: &Wish, form: Form) -> String {
    let mut query = which(wish.as_of, wish.client.as_ref());
    query.append_pair("days", &wish.days.to_string()).append_pair("format", form.word());
    format!("/api/v1/reports/{}?{}", wish.named.word(), query.finish())
}

fn events(wish: &Wish) -> String {
    format!("/api/v1/reports/events?{}", which(wish.as_of, wish.client.as_ref()).finish())
}

fn which(as_of: Timestamp, client: Option<&(ClientId, String)>) -> url::form_urlencoded::Serializer<'static, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("as_of", &as_of.to_string());
    if let Some((client, _)) = client {
        query.append_pair("client", &client.to_string());
    }
    query
}
