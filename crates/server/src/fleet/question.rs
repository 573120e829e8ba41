//! **Questions** to the fleet: what lists, counts and searches answer.
//!
//! Every question takes the hosts its asker may see as a bitmap, and counts
//! nothing else.

use super::exceptions::ExceptionMark;
use super::filter::Filter;
use super::judged::{Counts, Open};
use super::names::Name;
use super::{Managed, State};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::{HostSource, HostState};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use std::cmp::{Ordering, Reverse};

/// How a host stands with the server, as lists show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Waits for a person to accept it.
    Pending,
    /// Joined and has not reported yet.
    Waiting,
    /// Heard of in time.
    Active,
    /// Not heard of for longer than the limit.
    Silent,
    /// Gone.
    Retired,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Waiting, Self::Active, Self::Silent, Self::Retired];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Silent => "silent",
            Self::Retired => "retired",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// The clock a question is asked at.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// Seconds without a word after which a host counts as silent.
    pub silence_seconds: i64,
}

/// One line of a list of hosts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostRow {
    /// Id.
    #[schema(value_type = String)]
    pub id: HostId,
    /// Name.
    pub name: String,
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Standing.
    #[schema(value_type = String)]
    pub state: Standing,
    /// When it was last heard of.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
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
    /// Of the others, due within seven days.
    pub due_soon: u32,
    /// Next due date that has not passed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_due: Option<Timestamp>,
    /// Components found.
    pub components: u32,
    /// Components judged.
    pub evaluated: u32,
    /// Operating system.
    pub system: String,
    /// Running kernel.
    pub kernel: String,
    /// Whether a reboot is pending.
    pub reboot_pending: Option<bool>,
    /// How its facts arrive.
    #[schema(value_type = String)]
    pub source: HostSource,
    /// Environment.
    pub environment: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// What is wrong with its identity or report.
    pub flag: Option<String>,
}

/// What a list of hosts is sorted by; anything else is refused, so that a
/// column that is not shown cannot be read through the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostOrder {
    /// Overdue findings, most first.
    #[default]
    Overdue,
    /// Name.
    Name,
    /// Last seen, longest ago first.
    LastSeen,
    /// Security updates, most first.
    SecurityUpdates,
    /// Findings, most first.
    Findings,
    /// Next due date, earliest first.
    NextDue,
}

impl HostOrder {
    /// All of them with their words.
    pub const ALL: [(&'static str, Self); 6] = [
        ("overdue", Self::Overdue),
        ("name", Self::Name),
        ("last_seen", Self::LastSeen),
        ("security_updates", Self::SecurityUpdates),
        ("findings", Self::Findings),
        ("next_due", Self::NextDue),
    ];

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, order)| order)
    }
}

/// Which hosts, in what order, from where on.
#[derive(Clone, Debug, Default)]
pub struct HostQuestion {
    /// Which.
    pub filter: Filter,
    /// Order.
    pub order: HostOrder,
    /// Rows left out at the front.
    pub skip: usize,
    /// Rows wanted.
    pub take: usize,
}

/// A page of a list and how long the whole list is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Rows in the whole list.
    pub total: usize,
}

/// An advisory with the hosts it concerns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryRow {
    /// Id.
    pub advisory: String,
    /// Worst severity on any host.
    #[schema(value_type = String)]
    pub severity: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Hosts concerned.
    pub hosts: u64,
    /// Of those, hosts where it is overdue and under no exception.
    pub overdue: u64,
    /// Of those, hosts where it is under an exception.
    pub excepted: u64,
    /// Hosts where an enabled repository offers the fix.
    pub fix_available: u64,
    /// Earliest due date.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// Packages concerned.
    pub packages: Vec<String>,
}

/// One finding on one host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FindingRow {
    /// Host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Name of the host.
    pub host_name: String,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Installed version.
    pub version: String,
    /// Version that fixes it.
    pub fixed_version: Option<String>,
    /// Severity.
    #[schema(value_type = String)]
    pub severity: Rating,
    /// State.
    #[schema(value_type = String)]
    pub state: finding::State,
    /// Whether an enabled repository offers the fix.
    pub fix_available: Option<bool>,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Due date; no exception moves it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// Whether that has passed, and no exception is in force.
    pub overdue: bool,
    /// The exception that it is under.
    pub exception: Option<ExceptionMark>,
}

/// What needs doing, in figures.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Standings {
    /// Hosts that count.
    pub hosts: u64,
    /// Hosts with something overdue.
    pub hosts_overdue: u64,
    /// Hosts whose next due date is within seven days.
    pub hosts_due_soon: u64,
    /// Silent hosts.
    pub silent: u64,
    /// Hosts that wait for a person.
    pub pending: u64,
    /// Hosts without a report or without a judgement.
    pub unknown: u64,
    /// Hosts with a flag.
    pub flagged: u64,
    /// Open findings.
    pub findings: u64,
    /// Findings under an exception; they are in none of the following.
    pub excepted: u64,
    /// Overdue findings.
    pub overdue: u64,
    /// Findings due within seven days.
    pub due_soon: u64,
    /// Findings due later.
    pub within: u64,
    /// Findings without a due date.
    pub undated: u64,
    /// Components found.
    pub components: u64,
    /// Components judged.
    pub evaluated: u64,
    /// Security updates pending.
    pub security_updates: u64,
}

fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

impl Managed {
    /// How it stands.
    pub fn standing(&self, clock: Clock) -> Standing {
        match self.registration.state {
            HostState::Pending => return Standing::Pending,
            HostState::Retired => return Standing::Retired,
            HostState::Active => {}
        }
        let Some(seen) = self.last_seen() else { return Standing::Waiting };
        // What was typed in or brought by hand is not expected to speak.
        let silent = self.registration.source == HostSource::Agent
            && clock.now.as_second() - seen.as_second() > clock.silence_seconds;
        match (silent, self.registration.report.is_some()) {
            (true, _) => Standing::Silent,
            (false, true) => Standing::Active,
            (false, false) => Standing::Waiting,
        }
    }

    /// Its line in a list.
    pub fn row(&self, clock: Clock) -> HostRow {
        let Counts { updates, security_updates, findings, excepted, overdue, due_soon, undated: _, next_due, components, evaluated } =
            self.counts.clone();
        let judged = self.judged.as_deref();
        HostRow {
            id: self.registration.id,
            name: self.registration.name.clone(),
            client: self.registration.client,
            state: self.standing(clock),
            last_seen: self.last_seen(),
            updates,
            security_updates,
            findings,
            excepted,
            overdue,
            due_soon,
            next_due: next_due.and_then(instant),
            components,
            evaluated,
            system: judged.map_or_else(String::new, |judged| judged.system.clone()),
            kernel: judged.map_or_else(String::new, |judged| judged.kernel.clone()),
            reboot_pending: judged.and_then(|judged| judged.reboot),
            source: self.registration.source,
            environment: self.registration.environment.clone(),
            owner: self.registration.owner.clone(),
            flag: self.registration.flag.clone(),
        }
    }
}

impl HostQuestion {
    fn compare(&self, one: &Managed, other: &Managed) -> Ordering {
        let (a, b) = (&one.counts, &other.counts);
        let due = |counts: &Counts| counts.next_due.unwrap_or(i64::MAX);
        let ordered = match self.order {
            HostOrder::Name => Ordering::Equal,
            HostOrder::Overdue => (Reverse(a.overdue), due(a), Reverse(a.findings)).cmp(&(Reverse(b.overdue), due(b), Reverse(b.findings))),
            HostOrder::LastSeen => one.last_seen().cmp(&other.last_seen()),
            HostOrder::SecurityUpdates => b.security_updates.cmp(&a.security_updates),
            HostOrder::Findings => b.findings.cmp(&a.findings),
            HostOrder::NextDue => due(a).cmp(&due(b)),
        };
        // The name, then the id, settles every tie, so pages never overlap.
        let (one, other) = (&one.registration, &other.registration);
        ordered.then_with(|| one.name.cmp(&other.name)).then_with(|| one.id.cmp(&other.id))
    }
}

/// The rows of a page in their order: only so many are sorted as are shown.
pub fn window<T>(mut rows: Vec<T>, (skip, take): (usize, usize), compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let end = skip.saturating_add(take);
    if end < rows.len() && end > 0 {
        rows.select_nth_unstable_by(end, &compare);
        rows.truncate(end);
    }
    rows.sort_by(&compare);
    rows.into_iter().skip(skip).take(take).collect()
}

impl State {
    fn visible<'a>(&'a self, visible: &'a RoaringBitmap) -> impl Iterator<Item = &'a Managed> {
        visible.iter().filter_map(|number| self.numbered(number))
    }

    /// A page of hosts.
    pub fn list_hosts(&self, visible: &RoaringBitmap, question: &HostQuestion, clock: Clock) -> Page<HostRow> {
        let hosts: Vec<&Managed> = self.visible(visible).filter(|managed| question.filter.shows(managed, clock)).collect();
        let total = hosts.len();
        let shown = window(hosts, (question.skip, question.take), |one, other| question.compare(one, other));
        Page { rows: shown.into_iter().map(|managed| managed.row(clock)).collect(), total }
    }

    /// What needs doing, in figures.
    pub fn standings(&self, visible: &RoaringBitmap, clock: Clock) -> Standings {
        let mut out = Standings::default();
        for managed in self.visible(visible) {
            match managed.standing(clock) {
                Standing::Retired => continue,
                Standing::Pending => {
                    out.pending += 1;
                    continue;
                }
                Standing::Silent => out.silent += 1,
                Standing::Waiting | Standing::Active => {}
            }
            let counts = &managed.counts;
            let findings = u64::from(counts.findings.unwrap_or(0));
            out.hosts += 1;
            out.hosts_overdue += u64::from(counts.overdue > 0);
            out.hosts_due_soon += u64::from(counts.overdue == 0 && counts.due_soon > 0);
            out.unknown += u64::from(counts.findings.is_none());
            out.flagged += u64::from(managed.registration.flag.is_some());
            out.findings += findings;
            out.overdue += u64::from(counts.overdue);
            out.due_soon += u64::from(counts.due_soon);
            out.excepted += u64::from(counts.excepted);
            out.undated += u64::from(counts.undated);
            let apart = counts.excepted + counts.overdue + counts.due_soon + counts.undated;
            out.within += findings.saturating_sub(u64::from(apart));
            out.components += u64::from(counts.components);
            out.evaluated += u64::from(counts.evaluated);
            out.security_updates += u64::from(counts.security_updates.unwrap_or(0));
        }
        out
    }

    /// Advisories with open findings on visible hosts, most urgent first.
    pub fn list_advisories(
        &self,
        visible: &RoaringBitmap,
        wanted: impl Fn(&AdvisoryRow) -> bool,
        (skip, take): (usize, usize),
        now: Timestamp,
    ) -> Page<AdvisoryRow> {
        let mut rows: Vec<AdvisoryRow> = self.by_advisory(visible, now).into_iter().map(|one| self.advisory_row(one)).filter(wanted).collect();
        rows.sort_by(|a, b| urgency(a).cmp(&urgency(b)));
        let total = rows.len();
        Page { rows: rows.into_iter().skip(skip).take(take).collect(), total }
    }

    /// Open findings of visible hosts added up by advisory, host after host: one
    /// walk over memory, whatever the number of advisories.
    fn by_advisory(&self, visible: &RoaringBitmap, now: Timestamp) -> Vec<OfAdvisory> {
        const NONE: u32 = u32::MAX;
        let mut places = vec![NONE; self.names.texts().len()];
        let mut out: Vec<OfAdvisory> = Vec::new();
        for managed in self.visible(visible) {
            let Some(judged) = managed.judged.as_deref() else { continue };
            // They are sorted by advisory.
            for found in judged.findings.chunk_by(|a, b| a.advisory == b.advisory) {
                let Some(first) = found.first() else { continue };
                let Some(place) = places.get_mut(first.advisory.place()) else { continue };
                if *place == NONE {
                    *place = u32::try_from(out.len()).unwrap_or(NONE);
                    out.push(OfAdvisory::new(first.advisory));
                }
                if let Some(one) = out.get_mut(*place as usize) {
                    one.add(found, now, |open| self.exception(managed, open, now).is_some());
                }
            }
        }
        out
    }

    fn advisory_row(&self, one: OfAdvisory) -> AdvisoryRow {
        let mut packages: Vec<String> = one.packages.into_iter().map(|package| self.names.text(package).to_owned()).collect();
        packages.sort();
        AdvisoryRow {
            advisory: self.names.text(one.advisory).to_owned(),
            severity: one.severity,
            exploited: one.exploited,
            hosts: one.hosts,
            overdue: one.overdue,
            excepted: one.excepted,
            fix_available: one.fix_available,
            due: one.due.and_then(instant),
            packages,
        }
    }

    /// Findings on visible hosts: of one advisory, one host, or all; most
    /// urgent first.
    pub fn list_findings(
        &self,
        visible: &RoaringBitmap,
        wanted: impl Fn(&FindingRow) -> bool,
        (skip, take): (usize, usize),
        now: Timestamp,
    ) -> Page<FindingRow> {
        let mut rows: Vec<FindingRow> = Vec::new();
        for managed in self.visible(visible) {
            let Some(judged) = &managed.judged else { continue };
            rows.extend(judged.findings.iter().map(|open| self.finding_row(managed, open, now)).filter(&wanted));
        }
        let total = rows.len();
        Page { rows: window(rows, (skip, take), |a, b| finding_urgency(a).cmp(&finding_urgency(b))), total }
    }

    /// Findings under one advisory on visible hosts.
    pub fn findings_under(&self, visible: &RoaringBitmap, advisory: &str, now: Timestamp) -> Vec<FindingRow> {
        let Some(name) = self.names.find(advisory) else { return Vec::new() };
        let Some(hosts) = self.under(name) else { return Vec::new() };
        let seen = hosts & visible;
        let mut rows: Vec<FindingRow> = Vec::new();
        for managed in self.visible(&seen) {
            let Some(judged) = &managed.judged else { continue };
            rows.extend(under(&judged.findings, name).iter().map(|open| self.finding_row(managed, open, now)));
        }
        rows.sort_by(|a, b| finding_urgency(a).cmp(&finding_urgency(b)));
        rows
    }

    fn finding_row(&self, managed: &Managed, open: &Open, now: Timestamp) -> FindingRow {
        let text = |name: Name| self.names.text(name).to_owned();
        let exception = self.exception(managed, open, now).cloned();
        FindingRow {
            host: managed.registration.id,
            host_name: managed.registration.name.clone(),
            advisory: text(open.advisory),
            component: text(open.component),
            version: text(open.version),
            fixed_version: Some(text(open.fixed)).filter(|fixed| !fixed.is_empty()),
            severity: open.rating,
            state: open.state,
            fix_available: open.fix,
            exploited: open.exploited,
            due: open.due().and_then(instant),
            overdue: open.is_overdue(now) && exception.is_none(),
            exception,
        }
    }

    /// How many findings fall due when: days from now (negative is late) to
    /// number, for the picture of deadlines.
    pub fn due_by_day(&self, visible: &RoaringBitmap, now: Timestamp) -> Vec<(i64, u64)> {
        let mut days = std::collections::BTreeMap::new();
        for managed in self.visible(visible) {
            for due in managed.judged.iter().flat_map(|judged| &judged.findings).filter_map(Open::due) {
                let day = (due - now.as_second()).div_euclid(86_400);
                *days.entry(day.clamp(-90, 90)).or_insert(0) += 1;
            }
        }
        days.into_iter().collect()
    }
}

/// What stands under one advisory, added up.
struct OfAdvisory {
    advisory: Name,
    severity: Rating,
    exploited: bool,
    hosts: u64,
    overdue: u64,
    excepted: u64,
    fix_available: u64,
    due: Option<i64>,
    packages: Vec<Name>,
}

impl OfAdvisory {
    fn new(advisory: Name) -> Self {
        Self { advisory, severity: Rating::Unknown, exploited: false, hosts: 0, overdue: 0, excepted: 0, fix_available: 0, due: None, packages: Vec::new() }
    }

    /// Adds one host's findings under it.
    fn add(&mut self, found: &[Open], now: Timestamp, accepted: impl Fn(&Open) -> bool) {
        self.hosts += 1;
        self.overdue += u64::from(found.iter().any(|open| open.is_overdue(now) && !accepted(open)));
        self.excepted += u64::from(found.iter().any(&accepted));
        self.fix_available += u64::from(found.iter().any(|open| open.fix == Some(true)));
        for open in found {
            self.severity = self.severity.max(open.rating);
            self.exploited |= open.exploited;
            self.due = self.due.into_iter().chain(open.due()).min();
            // An advisory names few packages, nearly always the same.
            if !self.packages.contains(&open.component) {
                self.packages.push(open.component);
            }
        }
    }
}

/// The part of a host's findings that is under one advisory; they are sorted
/// by it.
fn under(findings: &[Open], advisory: Name) -> &[Open] {
    let start = findings.partition_point(|open| open.advisory < advisory);
    let end = findings.partition_point(|open| open.advisory <= advisory);
    findings.get(start..end).unwrap_or(&[])
}

fn urgency(row: &AdvisoryRow) -> impl Ord {
    (
        row.overdue == 0,
        !row.exploited,
        row.due.is_none(),
        row.due,
        Reverse(row.severity),
        Reverse(row.hosts),
        row.advisory.clone(),
    )
}

fn finding_urgency(row: &FindingRow) -> impl Ord {
    (
        !row.overdue,
        !row.exploited,
        row.due.is_none(),
        row.due,
        Reverse(row.severity),
        row.host_name.clone(),
        row.component.clone(),
        row.advisory.clone(),
    )
}
