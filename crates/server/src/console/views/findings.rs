//! **Findings** by advisory across hosts, and one advisory or CVE.

use super::shell::Listing;
use jiff::Timestamp;
use plimsoll_core::model::advisory::{AdvisoryKind, Rating, Workaround};
use plimsoll_core::model::finding::State;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::threat::{Epss, Kev, Ssvc};

/// One advisory on some hosts.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// Advisory.
    pub advisory: String,
    /// CVEs and other names.
    pub aliases: Vec<String>,
    /// Its one line.
    pub summary: String,
    /// Packages it is about here.
    pub packages: Vec<String>,
    /// Severity in force.
    pub rating: Rating,
    /// Base score, 0.0 to 10.0.
    pub score: Option<f32>,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Exploit prediction, 0 to 1.
    pub epss: Option<f32>,
    /// Hosts it is open on.
    pub hosts: u64,
    /// Of those, overdue and under no exception.
    pub overdue: u64,
    /// Of those, under an exception.
    pub excepted: u64,
    /// Of those, hosts whose enabled repositories offer the fix.
    pub fix_offered: u64,
    /// Earliest due date.
    pub due: Option<Timestamp>,
    /// Where the earliest obligation stands.
    pub verdict: Verdict,
    /// When it was first seen on any host.
    pub first_seen: Option<Timestamp>,
}

/// Everything known here about one advisory or CVE.
#[derive(Clone, Debug)]
pub struct AdvisoryPage {
    /// What was asked, as typed.
    pub asked: String,
    /// The advisories that answer it; none when no source names it.
    pub records: Vec<AdvisoryRecord>,
    /// Severity in force.
    pub rating: Rating,
    /// Base score and where it is from.
    pub score: Option<(f32, String)>,
    /// Known exploitation.
    pub kev: Option<Kev>,
    /// Exploit prediction.
    pub epss: Option<Epss>,
    /// SSVC decision points.
    pub ssvc: Option<Ssvc>,
    /// Hosts by state, of all hosts the reader may see.
    pub counts: StateCounts,
    /// The hosts, those with something to do first.
    pub hosts: Listing<AffectedHost>,
    /// What vendors and people say about products (VEX).
    pub statements: Vec<Statement>,
}

/// Hosts by what is known of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StateCounts {
    /// Affected.
    pub affected: u64,
    /// Fixed.
    pub fixed: u64,
    /// Looked at and not affected.
    pub not_affected: u64,
    /// Cannot be told.
    pub unknown: u64,
    /// Out of support.
    pub unsupported: u64,
    /// Do not have any of the packages.
    pub absent: u64,
}

/// One advisory as its source words it.
#[derive(Clone, Debug)]
pub struct AdvisoryRecord {
    /// Id.
    pub id: String,
    /// Source, `osv/Debian`.
    pub source: String,
    /// Kind.
    pub kind: AdvisoryKind,
    /// One line.
    pub summary: String,
    /// Free text; line breaks are kept.
    pub details: String,
    /// Published.
    pub published: Option<Timestamp>,
    /// Last changed.
    pub modified: Option<Timestamp>,
    /// Taken back.
    pub withdrawn: Option<Timestamp>,
    /// Severities as stated, each in words.
    pub severities: Vec<String>,
    /// What it says of packages: stream, package and fixed version in words.
    pub fixes: Vec<(String, String, String)>,
    /// Workarounds.
    pub workarounds: Vec<Workaround>,
    /// Web addresses; only `https:` and `http:` become links.
    pub references: Vec<String>,
}

/// One host under an advisory.
#[derive(Clone, Debug)]
pub struct AffectedHost {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package: String,
    /// Installed version.
    pub version: String,
    /// First fixed version for its stream.
    pub fixed_version: Option<String>,
    /// State.
    pub state: State,
    /// What to do.
    pub action: Action,
    /// Due date.
    pub due: Option<Timestamp>,
    /// Where the obligation stands.
    pub verdict: Verdict,
    /// The exception that it is under, in a sentence.
    pub exception: Option<String>,
    /// Who answers for the host.
    pub owner: Option<String>,
}

/// What to do about a finding on one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    /// Kind.
    pub kind: ActionKind,
    /// One sentence, `Update openssl to 3.0.17-1~deb12u2`.
    pub text: String,
}

/// Kinds of action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Install an update that a repository offers.
    Update,
    /// Enable a repository, subscription or release first.
    Enable,
    /// Restart, so that an installed fix takes effect.
    Restart,
    /// No fix: work around, watch or accept.
    Mitigate,
    /// A person must look.
    Look,
    /// Nothing.
    Nothing,
}

impl ActionKind {
    /// Word for people and style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Enable => "enable",
            Self::Restart => "restart",
            Self::Mitigate => "mitigate",
            Self::Look => "look",
            Self::Nothing => "nothing",
        }
    }
}
