//! JSON, TOML and YAML documents, bounded, with one clear problem when they
//! are none.

use crate::bounded::text;
use plimsoll_core::model::problem::{Problem, printable};
use serde::de::DeserializeOwned;

fn unreadable(place: &str, format: &str, error: impl std::fmt::Display) -> Problem {
    let error = error.to_string();
    let first = error.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    Problem::new(
        "E-FORMAT",
        place,
        format!("is not readable {format}: {}", printable(first)),
        "make the file again with the tool that wrote it",
    )
}

/// Reads JSON; nesting beyond 128 levels is refused by the reader itself.
pub(super) fn json<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_str(text(place, bytes)?).map_err(|error| unreadable(place, "JSON", error))
}

/// Reads TOML; nesting beyond 80 levels is refused by the reader itself.
pub(super) fn toml<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, Problem> {
    toml::from_str(text(place, bytes)?).map_err(|error| unreadable(place, "TOML", error))
}

/// Reads every document of a YAML file.
///
/// Lock files have no anchors, so those are refused early: a few lines of them
/// expand to gigabytes. Nodes are bounded by the file's size.
pub(super) fn yaml<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<Vec<T>, Problem> {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_anchors = 16;
    budget.max_aliases = 64;
    budget.max_events = bytes.len().saturating_add(1024);
    budget.max_nodes = bytes.len().saturating_add(1024);
    budget.max_total_scalar_bytes = bytes.len().saturating_add(1024);
    budget.max_documents = 8;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text(place, bytes)?, options)
        .map_err(|error| unreadable(place, "YAML", error))
}
