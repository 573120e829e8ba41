//! Words for instants, lengths and counts, in all documents.

use crate::text::{Style, Text};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `2026-11-22 19:31:16`, in UTC, which tables say once.
pub fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same with its zone, where it stands alone.
pub fn instant_utc(at: Timestamp) -> String {
    format!("{} UTC", instant(at))
}

pub fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

pub fn maybe(at: Option<Timestamp>) -> Text {
    at.map_or_else(|| Text::styled(Style::Soft, "–"), |at| Text::from(instant(at)))
}

/// A length in its two greatest units: `3 h 20 min`.
pub fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let place = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, name) in UNITS.iter().skip(place).take(2) {
        if rest >= *unit || parts.is_empty() {
            parts.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

/// A sentence in which what stands between ticks is for machines.
pub fn sentence(text: &str) -> Text {
    let styles = [Style::Plain, Style::Code].into_iter().cycle();
    text.split('`').zip(styles).fold(Text::new(), |shown, (part, style)| shown.and(style, part))
}

/// So many of something, in the grammar of one and more.
pub fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        let shown = [0, 59, 60, 61, 3_600, 3_660, 90_000, 86_400 * 40 + 30].map(length);
        assert_eq!(shown, ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d 1 h", "40 d"]);
    }
}
