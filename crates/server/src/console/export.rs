//! Tables to take away: CSV and JSON with the same columns.
//!
//! Cells that a spreadsheet would take for a formula are prefixed with an
//! apostrophe: names come from hosts.

use super::fill::state_word;
use super::views::{AffectedHost, ApplicationRow, EvidenceEntry, FindingRow, HostRow, PackageHost, PackageRow};
use crate::http::problem::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Columns of hosts.
pub const HOSTS: [&str; 16] = [
    "id", "name", "state", "condition", "os", "groups", "tier", "exposure", "environment", "owner", "last_seen", "updates",
    "security_updates", "findings", "overdue", "due",
];

/// Columns of findings.
pub const FINDINGS: [&str; 11] =
    ["advisory", "aliases", "summary", "packages", "severity", "exploited", "epss", "hosts", "overdue", "fix_offered", "due"];

/// Columns of packages.
pub const PACKAGES: [&str; 10] =
    ["stream", "package", "candidate", "origin", "security", "reboot", "hosts", "held", "advisories", "due"];

/// Columns of hosts under one advisory.
pub const AFFECTED: [&str; 9] = ["id", "name", "state", "package", "version", "fixed_version", "action", "due", "owner"];

/// Columns of hosts that have one package.
pub const PACKAGE_HOSTS: [&str; 7] = ["id", "name", "version", "candidate", "held_by", "findings", "due"];

/// Columns of applications.
pub const APPLICATIONS: [&str; 10] =
    ["id", "name", "condition", "owner", "team", "hosts", "components", "findings", "overdue", "due"];

/// Columns of the evidence log.
pub const ACTIVITY: [&str; 11] =
    ["index", "time", "actor", "strength", "verb", "object", "reason", "before", "after", "request", "digest"];

fn when(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at))
}

/// One host.
pub fn host(row: &HostRow) -> Vec<Value> {
    vec![
        json!(row.id),
        json!(row.name),
        json!(row.state.word()),
        json!(row.condition.word()),
        json!(row.os),
        json!(row.groups),
        json!(row.tier),
        json!(row.exposure.map(|exposure| exposure.as_str())),
        json!(row.environment),
        json!(row.owner),
        when(row.last_seen),
        json!(row.updates),
        json!(row.security_updates),
        json!(row.findings),
        json!(row.overdue),
        when(row.due),
    ]
}

/// One advisory's findings.
pub fn finding(row: &FindingRow) -> Vec<Value> {
    vec![
        json!(row.advisory),
        json!(row.aliases),
        json!(row.summary),
        json!(row.packages),
        json!(row.rating.as_str()),
        json!(row.exploited),
        json!(row.epss),
        json!(row.hosts),
        json!(row.overdue),
        json!(row.fix_offered),
        when(row.due),
    ]
}

/// One package.
pub fn package(row: &PackageRow) -> Vec<Value> {
    vec![
        json!(row.stream),
        json!(row.name),
        json!(row.candidate),
        json!(row.origin),
        json!(row.security),
        json!(row.reboot),
        json!(row.hosts),
        json!(row.held),
        json!(row.advisories),
        when(row.due),
    ]
}

/// One host under an advisory.
pub fn affected(row: &AffectedHost) -> Vec<Value> {
    vec![
        json!(row.id),
        json!(row.name),
        json!(state_word(row.state)),
        json!(row.package),
        json!(row.version),
        json!(row.fixed_version),
        json!(row.action.text),
        when(row.due),
        json!(row.owner),
    ]
}

/// One host that has a package.
pub fn package_host(row: &PackageHost) -> Vec<Value> {
    vec![
        json!(row.id),
        json!(row.name),
        json!(row.version),
        json!(row.candidate),
        json!(row.held_by),
        json!(row.findings),
        when(row.due),
    ]
}

/// One application.
pub fn application(row: &ApplicationRow) -> Vec<Value> {
    vec![
        json!(row.id),
        json!(row.name),
        json!(row.condition.word()),
        json!(row.owner),
        json!(row.team),
        json!(row.hosts),
        json!(row.components),
        json!(row.findings),
        json!(row.overdue),
        when(row.due),
    ]
}

/// One entry of the evidence log.
pub fn evidence(row: &EvidenceEntry) -> Vec<Value> {
    vec![
        json!(row.index),
        json!(row.time),
        json!(row.actor),
        json!(row.strength),
        json!(row.verb),
        json!(row.object),
        json!(row.reason),
        json!(row.before),
        json!(row.after),
        json!(row.request),
        json!(row.digest),
    ]
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// Name of a file about one object; what a host or a feed named stays out of
/// headers but for letters, digits, `-`, `.` and `_`.
pub fn part(what: &str, name: &str) -> String {
    let plain = name.chars().take(80).map(|letter| if letter.is_ascii_alphanumeric() || "-._".contains(letter) { letter } else { '_' });
    format!("{what}-{}", plain.collect::<String>())
}

fn file(name: &str, kind: &str, media_type: &'static str, body: Vec<u8>) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"plimsoll-{name}.{kind}\""));
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response();
    if let Ok(disposition) = disposition {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A table as CSV.
///
/// # Errors
///
/// `E-EXPORT`, which only a failing memory gives.
pub fn csv(name: &str, columns: &[&str], rows: impl Iterator<Item = Vec<Value>>) -> Result<Response, Refusal> {
    let failed = |error: csv::Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "E-EXPORT", error.to_string(), "try again");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(failed)?;
    for row in rows {
        writer.write_record(row.iter().map(cell)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "E-EXPORT", error.to_string(), "try again"))?;
    Ok(file(name, "csv", "text/csv; charset=utf-8", bytes))
}

/// A table as JSON.
///
/// # Errors
///
/// As [`csv`].
pub fn json(name: &str, columns: &[&str], rows: impl Iterator<Item = Vec<Value>>) -> Result<Response, Refusal> {
    let objects: Vec<Map<String, Value>> =
        rows.map(|row| columns.iter().map(|column| (*column).to_owned()).zip(row).collect()).collect();
    let bytes = serde_json::to_vec_pretty(&objects)
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "E-EXPORT", error.to_string(), "try again"))?;
    Ok(file(name, "json", "application/json", bytes))
}
