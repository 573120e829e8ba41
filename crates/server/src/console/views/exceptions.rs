//! **Exceptions**: findings that somebody accepts for a time.

use super::shell::Choice;
use jiff::Timestamp;

/// The page of exceptions.
#[derive(Clone, Debug)]
pub struct Exceptions {
    /// What waits for an approval, what is in force, then what is over; the
    /// newest first.
    pub rows: Vec<ExceptionItem>,
    /// How many there are in all.
    pub total: u64,
    /// What asking for one takes; none where the reader may not.
    pub ask: Option<ExceptionForm>,
    /// Whether the reader holds the role that approves.
    pub approves: bool,
}

/// What the form offers.
#[derive(Clone, Debug)]
pub struct ExceptionForm {
    /// Clients to choose from.
    pub clients: Vec<Choice>,
    /// Groups to choose from.
    pub groups: Vec<Choice>,
    /// Kinds of justification.
    pub kinds: Vec<Choice>,
    /// Advisories that are filled in.
    pub advisories: String,
    /// Names of hosts that are filled in.
    pub hosts: String,
}

/// One exception.
#[derive(Clone, Debug)]
pub struct ExceptionItem {
    /// Id.
    pub id: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// Where it stands: the word for people, and the class for style sheets.
    pub state: (&'static str, &'static str),
    /// What justifies it.
    pub kind: &'static str,
    /// Advisories.
    pub advisories: Vec<String>,
    /// Package it is limited to.
    pub package: Option<String>,
    /// Hosts it is about, in words.
    pub hosts: String,
    /// Open findings that it is about now.
    pub findings: u64,
    /// Who answers for the risk.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// What stands in meanwhile; empty for nothing.
    pub control: String,
    /// When it ends or ended.
    pub until: Timestamp,
    /// Who asked, and when.
    pub requester: String,
    /// When that was.
    pub requested: Timestamp,
    /// Who approved.
    pub approvers: String,
    /// How many approvals are there and how many are needed.
    pub approvals: (u64, u64),
    /// How it ended, where somebody ended it.
    pub ended: Option<String>,
    /// How often it was renewed before this.
    pub renewals: u64,
    /// By when it is to be looked at again.
    pub review_due: Option<Timestamp>,
    /// Whether the reader may note that.
    pub may_review: bool,
    /// Whether the reader may approve it.
    pub may_approve: bool,
    /// Whether the reader may refuse it.
    pub may_refuse: bool,
    /// Whether the reader may take it back.
    pub may_withdraw: bool,
    /// Whether the reader may ask for its renewal.
    pub may_renew: bool,
}
