//! A **question** to a client: may this change be made on your hosts?
//!
//! It is asked with the start of a rollout, under the policy of that moment,
//! and everything that the client is shown is kept with it: what was asked is
//! never edited, so that an answer can be held against it later.

use super::deployment_package::ChangeType;
use super::exception::{Decided, Somebody};
use super::identifier::{ClientId, ExceptionId, QuestionId};
use super::policy::governance::{Involvement, OnSilence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A question to a client about one rollout. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Question {
    /// Id.
    pub id: QuestionId,
    /// Client whose hosts they are.
    pub client: ClientId,
    /// SHA-256 of the deployment package, which names the rollout.
    pub package: String,
    /// How far the client takes part: it is told, heard, or decides.
    pub involvement: Involvement,
    /// When it was asked.
    pub asked: Timestamp,
    /// First moment that is too late for an answer.
    pub answer_by: Timestamp,
    /// When a silent client is reminded, in their order.
    pub reminders: Vec<Timestamp>,
    /// What silence leads to; none where nothing acts on it.
    pub on_silence: Option<OnSilence>,
    /// The words that a waiver is recorded with.
    pub waiver_text: String,
    /// What the client is shown.
    pub content: Shown,
    /// What became of it, the clock aside.
    pub state: QuestionState,
    /// How that came about; none while it is open.
    pub decided: Option<Decided>,
    /// Reminders that were sent.
    pub reminded: u32,
    /// The exception that records the waiver.
    pub waiver: Option<ExceptionId>,
    /// Everything that was said of it, in its order.
    pub said: Vec<Said>,
}

/// What a client is shown, in words.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Short name and number of the package.
    pub name: String,
    /// One line.
    pub title: String,
    /// Why it is wanted, in its author's words.
    pub reason: String,
    /// `standard`, `normal` or `emergency`.
    pub change: String,
    /// Why the client is asked, by the policy.
    pub because: String,
    /// What is installed, a line a package.
    pub patches: Vec<String>,
    /// What it answers, a line an advisory.
    pub answers: Vec<String>,
    /// Advisories that it answers, by id.
    pub advisories: Vec<String>,
    /// Why the change itself is of high risk; empty where it is not.
    pub risks: Vec<String>,
    /// How many hosts.
    pub hosts: u64,
    /// The first of their names.
    pub host_names: Vec<String>,
    /// When hosts change.
    pub windows: Vec<String>,
    /// What is down meanwhile.
    pub downtime: String,
    /// What silence leads to, and when.
    pub silence: String,
    /// What a refusal means.
    pub refusal: String,
    /// The clause of the contract that this rests on; empty where none is
    /// named.
    pub clause: String,
}

/// Something that was said of a question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Somebody,
    /// `remark`, `approved`, `refused`, `objected`, `proceeded`, `waived` or
    /// `closed`.
    pub kind: String,
    /// The words; empty where nobody said any.
    pub text: String,
}

/// What became of a question, the clock aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionState {
    /// Nothing is asked: the client is told.
    Told,
    /// Waits for an answer.
    Open,
    /// The client agrees.
    Approved,
    /// The client refused; a waiver is recorded.
    Refused,
    /// The client, who is heard, is against it; the provider decides.
    Objected,
    /// The client was silent, and the change goes on.
    Proceeded,
    /// The client was silent; a waiver is recorded.
    Waived,
    /// The rollout ended before it was decided.
    Closed,
}

impl QuestionState {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Told, Self::Open, Self::Approved, Self::Refused, Self::Objected, Self::Proceeded, Self::Waived, Self::Closed];

    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Objected => "objected",
            Self::Proceeded => "proceeded",
            Self::Waived => "waived",
            Self::Closed => "closed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Told => "the client was told",
            Self::Open => "waits for the client's answer",
            Self::Approved => "the client agrees",
            Self::Refused => "the client refused; a liability waiver is recorded",
            Self::Objected => "the client is against it; the provider decides",
            Self::Proceeded => "the client was silent, and the change goes on",
            Self::Waived => "the client was silent; a liability waiver is recorded",
            Self::Closed => "the rollout ended before it was decided",
        }
    }
}

/// What a client answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// Make the change.
    Approve,
    /// Do not make it.
    Refuse,
}

impl Given {
    /// Reads the word of API and console.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// The words of a change type for somebody who does not know ITIL.
pub fn change_words(change: ChangeType) -> &'static str {
    match change {
        ChangeType::Standard => "a routine change, authorised beforehand",
        ChangeType::Normal => "a change that was assessed by itself",
        ChangeType::Emergency => "an emergency change",
    }
}
