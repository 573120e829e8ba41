//! What the events say that the **policy** asks for: of rollouts, and of
//! deadlines that come near.

use super::events::HostNamed;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A rollout at a moment that people are told of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RolloutTold {
    /// Digest of the package, which names the rollout.
    pub package: String,
    /// Short name and number of the package.
    pub name: String,
    /// One line on what changes.
    pub title: String,
    /// Why, in its author's words.
    pub reason: String,
    /// `standard`, `normal` or `emergency`.
    pub change: String,
    /// Who put it together.
    pub author: String,
    /// For whom, in the policy's words.
    pub to: Vec<String>,
    /// When the first host may start; none where no window is left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Timestamp>,
    /// When that window ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end: Option<Timestamp>,
    /// The start that was told before, where it is another now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub told: Option<Timestamp>,
    /// Windows of its hosts, as people wrote them.
    pub windows: Vec<String>,
    /// What its hosts' users notice.
    pub downtime: String,
    /// Hosts that it is for.
    pub hosts: u64,
    /// Of those, hosts where it succeeded.
    pub succeeded: u64,
    /// Of those, hosts where it ended otherwise.
    pub failed: u64,
    /// The first hosts, by name, at most 100.
    pub listed: Vec<HostNamed>,
    /// Why it stands as it does.
    pub reasons: Vec<String>,
    /// Address of its calendar file.
    pub calendar: String,
}

/// What comes near its deadline, or passed it, under one advisory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AdvisoryDue {
    /// Id of the advisory.
    pub advisory: String,
    /// Severity.
    pub severity: String,
    /// Hosts concerned.
    pub hosts: u64,
    /// Earliest deadline on those.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
}

/// Deadlines of which a share is used up, for those who are called for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct DeadlinesEscalated {
    /// Share of the time used, in percent, 100 when it has passed.
    pub percent: u8,
    /// Who is called, in the policy's words.
    pub to: Vec<String>,
    /// Findings.
    pub findings: u64,
    /// Hosts with any of them.
    pub hosts: u64,
    /// Advisories concerned.
    pub advisories: u64,
    /// The most severe of those, at most 100.
    pub listed: Vec<AdvisoryDue>,
}

/// A notice that nobody acknowledged in time, for those who are called next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct NoticeUnacknowledged {
    /// Id of the notice.
    pub notice: String,
    /// What it is about, `rollout:` and the digest of the package.
    pub about: String,
    /// Which moment was told, `planned`.
    pub moment: String,
    /// What was told.
    pub told: String,
    /// Until when somebody was to acknowledge it.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// People who were told so far.
    pub people: u64,
    /// Who is called, in the policy's words.
    pub to: Vec<String>,
}
