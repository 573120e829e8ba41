//! A scan written in the formats other tools read.
//!
//! Every format names the instant it holds for, the database's date, every
//! source warning and the coverage, and says `unknown` where there was no
//! database: an empty result must never read as clean. Names come from
//! hostile input and are escaped for each format.

mod csv_rows;
mod cyclonedx;
pub(crate) mod digest;
mod markdown;
mod notices;
mod openvex;
mod sarif;

pub use csv_rows::csv;
pub(crate) use csv_rows::defused;
pub use cyclonedx::cyclonedx;
pub use markdown::markdown;
pub use openvex::openvex;
pub use sarif::sarif;

use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::scan::Scan;

/// JSON schema (draft 2020-12) of [`json`]'s output, the contract for
/// machines.
pub const SCAN_SCHEMA: &str = include_str!("../../../../docs/schema/scan-1.schema.json");

/// Writes a scan as its own JSON, indented, with a newline at the end.
///
/// The same scan gives the same bytes. The form is held to [`SCAN_SCHEMA`].
pub fn json(scan: &Scan) -> String {
    // Not by way of a JSON value: that would sort members and widen scores to
    // 64 bits, 9.8 to 9.800000190734863.
    pretty(scan, scan)
}

/// Indented JSON with a newline at the end.
///
/// Own structures have text keys only, so writing them cannot fail.
fn pretty(value: &impl serde::Serialize, scan: &Scan) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| format!("{{\"schema\": \"{}\", \"error\": \"{error}\"}}", scan.schema));
    text.push('\n');
    text
}

/// The word for a finding's state, as in JSON.
fn state_word(state: State) -> &'static str {
    match state {
        State::Affected => "affected",
        State::Unknown => "unknown",
        State::Unsupported => "unsupported",
        State::NotAffected => "not-affected",
        State::Fixed => "fixed",
    }
}

/// The word for a verdict, as in JSON.
fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Overdue => "overdue",
        Verdict::DueSoon => "due_soon",
        Verdict::OpenInTime => "open_in_time",
        Verdict::Unknown => "unknown",
        Verdict::ClosedLate => "closed_late",
        Verdict::Excepted => "excepted",
        Verdict::Compliant => "compliant",
        Verdict::NotApplicable => "not_applicable",
    }
}

/// The most pressing verdict of a finding or update.
fn worst(obligations: &[plimsoll_core::model::obligation::Obligation]) -> Option<Verdict> {
    // Verdicts are declared from the most pressing on.
    obligations.iter().map(|obligation| obligation.verdict).min()
}

/// A score in tenths as a JSON number; a 32-bit 9.8 would else be written
/// 9.800000190734863.
fn score(score: f32) -> f64 {
    (f64::from(score) * 10.0).round() / 10.0
}

/// A probability to five places, as FIRST publishes them.
fn probability(value: f32) -> f64 {
    (f64::from(value) * 100_000.0).round() / 100_000.0
}

/// What to do about a finding, as one sentence without full stop.
fn action(finding: &Finding) -> String {
    let name = &finding.component.name;
    let workaround = finding.workarounds.first().map(|workaround| format!("{}: {}", workaround.kind, workaround.text));
    let version = finding.fix.version.as_ref().or(finding.fixed_version.as_ref());
    match finding.state {
        State::NotAffected | State::Fixed => return "Nothing to do".to_owned(),
        State::Unsupported => return format!("Move {name} to a supported release, or get extended support"),
        State::Affected | State::Unknown => {}
    }
    match (finding.fix.available, version) {
        (Some(true), Some(version)) => match &finding.fix.origin {
            Some(origin) => format!("Update {name} to {version} from {origin}"),
            None => format!("Update {name} to {version}"),
        },
        (Some(false), Some(version)) => {
            let rest = workaround.map_or_else(String::new, |text| format!("; {text}"));
            format!("The fix is in {version}, which no enabled repository offers{rest}")
        }
        (_, Some(version)) => format!("Update {name} to {version} or later"),
        (_, None) => workaround.unwrap_or_else(|| format!("No fix is known for {name}; watch the advisory")),
    }
}

/// The reasons of a finding as one text.
fn reasons(finding: &Finding) -> String {
    finding.because.iter().map(|because| because.text.as_str()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
