//! **Lists** as a table for people, JSON for machines, CSV for spreadsheets.

use super::words;
use crate::arguments::ListFormat;
use crate::printer::{Failure, Printer};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde_json::Value;

/// How a value is read.
#[derive(Clone, Copy)]
pub enum Kind {
    /// As it stands; nothing where it is missing.
    Text,
    /// A count, `?` where it cannot be told.
    Count,
    /// An instant; nothing where there is none.
    Time,
    /// An instant, `never` where there is none.
    Seen,
    /// A marker where it is true.
    Mark,
    /// Texts with commas between them.
    List,
    /// How many there are.
    Many,
}

/// One column: its head, the member of a row that it shows (a JSON pointer),
/// and how.
pub type Column = (&'static str, &'static str, Kind);

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cell(row: &Value, (head, member, kind): Column) -> String {
    let value = row.pointer(member).unwrap_or(&Value::Null);
    match kind {
        Kind::Text => plain(value),
        Kind::Count => value.as_u64().map_or_else(|| "?".to_owned(), |count| count.to_string()),
        Kind::Time | Kind::Seen => {
            let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let none = if matches!(kind, Kind::Seen) { "never" } else { "" };
            at.map_or_else(|| none.to_owned(), words::instant)
        }
        Kind::Mark => if value == &Value::Bool(true) { head } else { "" }.to_owned(),
        Kind::List => value.as_array().map(|all| all.iter().map(plain).collect::<Vec<_>>().join(", ")).unwrap_or_default(),
        Kind::Many => value.as_array().map_or_else(|| "?".to_owned(), |all| all.len().to_string()),
    }
}

/// Writes rows in the form that was asked for.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn show(printer: &Printer, format: ListFormat, rows: &[Value], columns: &[Column]) -> Result<(), Failure> {
    let cells = rows.iter().map(|row| columns.iter().map(|column| cell(row, *column)).collect::<Vec<_>>());
    match format {
        ListFormat::Json => crate::commands::json(printer, &rows),
        ListFormat::Table => {
            let mut table = Table::new();
            table.load_preset(presets::NOTHING);
            table.set_header(columns.iter().map(|(head, ..)| *head));
            table.add_rows(cells);
            printer.data(&format!("{table}\n"))
        }
        ListFormat::Csv => {
            let mut out = csv::Writer::from_writer(Vec::new());
            let heads = columns.iter().map(|(head, ..)| (*head).to_owned()).collect();
            let written = std::iter::once(heads).chain(cells).try_for_each(|line: Vec<String>| out.write_record(line.iter().map(|cell| tamed(cell))));
            let bytes = written.map_err(|error| unwritten(&error.to_string())).and_then(|()| out.into_inner().map_err(|error| unwritten(&error.to_string())))?;
            printer.data(&String::from_utf8_lossy(&bytes))
        }
    }
}

/// A cell that no spreadsheet takes for a formula: names come from hosts.
pub fn tamed(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn unwritten(text: &str) -> Failure {
    Failure::unfinished(Problem::new("E-WRITE", "standard output", text, "report this as a bug"))
}
