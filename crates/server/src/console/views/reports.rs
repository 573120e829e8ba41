//! **Reports**: the choice of one, and the one that was chosen.

use super::Choice;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_documents::{Document, Parts};
use serde::Deserialize;

/// The page.
#[derive(Clone, Debug)]
pub struct ReportsPage {
    /// What was asked for.
    pub asked: ReportAsked,
    /// Clients to choose from.
    pub clients: Vec<Choice>,
    /// Why there is no report.
    pub trouble: Option<Problem>,
    /// The report; none where none was asked for.
    pub shown: Option<ReportShown>,
    /// Those that were made when they were due, the newest first.
    pub made: Vec<MadeItem>,
}

/// A report that was made.
#[derive(Clone, Debug)]
pub struct MadeItem {
    /// Id.
    pub id: String,
    /// What the policy calls it.
    pub title: String,
    /// Which.
    pub report: String,
    /// Client, where it is one's.
    pub client: Option<String>,
    /// For whom.
    pub to: String,
    /// Its period.
    pub since: Timestamp,
    /// Its end.
    pub as_of: Timestamp,
    /// Name of its form, and where the file is while it is kept.
    pub file: (String, Option<String>),
}

/// What the form sends and shows again.
#[derive(Clone, Default, Debug, Deserialize)]
pub struct ReportAsked {
    /// Name of the report; none shows the choice only.
    #[serde(default)]
    pub report: String,
    /// Moment in UTC; empty is now.
    #[serde(default)]
    pub as_of: String,
    /// Days that it looks back; empty leaves it to the report.
    #[serde(default)]
    pub days: String,
    /// Id of a client; empty is all that the reader may see.
    #[serde(default)]
    pub client: String,
}

/// A report.
#[derive(Clone, Debug)]
pub struct ReportShown {
    /// As it is laid out.
    pub document: Document,
    /// Forms to take along with their addresses, which name the moment.
    pub forms: Vec<(&'static str, String)>,
}

impl ReportShown {
    /// All of it below its title.
    pub fn parts(&self) -> Parts<'_> {
        Parts::of(&self.document)
    }
}
