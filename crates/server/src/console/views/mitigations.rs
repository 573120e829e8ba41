//! **Mitigations**: what was done on hosts in place of a patch.

use super::shell::Choice;
use jiff::Timestamp;

/// The page of mitigations.
#[derive(Clone, Debug)]
pub struct Mitigations {
    /// What asks for somebody first, then what is in place, then what was
    /// removed; the newest first.
    pub rows: Vec<MitigationItem>,
    /// How many there are in all.
    pub total: u64,
    /// What writing one down takes; none where the reader may not.
    pub add: Option<MitigationForm>,
}

/// What the form offers.
#[derive(Clone, Debug)]
pub struct MitigationForm {
    /// Clients to choose from.
    pub clients: Vec<Choice>,
    /// Groups to choose from.
    pub groups: Vec<Choice>,
    /// Kinds.
    pub measures: Vec<Choice>,
    /// Advisories that are filled in.
    pub advisories: String,
    /// Names of hosts that are filled in.
    pub hosts: String,
}

/// One mitigation.
#[derive(Clone, Debug)]
pub struct MitigationItem {
    /// Id.
    pub id: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// Where it stands: the words for people, and the class for style sheets.
    pub state: (&'static str, &'static str),
    /// Kind.
    pub measure: &'static str,
    /// Advisories.
    pub advisories: Vec<String>,
    /// What was done.
    pub done: String,
    /// How it is seen to work.
    pub verify: String,
    /// Name of the check.
    pub check: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// When it was applied.
    pub applied: Timestamp,
    /// Who said so.
    pub by: String,
    /// When and by whom it was last seen to work.
    pub verified: Option<(Timestamp, String)>,
    /// By when it is to be seen to work next.
    pub next_check: Timestamp,
    /// Hosts it is in place on.
    pub in_place: u64,
    /// Names of hosts where it is to be removed, the first few.
    pub to_remove: Vec<String>,
    /// By when it is to be removed there, where the policy says.
    pub remove_by: Option<Timestamp>,
    /// Hosts it was removed from.
    pub removed: u64,
    /// Whether the reader may say that it was seen to work, or removed.
    pub may_edit: bool,
}
