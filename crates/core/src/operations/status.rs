//! The **status of an application**, for those who own it, work on it or want
//! to know; and the agenda of its next meeting, which talks about the same.

use jiff::Timestamp;
use serde::Serialize;

/// How an application stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Status {
    /// Always [`Status::SCHEMA`].
    pub schema: &'static str,
    /// Application.
    pub application: String,
    /// Its client.
    pub client: String,
    /// Who answers for it; empty where nobody does.
    pub owner: String,
    /// Who works on it.
    pub team: String,
    /// Who is told about it.
    pub stakeholders: Vec<String>,
    /// As of when.
    pub as_of: Timestamp,
    /// Hosts it runs on that the reader may see.
    pub hosts: u64,
    /// Of those, hosts that nothing has judged: what is open there is not known.
    pub hosts_unknown: u64,
    /// Open findings of those hosts and of its own components.
    pub open: u64,
    /// Of those, past due.
    pub overdue: u64,
    /// Earliest due date.
    pub due: Option<Timestamp>,
    /// Whether its own components are known.
    pub components: bool,
    /// When its team or one of its stakeholders was last briefed, and of what.
    pub last_briefing: Option<(Timestamp, String)>,
    /// When operations and development last met about it.
    pub last_meeting: Option<Timestamp>,
    /// Until when they are to meet; none without a cadence.
    pub next_meeting: Option<Timestamp>,
    /// What there is to say, in order.
    pub points: Vec<Point>,
}

impl Status {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-application-status/1";
}

/// A point of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Point {
    /// What it is about.
    pub title: &'static str,
    /// Its lines.
    pub lines: Vec<String>,
    /// Lines that were left out.
    pub more: u64,
    /// What is said where there is no line.
    pub none: &'static str,
}

impl Point {
    /// Lines of one point; more is no talk but a list.
    pub const LINES: usize = 40;

    /// Makes a point of its lines.
    pub fn new(title: &'static str, none: &'static str, mut lines: Vec<String>) -> Self {
        let more = lines.len().saturating_sub(Self::LINES) as u64;
        lines.truncate(Self::LINES);
        Self { title, lines, more, none }
    }
}
