//! What is told of **teams**: rosters, briefings, meetings, and of applications
//! who owns them and works on them.
//!
//! Everything is a fact that somebody recorded, none is ever edited: a newer
//! one stands before an older one. What held at a moment is what was recorded
//! by then, so that a report of a past moment comes out the same for ever.

use crate::model::identifier::{ApplicationId, ClientId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who a roster lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Circle {
    /// Teams that build or run applications.
    Teams,
    /// People who want to know how things stand.
    Stakeholders,
}

impl Circle {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Teams, Self::Stakeholders];

    /// The word in storage and API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Teams => "teams",
            Self::Stakeholders => "stakeholders",
        }
    }

    /// Reads that word, or a policy's, such as `project-teams`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|circle| word == circle.word() || word.strip_suffix(circle.word()).is_some_and(|front| front.ends_with('-')))
    }
}

/// What a briefing is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// How patching is done.
    Process,
    /// How patching stands.
    PatchStatus,
    /// A version of the policy.
    Policy,
    /// Tools that protect the environment.
    ProtectionTools,
    /// Guides for operating.
    OperationalGuide,
    /// Signing of what is released.
    CodeSigning,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Process, Self::PatchStatus, Self::Policy, Self::ProtectionTools, Self::OperationalGuide, Self::CodeSigning];

    /// The word in storage, API and policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::PatchStatus => "patch-status",
            Self::Policy => "policy",
            Self::ProtectionTools => "protection-tools",
            Self::OperationalGuide => "operational-guide",
            Self::CodeSigning => "code-signing",
        }
    }

    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Process => "the patch process",
            Self::PatchStatus => "the patch status",
            Self::Policy => "the policy",
            Self::ProtectionTools => "protection tools",
            Self::OperationalGuide => "operational guides",
            Self::CodeSigning => "code signing",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }
}

/// A team or person on a roster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Member {
    /// What it is called, unique on its roster.
    pub name: String,
    /// Accounts that may acknowledge for it beside the one of that name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<String>,
}

impl Member {
    /// Whether an account may acknowledge for it.
    pub fn answers(&self, account: &str) -> bool {
        self.name == account || self.accounts.contains(account)
    }
}

/// The whole of a roster from a moment on; without members it is dissolved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Roster {
    /// Name, unique within its client.
    pub name: String,
    /// Whom it lists.
    pub circle: Circle,
    /// The list.
    pub members: BTreeSet<Member>,
}

/// Something that people are told of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Briefing {
    /// Id.
    pub id: String,
    /// Roster it is for, by name.
    pub roster: String,
    /// What it is about.
    pub topic: Topic,
    /// What it is called.
    pub title: String,
    /// The document, or a link to it; empty where it was said only.
    pub document: String,
    /// When it was held or sent.
    pub held: Timestamp,
    /// Who holds it.
    pub holder: String,
}

/// How a briefing reached somebody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The person said so, signed in.
    Acknowledged,
    /// Whoever held it saw them there.
    Attended,
}

/// Somebody whom a briefing reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Briefed {
    /// Briefing.
    pub briefing: String,
    /// Member, by name.
    pub member: String,
    /// When it reached them: of who attended, when it was held.
    pub at: Timestamp,
    /// How.
    pub way: Way,
}

/// How often those who run an application meet those who build it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cadence {
    /// Application.
    pub application: ApplicationId,
    /// Length, ISO 8601; none for what the policy says.
    pub every: Option<String>,
}

/// Something that somebody is to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// What.
    pub what: String,
    /// Who.
    pub owner: String,
    /// By when.
    pub due: Timestamp,
}

/// A meeting of operations and development.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meeting {
    /// Id.
    pub id: String,
    /// Application it was about.
    pub application: ApplicationId,
    /// When it was held.
    pub held: Timestamp,
    /// Who was there.
    pub attendance: BTreeSet<String>,
    /// What was said.
    pub minutes: String,
    /// What was decided.
    pub decisions: Vec<String>,
    /// What is to be done.
    pub actions: Vec<Action>,
}

/// The end of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionDone {
    /// Meeting it came from.
    pub meeting: String,
    /// Its place in that meeting's list, from zero on.
    pub action: usize,
    /// What came of it.
    pub note: String,
}

/// An application as people describe it from a moment on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Described {
    /// Application.
    pub application: ApplicationId,
    /// Name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Who works on it.
    pub team: String,
    /// Who is told about it.
    pub stakeholders: Vec<String>,
    /// Whether its components are known.
    pub components: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is there no more.
    #[serde(default)]
    pub gone: bool,
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fact {
    /// A roster.
    Roster(Roster),
    /// A briefing.
    Briefing(Briefing),
    /// Whom it reached.
    Briefed(Briefed),
    /// How often is met.
    Cadence(Cadence),
    /// A meeting.
    Meeting(Meeting),
    /// The end of an action.
    ActionDone(ActionDone),
    /// An application.
    Described(Described),
}

/// A fact with its client, and when and by whom it was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Client.
    pub client: ClientId,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What.
    pub fact: Fact,
}

/// A briefing with whom it reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Client.
    pub client: ClientId,
    /// The briefing.
    pub briefing: Briefing,
    /// By member's name; the first word of each way stands.
    pub reached: BTreeMap<String, BTreeMap<Way, Timestamp>>,
}

/// A meeting with what came of its actions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Met {
    /// Client.
    pub client: ClientId,
    /// The meeting.
    pub meeting: Meeting,
    /// Actions that ended: when, and what came of them.
    pub done: BTreeMap<usize, (Timestamp, String)>,
}

impl Met {
    /// Actions that are still to be done, with their places.
    pub fn open(&self) -> impl Iterator<Item = (usize, &Action)> {
        self.meeting.actions.iter().enumerate().filter(|(place, _)| !self.done.contains_key(place))
    }
}

/// What was known of teams at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Teams {
    /// Rosters by client and name.
    pub rosters: BTreeMap<(ClientId, String), Roster>,
    /// Briefings in the order they were recorded.
    pub briefings: Vec<Held>,
    /// Meetings in the order they were held.
    pub meetings: Vec<Met>,
    /// How often is met about an application, where that was said, and since when.
    pub cadences: BTreeMap<ApplicationId, (String, Timestamp)>,
    /// Applications with their clients.
    pub applications: BTreeMap<ApplicationId, (ClientId, Described)>,
}

impl Teams {
    /// What `recorded`, in its order, says by `as_of`; of one client only where
    /// one is named.
    pub fn as_of(recorded: &[Recorded], as_of: Timestamp, client: Option<ClientId>) -> Self {
        let mut teams = Self::default();
        let within = recorded.iter().filter(|one| one.at <= as_of && client.is_none_or(|client| one.client == client));
        within.for_each(|one| teams.take(one));
        teams.meetings.sort_by(|one, other| (one.meeting.held, &one.meeting.id).cmp(&(other.meeting.held, &other.meeting.id)));
        teams
    }

    fn take(&mut self, one: &Recorded) {
        match &one.fact {
            Fact::Roster(roster) => {
                let key = (one.client, roster.name.clone());
                if roster.members.is_empty() { drop(self.rosters.remove(&key)) } else { drop(self.rosters.insert(key, roster.clone())) }
            }
            Fact::Briefing(briefing) => self.briefings.push(Held { client: one.client, briefing: briefing.clone(), reached: BTreeMap::new() }),
            Fact::Briefed(briefed) => {
                let held = self.briefings.iter_mut().find(|held| held.client == one.client && held.briefing.id == briefed.briefing);
                if let Some(held) = held {
                    held.reached.entry(briefed.member.clone()).or_default().entry(briefed.way).or_insert(briefed.at);
                }
            }
            Fact::Cadence(cadence) => match &cadence.every {
                Some(every) => drop(self.cadences.insert(cadence.application, (every.clone(), one.at))),
                None => drop(self.cadences.remove(&cadence.application)),
            },
            Fact::Meeting(meeting) => self.meetings.push(Met { client: one.client, meeting: meeting.clone(), done: BTreeMap::new() }),
            Fact::ActionDone(done) => {
                if let Some(met) = self.meetings.iter_mut().find(|met| met.client == one.client && met.meeting.id == done.meeting) {
                    met.done.entry(done.action).or_insert((one.at, done.note.clone()));
                }
            }
            Fact::Described(described) if described.gone => drop(self.applications.remove(&described.application)),
            Fact::Described(described) => drop(self.applications.insert(described.application, (one.client, described.clone()))),
        }
    }

    /// Who is on rosters of a circle, each once for each client.
    pub fn members(&self, circle: Circle) -> BTreeSet<(ClientId, &str)> {
        let rosters = self.rosters.iter().filter(|(_, roster)| roster.circle == circle);
        rosters.flat_map(|((client, _), roster)| roster.members.iter().map(|member| (*client, member.name.as_str()))).collect()
    }

    /// The last meeting about an application.
    pub fn last_meeting(&self, application: ApplicationId) -> Option<&Met> {
        self.meetings.iter().rev().find(|met| met.meeting.application == application)
    }
}
