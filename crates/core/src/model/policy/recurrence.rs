//! A **recurrence**: the days on which a window begins, in the part of RFC
//! 5545's `RRULE` that maintenance windows are written in.
//!
//! What is read: `FREQ` DAILY, WEEKLY or MONTHLY, `INTERVAL`, `BYMONTH`,
//! `BYMONTHDAY` and `BYDAY` (with an ordinal, `2TU` or `-1FR`, in a month),
//! `COUNT`, `UNTIL` and `WKST=MO`. Everything else is refused and never passed
//! over: a window that opens on another day than its writer thinks is worse
//! than none.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Deserializer};

/// How often it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Every {
    Day,
    Week,
    Month,
}

/// A weekday, and in a month which one: 1 the first, -1 the last, none all.
type InMonth = (Option<i8>, Weekday);

/// The days on which something begins, at one time of day.
#[derive(Clone, PartialEq, Debug)]
pub struct Recurrence {
    text: String,
    every: Every,
    interval: i32,
    months: Vec<i8>,
    month_days: Vec<i8>,
    weekdays: Vec<InMonth>,
    count: Option<u32>,
    until: Option<DateTime>,
    until_utc: bool,
}

/// Most days that are looked through for one expansion: some twenty years.
const DAYS: usize = 8_000;

impl<'de> Deserialize<'de> for Recurrence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|wrong| serde::de::Error::custom(format!("rule `{text}` {wrong}")))
    }
}

impl Recurrence {
    /// Reads a rule; the error says what is wrong with it.
    ///
    /// # Errors
    ///
    /// A part that is unknown, doubled, out of range or not read here.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            text: text.to_owned(),
            every: Every::Day,
            interval: 1,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            count: None,
            until: None,
            until_utc: false,
        };
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("has a part `{part}` that is not NAME=VALUE"))?;
            if seen.contains(&name) {
                return Err(format!("names {name} twice"));
            }
            seen.push(name);
            rule.take(name, value)?;
        }
        if !seen.contains(&"FREQ") {
            return Err("has no FREQ".to_owned());
        }
        if rule.count.is_some() && rule.until.is_some() {
            return Err("has both COUNT and UNTIL".to_owned());
        }
        if rule.every != Every::Month && rule.weekdays.iter().any(|(which, _)| which.is_some()) {
            return Err("numbers weekdays outside of a month; write FREQ=MONTHLY".to_owned());
        }
        if rule.every == Every::Week && !rule.month_days.is_empty() {
            return Err("has BYMONTHDAY with FREQ=WEEKLY, which RFC 5545 does not allow".to_owned());
        }
        Ok(rule)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = |value: &str, from: i32, to: i32| {
            value.parse::<i32>().ok().filter(|number| (from..=to).contains(number)).ok_or_else(|| format!("has {name}={value}, allowed are {from} to {to}"))
        };
        let small = |value: &str, from: i8, to: i8| -> Result<i8, String> {
            let number = number(value, i32::from(from), i32::from(to))?;
            i8::try_from(number).ok().filter(|number| *number != 0).ok_or_else(|| format!("has {name}={value}, and there is no zeroth"))
        };
        match name {
            "FREQ" => {
                self.every = match value {
                    "DAILY" => Every::Day,
                    "WEEKLY" => Every::Week,
                    "MONTHLY" => Every::Month,
                    other => return Err(format!("has FREQ={other}, read are DAILY, WEEKLY and MONTHLY")),
                }
            }
            "INTERVAL" => self.interval = number(value, 1, 1000)?,
            "COUNT" => self.count = Some(number(value, 1, 10_000)?.unsigned_abs()),
            "UNTIL" => (self.until, self.until_utc) = until(value).map(|(until, utc)| (Some(until), utc))?,
            "BYMONTH" => self.months = value.split(',').map(|month| small(month, 1, 12)).collect::<Result<_, _>>()?,
            "BYMONTHDAY" => self.month_days = value.split(',').map(|day| small(day, -31, 31)).collect::<Result<_, _>>()?,
            "BYDAY" => self.weekdays = value.split(',').map(weekday).collect::<Result<_, _>>()?,
            "WKST" if value == "MO" => {}
            "WKST" => return Err(format!("has WKST={value}, only MO is read")),
            other => return Err(format!("has {other}, which is not read; read are FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY and BYDAY")),
        }
        Ok(())
    }

    /// As written in the policy.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As people read it, `every Tuesday and Thursday`.
    pub fn words(&self) -> String {
        let weekdays: Vec<String> = self.weekdays.iter().map(|(which, weekday)| which.map_or_else(|| name_of(*weekday).to_owned(), |which| format!("the {} {}", ordinal_word(which), name_of(*weekday)))).collect();
        let months: Vec<String> = self.months.iter().filter_map(|month| MONTHS.get(usize::try_from(*month).ok()?.checked_sub(1)?)).map(|name| (*name).to_owned()).collect();
        let numbered = self.every == Every::Month && self.interval == 1 && !weekdays.is_empty() && self.weekdays.iter().all(|(which, _)| which.is_some());
        let every = |unit: &str| if self.interval == 1 { format!("every {unit}") } else { format!("every {} {unit}s", self.interval) };
        let mut words = match self.every {
            Every::Day => every("day"),
            Every::Week if self.weekdays.is_empty() => every("week"),
            Every::Week if self.interval == 1 => format!("every {}", series(&weekdays)),
            Every::Week => format!("{} on {}", every("week"), series(&weekdays)),
            Every::Month if self.weekdays.is_empty() => every("month"),
            Every::Month if numbered && !months.is_empty() => format!("on {} of {}", series(&weekdays), series(&months)),
            Every::Month if numbered => format!("on {} of each month", series(&weekdays)),
            Every::Month => format!("{} on {}", every("month"), series(&weekdays)),
        };
        if self.every == Every::Day && !weekdays.is_empty() {
            words.push_str(&format!(" that is a {}", series(&weekdays)));
        }
        if !self.month_days.is_empty() {
            let joined = if self.every == Every::Month && self.weekdays.is_empty() { " on" } else { " that falls on" };
            words.push_str(&format!("{joined} {} of the month", series(&day_spans(&self.month_days))));
        }
        if !months.is_empty() && !numbered {
            words.push_str(&format!(" in {}", series(&months)));
        }
        if let Some(count) = self.count {
            words.push_str(&format!(", {count} times in all"));
        }
        if let Some(until) = self.until {
            words.push_str(&format!(", until {}", until.date()));
        }
        words
    }

    /// The beginnings in a zone, the first not before `from` and the last
    /// before `to`, when the first of all may be at `start`.
    ///
    /// A time that the clocks leave out counts as much later as they are put
    /// forward (02:30 is 03:30), one that comes twice is the first of the two
    /// (RFC 5545, 3.3.5); each day begins once.
    pub fn beginnings(&self, start: DateTime, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Zoned> {
        let mut found = Vec::new();
        let mut number = 0;
        // Without a count nothing before `from` matters but where the periods
        // begin, so that the day before it is soon enough.
        let near = from.to_zoned(zone.clone()).date().saturating_sub(1.day());
        let first = if self.count.is_some() { start.date() } else { start.date().max(near) };
        let mut day = first;
        for _ in 0..DAYS {
            if self.has(start.date(), day) {
                let Ok(begins) = day.to_datetime(start.time()).to_zoned(zone.clone()) else { break };
                number += 1;
                let over = self.count.is_some_and(|count| number > count) || self.until.is_some_and(|until| self.is_past(until, &begins));
                if over || begins.timestamp() >= to {
                    break;
                }
                if begins.timestamp() >= from {
                    found.push(begins);
                }
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        found
    }

    fn is_past(&self, until: DateTime, begins: &Zoned) -> bool {
        if self.until_utc {
            return until.to_zoned(TimeZone::UTC).is_ok_and(|until| begins.timestamp() > until.timestamp());
        }
        begins.datetime() > until
    }

    /// Whether a day belongs to it, when the first may be `start`.
    fn has(&self, start: Date, day: Date) -> bool {
        if day < start || !self.months.is_empty() && !self.months.contains(&day.month()) {
            return false;
        }
        let by_day = self.weekdays.is_empty() || self.weekdays.iter().any(|(which, weekday)| {
            *weekday == day.weekday() && which.is_none_or(|which| which == ordinal(day) || which == ordinal_from_end(day))
        });
        let by_month_day = self.month_days.is_empty()
            || self.month_days.iter().any(|wanted| *wanted == day.day() || *wanted == day.day() - day.days_in_month() - 1);
        match self.every {
            Every::Day => by_day && by_month_day && days_between(start, day) % self.interval == 0,
            Every::Week => {
                let own = self.weekdays.is_empty() && day.weekday() == start.weekday() || !self.weekdays.is_empty() && by_day;
                own && days_between(monday(start), monday(day)) / 7 % self.interval == 0
            }
            Every::Month => {
                let months = (i32::from(day.year()) - i32::from(start.year())) * 12 + i32::from(day.month()) - i32::from(start.month());
                let silent = self.weekdays.is_empty() && self.month_days.is_empty();
                months % self.interval == 0 && by_day && by_month_day && (!silent || day.day() == start.day())
            }
        }
    }
}

const MONTHS: [&str; 12] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

fn name_of(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn ordinal_word(which: i8) -> String {
    match which {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        4 => "fourth".to_owned(),
        5 => "fifth".to_owned(),
        -1 => "last".to_owned(),
        from_end => format!("{} to last", ordinal_word(from_end.saturating_neg())),
    }
}

/// Days of a month in words, those in a row together: `day 10 to 16`.
fn day_spans(days: &[i8]) -> Vec<String> {
    let mut sorted: Vec<i8> = days.iter().copied().filter(|day| *day > 0).collect();
    sorted.sort_unstable();
    let mut spans: Vec<(i8, i8)> = Vec::new();
    for day in sorted {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 >= day => *last = day,
            _ => spans.push((day, day)),
        }
    }
    let shown = spans.into_iter().map(|(from, to)| if from == to { format!("day {from}") } else { format!("day {from} to {to}") });
    let from_end = days.iter().filter(|day| **day < 0).map(|day| format!("the {} day", ordinal_word(*day)));
    shown.chain(from_end).collect()
}

fn series(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn until(value: &str) -> Result<(DateTime, bool), String> {
    let wrong = || format!("has UNTIL={value}; write 20271231T235959Z or 20271231");
    let (text, utc) = value.strip_suffix('Z').map_or((value, false), |text| (text, true));
    if let Ok(until) = DateTime::strptime("%Y%m%dT%H%M%S", text) {
        return Ok((until, utc));
    }
    let day = Date::strptime("%Y%m%d", text).ok().filter(|_| !utc).ok_or_else(wrong)?;
    Ok((day.at(23, 59, 59, 0), false))
}

fn weekday(text: &str) -> Result<InMonth, String> {
    let wrong = || format!("has the weekday `{text}`; write MO, 2TU or -1FR");
    let (number, name) = text.split_at_checked(text.len().saturating_sub(2)).ok_or_else(wrong)?;
    let weekday = match name {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err(wrong()),
    };
    if number.is_empty() {
        return Ok((None, weekday));
    }
    let number: i8 = number.parse().map_err(|_| wrong())?;
    if number == 0 || !(-5..=5).contains(&number) {
        return Err(wrong());
    }
    Ok((Some(number), weekday))
}

fn ordinal(day: Date) -> i8 {
    (day.day() - 1) / 7 + 1
}

fn ordinal_from_end(day: Date) -> i8 {
    -((day.days_in_month() - day.day()) / 7 + 1)
}

fn monday(day: Date) -> Date {
    day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days())
}

/// Days from one to the other; the second is not before the first.
fn days_between(one: Date, other: Date) -> i32 {
    one.until(other).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rule: &str, start: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        let instant = |text: &str| format!("{text}T00:00:00Z").parse().unwrap();
        let found = Recurrence::parse(rule).unwrap().beginnings(start.parse().unwrap(), &zone, instant(from), instant(to));
        found.iter().map(|begins| begins.timestamp().to_string()).collect()
    }

    #[test]
    fn both_changes_of_summer_time_in_several_zones() {
        // A gap counts from after it, an overlap from its first pass.
        let daily = "FREQ=DAILY";
        assert_eq!(
            shown(daily, "2026-03-28T02:30", "Europe/Oslo", "2026-03-28", "2026-03-31"),
            ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            shown(daily, "2026-10-24T02:30", "Europe/Oslo", "2026-10-24", "2026-10-27"),
            ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            shown(daily, "2026-03-07T02:30", "America/New_York", "2026-03-07", "2026-03-10"),
            ["2026-03-07T07:30:00Z", "2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"]
        );
        assert_eq!(
            shown(daily, "2026-10-31T01:30", "America/New_York", "2026-10-31", "2026-11-03"),
            ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
        );
        // Lord Howe moves by half an hour, Santiago skips midnight, Kolkata
        // never changes.
        assert_eq!(
            shown(daily, "2026-10-03T02:15", "Australia/Lord_Howe", "2026-10-02", "2026-10-05"),
            ["2026-10-02T15:45:00Z", "2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"]
        );
        assert_eq!(
            shown(daily, "2026-09-05T00:00", "America/Santiago", "2026-09-05", "2026-09-08"),
            ["2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]
        );
        assert_eq!(shown(daily, "2026-03-28T22:00", "Asia/Kolkata", "2026-03-28", "2026-03-30"), ["2026-03-28T16:30:00Z", "2026-03-29T16:30:00Z"]);
    }

    #[test]
    fn weeks_months_leap_days_and_ends() {
        assert_eq!(
            shown("FREQ=WEEKLY;BYDAY=TU,TH", "2026-01-01T22:00", "UTC", "2026-11-22", "2026-12-02"),
            ["2026-11-24T22:00:00Z", "2026-11-26T22:00:00Z", "2026-12-01T22:00:00Z"]
        );
        // Every other week counts from the first week's Monday, not from today.
        assert_eq!(
            shown("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "2026-01-04T01:00", "UTC", "2026-01-01", "2026-01-20"),
            ["2026-01-04T01:00:00Z", "2026-01-12T01:00:00Z", "2026-01-18T01:00:00Z"]
        );
        assert_eq!(shown("FREQ=MONTHLY", "2026-01-31T03:00", "UTC", "2026-02-01", "2026-06-01"), ["2026-03-31T03:00:00Z", "2026-05-31T03:00:00Z"]);
        assert_eq!(
            shown("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-01-01T03:00", "UTC", "2028-02-01", "2028-04-01"),
            ["2028-02-29T03:00:00Z", "2028-03-31T03:00:00Z"]
        );
        assert_eq!(shown("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=29", "2026-01-01T03:00", "UTC", "2026-01-01", "2033-01-01"), ["2028-02-29T03:00:00Z", "2032-02-29T03:00:00Z"]);
        // Thursday after the second Tuesday, as written in policies.
        assert_eq!(
            shown("FREQ=MONTHLY;BYDAY=TH;BYMONTHDAY=10,11,12,13,14,15,16", "2026-01-01T20:00", "UTC", "2026-11-01", "2027-01-01"),
            ["2026-11-12T20:00:00Z", "2026-12-10T20:00:00Z"]
        );
        assert_eq!(
            shown("FREQ=MONTHLY;BYDAY=2TU,-1FR", "2026-01-01T20:00", "UTC", "2026-11-01", "2026-12-01"),
            ["2026-11-10T20:00:00Z", "2026-11-27T20:00:00Z"]
        );
        assert_eq!(shown("FREQ=DAILY;COUNT=3", "2026-01-01T01:00", "UTC", "2026-01-02", "2027-01-01"), ["2026-01-02T01:00:00Z", "2026-01-03T01:00:00Z"]);
        assert_eq!(shown("FREQ=DAILY;UNTIL=20260102T010000Z", "2026-01-01T01:00", "UTC", "2026-01-01", "2027-01-01").len(), 2);
        assert_eq!(shown("FREQ=DAILY;UNTIL=20260102", "2026-01-01T01:00", "Europe/Oslo", "2026-01-01", "2027-01-01").len(), 2);
    }

    #[test]
    fn people_read_it_in_words() {
        let table = [
            ("FREQ=WEEKLY;BYDAY=TU,TH", "every Tuesday and Thursday"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "every 2 weeks on Saturday"),
            ("FREQ=DAILY", "every day"),
            ("FREQ=MONTHLY;BYDAY=2TU", "on the second Tuesday of each month"),
            ("FREQ=MONTHLY;BYDAY=-1FR", "on the last Friday of each month"),
            ("FREQ=MONTHLY;BYDAY=TH;BYMONTHDAY=10,11,12,13,14,15,16", "every month on Thursday that falls on day 10 to 16 of the month"),
            ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "every month on day 1 and the last day of the month"),
            ("FREQ=MONTHLY;BYMONTH=1,7;BYDAY=3TU", "on the third Tuesday of January and July"),
            ("FREQ=DAILY;COUNT=3", "every day, 3 times in all"),
        ];
        for (rule, words) in table {
            assert_eq!(Recurrence::parse(rule).unwrap().words(), words, "{rule}");
        }
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for rule in [
            "", "FREQ", "FREQ=HOURLY", "FREQ=YEARLY", "BYDAY=MO", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;INTERVAL=0", "FREQ=WEEKLY;BYDAY=2TU",
            "FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=DAILY;BYSETPOS=1", "FREQ=DAILY;COUNT=1;UNTIL=20260101", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=XX",
            "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;UNTIL=tomorrow", "FREQ=DAILY;WKST=SU", "FREQ=WEEKLY;BYDAY=é",
        ] {
            assert!(Recurrence::parse(rule).is_err(), "{rule}");
        }
    }
}
