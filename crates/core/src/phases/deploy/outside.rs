//! Gates on outside alerts: what other people's monitoring says of a ring.
//!
//! An answer counts as long as its policy says, and no longer: whoever cannot
//! be asked says nothing, and nothing said keeps the gate shut.

use super::{Input, Progress, RingStanding};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Names of alerts that a reason shows.
const SHOWN: usize = 5;

/// One gate of a ring, with what was heard of it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// Place of the ring in the package.
    pub ring: usize,
    /// What is asked of whom, in words.
    pub gate: String,
    /// Oldest answer that counts.
    pub max_age: SignedDuration,
    /// What was heard.
    pub heard: Heard,
}

/// What was heard of a source; nothing before it was asked for the first time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heard {
    /// Its newest answer.
    pub said: Option<Said>,
    /// Why it has not answered since.
    pub trouble: Option<Trouble>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The instant that it is about.
    pub at: Timestamp,
    /// Names of what fires, sorted; empty where nothing does.
    pub firing: Vec<String>,
    /// Since when something has been firing, or nothing.
    pub since: Timestamp,
}

/// Why a source gave no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What stood in the way at first.
    pub text: String,
}

/// How a gate on outside alerts stands, as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutsideAlert {
    /// What is asked of whom, in words.
    pub gate: String,
    /// What it comes to.
    pub sign: Sign,
    /// The instant that the newest answer is about.
    pub at: Option<Timestamp>,
    /// Why, in words; empty where all is quiet.
    pub why: String,
}

/// What a gate on outside alerts comes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Nothing fires.
    Quiet,
    /// It was not asked yet.
    NotAsked,
    /// It gave no answer, or none that is new enough.
    Unknown,
    /// Something fires.
    Firing,
}

impl Sign {
    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::NotAsked => "not-asked",
            Self::Unknown => "unknown",
            Self::Firing => "firing",
        }
    }
}

impl Heard {
    /// Takes in an answer to a question of the instant `asked`, or why there is
    /// none.
    pub fn take(&mut self, asked: Timestamp, answer: Result<Said, String>) {
        match answer {
            Ok(mut said) => {
                // Its clock may be ahead of ours; that makes no answer newer.
                (said.at, said.since) = (said.at.min(asked), said.since.min(asked));
                let before = self.said.take().filter(|before| before.firing.is_empty() == said.firing.is_empty());
                said.since = before.map_or(said.since, |before| before.since.min(said.since));
                (self.said, self.trouble) = (Some(said), None);
            }
            Err(text) => {
                self.trouble.get_or_insert(Trouble { since: asked, text });
            }
        }
    }

    fn judge(&self, gate: &str, max_age: SignedDuration, now: Timestamp) -> OutsideAlert {
        let at = self.said.as_ref().map(|said| said.at);
        let (sign, why) = match (&self.said, &self.trouble) {
            (Some(said), _) if now.duration_since(said.at) <= max_age => match said.firing.is_empty() {
                true => (Sign::Quiet, String::new()),
                false => (Sign::Firing, format!("{} since {}", named(&said.firing), said.since)),
            },
            (_, Some(trouble)) => (Sign::Unknown, format!("no answer since {}: {}", trouble.since, trouble.text)),
            (Some(said), None) => (Sign::Unknown, format!("the newest answer is of {}, too old to count", said.at)),
            (None, None) => (Sign::NotAsked, "it was not asked yet".to_owned()),
        };
        OutsideAlert { gate: gate.to_owned(), sign, at, why }
    }
}

fn named(firing: &[String]) -> String {
    let rest = firing.len().saturating_sub(SHOWN);
    let shown = firing.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}

impl OutsideAlert {
    /// Why nothing starts for it; none where it is quiet.
    pub fn reason(&self) -> Option<String> {
        match self.sign {
            Sign::Quiet => None,
            Sign::Firing => Some(format!("{} fires: {}", self.gate, self.why)),
            Sign::NotAsked | Sign::Unknown => Some(format!("{} is not known to be quiet: {}", self.gate, self.why)),
        }
    }
}

/// Writes how the gates stand to their rings.
pub(super) fn note(input: &Input<'_>, standings: &mut [RingStanding]) {
    for watched in input.watched {
        if let Some(standing) = standings.get_mut(watched.ring) {
            standing.outside.push(watched.heard.judge(&watched.gate, watched.max_age, input.now));
        }
    }
}

/// Whether something fires, so that what its ring has shown counts no more.
pub(super) fn fires(standing: &RingStanding) -> bool {
    standing.outside.iter().any(|alert| alert.sign == Sign::Firing)
}

/// What speaks against more of the rings that are open: what shuts the gate,
/// and what only has to be asked.
pub(super) fn against(input: &Input<'_>, rings: &[Progress], standings: &[RingStanding]) -> (Vec<String>, Vec<String>) {
    let (mut shut, mut waits) = (Vec::new(), Vec::new());
    let open = input.package.rings.iter().zip(standings).zip(rings).filter(|(_, progress)| progress.opened.is_some());
    for ((ring, standing), _) in open {
        for alert in &standing.outside {
            let Some(reason) = alert.reason() else { continue };
            let into = if alert.sign == Sign::NotAsked { &mut waits } else { &mut shut };
            into.push(format!("ring {}: {reason}", ring.name));
        }
    }
    (shut, waits)
}
