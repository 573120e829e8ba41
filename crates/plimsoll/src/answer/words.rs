//! Dates, lengths of time and counts in words, the same in every form.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plimsoll_core::model::obligation::Verdict;

/// An instant to the minute, in UTC.
pub fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A day in UTC.
pub fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

/// How long until `due`, or how long it is past.
pub fn left(now: Timestamp, due: Timestamp) -> String {
    let seconds = due.as_second().saturating_sub(now.as_second());
    let length = length(seconds.unsigned_abs());
    if seconds < 0 { format!("{length} over") } else { format!("{length} left") }
}

/// A length of time in its largest sensible unit.
pub fn length(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..259_200 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A count with its noun.
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(number)) }
}

/// A number with thousands set apart.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A verdict for people.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Overdue => "overdue",
        Verdict::DueSoon => "due soon",
        Verdict::OpenInTime => "in time",
        Verdict::Unknown => "unknown",
        Verdict::ClosedLate => "closed late",
        Verdict::Excepted => "excepted",
        Verdict::Compliant => "compliant",
        Verdict::NotApplicable => "not applicable",
    }
}


#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_well() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |text: &str| left(now, text.parse().unwrap());
        assert_eq!(at("2026-11-22T12:00:01Z"), "1 s left");
        assert_eq!(at("2026-11-24T12:00:00Z"), "48 h left");
        assert_eq!(at("2026-11-20T11:59:59Z"), "48 h over");
        assert_eq!(at("2026-12-22T12:00:00Z"), "30 d left");
        assert_eq!(thousands(1_234_567), "1 234 567");
    }
}
