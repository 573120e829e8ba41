//! What was decided of one host, small enough to keep for every host.

use super::names::{Name, Names};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::assessment::is_end_of_support;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::update::Update;
use plimsoll_core::operations::escalation::Deadline;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Due date of a finding without one.
pub(super) const NEVER: i64 = i64::MAX;

/// One open finding, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Open {
    /// Id of the advisory.
    pub advisory: Name,
    /// Component.
    pub component: Name,
    /// Its version.
    pub version: Name,
    /// Version that fixes it; the empty name where there is none.
    pub fixed: Name,
    /// What the policy's decision table gave; the empty name where it gave
    /// nothing.
    pub priority: Name,
    /// Seconds since the epoch, as far as 2106; [`u32::MAX`] for none.
    due: u32,
    /// Seconds from the start of its clock to that date; 0 where no start is
    /// known.
    time: u32,
    /// Severity.
    pub rating: Rating,
    /// State.
    pub state: State,
    /// Whether an enabled repository offers the fix.
    pub fix: Option<bool>,
    /// Whether it is known to be exploited.
    pub exploited: bool,
}

impl Open {
    /// Due date, in seconds since the epoch.
    pub fn due(&self) -> Option<i64> {
        (self.due != u32::MAX).then_some(i64::from(self.due))
    }

    /// Due date with its clock.
    pub fn deadline(&self) -> Option<Deadline> {
        Some(Deadline { due: self.due()?, length: self.time })
    }

    /// The same, due at another time, [`NEVER`] for none, by another clock.
    pub(super) fn due_at(self, (due, time): (i64, u32)) -> Self {
        Self { due: second(due), time, ..self }
    }

    /// Names in it.
    pub(super) fn names(self) -> [Name; 5] {
        [self.advisory, self.component, self.version, self.fixed, self.priority]
    }

    /// The same under other names; none where one of them has no other.
    pub(super) fn renamed(self, name: impl Fn(Name) -> Option<Name>) -> Option<Self> {
        let (advisory, component) = (name(self.advisory)?, name(self.component)?);
        Some(Self { advisory, component, version: name(self.version)?, fixed: name(self.fixed)?, priority: name(self.priority)?, ..self })
    }

    /// Whether the due date has passed.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        // A deadline is the last instant in time: one second after is late.
        self.due().is_some_and(|due| due < now.as_second())
    }
}

/// A due date as it is kept: four bytes, because there is one for each finding
/// of each host.
fn second(due: i64) -> u32 {
    if due == NEVER { u32::MAX } else { u32::try_from(due.max(0)).unwrap_or(u32::MAX).min(u32::MAX - 1) }
}

/// What lists show of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Pending updates; none where they cannot be told.
    pub updates: Option<u32>,
    /// Of those, security updates.
    pub security_updates: Option<u32>,
    /// Open findings; none while no advisory database judged the host.
    pub findings: Option<u32>,
    /// Of those, under an exception; they are in none of the following.
    pub excepted: u32,
    /// Of the others, past due.
    pub overdue: u32,
    /// Of the others, due within the next seven days.
    pub due_soon: u32,
    /// Of the others, without a due date.
    pub undated: u32,
    /// Next due date that has not passed, seconds since the epoch.
    pub next_due: Option<i64>,
    /// Components.
    pub components: u32,
    /// Components that were judged.
    pub evaluated: u32,
}

/// How far ahead a due date counts as soon: a week is one cycle of work.
pub const SOON_SECONDS: i64 = 7 * 86_400;

/// How a due date, in seconds since the epoch, stands.
pub fn verdict(due: Option<i64>, now: Timestamp) -> Verdict {
    match due {
        None => Verdict::Unknown,
        Some(due) if due < now.as_second() => Verdict::Overdue,
        Some(due) if due <= now.as_second() + SOON_SECONDS => Verdict::DueSoon,
        Some(_) => Verdict::OpenInTime,
    }
}

/// What lists show of an advisory, the same for every host.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Card {
    /// Other names, CVEs first.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// Severity.
    pub rating: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Base score.
    pub score: Option<f32>,
    /// Exploit prediction, 0 to 1.
    pub epss: Option<f32>,
}

impl Card {
    /// Takes it from a finding.
    pub fn of(finding: &Finding) -> Self {
        Self {
            aliases: finding.aliases.clone(),
            summary: finding.summary.clone(),
            rating: finding.severity.rating,
            exploited: finding.kev.is_some(),
            score: finding.severity.score,
            epss: finding.epss.as_ref().map(|epss| epss.score),
        }
    }
}

/// What was decided of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Release its packages belong to.
    pub stream: String,
    /// Open findings, by advisory, then component.
    pub findings: Vec<Open>,
    /// Whether a database judged the host.
    pub known: bool,
    /// Pending updates; none where they cannot be told.
    pub updates: Option<Vec<Pending>>,
    /// Components.
    pub components: u32,
    /// Components that were judged.
    pub evaluated: u32,
    /// Operating system, as people read it.
    pub system: String,
    /// Running kernel.
    pub kernel: String,
    /// Whether a reboot is pending.
    pub reboot: Option<bool>,
}

/// One pending update.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Package.
    pub package: Name,
    /// Architecture.
    pub arch: Name,
    /// Installed version; the empty name where it would be new to the host.
    pub installed: Name,
    /// Candidate version.
    pub candidate: Name,
    /// Where the candidate is.
    pub origin: Name,
    /// Advisories it satisfies.
    pub advisories: Box<[Name]>,
    /// Earliest due date of what it satisfies, seconds since the epoch.
    pub due: Option<i64>,
    /// Whether it is a security update.
    pub security: bool,
    /// Whether it needs a reboot.
    pub reboot: bool,
    /// Whether somebody holds it back.
    pub held: bool,
    /// Whether the host does not have the package yet.
    pub new: bool,
}

impl Pending {
    /// Names in it.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        let own = [self.package, self.arch, self.installed, self.candidate, self.origin];
        own.into_iter().chain(self.advisories.iter().copied())
    }

    /// The same under other names; none where one of them has no other.
    pub(super) fn renamed(&self, name: impl Fn(Name) -> Option<Name>) -> Option<Self> {
        Some(Self {
            package: name(self.package)?,
            arch: name(self.arch)?,
            installed: name(self.installed)?,
            candidate: name(self.candidate)?,
            origin: name(self.origin)?,
            advisories: self.advisories.iter().map(|advisory| name(*advisory)).collect::<Option<_>>()?,
            ..*self
        })
    }
}

fn is_open(finding: &&Finding) -> bool {
    !matches!(finding.state, State::Fixed | State::NotAffected)
}

impl Judged {
    /// Takes from an answer what every host keeps.
    pub fn of(scan: &Scan, names: &mut Names) -> Self {
        let mut findings: Vec<Open> = scan.findings.iter().filter(is_open).map(|finding| open(finding, names)).collect();
        findings.sort_by_key(place);
        let updates = scan.updates.as_ref().map(|_| scan.offered_updates().map(|update| pending(update, names)).collect());
        Self {
            stream: scan.host.os.as_ref().and_then(|os| os.stream.as_ref()).map_or_else(String::new, ToString::to_string),
            findings,
            known: scan.database.is_some(),
            updates,
            components: count(scan.coverage.components as usize),
            evaluated: count(scan.coverage.evaluated as usize),
            system: scan.host.os.as_ref().map_or_else(String::new, |os| os.name.clone()),
            kernel: scan.host.kernel.as_ref().and_then(|kernel| kernel.running.clone()).unwrap_or_default(),
            reboot: scan.host.reboot.as_ref().and_then(|reboot| reboot.pending),
        }
    }

    /// Takes from an answer about some packages of the host what it says of
    /// them, in place of what was said before. That support ended is said of
    /// the host as a whole, and stays.
    pub fn replace(&mut self, packages: &BTreeSet<String>, scan: &Scan, names: &mut Names) {
        let of: BTreeSet<Name> = packages.iter().filter_map(|package| names.find(package)).collect();
        self.findings.retain(|open| !of.contains(&open.component) || is_end_of_support(names.text(open.advisory)));
        let found = scan.findings.iter().filter(is_open).filter(|finding| !is_end_of_support(&finding.advisory));
        self.findings.extend(found.map(|finding| open(finding, names)));
        self.findings.sort_by_key(place);
        if let Some(updates) = &mut self.updates {
            updates.retain(|pending| !of.contains(&pending.package));
            updates.extend(scan.offered_updates().map(|update| pending(update, names)));
            updates.sort_by_key(|pending| (pending.held, pending.due.is_none(), pending.due, !pending.security));
        }
    }

    /// Counts for lists, at an instant; `accepted` says which findings are
    /// under an exception.
    pub fn counts(&self, now: Timestamp, accepted: impl Fn(&Open) -> bool) -> Counts {
        let (mut excepted, mut undated) = (0, 0);
        let (mut overdue, mut soon, mut next) = (0, 0, None::<i64>);
        for open in &self.findings {
            if accepted(open) {
                excepted += 1;
                continue;
            }
            let Some(due) = open.due() else {
                undated += 1;
                continue;
            };
            if open.is_overdue(now) {
                overdue += 1;
                continue;
            }
            soon += u32::from(due <= now.as_second() + SOON_SECONDS);
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        Counts {
            updates: self.updates.as_ref().map(|updates| count(updates.iter().filter(|update| !update.held).count())),
            security_updates: self
                .updates
                .as_ref()
                .map(|updates| count(updates.iter().filter(|update| update.security && !update.held).count())),
            findings: self.known.then(|| count(self.findings.len())),
            excepted,
            overdue,
            due_soon: soon,
            undated,
            next_due: next,
            components: self.components,
            evaluated: self.evaluated,
        }
    }
}

fn place(open: &Open) -> (Name, Name, Name) {
    (open.advisory, open.component, open.version)
}

fn pending(update: &Update, names: &mut Names) -> Pending {
    Pending {
        package: names.keep(&update.package),
        arch: names.keep(&update.arch),
        installed: names.keep(update.installed.as_deref().unwrap_or("")),
        candidate: names.keep(&update.candidate),
        origin: names.keep(&update.origin),
        advisories: update.advisories.iter().map(|advisory| names.keep(advisory)).collect(),
        due: update.due.map(Timestamp::as_second),
        security: update.security,
        reboot: update.reboot,
        held: update.held_by.is_some(),
        new: update.new || update.installed.is_none(),
    }
}

/// The time of the obligation that is due first, the longest where several are.
fn clock(finding: &Finding) -> u32 {
    let first = finding.obligations.iter().filter(|obligation| obligation.due.is_some() && obligation.due == finding.due);
    let seconds = first.filter_map(|obligation| Some(obligation.due?.as_second() - obligation.clock_start?.as_second()));
    seconds.max().map_or(0, |seconds| u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

fn open(finding: &Finding, names: &mut Names) -> Open {
    Open {
        advisory: names.keep(&finding.advisory),
        component: names.keep(&finding.component.name),
        version: names.keep(&finding.component.version),
        fixed: names.keep(finding.fixed_version.as_deref().unwrap_or("")),
        priority: names.keep(finding.priority.as_deref().unwrap_or("")),
        due: second(finding.due.map_or(NEVER, Timestamp::as_second)),
        time: clock(finding),
        rating: finding.severity.rating,
        state: finding.state,
        fix: finding.fix.available,
        exploited: finding.kev.is_some(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
