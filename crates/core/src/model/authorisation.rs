//! **Authorisation** of a change: what people and the clock said of it beside
//! signatures, and who authorised it.
//!
//! Signatures are what hosts ask for; nothing in here replaces one. A policy can
//! ask for more than hosts do, and it is this server that holds to it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that was said of a change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Remark {
    /// What.
    pub kind: RemarkKind,
    /// Who, by account; `server` for the clock.
    pub who: String,
    /// Why, in that person's words, or which clock ran out.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// What can be said of a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// A person approves it.
    Approve,
    /// A person refuses it: nothing more of it starts.
    Refuse,
    /// A person closes the review after an emergency.
    Review,
    /// Time for approval ran out, and a higher authority is asked.
    Escalated,
    /// Time for approval ran out, and the policy rejects it.
    Rejected,
    /// No approval after the fact stood in time.
    RetroOverdue,
    /// The review after an emergency was not closed in time.
    ReviewOverdue,
}

impl RemarkKind {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Approve, Self::Refuse, Self::Review, Self::Escalated, Self::Rejected, Self::RetroOverdue, Self::ReviewOverdue];

    /// The word in storage, API and evidence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Review => "review",
            Self::Escalated => "escalated",
            Self::Rejected => "rejected",
            Self::RetroOverdue => "retro-overdue",
            Self::ReviewOverdue => "review-overdue",
        }
    }

    /// The act in the evidence log.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Approve => "package.approve",
            Self::Refuse => "package.refuse",
            Self::Review => "package.review",
            Self::Escalated => "package.escalated",
            Self::Rejected => "package.rejected",
            Self::RetroOverdue => "package.retro-overdue",
            Self::ReviewOverdue => "package.review-overdue",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// How the authorisation of a change stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authorised {
    /// The policy asks for nobody beyond whom hosts ask for.
    NotAsked,
    /// The policy's own conditions hold.
    ByPolicy,
    /// Enough of those who may have approved.
    Given,
    /// People are asked.
    Asked,
    /// It may go first and be approved afterwards.
    Afterwards,
    /// It went first and was not approved in time.
    Overdue,
    /// Somebody who may refused it.
    Refused,
}

/// Whether rings after the first may open.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// As the gate says.
    #[default]
    Free,
    /// Only while no host of the first ring failed or went silent; else people
    /// are asked, which the words say.
    WithTheFirst(String),
    /// Not before people approved, which the words say.
    People(String),
}

/// Who authorised a change, and what is still asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authority {
    /// How it stands.
    pub standing: Authorised,
    /// How many people the policy asks for.
    pub asked: u32,
    /// Whom it names, as the policy writes them; empty for whoever may approve.
    pub from: Vec<String>,
    /// Who of them approved or signed.
    pub given: Vec<String>,
    /// By when, where a clock runs.
    pub until: Option<Timestamp>,
    /// Whether rings after the first may open.
    pub rest: Rest,
    /// By when the review after an emergency is to be closed; none where none
    /// is due or it is closed.
    pub review_until: Option<Timestamp>,
    /// Remarks that the clock is to make now, with their words.
    pub due: Vec<(RemarkKind, String)>,
    /// Why it is so.
    pub because: Vec<String>,
}
