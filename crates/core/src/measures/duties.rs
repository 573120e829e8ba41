//! **Duties** under a regulator's rules, one line each: what was found where,
//! under which rule, by when it was due, when it was gone, and which entry of
//! the host's journal says so. What the journal does not say is unknown.
//!
//! Source: Plimsoll's reference of standards, sections 3.1, 3.3 and 5.4. The
//! directive's own reporting fields are not in it, so that BOD 26-04's form
//! holds what the reference asks for: exposure, inputs, row, due date, state.

use super::named::Regulator;
use super::{HostStory, Window};
use crate::assessment::UPDATE;
use crate::model::advisory::Rating;
use crate::model::identifier::HostId;
use crate::model::transition::{Bound, FindingKey, Obliged, Transition};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Days after which FedRAMP calls what is open an accepted vulnerability.
///
/// Source: FedRAMP rules 2026.07.14.01, VDR.
const ACCEPTED_DAYS: i64 = 192;
/// What is said where nobody knows.
pub const UNKNOWN: &str = "unknown";

/// A regulator's form.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Form {
    /// Always [`Form::SCHEMA`].
    pub schema: &'static str,
    /// Which.
    pub report: Regulator,
    /// Client whose hosts are in it; none for all that its reader may see.
    pub client: Option<String>,
    /// What it says.
    pub duties: Duties,
}

impl Form {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-regulator-form/1";
}

/// Duties that were open at a window's end or ended within it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Duties {
    /// Time that is reported on.
    pub window: Window,
    /// Hosts that were managed at its end.
    pub hosts: u64,
    /// Policies of the regulator that decided within it; none where none was
    /// in force.
    pub policies: Vec<String>,
    /// How many ended each way.
    pub verdicts: Vec<VerdictCount>,
    /// The duties: what is late first, then by due date.
    pub rows: Vec<Duty>,
}

/// Duties of one verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct VerdictCount {
    /// How they stand.
    pub verdict: Verdict,
    /// How many.
    pub duties: u64,
}

/// How a duty stands; the order is that of the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Open and past due.
    Overdue,
    /// Gone, too late.
    Late,
    /// Open, and nobody can tell: the regulator's rules were not in force, or
    /// the host went with it open.
    Unknown,
    /// Open and in time.
    Open,
    /// Open, and its rule gives no date.
    Undated,
    /// Gone in time.
    Met,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Overdue, Self::Late, Self::Unknown, Self::Open, Self::Undated, Self::Met];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Late => "late",
            Self::Unknown => UNKNOWN,
            Self::Open => "open",
            Self::Undated => "undated",
            Self::Met => "met",
        }
    }
}

/// An entry of a host's journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Entry {
    /// Its place in the journal.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
}

/// One duty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Duty {
    /// How it stands.
    pub verdict: Verdict,
    /// Stays the same as long as the finding is open: host, entry, place.
    pub tracking: String,
    /// Host.
    pub host: HostId,
    /// What it is called.
    pub name: String,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Severity.
    pub priority: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Rule that binds, `policy/rule`; none where none of the regulator's does.
    pub rule: Option<String>,
    /// When that rule's clock started.
    pub clock: Option<Timestamp>,
    /// When it is due.
    pub due: Option<Timestamp>,
    /// The entry that first shows it, this time.
    pub detected: Entry,
    /// The entry in which the regulator's rules were first applied to it.
    pub evaluated: Option<Entry>,
    /// The entry that shows it gone.
    pub closed: Option<Entry>,
    /// Each rule that bound, in the order of time.
    pub history: Vec<Step>,
    /// Why it stays, where somebody accepted it.
    pub accepted: Option<String>,
}

/// A change of rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Rule from then on; none for none of the regulator's.
    pub rule: Option<String>,
}

/// An open finding that somebody accepted for a time, and was in force at the
/// window's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Hosts it is about.
    pub hosts: Vec<HostId>,
    /// Advisories it is about.
    pub advisories: Vec<String>,
    /// Component it is limited to.
    pub package: Option<String>,
    /// Why, in words.
    pub why: String,
}

/// A finding that is open.
struct Running<'a> {
    detected: Entry,
    place: usize,
    evaluated: Option<Entry>,
    obliged: Option<&'a Obliged>,
    history: Vec<Step>,
}

/// Goes through the hosts' journals, one after the other.
pub struct Collector {
    regulator: Regulator,
    window: Window,
    hosts: u64,
    policies: std::collections::BTreeSet<String>,
    accepted: Vec<Accepted>,
    rows: Vec<Duty>,
}

impl Collector {
    /// Begins for a window.
    pub fn new(regulator: Regulator, window: Window, accepted: Vec<Accepted>) -> Self {
        Self { regulator, window, hosts: 0, policies: Default::default(), accepted, rows: Vec::new() }
    }

    /// Duties so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes in one host; what its journal has after the window's end is not
    /// looked at.
    pub fn host(&mut self, story: &HostStory<'_>) {
        if story.enrolled > self.window.to {
            return;
        }
        let retired = story.retired.filter(|at| *at <= self.window.to);
        self.hosts += u64::from(retired.is_none());
        let end = retired.unwrap_or(self.window.to);
        let mut running: BTreeMap<&FindingKey, Running<'_>> = BTreeMap::new();
        for transition in story.transitions.iter().take_while(|transition| transition.at <= end) {
            let entry = Entry { serial: transition.serial, at: transition.at };
            for key in &transition.closed {
                let Some(one) = running.remove(key) else { continue };
                if transition.at >= self.window.from {
                    self.end(story, key, &one, Some(entry), false);
                }
            }
            for (place, key) in transition.opened.iter().enumerate().filter(|(_, key)| key.advisory != UPDATE) {
                running.entry(key).or_insert(Running { detected: entry, place, evaluated: None, obliged: None, history: Vec::new() });
            }
            self.judged(transition, entry, &mut running);
        }
        for (key, one) in running {
            if retired.is_none_or(|at| at >= self.window.from) {
                self.end(story, key, &one, None, retired.is_some());
            }
        }
    }

    fn judged<'a>(&mut self, transition: &'a Transition, entry: Entry, running: &mut BTreeMap<&FindingKey, Running<'a>>) {
        let own = |policy: &String| self.regulator.asks(policy.split(' ').next().unwrap_or_default());
        let in_force = transition.policies.iter().any(own);
        if in_force && entry.at >= self.window.from {
            self.policies.extend(transition.policies.iter().filter(|policy| own(policy)).cloned());
        }
        for (key, obliged) in &transition.obliged {
            let Some(one) = running.get_mut(key) else { continue };
            one.obliged = Some(obliged);
            let rule = self.bound(obliged).map(|bound| bound.rule.clone());
            if in_force || rule.is_some() {
                one.evaluated.get_or_insert(entry);
            }
            if one.evaluated.is_some() && one.history.last().is_none_or(|last| last.rule != rule) {
                one.history.push(Step { at: entry.at, rule });
            }
        }
    }

    /// The regulator's rule that ends first.
    fn bound<'a>(&self, obliged: &'a Obliged) -> Option<&'a Bound> {
        obliged.bounds.iter().find(|bound| self.regulator.asks(&bound.rule))
    }

    fn end(&mut self, story: &HostStory<'_>, key: &FindingKey, one: &Running<'_>, closed: Option<Entry>, gone: bool) {
        let nothing = Obliged::default();
        let obliged = one.obliged.unwrap_or(&nothing);
        let bound = self.bound(obliged);
        // What the rules were never applied to is told where the regulator
        // asks for it anyway: the directive names what is known to be exploited.
        let asked = one.evaluated.is_some() || self.regulator == Regulator::Bod2604 && obliged.exploited;
        if !asked {
            return;
        }
        let to = self.window.to.as_second();
        let verdict = match (bound, closed) {
            (Some(bound), Some(closed)) if closed.at.as_second() <= bound.due => Verdict::Met,
            (Some(_), Some(_)) => Verdict::Late,
            (Some(bound), None) if bound.due < to => Verdict::Overdue,
            _ if gone => Verdict::Unknown,
            (Some(_), None) => Verdict::Open,
            (None, _) if one.evaluated.is_none() => Verdict::Unknown,
            (None, Some(_)) => Verdict::Met,
            (None, None) => Verdict::Undated,
        };
        let accepted = closed.is_none().then(|| self.accepted(story.host, key, one.evaluated)).flatten();
        let moment = |second: i64| Timestamp::from_second(second).ok();
        self.rows.push(Duty {
            verdict,
            tracking: format!("{}-{}.{}", story.host, one.detected.serial, one.place),
            host: story.host,
            name: story.name.to_owned(),
            advisory: key.advisory.clone(),
            component: key.component.clone(),
            priority: obliged.rating,
            exploited: obliged.exploited,
            rule: bound.map(|bound| bound.rule.clone()),
            clock: bound.and_then(|bound| bound.start).and_then(moment),
            due: bound.and_then(|bound| moment(bound.due)),
            detected: one.detected,
            evaluated: one.evaluated,
            closed,
            history: one.history.clone(),
            accepted,
        });
    }

    fn accepted(&self, host: HostId, key: &FindingKey, evaluated: Option<Entry>) -> Option<String> {
        let own = |accepted: &&Accepted| {
            let package = accepted.package.as_deref().is_none_or(|package| key.component == package || key.component.ends_with(&format!(" {package}")));
            package && accepted.hosts.contains(&host) && accepted.advisories.contains(&key.advisory)
        };
        let by_people = self.accepted.iter().find(own).map(|accepted| accepted.why.clone());
        let aged = || {
            let days = (self.window.to.as_second() - evaluated?.at.as_second()) / 86_400;
            (self.regulator == Regulator::FedrampVdr && days > ACCEPTED_DAYS).then(|| format!("open for {days} days since it was evaluated, the limit is {ACCEPTED_DAYS}"))
        };
        by_people.or_else(aged)
    }

    /// Gives what was collected.
    pub fn finish(mut self) -> Duties {
        self.rows.sort_by(|one, other| {
            let key = |duty: &Duty| (duty.verdict, duty.due.is_none(), duty.due);
            (key(one), &one.name, &one.tracking).cmp(&(key(other), &other.name, &other.tracking))
        });
        let count = |verdict: Verdict| VerdictCount { verdict, duties: self.rows.iter().filter(|duty| duty.verdict == verdict).count() as u64 };
        Duties { window: self.window, hosts: self.hosts, policies: self.policies.into_iter().collect(), verdicts: Verdict::ALL.map(count).into(), rows: self.rows }
    }
}

/// What a rule of FedRAMP's says of its inputs: class, rating, whether it is
/// reachable from the internet, whether it is likely to be exploited.
struct Rated<'a> {
    class: &'a str,
    rating: &'a str,
    reachable: &'static str,
    likely: &'static str,
}

/// Reads `fedramp-vdr-2026/c-n5-reachable-likely`.
fn rated(rule: Option<&str>) -> Rated<'_> {
    let unknown = Rated { class: UNKNOWN, rating: UNKNOWN, reachable: UNKNOWN, likely: UNKNOWN };
    let Some((_, name)) = rule.and_then(|rule| rule.split_once('/')) else { return unknown };
    let mut parts = name.splitn(3, '-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(class), Some(rating), Some(rest)) if rating.starts_with('n') && rating.len() == 2 => {
            let (reachable, likely) = match rest {
                "reachable-likely" => ("yes", "yes"),
                "likely" => ("no", "yes"),
                // Where it is unlikely, the rule does not ask how it is reached.
                "unlikely" => (UNKNOWN, "no"),
                _ => (UNKNOWN, UNKNOWN),
            };
            Rated { class, rating, reachable, likely }
        }
        _ => unknown,
    }
}

/// Columns of a form, in their order.
pub fn columns(regulator: Regulator) -> &'static [&'static str] {
    match regulator {
        Regulator::Bod2604 => &[
            "Verdict", "Tracking id", "Vulnerability", "Host", "Component", "Known exploited", "Row", "Clock started", "Due", "Remediated", "Forensic triage", "Accepted", "Source event",
        ],
        Regulator::FedrampVdr => &[
            "Verdict", "Tracking id", "Vulnerability", "Host", "Component", "Detected", "Detected by", "Evaluated", "Internet-reachable", "Likely exploitable", "Rating", "History of ratings", "Due", "Remediated",
            "Disposition", "Accepted because", "Source event",
        ],
        Regulator::Pci633 => &["Verdict", "Tracking id", "Patch for", "Host", "Component", "Ranking", "Rule", "Released", "Due", "Installed", "Accepted", "Source event"],
    }
}

/// A duty's cells under [`columns`]; what is not known says so.
pub fn cells(regulator: Regulator, duty: &Duty) -> Vec<String> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| UNKNOWN.to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let due = match (duty.due, duty.verdict) {
        (None, Verdict::Unknown) => UNKNOWN.to_owned(),
        (None, _) => "no date".to_owned(),
        (due, _) => moment(due),
    };
    let gone = duty.closed.map_or_else(|| "open".to_owned(), |closed| moment(Some(closed.at)));
    let row = |rule: Option<&str>| rule.and_then(|rule| rule.split('/').nth(1)).unwrap_or(UNKNOWN).to_owned();
    let accepted = duty.accepted.clone().unwrap_or_else(|| "no".to_owned());
    let event = |entry: Entry| format!("host:{} #{}", duty.host, entry.serial);
    let source = match duty.closed {
        Some(closed) => format!("{} to #{}", event(duty.detected), closed.serial),
        None => event(duty.detected),
    };
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let mut cells = vec![duty.verdict.word().to_owned(), duty.tracking.clone(), duty.advisory.clone(), duty.name.clone(), duty.component.clone()];
    match regulator {
        Regulator::Bod2604 => {
            // Whether somebody looked for traces is kept elsewhere, if at all.
            let rule = row(duty.rule.as_deref());
            let triage = if rule == "3DF" || rule == UNKNOWN { UNKNOWN } else { "not asked" };
            cells.extend([yes(duty.exploited), rule, moment(duty.clock), due, gone, triage.to_owned(), accepted, source]);
        }
        Regulator::FedrampVdr => {
            let Rated { class, rating, reachable, likely } = rated(duty.rule.as_deref());
            let rating = if rating == UNKNOWN { rating.to_owned() } else { format!("{} (class {class})", rating.to_uppercase()) };
            let history: Vec<String> = duty.history.iter().map(|step| format!("{} {}", moment(Some(step.at)), row(step.rule.as_deref()))).collect();
            let disposition = match (duty.closed.is_some(), duty.accepted.is_some()) {
                (true, _) => "remediated",
                (false, true) => "accepted",
                (false, false) => "open",
            };
            cells.extend([
                moment(Some(duty.detected.at)),
                "inventory of the host's agent".to_owned(),
                moment(duty.evaluated.map(|entry| entry.at)),
                reachable.to_owned(),
                likely.to_owned(),
                rating,
                history.join("; "),
                due,
                gone,
                disposition.to_owned(),
                accepted,
                source,
            ]);
        }
        Regulator::Pci633 => cells.extend([duty.priority.as_str().to_owned(), row(duty.rule.as_deref()), moment(duty.clock), due, gone, accepted, source]),
    }
    cells
}

#[cfg(test)]
mod tests;
