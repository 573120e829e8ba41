//! The records of OSV's archive of crates.io, written back in the form that
//! cargo-audit reads, so that it and we answer from the same data.

use plimsoll_formats::bounded::{Limits, zip_entries};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Writes every record of `archive` below `folder`, as `crates/NAME/ID.md`,
/// and returns how many there are.
pub fn write(archive: &Path, folder: &Path) -> Result<usize, String> {
    let bytes = std::fs::read(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let mut written = 0;
    let mut failed = None;
    zip_entries(&archive.to_string_lossy(), &bytes, Limits::FEED, |name, entry| {
        let outcome = entry
            .map_err(|problem| problem.text)
            .and_then(|entry| serde_json::from_slice::<Value>(entry).map_err(|error| error.to_string()))
            .and_then(|record| put(&record, folder));
        match outcome {
            Ok(()) => written += 1,
            Err(error) => failed = failed.take().or(Some(format!("{name}: {error}"))),
        }
    })
    .map_err(|problem| problem.text)?;
    failed.map_or(Ok(written), Err)
}

fn put(record: &Value, folder: &Path) -> Result<(), String> {
    let word = |name: &str| record[name].as_str().unwrap_or_default();
    let affected = &record["affected"][0];
    let package = affected["package"]["name"].as_str().ok_or("names no package")?;
    let place = folder.join("crates").join(package);
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let (patched, unaffected) = requirements(affected);
    let mut text = format!("```toml\n[advisory]\nid = {}\npackage = {}\n", record["id"], affected["package"]["name"]);
    let _ = writeln!(text, "date = \"{}\"", word("published").get(..10).unwrap_or("2020-01-01"));
    if let Some(day) = word("withdrawn").get(..10) {
        let _ = writeln!(text, "withdrawn = \"{day}\"");
    }
    for (name, value) in [("informational", &affected["database_specific"]["informational"]), ("cvss", &affected["database_specific"]["cvss"])] {
        if value.is_string() {
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    // A list of JSON strings is one of TOML strings.
    let _ = writeln!(text, "aliases = {}\n\n[versions]\npatched = {}\nunaffected = {}", record["aliases"], Value::from(patched), Value::from(unaffected));
    let _ = write!(text, "```\n\n# {}\n\n{}\n", word("summary"), word("details"));
    std::fs::write(place.join(format!("{}.md", word("id"))), text).map_err(|error| error.to_string())
}

/// The versions outside the ranges, as cargo writes requirements.
fn requirements(affected: &Value) -> (Vec<String>, Vec<String>) {
    let events = affected["ranges"].as_array().into_iter().flatten().flat_map(|range| range["events"].as_array().into_iter().flatten());
    let (mut patched, mut unaffected) = (Vec::new(), Vec::new());
    let mut fixed: Option<String> = None;
    for event in events {
        if let Some(version) = event["fixed"].as_str() {
            fixed = Some(version.to_owned());
        } else if let Some(version) = event["introduced"].as_str() {
            match fixed.take() {
                Some(from) => patched.push(format!(">= {from}, < {version}")),
                // From the very first version on.
                None if matches!(version, "0" | "0.0.0-0") => {}
                None => unaffected.push(format!("< {version}")),
            }
        }
    }
    patched.extend(fixed.map(|from| format!(">= {from}")));
    (patched, unaffected)
}
