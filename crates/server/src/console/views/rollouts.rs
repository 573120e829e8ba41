//! **Rollouts** and the deployment packages that they carry.

use jiff::{SignedDuration, Timestamp};

/// All that the reader may see.
#[derive(Clone, Debug)]
pub struct Rollouts {
    /// Rollouts, newest first.
    pub rows: Vec<RolloutItem>,
    /// Packages that are not rolled out yet, newest first.
    pub packages: Vec<PackageItem>,
}

/// One rollout as a list shows it.
#[derive(Clone, Debug)]
pub struct RolloutItem {
    /// Digest of its package.
    pub digest: String,
    /// Short name and number of the package.
    pub name: String,
    /// One line.
    pub title: String,
    /// `running`, `paused`, `aborted` or `done`.
    pub state: String,
    /// `open`, `waiting`, `shut` or `done`.
    pub gate: String,
    /// Why it stands as it does.
    pub reasons: Vec<String>,
    /// When it was started.
    pub started: Timestamp,
    /// When it last moved.
    pub changed: Timestamp,
}

impl RolloutItem {
    /// How its gate is drawn.
    pub fn tone(&self) -> &'static str {
        match (self.state.as_str(), self.gate.as_str()) {
            ("aborted", _) | (_, "shut") => "failed",
            ("paused", _) | (_, "waiting") => "stale",
            _ => "fresh",
        }
    }
}

/// One package as a list shows it.
#[derive(Clone, Debug)]
pub struct PackageItem {
    /// SHA-256 of what is signed.
    pub digest: String,
    /// Short name and number.
    pub name: String,
    /// One line.
    pub title: String,
    /// Who drafted it.
    pub author: String,
    /// `draft`, `signed`, `accepted` or `withdrawn`.
    pub state: String,
    /// When it was drafted.
    pub created: Timestamp,
    /// Nothing starts from here on.
    pub expires: Timestamp,
}

/// One rollout with its rings and hosts.
#[derive(Clone, Debug)]
pub struct RolloutPage {
    /// What lists show.
    pub item: RolloutItem,
    /// Its rings in their order; empty where it ended long ago.
    pub rings: Vec<RingItem>,
    /// How the change stands by what was seen later: state and hosts.
    pub confirmed: Vec<(String, u64)>,
    /// Hosts, a part of them.
    pub hosts: Vec<RolloutHostItem>,
    /// How many there are in the phase shown.
    pub total: usize,
    /// The phase shown; empty for all.
    pub phase: String,
    /// Hosts that people look at by hand.
    pub sample: Vec<SampleItem>,
    /// Tickets that people brought into connection with it.
    pub tickets: Vec<TicketItem>,
    /// Tickets from which on the policy stops it.
    pub ticket_limit: Option<u32>,
    /// Whether the reader may stop it.
    pub stops: bool,
    /// Whether the reader may let it go on.
    pub runs: bool,
    /// The question to the client, by id, and what became of it.
    pub question: Option<(String, &'static str)>,
    /// What people were told, the newest first; empty for who may not know.
    pub told: Vec<super::NoticeItem>,
    /// Words of the policy that mean nobody for it at present, and why.
    pub nobody: Vec<(String, String)>,
}

impl RolloutPage {
    /// Whether any host failed or went silent.
    pub fn has_failures(&self) -> bool {
        self.rings.iter().any(|ring| ring.failed + ring.silent > 0)
    }

    /// Whether it can still be stopped.
    pub fn is_under_way(&self) -> bool {
        self.item.state == "running" || self.item.state == "paused"
    }
}

/// A host that people look at by hand.
#[derive(Clone, Debug)]
pub struct SampleItem {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whether it was as it should be; none until somebody looked.
    pub held: Option<bool>,
    /// What was seen.
    pub note: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
}

/// A ticket about a change.
#[derive(Clone, Debug)]
pub struct TicketItem {
    /// What it is called where it is kept.
    pub ticket: String,
    /// Whether the change caused it.
    pub caused: bool,
    /// Why.
    pub note: String,
    /// When that was said.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// One ring.
#[derive(Clone, Debug)]
pub struct RingItem {
    /// Name.
    pub name: String,
    /// No host of it starts before, whatever a server says.
    pub opens: Timestamp,
    /// When the server opened it.
    pub opened: Option<Timestamp>,
    /// Since when enough of its hosts have succeeded.
    pub succeeded_since: Option<Timestamp>,
    /// Hosts by phase: succeeded, at work, waiting, away, failed, silent.
    pub succeeded: u64,
    /// At work.
    pub at_work: u64,
    /// That do not count as done until they have rebooted.
    pub pending: u64,
    /// That wait.
    pub waiting: u64,
    /// That have not been heard of before they could take it.
    pub away: u64,
    /// That failed.
    pub failed: u64,
    /// That took it and went silent.
    pub silent: u64,
    /// Names of failed and silent hosts.
    pub against: Vec<String>,
    /// Why it waits.
    pub waits: Vec<String>,
    /// Its gates on outside alerts: what is asked, what it comes to, why, and
    /// of when the answer is.
    pub outside: Vec<OutsideItem>,
}

/// A gate on outside alerts.
#[derive(Clone, Debug)]
pub struct OutsideItem {
    /// What is asked of whom.
    pub gate: String,
    /// `quiet`, `not-asked`, `unknown` or `firing`.
    pub sign: &'static str,
    /// Why; empty where it is quiet.
    pub why: String,
    /// The instant that the newest answer is about.
    pub at: Option<Timestamp>,
}

impl OutsideItem {
    /// How it is drawn.
    pub fn tone(&self) -> &'static str {
        match self.sign {
            "firing" => "failed",
            "quiet" => "fresh",
            _ => "stale",
        }
    }
}

/// One host of a rollout.
#[derive(Clone, Debug)]
pub struct RolloutHostItem {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Ring.
    pub ring: String,
    /// Window; none for any time.
    pub window: Option<String>,
    /// How it stands.
    pub phase: String,
    /// What it said last of its attempt.
    pub outcome: Option<String>,
    /// When.
    pub observed: Option<Timestamp>,
    /// How the change stands by what was seen later.
    pub confirmed: Option<String>,
    /// Why it stands so, where it is not simply in effect.
    pub because: Option<String>,
    /// Why it did not come to its end, and what to do next.
    pub cause: Option<(String, String)>,
    /// What it counts as while its reboot is pending.
    pub reboot: Option<String>,
    /// Why it waits for a forensic triage.
    pub triage: Option<String>,
}

impl RolloutHostItem {
    /// How its phase is drawn.
    pub fn tone(&self) -> &'static str {
        match self.phase.as_str() {
            "failed" | "silent" => "overdue",
            "at-work" | "pending" => "due-soon",
            "succeeded" => "in-time",
            _ => "unknown",
        }
    }
}

/// One deployment package: exactly what will happen.
#[derive(Clone, Debug)]
pub struct DeploymentPage {
    /// What lists show.
    pub item: PackageItem,
    /// Why it is wanted.
    pub reason: String,
    /// How it is authorised.
    pub change: String,
    /// The policy that it follows, id and version.
    pub policy: String,
    /// Advisories it answers.
    pub advisories: Vec<String>,
    /// What happens on hosts of each release.
    pub streams: Vec<StreamItem>,
    /// Rings: name, when it opens, how long it is watched, hosts.
    pub rings: Vec<PackageRing>,
    /// Windows: name, in words, hosts.
    pub windows: Vec<(String, String, u64)>,
    /// Checks in words.
    pub checks: Vec<String>,
    /// What is done where a reboot is needed, in words.
    pub reboot: String,
    /// What becomes of configuration files, in words.
    pub configuration_files: String,
    /// Most hosts of a ring at work at a time; 0 sets no limit.
    pub at_once: u32,
    /// What takes hosts out of service meanwhile, in words.
    pub drain: Option<String>,
    /// Who signed it.
    pub signed_by: Vec<String>,
    /// How many must; none without a root document.
    pub needed: Option<u32>,
    /// What is missing before it may be rolled out.
    pub missing: Vec<String>,
    /// Who authorised it.
    pub approval: ApprovalPanel,
    /// Why it is as it is.
    pub because: Vec<String>,
    /// Hosts that were chosen and are not in it, and why.
    pub left_out: Vec<(String, String)>,
    /// Whether it was rolled out.
    pub rolled_out: bool,
    /// Whether the reader may start it.
    pub runs: bool,
    /// Whether the reader may withdraw it.
    pub drafts: bool,
}

/// One ring of a package.
#[derive(Clone, Debug)]
pub struct PackageRing {
    /// Name.
    pub name: String,
    /// No host of it starts before.
    pub opens: Timestamp,
    /// How long it is watched before the next.
    pub soak: SignedDuration,
    /// Its hosts.
    pub hosts: u64,
}

/// What happens on hosts of one release.
#[derive(Clone, Debug)]
pub struct StreamItem {
    /// Release, `debian:12`.
    pub stream: String,
    /// Whose tools do it.
    pub tool: &'static str,
    /// What is installed.
    pub install: Vec<TargetItem>,
    /// What may be removed.
    pub remove: Vec<String>,
    /// What can be gone back to, name and version.
    pub way_back: Vec<String>,
    /// What cannot be taken back, and why.
    pub no_way_back: Vec<(String, String)>,
    /// Steps in words.
    pub steps: Vec<String>,
}

/// One package that is installed.
#[derive(Clone, Debug)]
pub struct TargetItem {
    /// Name and architecture.
    pub name: String,
    /// Version.
    pub version: String,
    /// Length of its file in bytes.
    pub size: u64,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Whose index named it.
    pub repository: String,
    /// Whether hosts that do not have it may get it.
    pub new: bool,
}

/// Who authorised a package.
#[derive(Clone, Debug, Default)]
pub struct ApprovalPanel {
    /// How that stands, and why, in words.
    pub lines: Vec<String>,
    /// By when something is to be said, where a clock runs.
    pub until: Option<Timestamp>,
    /// By when its review is to be closed.
    pub review_until: Option<Timestamp>,
    /// What was said: what, by whom, why, when.
    pub said: Vec<(String, String, String, Timestamp)>,
    /// Whether something is waited for.
    pub waits: bool,
    /// Whether the reader may say something.
    pub speaks: bool,
}
