//! **Wording**: how instants, figures and states read on a page.
//!
//! What is marked as safe for HTML here is built from instants and fixed words
//! alone; the one exception, [`Breakable`], escapes outside text letter by letter.

use super::views::{Condition, HostPage, Shell};
use askama::filters::HtmlSafe;
use askama::{FastWritable, Values};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::policy::Exposure;
use plimsoll_core::model::registration::HostState;
use plimsoll_core::model::statement::VexStatus;
use plimsoll_core::model::because::BecauseKind;
use std::fmt::{self, Display, Write};

/// A word with a mark: the class gives it its colour and shape, the text says
/// the same, so that colour never carries it alone.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    kind: &'static str,
    class: &'static str,
    text: &'static str,
}

impl Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<span class=\"{} {}\">{}</span>", self.kind, self.class, self.text)
    }
}

/// An instant: how long from now, with the exact one beside it.
#[derive(Clone, Debug)]
pub struct Moment {
    at: Timestamp,
    text: String,
}

impl Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let machine = self.at.strftime("%Y-%m-%dT%H:%M:%SZ");
        write!(out, "<time datetime=\"{machine}\" title=\"{exact}\">{}</time>", self.text)
    }
}

/// A name that may be broken after its dots, hyphens and slashes, so that a
/// long one wraps where a person would wrap it.
#[derive(Clone, Copy, Debug)]
pub struct Breakable<'a>(&'a str);

impl Display for Breakable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            // The five letters that can end a text or begin markup, as
            // askama's own escaper has them.
            match letter {
                '<' => out.write_str("&#60;")?,
                '>' => out.write_str("&#62;")?,
                '&' => out.write_str("&#38;")?,
                '"' => out.write_str("&#34;")?,
                '\'' => out.write_str("&#39;")?,
                other => out.write_char(other)?,
            }
            if matches!(letter, '.' | '-' | '_' | '/' | '@') {
                out.write_str("<wbr>")?;
            }
        }
        Ok(())
    }
}

impl HtmlSafe for Breakable<'_> {}
impl FastWritable for Breakable<'_> {
    fn write_into(&self, out: &mut dyn Write, _: &dyn Values) -> askama::Result<()> {
        write!(out, "{self}").map_err(askama::Error::from)
    }
}

macro_rules! safe {
    ($($name:ident),*) => {$(
        impl HtmlSafe for $name {}
        impl FastWritable for $name {
            fn write_into(&self, out: &mut dyn Write, _: &dyn Values) -> askama::Result<()> {
                write!(out, "{self}").map_err(askama::Error::from)
            }
        }
    )*};
}
safe!(Tag, Moment);

impl Shell {
    /// Whether a fresh proof of the reader counts.
    pub fn proven(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.proven.is_some_and(|until| self.now < until))
    }

    /// An instant as "3 h ago" or "in 2 days".
    pub fn moment(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, text: relative(self.now, *at) }
    }

    /// An instant in full.
    pub fn exact(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, text: at.strftime("%Y-%m-%d %H:%M UTC").to_string() }
    }

    /// The day of an instant.
    pub fn day(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, text: at.strftime("%Y-%m-%d").to_string() }
    }

    /// Whether an instant lies behind.
    pub fn past(&self, at: &Timestamp) -> bool {
        *at < self.now
    }

    /// A figure with its thousands apart.
    pub fn count(&self, number: impl Display) -> String {
        grouped(&number.to_string())
    }

    /// "1 host", "12 hosts".
    pub fn counted(&self, number: impl Display, one: &str, many: &str) -> String {
        let digits = number.to_string();
        let noun = if digits == "1" { one } else { many };
        format!("{}\u{a0}{noun}", grouped(&digits))
    }

    /// A severity.
    pub fn rating(&self, rating: &Rating) -> Tag {
        let word = rating.as_str();
        Tag { kind: "rating", class: word, text: word }
    }

    /// Where an obligation stands.
    pub fn verdict(&self, verdict: &Verdict) -> Tag {
        let (class, text) = verdict_words(*verdict);
        Tag { kind: "state", class, text }
    }

    /// Where a finding stands under the obligation that works.
    pub fn stands(&self, finding: &Finding, host: &HostPage) -> Tag {
        match self.excepted(finding, host) {
            Some(_) => self.verdict(&Verdict::Excepted),
            None => self.verdict(&super::why::verdict(finding)),
        }
    }

    /// Why a finding of a host is not patched.
    pub fn why(&self, finding: &Finding, host: &HostPage) -> Vec<String> {
        super::why::why_not_patched(finding, host.updates.as_deref(), host.reboot.as_ref())
    }

    /// The exception that a finding of a host is under, in a sentence.
    pub fn excepted<'a>(&self, finding: &Finding, host: &'a HostPage) -> Option<&'a str> {
        let is = |one: &&super::views::HostException| one.advisory == finding.advisory && one.component == finding.component.name;
        host.exceptions.iter().find(is).map(|one| one.text.as_str())
    }

    /// Where a host stands.
    pub fn condition(&self, condition: &Condition) -> Tag {
        Tag { kind: "state", class: condition.word(), text: condition.text() }
    }

    /// State of a finding.
    pub fn finding_state(&self, state: &State) -> Tag {
        let (class, text) = match state {
            State::Affected => ("overdue", "affected"),
            State::Unknown => ("unknown", "cannot tell"),
            State::Unsupported => ("unknown", "out of support"),
            State::NotAffected => ("clear", "not affected"),
            State::Fixed => ("clear", "fixed"),
        };
        Tag { kind: "state", class, text }
    }

    /// State of a host's life with us.
    pub fn host_state(&self, state: &HostState) -> Tag {
        let class = match state {
            HostState::Pending => "due-soon",
            HostState::Active => "in-time",
            HostState::Retired => "unknown",
        };
        Tag { kind: "state", class, text: state.word() }
    }

    /// A VEX status.
    pub fn vex(&self, status: &VexStatus) -> Tag {
        let (class, text) = match status {
            VexStatus::Affected => ("overdue", "affected"),
            VexStatus::NotAffected => ("clear", "not affected"),
            VexStatus::Fixed => ("clear", "fixed"),
            VexStatus::UnderInvestigation => ("unknown", "under investigation"),
        };
        Tag { kind: "state", class, text }
    }

    /// Exposure of a host.
    pub fn exposure(&self, exposure: &Exposure) -> &'static str {
        match exposure {
            Exposure::Small => "small",
            Exposure::Controlled => "controlled",
            Exposure::Open => "open",
        }
    }

    /// What a reason is about.
    pub fn reason(&self, kind: &BecauseKind) -> &'static str {
        match kind {
            BecauseKind::Version => "versions",
            BecauseKind::Source => "source",
            BecauseKind::Rule => "rule",
            BecauseKind::Assumed => "assumed",
            BecauseKind::Statement => "statement",
            BecauseKind::Fix => "fix",
            BecauseKind::Origin => "origin",
            BecauseKind::Kernel => "kernel",
            BecauseKind::Clock => "clock",
            BecauseKind::Support => "support",
            BecauseKind::Threat => "threat",
        }
    }

    /// A share of one as percent, `0.4 %`.
    pub fn share(&self, share: &f32) -> String {
        let percent = share.clamp(0.0, 1.0) * 100.0;
        if percent > 0.0 && percent < 0.1 { "< 0.1\u{a0}%".to_owned() } else { format!("{percent:.1}\u{a0}%") }
    }

    /// A score with one decimal.
    pub fn score(&self, score: &f32) -> String {
        format!("{score:.1}")
    }

    /// A size in bytes, `1.4 MiB`.
    pub fn bytes(&self, bytes: &u64) -> String {
        size(*bytes)
    }

    /// A size in KiB, which a host may have made up.
    pub fn kibibytes(&self, kibibytes: &u64) -> String {
        size(kibibytes.saturating_mul(1024))
    }

    /// A length of time, `3 days`.
    pub fn length(&self, length: &SignedDuration) -> String {
        let (number, one, many) = span(length.as_secs().unsigned_abs());
        format!("{number}\u{a0}{}", if number == 1 { one } else { many })
    }

    /// The first letters of a long digest.
    pub fn short<'a>(&self, digest: &'a str) -> &'a str {
        digest.char_indices().nth(12).and_then(|(end, _)| digest.get(..end)).unwrap_or(digest)
    }

    /// An address that may become a link: only the web's own schemes, so that
    /// `javascript:` never does.
    pub fn web(&self, address: &str) -> bool {
        let lower = address.get(..8).unwrap_or(address).to_ascii_lowercase();
        lower.starts_with("https://") || lower.starts_with("http://")
    }

    /// A page inside the console: `//host` and `/\host` lead elsewhere, and
    /// steps upwards lead out of it.
    pub fn inside(&self, path: &str) -> bool {
        let there = path == "/console" || path.starts_with("/console/") || path.starts_with("/console?");
        there && !path.contains("..") && !path.contains('\\')
    }

    /// A name that wraps at its dots and hyphens; only for text, never inside
    /// an attribute.
    pub fn breakable<'a>(&self, name: &'a str) -> Breakable<'a> {
        Breakable(name)
    }

    /// One segment of a path.
    pub fn segment(&self, name: &str) -> String {
        super::query::segment(name)
    }
}

fn verdict_words(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Overdue => ("overdue", "overdue"),
        Verdict::DueSoon => ("due-soon", "due soon"),
        Verdict::OpenInTime => ("in-time", "in time"),
        Verdict::Unknown => ("unknown", "cannot tell"),
        Verdict::ClosedLate => ("late", "closed late"),
        Verdict::Excepted => ("excepted", "exception"),
        Verdict::Compliant => ("clear", "done in time"),
        Verdict::NotApplicable => ("none", "no limit"),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes}\u{a0}B") } else { format!("{size:.1}\u{a0}{unit}") }
}

/// The largest unit that gives at least one, rounded down.
fn span(seconds: u64) -> (u64, &'static str, &'static str) {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => (seconds, "second", "seconds"),
        MINUTE..HOUR => (seconds / MINUTE, "minute", "minutes"),
        HOUR..DAY => (seconds / HOUR, "hour", "hours"),
        _ if seconds < 90 * DAY => (seconds / DAY, "day", "days"),
        _ if seconds < 730 * DAY => (seconds / (30 * DAY), "month", "months"),
        _ => (seconds / (365 * DAY), "year", "years"),
    }
}

fn relative(now: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    if seconds.unsigned_abs() < 10 {
        return "now".to_owned();
    }
    let (number, one, many) = span(seconds.unsigned_abs());
    let unit = if number == 1 { one } else { many };
    if seconds < 0 { format!("{number}\u{a0}{unit} ago") } else { format!("in\u{a0}{number}\u{a0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakable_name_is_escaped() {
        assert_eq!(
            Breakable("a.b-<i>'\"&\u{202e}").to_string(),
            "a.<wbr>b-<wbr>&#60;i&#62;&#39;&#34;&#38;\u{202e}"
        );
    }

    #[test]
    fn reads_as_a_person_would_say_it() {
        let now: Timestamp = "2026-11-22T04:10:00Z".parse().unwrap();
        let from_now = |text: &str| relative(now, text.parse().unwrap()).replace('\u{a0}', " ");
        let said: Vec<String> = [
            "2026-11-22T04:09:55Z",
            "2026-11-22T04:09:00Z",
            "2026-11-22T03:05:00Z",
            "2026-11-24T04:10:00Z",
            "2026-05-01T00:00:00Z",
            "9999-12-30T00:00:00Z",
            "-009999-01-03T00:00:00Z",
        ]
        .map(from_now)
        .into();
        assert_eq!(
            said,
            ["now", "1 minute ago", "1 hour ago", "in 2 days", "6 months ago", "in 7978 years", "12033 years ago"]
        );
        assert_eq!(["0", "999", "1000", "1234567", "-1234"].map(grouped), ["0", "999", "1,000", "1,234,567", "-1,234"]);
        assert_eq!([0, 1023, 1536, u64::MAX].map(size).map(|text| text.replace('\u{a0}', " ")), ["0 B", "1023 B", "1.5 KiB", "16777216.0 TiB"]);
    }
}
