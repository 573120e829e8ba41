//! **Teams**: who is to be told and whom it reached, and meetings.

use super::Choice;
use jiff::Timestamp;
use plimsoll_core::operations::briefing::Reach;

/// The page.
#[derive(Clone, Debug)]
pub struct TeamsPage {
    /// How far the word reached, by audience and topic.
    pub reach: Vec<Reach>,
    /// Rosters.
    pub rosters: Vec<RosterItem>,
    /// Briefings, the newest first, as many as the page shows.
    pub briefings: Vec<BriefingItem>,
    /// Those in all.
    pub briefings_total: u64,
    /// When meetings are due, the earliest first.
    pub due: Vec<DueItem>,
    /// Meetings, the newest first, as many as the page shows.
    pub meetings: Vec<MeetingItem>,
    /// What the forms need; none where the reader may not.
    pub edit: Option<TeamsForm>,
}

/// A roster.
#[derive(Clone, Debug)]
pub struct RosterItem {
    /// Name.
    pub name: String,
    /// Client, where there are several.
    pub client: Option<String>,
    /// Whom it lists.
    pub audience: &'static str,
    /// Names on it, as many as the page shows.
    pub members: Vec<String>,
    /// Members beyond those.
    pub more: u64,
}

/// A briefing.
#[derive(Clone, Debug)]
pub struct BriefingItem {
    /// Id.
    pub id: String,
    /// Client, where there are several.
    pub client: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub topic: &'static str,
    /// The document or a link to it.
    pub document: String,
    /// Roster it is for.
    pub roster: String,
    /// When it was held.
    pub held: Timestamp,
    /// Who holds it.
    pub holder: String,
    /// Members of the roster whom it reached.
    pub reached: u64,
    /// Of those, members who acknowledged.
    pub acknowledged: u64,
    /// Members of the roster.
    pub members: u64,
    /// Whether the reader answers for a member that has not acknowledged.
    pub asks: bool,
    /// Whether the reader may say who was there.
    pub may_edit: bool,
}

/// When a meeting is due.
#[derive(Clone, Debug)]
pub struct DueItem {
    /// Id of the application.
    pub application: String,
    /// Its name.
    pub name: String,
    /// How often, ISO 8601.
    pub every: String,
    /// Whether that is the application's own.
    pub own: bool,
    /// When was met last.
    pub last: Option<Timestamp>,
    /// Until when the next is to be held.
    pub due: Timestamp,
    /// Whether that was missed.
    pub overdue: bool,
}

/// A meeting.
#[derive(Clone, Debug)]
pub struct MeetingItem {
    /// Id.
    pub id: String,
    /// Id of the application.
    pub application: String,
    /// Its name.
    pub name: String,
    /// When it was held.
    pub held: Timestamp,
    /// Who was there.
    pub attendance: Vec<String>,
    /// What was said, a paragraph a line.
    pub minutes: Vec<String>,
    /// What was decided.
    pub decisions: Vec<String>,
    /// What is to be done.
    pub actions: Vec<ActionItem>,
    /// Whether the reader may say that one is done.
    pub may_edit: bool,
}

/// Something to be done.
#[derive(Clone, Debug)]
pub struct ActionItem {
    /// Its place in the meeting's list.
    pub place: usize,
    /// What.
    pub what: String,
    /// Who.
    pub owner: String,
    /// By when.
    pub due: Timestamp,
    /// When it was done.
    pub done: Option<Timestamp>,
}

/// What the forms need.
#[derive(Clone, Debug)]
pub struct TeamsForm {
    /// Clients that the reader looks after.
    pub clients: Vec<Choice>,
    /// Names of rosters.
    pub rosters: Vec<String>,
    /// Topics.
    pub topics: Vec<Choice>,
    /// Applications.
    pub applications: Vec<Choice>,
}
