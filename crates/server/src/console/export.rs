//! Tables to take away: CSV and JSON with the same columns.
//!
//! Cells that a spreadsheet would take for a formula are prefixed with an
//! apostrophe: names come from hosts.

use super::views::{FindingRow, HostRow, PackageRow};
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

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
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
