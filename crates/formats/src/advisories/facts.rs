//! Small decisions that every advisory format shares: ids, dates, severity
//! words, and how a record that cannot be read is named.

use super::Reading;
use jiff::Timestamp;
use jiff::civil::Date;
pub(super) use plimsoll_core::model::advisory::is_cve;
use plimsoll_core::model::advisory::{Advisory, Rating, Severity};
use plimsoll_core::model::problem::Problem;

/// Makes the problem for input that does not have the form it should.
pub(super) fn unreadable(place: impl AsRef<str>, text: impl Into<String>) -> Problem {
    let mut text: String = text.into();
    cut(&mut text, 400);
    Problem::new(
        "E-FORMAT",
        place,
        plimsoll_core::model::problem::printable(&text),
        "fetch the source again; if it stays, report the record to whoever publishes it",
    )
}

/// Shortens to at most `limit` bytes at a character boundary.
pub(super) fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

/// Copies free text up to [`Advisory::DETAILS_LIMIT`].
pub(super) fn details(text: &str) -> String {
    let mut end = text.len().min(Advisory::DETAILS_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("").to_owned()
}

/// Takes the first line of a text, at most 300 bytes, for a summary.
pub(super) fn first_line(text: &str) -> String {
    let mut line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned();
    cut(&mut line, 300);
    line
}

/// The CVE id that is `id` itself or that a distribution put its name before
/// (`UBUNTU-CVE-2021-3782`, `DEBIAN-CVE-…`, `ALPINE-CVE-…`).
pub(super) fn cve_of_id(id: &str) -> Option<&str> {
    let start = if id.starts_with("CVE-") { 0 } else { id.find("-CVE-")? + 1 };
    id.get(start..).filter(|cve| is_cve(cve))
}

/// Collects the CVE ids that stand in free text, each once, in their order.
pub(super) fn cves_in_text(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("CVE-") {
        let rest = text.get(start..).unwrap_or("");
        let end = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'-'))
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("").trim_end_matches('-');
        if is_cve(word) {
            push_unique(&mut found, word);
        }
    }
    found
}

/// Adds a value once, keeping the order.
pub(super) fn push_unique(list: &mut Vec<String>, value: &str) {
    if !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

/// Adds a severity once, keeping the order.
pub(super) fn push_severity(list: &mut Vec<Severity>, severity: Severity) {
    if !list.contains(&severity) {
        list.push(severity);
    }
}

/// Reads a moment: RFC 3339, a date and time without an offset (taken as
/// UTC), or a date alone (its first second in UTC).
///
/// Years before 1985 are placeholders (Go's `0001-01-01`) and count as none.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => match text.parse::<jiff::civil::DateTime>() {
            Ok(local) => local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
            Err(_) => return date(text).and_then(start_of),
        },
    };
    (moment.as_second() >= EARLIEST).then_some(moment)
}

/// 1 January 1985, UTC: no advisory is older.
const EARLIEST: i64 = 473_385_600;

/// Reads a calendar day, `2024-03-31`; anything after the day is ignored.
pub(super) fn date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}

/// The first second of a day in UTC.
pub(super) fn start_of(day: Date) -> Option<Timestamp> {
    let moment = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    (moment.as_second() >= EARLIEST).then_some(moment)
}

/// Puts a vendor's word onto the common scale; unknown words are `Unknown`.
pub(super) fn rating(word: &str) -> Rating {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "urgent" => Rating::Critical,
        "high" | "important" | "high*" | "high**" => Rating::High,
        "medium" | "moderate" | "medium*" | "medium**" => Rating::Medium,
        "low" | "minor" | "negligible" | "unimportant" | "low*" | "low**" => Rating::Low,
        "none" => Rating::None,
        _ => Rating::Unknown,
    }
}

/// Makes a vendor severity, unless the word says nothing.
pub(super) fn vendor_severity(vendor: &str, word: &str) -> Option<Severity> {
    let word = word.trim();
    if word.is_empty() {
        return None;
    }
    let rating = rating(word);
    let mut word = word.to_owned();
    cut(&mut word, 64);
    Some(Severity::Vendor { vendor: vendor.to_owned(), word, rating })
}

/// The reading of a single record that was taken.
pub(super) fn one_record(newest: Option<Timestamp>) -> Reading {
    Reading { records: 1, newest, ..Reading::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_ids_are_told_from_lookalikes() {
        assert!(is_cve("CVE-2024-3094") && is_cve("CVE-1999-0001"));
        for wrong in ["CVE-XXXX-XXXX", "CVE-2024-1", "cve-2024-3094", "CVE-2024-3094-1", "", "CVE-2024-30é4"] {
            assert!(!is_cve(wrong), "{wrong}");
        }
        assert_eq!(cve_of_id("UBUNTU-CVE-2021-3782"), Some("CVE-2021-3782"));
        assert_eq!(cve_of_id("BIT-airflow-2024-50378"), None);
        assert_eq!(
            cves_in_text("(CVE-2024-3094), CVE-2024-3094; CVE-2023-48795é CVE-x CVE-"),
            ["CVE-2024-3094", "CVE-2023-48795"]
        );
    }

    #[test]
    fn moments_in_every_spelling() {
        let seconds = |text: &str| timestamp(text).map(|moment| moment.as_second());
        assert_eq!(seconds("2024-02-14T00:54:45+00:00"), Some(1_707_872_085));
        assert_eq!(seconds("2024-02-14T00:54:45"), Some(1_707_872_085));
        assert_eq!(seconds("2024-02-14T02:54:45.123+02:00"), Some(1_707_872_085));
        assert_eq!(seconds("2024-02-14"), Some(1_707_868_800));
        assert_eq!(seconds("0001-01-01T00:00:00Z"), None);
        assert_eq!(seconds("9999-99-99"), None);
        assert_eq!(seconds("é024-02-14ééééé"), None);
    }

    #[test]
    fn free_text_is_cut_at_a_character() {
        let long = "é".repeat(Advisory::DETAILS_LIMIT);
        assert_eq!(details(&long).len(), Advisory::DETAILS_LIMIT);
        let mut odd = "aé".to_owned();
        cut(&mut odd, 2);
        assert_eq!(odd, "a");
    }
}
