//! Whether a repository's signed index may be believed to be the present one.
//!
//! A signature says who wrote an index and not that it is the newest: whoever
//! stands between can show an old one for ever. So a suite never goes back in
//! time, and its age is measured by our own clock, because some suites state no
//! end.

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::problem::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far ahead of ours the publisher's clock may be, in seconds.
const SKEW: i64 = 300;
/// Age from which a suite that states no end is remarked on, in seconds: 180
/// days. Debian's point releases come every two to three months; twice that
/// without one is worth a look.
const REMARKABLE: i64 = 180 * 86_400;

/// What was last seen of a suite; written down before its content is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The date that the publisher signed.
    pub date: Timestamp,
    /// SHA-256 of the signed text, hex.
    pub content: String,
    /// When this content was first seen here.
    pub first: Timestamp,
    /// When it was last confirmed.
    pub last: Timestamp,
}

/// Everything the judgement may look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The suite, as people know it.
    pub place: &'a str,
    /// What was last seen of it; none the first time.
    pub last: Option<&'a Seen>,
    /// The date that the publisher signed.
    pub date: Option<Timestamp>,
    /// The end that the publisher signed.
    pub valid_until: Option<Timestamp>,
    /// SHA-256 of the signed text, hex.
    pub content: &'a str,
    /// The present.
    pub now: Timestamp,
    /// Greatest age that the operator accepts, in seconds; none leaves it at
    /// what the publisher states.
    pub max_age: Option<i64>,
}

/// An index that may be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fresh {
    /// What is to be remembered.
    pub seen: Seen,
    /// What the operator should know.
    pub warnings: Vec<Problem>,
}

/// Decides whether an index may be used.
///
/// # Errors
///
/// `E-NO-DATE`, `E-FUTURE` (more than 5 minutes ahead), `E-EXPIRED` (past its
/// own end), `E-ROLLBACK` (older than what was seen before), `E-FORK` (the same
/// date over another text), `E-STALE` (older than the operator accepts).
pub fn decide(input: &Input<'_>) -> Result<Explained<Fresh>, Problem> {
    let refuse = |code: &str, text: String, next: &str| Err(Problem::new(code, input.place, text, next));
    let Some(date) = input.date else {
        return refuse("E-NO-DATE", "is signed and carries no date, so an old copy could not be told from a new one".to_owned(), "ask the repository's owner to publish a Date");
    };
    let ahead = date.as_second().saturating_sub(input.now.as_second());
    if ahead > SKEW {
        return refuse("E-FUTURE", format!("is dated {date}, {ahead} s ahead of this machine's clock ({}); the limit is {SKEW} s", input.now), "set this machine's clock, or wait");
    }
    if let Some(last) = input.last {
        if date < last.date {
            return refuse(
                "E-ROLLBACK",
                format!("is dated {date}, and {} was seen on {}: a suite never goes back in time", last.date, last.last),
                "use another mirror: this one is behind, or somebody shows an old copy on purpose",
            );
        }
        if date == last.date && input.content != last.content {
            return refuse(
                "E-FORK",
                format!("is dated {date} like what was seen on {}, and its text is another one ({} and {})", last.last, short(input.content), short(&last.content)),
                "compare with another mirror; two texts of one date should not exist",
            );
        }
    }
    if let Some(end) = input.valid_until.filter(|end| *end < input.now) {
        return refuse("E-EXPIRED", format!("was valid until {end}, and it is {}", input.now), "use another mirror: the publisher has signed a newer one, and this one is withheld");
    }
    let age = (-ahead).max(0);
    if let Some(limit) = input.max_age.filter(|limit| age > *limit) {
        return refuse("E-STALE", format!("is {} days old (dated {date}), the limit is {} days", age / 86_400, limit / 86_400), "use another mirror, or raise `max_age` for this repository");
    }
    let unchanged = input.last.filter(|last| last.content == input.content);
    let seen = Seen { date, content: input.content.to_owned(), first: unchanged.map_or(input.now, |last| last.first), last: input.now };
    let mut warnings = Vec::new();
    let mut text = format!("{} is dated {date}", input.place);
    match (input.valid_until, input.max_age) {
        (Some(end), _) => text.push_str(&format!(" and valid until {end}")),
        (None, Some(limit)) => text.push_str(&format!(", states no end, and may be {} days old", limit / 86_400)),
        (None, None) => {
            text.push_str(&format!(" and states no end; this content has been seen here since {}", seen.first));
            if age > REMARKABLE {
                warnings.push(Problem::new(
                    "W-STALE",
                    input.place,
                    format!("is {} days old and states no end, so nobody but this clock can tell whether it is withheld; remarked on from {} days on", age / 86_400, REMARKABLE / 86_400),
                    "compare its date with the publisher's announcements, and set `max_age` for this repository",
                ));
            }
        }
    }
    Ok(Explained { decision: Fresh { seen, warnings }, because: vec![Because::new(BecauseKind::Source, text)] })
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
