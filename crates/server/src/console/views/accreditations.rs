//! **Accreditations**: what authorities signed off.

use super::shell::Choice;
use jiff::Timestamp;

/// The page of accreditations.
#[derive(Clone, Debug)]
pub struct Accreditations {
    /// Where the policy asks for one, in words; none where nowhere.
    pub asked: Option<String>,
    /// The newest first.
    pub rows: Vec<AccreditationItem>,
    /// Whether the reader may give one.
    pub gives: bool,
    /// Clients to choose from.
    pub clients: Vec<Choice>,
    /// Groups to choose from.
    pub groups: Vec<Choice>,
}

/// One accreditation.
#[derive(Clone, Debug)]
pub struct AccreditationItem {
    /// Id.
    pub id: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// How it stands: the words for people, and the class for style sheets.
    pub state: (&'static str, &'static str),
    /// What it holds for, a line each.
    pub scope: Vec<String>,
    /// On what it rests.
    pub statement: String,
    /// Who gave it.
    pub by: String,
    /// When.
    pub given: Timestamp,
    /// First moment in which it holds no more.
    pub until: Timestamp,
    /// Who took it back, when and why.
    pub withdrawn: Option<(String, Timestamp, String)>,
    /// Whether the reader may take it back.
    pub may_withdraw: bool,
}
