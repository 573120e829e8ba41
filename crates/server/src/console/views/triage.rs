//! **Forensic triage**: hosts on which traces of a break-in are looked for
//! before a patch overwrites them.

use jiff::Timestamp;

/// The page of triages.
#[derive(Clone, Debug)]
pub struct TriagePage {
    /// Hosts, the most urgent first.
    pub rows: Vec<TriageItem>,
    /// How many there are in all.
    pub total: u64,
    /// Whether the policy in force asks for triages.
    pub asked_for: bool,
}

/// The triage of one host.
#[derive(Clone, Debug)]
pub struct TriageItem {
    /// Id of the host.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// Where it stands: the words for people, and the class for style sheets.
    pub state: (&'static str, &'static str),
    /// Advisories that it is not decided for.
    pub advisories: Vec<String>,
    /// What is wanted by when.
    pub clocks: Vec<(&'static str, Timestamp)>,
    /// Why no change may start.
    pub waits: Option<String>,
    /// What was said, the newest first.
    pub said: Vec<TriageWordItem>,
    /// Whether the reader may say something of it.
    pub may_say: bool,
}

/// One word of it.
#[derive(Clone, Debug)]
pub struct TriageWordItem {
    /// What was reached.
    pub step: &'static str,
    /// Where the evidence lies.
    pub evidence: Option<String>,
    /// What was seen, or why.
    pub reason: Option<String>,
    /// Whether a host that was broken into may be changed all the same.
    pub released: bool,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A host among what needs doing.
#[derive(Clone, Debug)]
pub struct TriageLine {
    /// Id of the host.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands: the words for people, and the class for style sheets.
    pub state: (&'static str, &'static str),
    /// Why, and by when.
    pub text: String,
}
