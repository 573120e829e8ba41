//! **Work**: hours that people spent on a step, by their own word, by their
//! timer or by a ticket. A record is never changed; a correction is a new one
//! that takes its place from the moment it was written down.

use super::identifier::{ClientId, HostId, PersonId, WorkId};
use crate::measures::cost::steps::Step;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Longest that one running timer counts: whoever forgot to stop it did not
/// work for longer without a break.
pub const LONGEST_SESSION_SECONDS: i64 = 12 * 3600;
/// Most hours that one record says.
pub const MOST_HOURS: u64 = 1000;

/// Hours of work, or minutes out of service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Work {
    /// Id.
    pub id: WorkId,
    /// Whose hosts it was for.
    pub client: ClientId,
    /// Who worked, where it was said by an account: two timers of one person
    /// share the time in which both ran. No report names people.
    pub person: Option<PersonId>,
    /// As what, a word of the policy's prices: `analyst`.
    pub role: String,
    /// The step; none for work of a cost centre that is no step.
    pub step: Option<Step>,
    /// What it was for.
    pub subject: Subject,
    /// How it is known.
    pub source: Source,
    /// When it began.
    pub started: Timestamp,
    /// When its timer was stopped; none while it runs, and for hours that were
    /// said.
    pub ended: Option<Timestamp>,
    /// How long, seconds; none for a timer, whose ends say it.
    pub seconds: Option<u64>,
    /// Minutes out of service that it tells of instead of hours.
    pub downtime: Option<Downtime>,
    /// Ticket that says so.
    pub ticket: Option<String>,
    /// The record whose place it takes.
    pub replaces: Option<WorkId>,
    /// When it was written down.
    pub recorded: Timestamp,
    /// What was done, in a few words; empty where nobody said.
    pub note: String,
}

/// Time out of service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Downtime {
    /// Minutes.
    pub minutes: u64,
    /// Tier by which it is priced.
    pub tier: String,
    /// The host that was out of service, where one is named.
    pub host: Option<HostId>,
}

/// How hours are known, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A timer that a person started and stopped.
    Timer,
    /// A person's word.
    Entered,
    /// A ticket's work log.
    Ticket,
    /// The policy's estimate; nobody says that it was so.
    Estimate,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Timer, Self::Entered, Self::Ticket, Self::Estimate];

    /// The word in storage, API and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Entered => "entered",
            Self::Ticket => "ticket",
            Self::Estimate => "estimate",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// A cost centre beside the patches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Centre {
    /// Watching sources.
    Monitoring,
    /// Change procedures.
    ChangeProcedures,
    /// Operational guides.
    Guides,
}

impl Centre {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Monitoring, Self::ChangeProcedures, Self::Guides];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Monitoring => "monitoring",
            Self::ChangeProcedures => "change-procedures",
            Self::Guides => "guides",
        }
    }
}

/// What work was for: `package:<sha256>`, `advisory:<id>`, `overhead:<centre>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// A deployment package and its rollout, by the package's SHA-256.
    Package(String),
    /// An advisory that no package answers yet.
    Advisory(String),
    /// A cost centre.
    Overhead(Centre),
}

impl Subject {
    /// Longest id of an advisory, in characters.
    pub const LONGEST: usize = 200;

    /// Reads it; the error says what is taken.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let taken = || {
            let centres = Centre::ALL.map(|centre| format!("overhead:{}", centre.word())).join(", ");
            format!("{:?} is not package:SHA-256, advisory:ID, {centres}", text.chars().take(80).collect::<String>())
        };
        match text.split_once(':') {
            Some(("package", digest)) if digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) => Ok(Self::Package(digest.to_owned())),
            Some(("advisory", id)) if !id.is_empty() && id.len() <= Self::LONGEST && id.chars().all(|letter| letter.is_ascii_graphic()) => Ok(Self::Advisory(id.to_owned())),
            Some(("overhead", word)) => Centre::ALL.into_iter().find(|centre| centre.word() == word).map(Self::Overhead).ok_or_else(taken),
            _ => Err(taken()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(digest) => write!(formatter, "package:{digest}"),
            Self::Advisory(id) => write!(formatter, "advisory:{id}"),
            Self::Overhead(centre) => write!(formatter, "overhead:{}", centre.word()),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whether a word can be a role or a tier: short, and of letters that stand in
/// a policy's key.
pub fn is_word(word: &str) -> bool {
    (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
}

/// Reads hours with at most four decimals, `1.25`, into seconds. Nothing is
/// rounded but the last of them, and no floating point is in between.
///
/// # Errors
/// In words.
pub fn hours(text: &str) -> Result<u64, String> {
    let wrong = || format!("{:?} is no number of hours from 0 to {MOST_HOURS} with at most four decimals", text.chars().take(40).collect::<String>());
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 4 || part.len() > 4 || !digits(whole) || !digits(part) || (text.contains('.') && part.is_empty()) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<4}").parse().map_err(|_| wrong())?;
    let seconds = (whole * 10_000 + part) * 3600;
    if seconds > MOST_HOURS * 3600 * 10_000 {
        return Err(wrong());
    }
    Ok((seconds + 5_000) / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_exactly_or_not_at_all() {
        assert_eq!(["0", "1", "1.25", "0.1", "7.5", "1000", "0.0001"].map(hours), [0, 3600, 4500, 360, 27_000, 3_600_000, 0].map(Ok));
        for wrong in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1000.0001", "99999", "1.23456", "NaN", "١", " 1"] {
            assert!(hours(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn subjects_are_written_as_they_are_read() {
        let package = format!("package:{}", "0a".repeat(32));
        for text in [package.as_str(), "advisory:DSA-1-1", "overhead:monitoring", "overhead:change-procedures", "overhead:guides"] {
            assert_eq!(Subject::parse(text).map(|subject| subject.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "package:", "package:ABC", "advisory:", "advisory:a b", "overhead:tea", "host:1", "advisory:\u{202e}"] {
            assert!(Subject::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
