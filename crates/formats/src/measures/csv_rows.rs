//! CSV of a report: one figure a row, so that figures of several reports stand
//! in one table and a spreadsheet's pivot finds its way.

use crate::reports::defused;
use plimsoll_core::measures::Report;
use plimsoll_core::measures::cost::CostReport;
use plimsoll_core::model::problem::Problem;
use serde::Serialize;
use serde_json::{Map, Value};

/// Columns.
const COLUMNS: [&str; 4] = ["section", "key", "measure", "value"];

/// What the ages of open findings are called, in their order.
const AGES: [&str; 7] = ["to_7_days", "to_14_days", "to_30_days", "to_60_days", "to_90_days", "to_180_days", "more"];

type Row = [String; COLUMNS.len()];

/// Writes a report as CSV (RFC 4180, UTF-8, one header line): every figure and
/// word of its JSON, which says what they mean. `key` is a priority, a rule or
/// the number of an entry; a value that is not known is empty. A cell that a
/// spreadsheet would take for a formula begins with an apostrophe.
///
/// # Errors
///
/// `E-DOCUMENT` where the report cannot be said in JSON.
pub fn csv(report: &Report) -> Result<String, Problem> {
    figures(report, "measures")
}

/// Writes anything that is said in JSON in the same columns: `section` is a
/// member of it, `key` the id, name or number of an entry.
///
/// # Errors
///
/// `E-DOCUMENT` where it cannot be said in JSON.
pub fn csv_of(value: &impl Serialize) -> Result<String, Problem> {
    let value = serde_json::to_value(value).map_err(|error| failed(&error))?;
    table(members(&value).flat_map(|(section, value)| section_of(section, value)))
}

/// Writes a report of cost as CSV, in the same four columns: `key` is a step's
/// number, a role, a subject, or the number of an entry. Money is in minor
/// units.
///
/// # Errors
///
/// As [`csv`].
pub fn cost_csv(report: &CostReport) -> Result<String, Problem> {
    figures(report, "cost")
}

fn figures(report: &impl Serialize, inner: &str) -> Result<String, Problem> {
    let value = serde_json::to_value(report).map_err(|error| failed(&error))?;
    table(rows(&value, inner).into_iter())
}

fn table(rows: impl Iterator<Item = Row>) -> Result<String, Problem> {
    written(std::iter::once(COLUMNS.map(str::to_owned)).chain(rows))
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-DOCUMENT", "report", error.to_string(), "report this as a bug")
}

/// Writes rows whose cells no spreadsheet runs.
pub(super) fn written<R: IntoIterator<Item = String>>(rows: impl Iterator<Item = R>) -> Result<String, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| defused(&cell))).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn rows(report: &Value, inner: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, value) in members(report) {
        match (name, value) {
            (name, _) if name == inner => {}
            (section, Value::Array(_)) => rows.extend(section_of(section, value)),
            _ => rows.push(row("report", "", name, value)),
        }
    }
    for (section, value) in members(&report[inner]) {
        match value {
            Value::Object(_) => rows.extend(members(value).map(|(name, value)| row(section, "", name, value))),
            Value::Array(entries) => {
                for (place, entry) in entries.iter().enumerate() {
                    rows.extend(self::entry(section, place, entry));
                }
            }
            scalar => rows.push(row("summary", "", section, scalar)),
        }
    }
    rows
}

/// A member of anything, with figures of its entries beside each other.
fn section_of(section: &str, value: &Value) -> Vec<Row> {
    let entries = match value {
        Value::Array(entries) if entries.iter().any(Value::is_object) => entries,
        Value::Object(_) => return members(value).map(|(name, value)| row(section, "", name, value)).collect(),
        _ => return vec![row("report", "", section, value)],
    };
    let mut rows = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let named = ["id", "name", "topic", "title"].into_iter().find(|name| entry[name].is_string()).unwrap_or_default();
        // Two metrics of one practice share its id.
        let key = entry[named].as_str().map_or_else(|| (place + 1).to_string(), |name| if section == "metrics" { format!("{name}-{}", place + 1) } else { name.to_owned() });
        for (name, value) in members(entry).filter(|(name, _)| *name != named) {
            match value {
                Value::Object(_) => rows.extend(members(value).map(|(part, value)| row(section, &key, &format!("{name}.{part}"), value))),
                Value::Array(parts) if parts.iter().any(Value::is_object) => {
                    for (place, part) in parts.iter().enumerate() {
                        rows.extend(members(part).map(|(one, value)| row(section, &key, &format!("{name}.{}.{one}", place + 1), value)));
                    }
                }
                _ => rows.push(row(section, &key, name, value)),
            }
        }
    }
    rows
}

/// An entry of a list: figures of a priority or a rule, or a finding.
fn entry(section: &str, place: usize, entry: &Value) -> Vec<Row> {
    let Value::Object(_) = entry else { return vec![row(section, &(place + 1).to_string(), "name", entry)] };
    let named = match section {
        "open" | "ageing" | "time_to_patch" => "priority",
        "on_time" => "rule",
        "steps" => "step",
        "phases" => "phase",
        "sources" => "source",
        "patches" => "subject",
        "centres" => "centre",
        "fixed" => "name",
        "budgets" => "role",
        _ => "",
    };
    let key = match &entry[named] {
        Value::String(name) => name.clone(),
        // The line of all priorities has none.
        _ if section == "steps" => "none".to_owned(),
        _ if !named.is_empty() => "all".to_owned(),
        _ => (place + 1).to_string(),
    };
    let mut rows = Vec::new();
    for (name, value) in members(entry).filter(|(name, _)| *name != named) {
        match (name, value) {
            ("counts", Value::Array(counts)) => rows.extend(AGES.iter().zip(counts).map(|(age, count)| row(section, &key, age, count))),
            ("patched", Value::Array(points)) => rows.extend(points.iter().map(|point| row(section, &key, &format!("patched_after_{}_days", point["days"]), &point["share"]))),
            _ => rows.push(row(section, &key, name, value)),
        }
    }
    rows
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn row(section: &str, key: &str, measure: &str, value: &Value) -> Row {
    [section.to_owned(), key.to_owned(), measure.to_owned(), words(value)]
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
