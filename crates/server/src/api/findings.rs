//! Findings, and the advisories they come from.

use super::hosts::visible;
use super::{Answer, missing, parameter, window};
use crate::app::Shared;
use crate::fleet::question::{AdvisoryRow, FindingRow, Page, Standings};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use axum::extract::State;
use plimsoll_core::knowledge::{AdvisoryFacts, AdvisoryText, Knowledge};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::threat::Threat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which findings or advisories.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// At least this severe.
    pub severity: Option<String>,
    /// Only what is overdue.
    #[serde(default)]
    pub overdue: bool,
    /// Only what is known to be exploited.
    #[serde(default)]
    pub exploited: bool,
    /// Only where a fix is on offer.
    #[serde(default)]
    pub fix: bool,
    /// Only what is under an exception.
    #[serde(default)]
    pub excepted: bool,
    /// Part of the advisory's id or of a package's name.
    pub text: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

fn severity(word: Option<&str>) -> Result<Rating, Refusal> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(Rating::Unknown) };
    Rating::ALL.into_iter().find(|rating| rating.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = Rating::ALL.iter().map(|rating| rating.as_str()).collect();
        parameter("severity", format!("is {word:?}, allowed are {}", words.join(", ")), "choose one of them")
    })
}

fn named(text: &Option<String>, names: &[&str]) -> bool {
    text.as_ref().is_none_or(|text| {
        let text = text.to_lowercase();
        names.iter().any(|name| name.to_lowercase().contains(&text))
    })
}

/// Lists findings, most urgent first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<FindingRow>> {
    let least = severity(which.severity.as_deref())?;
    let wanted = |row: &FindingRow| {
        row.severity >= least
            && (!which.overdue || row.overdue)
            && (!which.exploited || row.exploited)
            && (!which.fix || row.fix_available == Some(true))
            && (!which.excepted || row.exception.is_some())
            && named(&which.text, &[&row.advisory, &row.component])
    };
    let seen = visible(&app, &allowed.scope);
    let page = app.fleet.read().list_findings(&seen, wanted, window(which.skip, which.take)?, app.clock().now);
    Ok(Json(page))
}

/// Lists advisories with open findings, most urgent first.
pub async fn advisories(
    State(app): State<Shared>,
    allowed: Allowed,
    Query(which): Query<Which>,
) -> Answer<Page<AdvisoryRow>> {
    let seen = visible(&app, &allowed.scope);
    Ok(Json(list_advisories(&app, &seen, &which)?))
}

/// The same for the console.
///
/// # Errors
///
/// `E-PARAMETER`.
pub fn list_advisories(
    app: &Shared,
    seen: &roaring::RoaringBitmap,
    which: &Which,
) -> Result<Page<AdvisoryRow>, Refusal> {
    let least = severity(which.severity.as_deref())?;
    let wanted = |row: &AdvisoryRow| {
        let mut names: Vec<&str> = row.packages.iter().map(String::as_str).collect();
        names.push(&row.advisory);
        row.severity >= least
            && (!which.overdue || row.overdue > 0)
            && (!which.exploited || row.exploited)
            && (!which.fix || row.fix_available > 0)
            && (!which.excepted || row.excepted > 0)
            && named(&which.text, &names)
    };
    Ok(app.fleet.read().list_advisories(seen, wanted, window(which.skip, which.take)?, app.clock().now))
}

/// What is known of an advisory or a CVE, and which hosts it concerns.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdvisoryAnswer {
    /// What was asked for.
    pub id: String,
    /// Advisories of that id, alias or CVE.
    #[schema(value_type = Vec<Object>)]
    pub advisories: Vec<AdvisoryFacts>,
    /// Their texts, in the same order.
    #[schema(value_type = Vec<Object>)]
    pub texts: Vec<AdvisoryText>,
    /// Scores and exploitation of the CVE.
    #[schema(value_type = Option<Object>)]
    pub threat: Option<Threat>,
    /// VEX statements.
    #[schema(value_type = Vec<Object>)]
    pub statements: Vec<Statement>,
    /// Open findings on hosts the asker may see.
    pub findings: Vec<FindingRow>,
    /// Whether there was a database to ask.
    pub known: bool,
}

/// Everything about an advisory or a CVE.
///
/// # Errors
///
/// Where the advisory database is damaged.
pub fn about(app: &Shared, seen: &roaring::RoaringBitmap, id: &str) -> Result<AdvisoryAnswer, Refusal> {
    let held = app.advisories.held();
    let mut answer = AdvisoryAnswer {
        id: id.to_owned(),
        advisories: Vec::new(),
        texts: Vec::new(),
        threat: None,
        statements: Vec::new(),
        findings: Vec::new(),
        known: held.is_some(),
    };
    if let Some(held) = held {
        for number in held.database.advisories_named(id)? {
            answer.advisories.push(held.database.advisory(number)?);
            answer.texts.push(held.database.advisory_text(number)?);
        }
        answer.threat = held.database.threat(id)?;
        answer.statements = held.database.statements(id)?;
    }
    let mut ids: Vec<&str> = answer.advisories.iter().map(|advisory| advisory.id.as_str()).collect();
    ids.push(id);
    ids.sort_unstable();
    ids.dedup();
    let fleet = app.fleet.read();
    let now = app.clock().now;
    answer.findings = ids.iter().flat_map(|id| fleet.findings_under(seen, id, now)).collect();
    Ok(answer)
}

/// One advisory or CVE.
pub async fn advisory(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<AdvisoryAnswer> {
    let seen = visible(&app, &allowed.scope);
    let answer = about(&app, &seen, &id)?;
    if answer.advisories.is_empty() && answer.threat.is_none() && answer.findings.is_empty() {
        return Err(missing("advisory", &id));
    }
    Ok(Json(answer))
}

/// What needs doing, in figures.
pub async fn standings(State(app): State<Shared>, allowed: Allowed) -> Answer<Standings> {
    let seen = visible(&app, &allowed.scope);
    Ok(Json(app.fleet.read().standings(&seen, app.clock())))
}
