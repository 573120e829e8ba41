//! **Work**: hours that people say.

use super::shell::Choice;
use jiff::Timestamp;

/// The page of work.
#[derive(Clone, Debug)]
pub struct WorkPage {
    /// The reader's timers that run.
    pub running: Vec<WorkedItem>,
    /// What was written down, the newest first.
    pub rows: Vec<WorkedItem>,
    /// How many there are in all.
    pub total: u64,
    /// What writing some down takes; none where the reader may not.
    pub add: Option<WorkForm>,
}

/// What the form offers.
#[derive(Clone, Debug)]
pub struct WorkForm {
    /// Clients to choose from.
    pub clients: Vec<Choice>,
    /// What work can be for: cost centres, then packages.
    pub subjects: Vec<Choice>,
    /// Steps.
    pub steps: Vec<Choice>,
    /// Roles of the policy's prices.
    pub roles: Vec<Choice>,
}

/// One record.
#[derive(Clone, Debug)]
pub struct WorkedItem {
    /// Id.
    pub id: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// What it was for.
    pub subject: String,
    /// The step with its name.
    pub step: Option<String>,
    /// As what.
    pub role: String,
    /// How it is known.
    pub source: &'static str,
    /// How long, in words.
    pub spent: String,
    /// When it began.
    pub started: Timestamp,
    /// Ticket that says so.
    pub ticket: Option<String>,
    /// What was done.
    pub note: String,
    /// Whether the reader may correct it.
    pub may_correct: bool,
}
