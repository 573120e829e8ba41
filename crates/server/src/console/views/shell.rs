//! What stands around every page, and the form of every list.

use crate::console::query::ListQuery;
use jiff::Timestamp;
use plimsoll_core::model::scan::Coverage;

/// What every page shows around its own content.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The instant that "3 hours ago" is counted from.
    pub now: Timestamp,
    /// Who reads; none before sign-in.
    pub reader: Option<Reader>,
    /// Whether one key held on this machine stands for people (evaluation);
    /// said on every page.
    pub evaluation: bool,
    /// How far counts can be trusted; none only where a page shows none.
    pub answer: Option<Answer>,
    /// Program and version, `plimsoll 0.2.0`.
    pub version: String,
    /// Secret that each form repeats, where the server uses one.
    pub form_token: Option<String>,
    /// What the last act did, shown once.
    pub notice: Option<Notice>,
}

/// Who reads the page.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Name shown.
    pub name: String,
    /// Role in plain words, `operator`.
    pub role: String,
    /// Client whose hosts are shown; none where there is only one.
    pub client: Option<String>,
    /// Clients that may be chosen instead; empty where there is one.
    pub clients: Vec<Choice>,
    /// Until when a fresh proof of them counts; none where it does not.
    pub proven: Option<Timestamp>,
    /// What the page may offer. Hiding a button is courtesy; the server
    /// refuses on its own.
    pub may: Abilities,
}

/// What the reader may do, so that a page offers nothing that would be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abilities {
    /// Change hosts: labels, criticality, owner, retire.
    pub operate: bool,
    /// Enrol and admit hosts.
    pub enrol: bool,
    /// Read the evidence log.
    pub audit: bool,
    /// People, tokens, webhooks.
    pub administer: bool,
    /// See webhooks and their deliveries.
    pub notices: bool,
    /// Whether the reader speaks for a client and has no part in the provider's
    /// work.
    pub portal: bool,
}

/// How far the counts on a page can be trusted.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The instant every clock on the page was read at.
    pub as_of: Timestamp,
    /// The advisory database; none when there is none, and findings are then
    /// unknown, not absent.
    pub database: Option<DatabaseAge>,
    /// Components judged over those known, the reader's hosts together.
    pub coverage: Coverage,
    /// Hosts that count: active ones the reader may see.
    pub hosts: u64,
    /// Of those, how many have sent a report that is still fresh.
    pub fresh_hosts: u64,
}

impl Answer {
    /// Share of components judged, in whole percent rounded down, so that
    /// 99.9 % is never shown as all; none without components.
    pub fn percent(&self) -> Option<u64> {
        self.coverage.evaluated.saturating_mul(100).checked_div(self.coverage.components)
    }
}

/// How old the advisory database is.
#[derive(Clone, Debug)]
pub struct DatabaseAge {
    /// The date of its newest input.
    pub built: Option<Timestamp>,
    /// Digest of its header, hex.
    pub digest: String,
    /// Whether it is older than the freshness limit.
    pub stale: bool,
    /// Sources that are stale or failed.
    pub troubled_sources: u64,
}

/// One message after an act.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Whether it went well.
    pub good: bool,
    /// One sentence.
    pub text: String,
}

/// One value to choose from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Value in the address.
    pub value: String,
    /// Text shown.
    pub text: String,
    /// How many rows have it, where counted.
    pub count: Option<u64>,
}

/// The values that a filter can take, where the server must look them up
/// (groups, owners); fixed ones are known to the page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facet {
    /// Key of the filter in the address, `group`.
    pub key: &'static str,
    /// Values, most frequent first.
    pub choices: Vec<Choice>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Listing<Row> {
    /// What was asked, as [`ListQuery::read`] read it from the address.
    pub query: ListQuery,
    /// The rows, in the order asked.
    pub rows: Vec<Row>,
    /// Rows that match in all; none when they were not counted.
    pub total: Option<u64>,
    /// Cursor of the page before; none on the first.
    pub before: Option<String>,
    /// Cursor of the page after; none on the last.
    pub after: Option<String>,
    /// Values of filters that were looked up.
    pub facets: Vec<Facet>,
}
