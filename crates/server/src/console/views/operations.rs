//! **Sources**, **policy** and **activity**.

use crate::policy::{PolicyCheck, PolicyCycle};
use crate::policy::versions::{May, VersionAnswer};
use super::shell::DatabaseAge;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::Source;

/// The sources of facts.
#[derive(Clone, Debug)]
pub struct SourcesPage {
    /// The database in use; none when there is none.
    pub database: Option<DatabaseAge>,
    /// Who signed it, hex key; none when unsigned.
    pub signed_by: Option<String>,
    /// Sources, troubled ones first.
    pub rows: Vec<SourceRow>,
    /// When they are next asked; none when nothing asks (offline).
    pub next_update: Option<Timestamp>,
    /// Streams that hosts have and no source covers: stream and hosts.
    pub uncovered: Vec<(String, u64)>,
    /// What people watch.
    pub watches: Vec<WatchItem>,
    /// Whether the reader may say that they looked.
    pub looks: bool,
}

/// Something that people watch.
#[derive(Clone, Debug)]
pub struct WatchItem {
    /// What names it in a form.
    pub subject: String,
    /// What is looked at.
    pub what: String,
    /// Who.
    pub by: Option<String>,
    /// How often.
    pub every: String,
    /// When somebody last looked, and who.
    pub last: Option<(Timestamp, String)>,
    /// What they saw.
    pub note: Option<String>,
    /// By when somebody is to look next.
    pub due: Option<Timestamp>,
    /// Whether nobody looked in time.
    pub late: bool,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourceRow {
    /// What the database says of it.
    pub source: Source,
    /// Where it stands.
    pub standing: SourceStanding,
    /// How old its newest record may be.
    pub freshness_limit: Option<SignedDuration>,
    /// What last went wrong.
    pub last_error: Option<Problem>,
    /// Hosts whose answers rest on it; none where that is not counted.
    pub hosts: Option<u64>,
}

/// Where a source stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SourceStanding {
    /// It could not be fetched or read; the last good one is in use.
    Failed,
    /// Its newest record is older than the limit.
    Stale,
    /// Some records could not be read, or many are gone.
    Partial,
    /// As it should be.
    Fresh,
}

impl SourceStanding {
    /// Word for people and style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::Partial => "partial",
            Self::Fresh => "fresh",
        }
    }
}

/// The policies.
#[derive(Clone, Debug)]
pub struct PolicyPage {
    /// In force; empty when none is.
    pub in_force: Vec<PolicyText>,
    /// Presets that can be put in force.
    pub presets: Vec<Preset>,
    /// File or preset of the command line, where it names the policy.
    pub given: Option<String>,
    /// Whether the reader may put another one in force.
    pub may_change: bool,
    /// Why it was put in force.
    pub reason: Option<String>,
    /// The file.
    pub text: String,
    /// Its digest, SHA-256 hex.
    pub digest: String,
    /// Versions, newest first.
    pub versions: Vec<VersionAnswer>,
    /// When it was last looked at anew.
    pub reviewed: Option<Timestamp>,
    /// Until when it is to be looked at anew.
    pub review_due: Option<Timestamp>,
    /// The next days of its cycles of routine patching.
    pub cycles: Vec<PolicyCycle>,
    /// Whether the reader may note a review.
    pub may_review: bool,
}

/// One version of the policy.
#[derive(Clone, Debug)]
pub struct PolicyVersionPage {
    /// The version with its text.
    pub version: VersionAnswer,
    /// What its reader may do.
    pub may: May,
    /// What it changes, worst first, where it may come into force.
    pub rows: Vec<VersionChange>,
    /// How many changes there are.
    pub changed: u64,
    /// What went wrong.
    pub trouble: Option<String>,
}

impl PolicyVersionPage {
    /// Whether it may still come into force.
    pub fn is_open(&self) -> bool {
        ["proposed", "outlined", "approved"].contains(&self.version.state.as_str())
    }

    /// Whether the outline is to be signed off next.
    pub fn is_proposed(&self) -> bool {
        self.version.state == "proposed"
    }

    /// Whether the details are to be signed off next.
    pub fn is_outlined(&self) -> bool {
        self.version.state == "outlined"
    }
}

/// Inputs whose due date another policy changes.
#[derive(Clone, Debug)]
pub struct VersionChange {
    /// The inputs, in words.
    pub inputs: String,
    /// What is demanded now.
    pub before: String,
    /// What would be.
    pub after: String,
    /// How the due date moves, in a word.
    pub change: String,
    /// Whether it gives more time.
    pub longer: bool,
}

/// Another policy being written.
#[derive(Clone, Debug)]
pub struct PolicyEdit {
    /// Its text.
    pub text: String,
    /// Digest of the policy that was in force when the text was begun.
    pub replaces: String,
    /// What the check says; none before it.
    pub checked: Option<PolicyCheck>,
    /// What went wrong, or stands in the way.
    pub trouble: Option<String>,
}

impl PolicyEdit {
    /// Findings with another due date.
    pub fn changes(&self) -> u64 {
        let preview = self.checked.as_ref().and_then(|checked| checked.preview.as_ref());
        preview.map_or(0, |preview| [preview.later, preview.dated, preview.undated].iter().fold(preview.sooner, |sum, one| sum.saturating_add(*one)))
    }
}

/// One policy in force.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Title.
    pub title: String,
    /// Where its rules come from.
    pub source: String,
    /// Day its rules were checked against that source.
    pub as_of: Option<String>,
    /// Since when it is in force.
    pub since: Option<Timestamp>,
    /// Who put it in force.
    pub by: Option<String>,
    /// Rules in their order.
    pub rules: Vec<PolicyRule>,
    /// What it assumes where an input is unknown, each a sentence.
    pub assumptions: Vec<String>,
    /// What the linter says.
    pub problems: Vec<Problem>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// Name.
    pub name: String,
    /// When it binds, in words; empty for "always".
    pub when: String,
    /// What starts its clock.
    pub clock: String,
    /// How long it gives, in words; empty where it gives no number.
    pub limit: String,
    /// What counts as done.
    pub done: String,
    /// Anything else it asks for.
    pub also: Vec<String>,
}

/// A policy that comes with the program.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Source.
    pub source: String,
    /// Day its rules were checked.
    pub as_of: String,
    /// Whether it is in force.
    pub in_force: bool,
}

/// One leaf of the evidence log.
#[derive(Clone, Debug)]
pub struct EvidenceEntry {
    /// Position in the tree; none while it waits to be integrated.
    pub index: Option<u64>,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub actor: String,
    /// How surely we know who, `passkey`.
    pub strength: String,
    /// What was done, `host.retire`.
    pub verb: String,
    /// To what.
    pub object: String,
    /// Page of the object inside the console; shown only when it starts with
    /// `/console/`.
    pub link: Option<String>,
    /// Why.
    pub reason: String,
    /// State before, as JSON text; empty where there was none.
    pub before: String,
    /// State after.
    pub after: String,
    /// Request id.
    pub request: String,
    /// Hash of the leaf, hex.
    pub digest: String,
}

/// The newest signed checkpoint of the evidence log.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root hash, base64 as in the checkpoint.
    pub root: String,
    /// When it was signed.
    pub signed: Timestamp,
    /// Hosts that remember a checkpoint, and so witness the log.
    pub witnesses: u64,
}
