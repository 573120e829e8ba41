//! A **length** of time in a policy, ISO 8601, and the due date it leads to.

use jiff::fmt::temporal::SpanParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Deserializer};

/// A length of time: `PT48H` is absolute, `P14D` and `P1M` count calendar days
/// and months in the policy's zone.
#[derive(Clone, Debug)]
pub struct Length {
    text: String,
    span: Span,
    exact: Option<SignedDuration>,
}

impl PartialEq for Length {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|wrong| serde::de::Error::custom(format!("`{text}` {wrong}")))
    }
}

impl Length {
    /// Longest length accepted, in years: longer ones are typing errors, and
    /// the bound keeps every due date inside the calendar.
    pub const LIMIT_YEARS: i64 = 100;

    /// Reads an ISO 8601 duration; the error says what is wrong with it.
    ///
    /// Only ISO 8601 is taken, not the library's friendly format: a policy is
    /// read by people and other programs, in one notation.
    pub fn parse(text: &str) -> Result<Self, String> {
        let span = SpanParser::new()
            .parse_span(text)
            .map_err(|_| "is not an ISO 8601 duration such as PT48H, P14D or P1M".to_owned())?;
        if span.is_negative() {
            return Err("is negative".to_owned());
        }
        let days = i64::from(span.get_years()) * 366
            + i64::from(span.get_months()) * 31
            + i64::from(span.get_weeks()) * 7
            + i64::from(span.get_days())
            + i64::from(span.get_hours()) / 24
            + span.get_minutes() / 1440
            + span.get_seconds() / 86_400;
        if days > Self::LIMIT_YEARS * 366 {
            return Err(format!("is longer than {} years", Self::LIMIT_YEARS));
        }
        let calendar = span.get_years() != 0
            || span.get_months() != 0
            || span.get_weeks() != 0
            || span.get_days() != 0;
        let exact = if calendar { None } else { SignedDuration::try_from(span).ok() };
        Ok(Self { text: text.to_owned(), span, exact })
    }

    /// No time at all.
    pub fn zero() -> Self {
        Self { text: "PT0S".to_owned(), span: Span::new(), exact: Some(SignedDuration::ZERO) }
    }

    /// The instant this long after one in a zone; days are those of its
    /// calendar. None when it leaves the calendar.
    pub fn after(&self, start: &Zoned) -> Option<Timestamp> {
        match self.exact {
            Some(exact) => start.timestamp().checked_add(exact).ok(),
            None => start.checked_add(self.span).ok().map(|end| end.timestamp()),
        }
    }

    /// The instant this long before one in a zone; days are those of its
    /// calendar. None when it leaves the calendar.
    pub fn before(&self, end: &Zoned) -> Option<Timestamp> {
        match self.exact {
            Some(exact) => end.timestamp().checked_sub(exact).ok(),
            None => end.checked_sub(self.span).ok().map(|start| start.timestamp()),
        }
    }

    /// As written in the policy.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it counts elapsed time and not calendar days.
    pub fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    /// Seconds of elapsed time, a day counted as 24 hours and a month as 30
    /// days: for comparing lengths and limits, never for a due date.
    pub fn nominal_seconds(&self) -> i64 {
        let days = i64::from(self.span.get_years()) * 365
            + i64::from(self.span.get_months()) * 30
            + i64::from(self.span.get_weeks()) * 7
            + i64::from(self.span.get_days());
        days * 86_400
            + i64::from(self.span.get_hours()) * 3600
            + self.span.get_minutes() * 60
            + self.span.get_seconds()
    }

    /// The last instant in time for a clock that started at `start`.
    ///
    /// Absolute lengths count elapsed seconds whatever the clocks on the wall
    /// do. Calendar lengths end with the last second of the due day in `zone`,
    /// unless `precise` keeps the time of day. A month is the same day next
    /// month, or its last day. None when the date leaves the calendar.
    pub fn due(&self, start: Timestamp, zone: &TimeZone, precise: bool) -> Option<Timestamp> {
        if let Some(exact) = self.exact {
            return start.checked_add(exact).ok();
        }
        let local = start.to_zoned(zone.clone());
        if precise {
            return local.checked_add(self.span).ok().map(|due| due.timestamp());
        }
        // The last second is found from the first of the following day, so
        // that a day without midnight or with two of them ends where it does.
        let day = local.checked_add(self.span).ok()?.date();
        let next = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        next.timestamp().checked_sub(1.second()).ok()
    }

    /// The length in words, `48 hours`, `1 month`.
    pub fn words(&self) -> String {
        let parts = [
            (i64::from(self.span.get_years()), "year"),
            (i64::from(self.span.get_months()), "month"),
            (i64::from(self.span.get_weeks()), "week"),
            (i64::from(self.span.get_days()), "day"),
            (i64::from(self.span.get_hours()), "hour"),
            (self.span.get_minutes(), "minute"),
            (self.span.get_seconds(), "second"),
        ];
        let mut out = String::new();
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
        if out.is_empty() { "no time at all".to_owned() } else { out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled().get(name).expect("zone")
    }

    fn due(length: &str, start: &str, zone_name: &str, precise: bool) -> String {
        Length::parse(length)
            .expect("length")
            .due(start.parse().expect("start"), &zone(zone_name), precise)
            .expect("due")
            .to_string()
    }

    #[test]
    fn absolute_and_calendar_lengths_across_changes_of_summer_time() {
        // Oslo goes to summer time on 2026-03-29 and back on 2026-10-25;
        // New York on 2026-03-08 and 2026-11-01.
        let table = [
            ("PT48H", "2026-03-28T12:00:00Z", "Europe/Oslo", false, "2026-03-30T12:00:00Z"),
            ("PT48H", "2026-10-24T12:00:00Z", "Europe/Oslo", false, "2026-10-26T12:00:00Z"),
            ("PT48H", "2026-03-07T12:00:00Z", "America/New_York", false, "2026-03-09T12:00:00Z"),
            ("P2D", "2026-03-28T12:00:00Z", "Europe/Oslo", true, "2026-03-30T11:00:00Z"),
            ("P30D", "2026-03-01T12:00:00Z", "Europe/Oslo", false, "2026-03-31T21:59:59Z"),
            ("P30D", "2026-02-20T12:00:00Z", "Europe/Oslo", false, "2026-03-22T22:59:59Z"),
            ("P30D", "2026-10-01T12:00:00Z", "Europe/Oslo", false, "2026-10-31T22:59:59Z"),
            ("P30D", "2026-02-10T12:00:00Z", "America/New_York", false, "2026-03-13T03:59:59Z"),
            ("P30D", "2026-10-10T12:00:00Z", "America/New_York", false, "2026-11-10T04:59:59Z"),
            // The start's day is the one in the zone, not in UTC.
            ("P1D", "2026-01-10T23:30:00Z", "Europe/Oslo", false, "2026-01-12T22:59:59Z"),
            ("P1D", "2026-01-10T23:30:00Z", "UTC", false, "2026-01-11T23:59:59Z"),
            // Months clamp to their last day.
            ("P1M", "2026-01-31T08:00:00Z", "UTC", false, "2026-02-28T23:59:59Z"),
            ("P1M", "2028-01-31T08:00:00Z", "UTC", true, "2028-02-29T08:00:00Z"),
            // A day that has no midnight (Beirut, spring) and one that has two
            // (Havana, autumn).
            ("P1D", "2026-03-27T12:00:00Z", "Asia/Beirut", false, "2026-03-28T21:59:59Z"),
            ("P1D", "2026-10-31T12:00:00Z", "America/Havana", false, "2026-11-02T04:59:59Z"),
        ];
        for (length, start, zone_name, precise, expected) in table {
            assert_eq!(due(length, start, zone_name, precise), expected, "{length} from {start} in {zone_name}");
        }
    }

    #[test]
    fn only_iso_8601_within_bounds() {
        for bad in ["", "48h", "2 days", "P", "-P1D", "P200Y", "P9999999999D", "PT", "P1D\u{0}", "yesterday"] {
            assert!(Length::parse(bad).is_err(), "{bad:?} was taken");
        }
        assert_eq!(Length::parse("P1Y2M3W4DT5H6M7S").expect("length").words(), "1 year 2 months 3 weeks 4 days 5 hours 6 minutes 7 seconds");
        assert_eq!(Length::parse("PT0S").expect("length").words(), "no time at all");
        assert!(Length::parse("PT48H").expect("length").is_exact());
        assert!(!Length::parse("P2D").expect("length").is_exact());
    }
}
