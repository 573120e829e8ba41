//! **Hosts**: the list, one host, two hosts side by side, groups.

use super::shell::{Choice, Listing};
use super::triage::TriageItem;
use jiff::Timestamp;
use plimsoll_core::model::finding::Finding;
use plimsoll_core::model::host::{Hardware, Kernels, OperatingSystem, RebootPending, Repository};
use plimsoll_core::model::policy::Exposure;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostSource, HostState};
use plimsoll_core::model::scan::Coverage;
use plimsoll_core::model::update::Update;
use std::collections::BTreeMap;

/// Where a host stands against the line; one word for the strip, the list and
/// the host's own page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Condition {
    /// Something is past due.
    Overdue,
    /// Something is due soon.
    DueSoon,
    /// It has gone silent, or was never judged: nobody can tell.
    Unknown,
    /// Something is open, all of it in time.
    InTime,
    /// Judged, and nothing is open.
    Clear,
}

impl Condition {
    /// All of them, worst first.
    pub const ALL: [Self; 5] = [Self::Overdue, Self::DueSoon, Self::Unknown, Self::InTime, Self::Clear];

    /// Word in addresses and style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::DueSoon => "due-soon",
            Self::Unknown => "unknown",
            Self::InTime => "in-time",
            Self::Clear => "clear",
        }
    }

    /// Words for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::DueSoon => "due soon",
            Self::Unknown => "cannot tell",
            Self::InTime => "open, in time",
            Self::Clear => "nothing open",
        }
    }
}

/// The list of hosts.
#[derive(Clone, Debug)]
pub struct HostsPage {
    /// Hosts.
    pub list: Listing<HostRow>,
    /// Sums by the value asked for with `by`, instead of rows; none where
    /// nothing was asked.
    pub tally: Option<Vec<TallyRow>>,
    /// Hosts of the client in all, so that "nothing matches" is not mistaken
    /// for "no hosts".
    pub hosts: u64,
}

/// Sums of the hosts that share a value.
#[derive(Clone, Debug)]
pub struct TallyRow {
    /// The value; empty for hosts without one.
    pub value: String,
    /// Hosts.
    pub hosts: u64,
    /// Of those, overdue.
    pub overdue: u64,
    /// Due soon.
    pub due_soon: u64,
    /// That cannot be told.
    pub unknown: u64,
    /// Open findings.
    pub findings: u64,
}

/// One host in a list.
#[derive(Clone, Debug)]
pub struct HostRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// State in its life with us.
    pub state: HostState,
    /// How its facts arrive.
    pub source: HostSource,
    /// Where it stands.
    pub condition: Condition,
    /// Operating system, `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// Groups it is in.
    pub groups: Vec<String>,
    /// Criticality in the policy's words.
    pub tier: Option<String>,
    /// Exposure.
    pub exposure: Option<Exposure>,
    /// Environment.
    pub environment: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it last said anything.
    pub last_seen: Option<Timestamp>,
    /// Whether that is longer ago than it should be.
    pub silent: bool,
    /// What is doubtful about it.
    pub flag: Option<String>,
    /// Pending updates; none when they cannot be told.
    pub updates: Option<u64>,
    /// Of those, security updates.
    pub security_updates: Option<u64>,
    /// Open findings; none when it was never judged.
    pub findings: Option<u64>,
    /// Of those, overdue.
    pub overdue: Option<u64>,
    /// Earliest due date.
    pub due: Option<Timestamp>,
    /// Whether a reboot is pending; none when that cannot be told.
    pub reboot: Option<bool>,
    /// Components judged, in whole percent; none without components.
    pub coverage: Option<u64>,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostPage {
    /// What the list says of it.
    pub row: HostRow,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it joined.
    pub enrolled: Timestamp,
    /// When its newest report arrived.
    pub reported: Option<Timestamp>,
    /// Digest of that report, SHA-256 hex.
    pub report: Option<String>,
    /// Fingerprint of its key, hex; none for a host without an agent.
    pub key: Option<String>,
    /// Program and version that read it.
    pub agent: Option<String>,
    /// Operating system.
    pub os: Option<OperatingSystem>,
    /// Kernels.
    pub kernel: Option<Kernels>,
    /// Whether a reboot is pending.
    pub reboot: Option<RebootPending>,
    /// Machine.
    pub hardware: Option<Hardware>,
    /// Enabled repositories.
    pub repositories: Vec<Repository>,
    /// How much of it was judged.
    pub coverage: Coverage,
    /// Open findings, most urgent first, as many as the page shows.
    pub findings: Vec<Finding>,
    /// Open findings in all.
    pub findings_total: u64,
    /// Findings that are under an exception.
    pub exceptions: Vec<HostException>,
    /// Mitigations in place on it.
    pub mitigations: Vec<HostMitigation>,
    /// Its forensic triage; none where nothing asks for one and nothing was said.
    pub triage: Option<TriageItem>,
    /// Newest results of outside scanners.
    pub scanners: Vec<HostScanner>,
    /// Pending updates, most urgent first; none when they cannot be told.
    pub updates: Option<Vec<Update>>,
    /// What limits the answer about this host.
    pub problems: Vec<Problem>,
    /// What happened to it, newest first.
    pub story: Vec<StoryEvent>,
    /// Whether older events exist than those of `story`.
    pub story_goes_on: bool,
    /// Applications that run on it: id and name.
    pub applications: Vec<(String, String)>,
    /// What was open on it day by day.
    pub exposure: super::today::ExposurePicture,
}

/// What an outside scanner said of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostScanner {
    /// Its name and version.
    pub name: String,
    /// When it looked.
    pub moment: Timestamp,
    /// When its vulnerability data was made.
    pub database: Option<Timestamp>,
    /// Vulnerabilities that it says are there.
    pub there: u64,
    /// SHA-256 of the file.
    pub digest: String,
}

/// A finding of a host that is under an exception.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostException {
    /// Advisory.
    pub advisory: String,
    /// Component's name.
    pub component: String,
    /// Until when, by whom and why, in a sentence.
    pub text: String,
}

/// A mitigation in place on a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostMitigation {
    /// Id.
    pub id: String,
    /// Advisories it is for.
    pub advisories: Vec<String>,
    /// What was done.
    pub done: String,
    /// Whether a patch took its place here.
    pub to_remove: bool,
}

/// One event in a host's life.
#[derive(Clone, Debug)]
pub struct StoryEvent {
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: StoryKind,
    /// One sentence.
    pub text: String,
    /// Who caused it, where somebody did.
    pub actor: Option<String>,
    /// Page with more, inside the console; templates show it only when it
    /// starts with `/console/`.
    pub link: Option<String>,
}

/// Kinds of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoryKind {
    /// A finding opened.
    Opened,
    /// A finding closed.
    Closed,
    /// Packages changed.
    Changed,
    /// It was started anew.
    Booted,
    /// It fell silent, came back, or was flagged.
    Contact,
    /// A person changed what we keep about it.
    Person,
}

impl StoryKind {
    /// Word in the style sheet.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Changed => "changed",
            Self::Booted => "booted",
            Self::Contact => "contact",
            Self::Person => "person",
        }
    }

    /// Words for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Opened => "finding opened",
            Self::Closed => "finding closed",
            Self::Changed => "packages changed",
            Self::Booted => "started",
            Self::Contact => "contact",
            Self::Person => "changed by a person",
        }
    }
}

/// A host that asks to join under a name that is taken, or waits for a person.
#[derive(Clone, Debug)]
pub struct PendingHost {
    /// Id.
    pub id: String,
    /// Name it asks for.
    pub name: String,
    /// When it asked.
    pub asked: Timestamp,
    /// Fingerprint of its key, hex.
    pub key: String,
    /// Why a person must decide.
    pub reason: String,
    /// Group its token would put it in.
    pub group: Option<String>,
    /// Where the request came from, as the server saw it.
    pub address: Option<String>,
}

/// Two hosts side by side.
#[derive(Clone, Debug)]
pub struct Compare {
    /// Hosts to choose from, most used first, as many as a list can hold.
    pub choices: Vec<Choice>,
    /// One host; none before it is chosen.
    pub left: Option<HostBrief>,
    /// The other.
    pub right: Option<HostBrief>,
    /// Packages only on the left: name and version.
    pub only_left: Vec<(String, String)>,
    /// Packages only on the right.
    pub only_right: Vec<(String, String)>,
    /// Packages on both whose versions differ.
    pub differ: Vec<Difference>,
    /// Packages on both in the same version.
    pub same: u64,
}

/// One of two hosts.
#[derive(Clone, Debug)]
pub struct HostBrief {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Operating system.
    pub os: Option<String>,
    /// Packages.
    pub packages: u64,
    /// When its report arrived.
    pub reported: Option<Timestamp>,
    /// Where it stands.
    pub condition: Condition,
}

/// A package in two versions.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Name, with its architecture where there are several.
    pub name: String,
    /// Version on the left.
    pub left: String,
    /// Version on the right.
    pub right: String,
    /// Which is newer.
    pub newer: Newer,
}

/// Which of two versions is newer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Newer {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// They cannot be compared (other streams, or unreadable).
    CannotTell,
}

/// A group of hosts.
#[derive(Clone, Debug)]
pub struct GroupRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What makes a host belong, in the query's own words; empty for a group
    /// whose members were named one by one.
    pub query: String,
    /// Hosts.
    pub hosts: u64,
    /// Overdue hosts.
    pub overdue: u64,
    /// Hosts that cannot be told.
    pub unknown: u64,
    /// Open findings.
    pub findings: u64,
    /// Earliest due date.
    pub due: Option<Timestamp>,
}

/// The groups.
#[derive(Clone, Debug)]
pub struct Groups {
    /// Groups, by name.
    pub rows: Vec<GroupRow>,
    /// Clients that a new group can belong to; empty where the reader may make
    /// none.
    pub clients: Vec<Choice>,
}

/// One group.
#[derive(Clone, Debug)]
pub struct GroupPage {
    /// What the list says of it.
    pub row: GroupRow,
    /// What it is for.
    pub note: String,
    /// Client it belongs to.
    pub client: Option<String>,
    /// Whether the reader may change it.
    pub changes: bool,
    /// Its hosts, by name.
    pub hosts: Listing<HostRow>,
    /// Names of its hosts, one a line, to be edited; none where they follow
    /// from a query.
    pub named: Option<String>,
}
