//! **Escalation**: who is called as deadlines come near and pass.
//!
//! An obligation is a client's, of one advisory, due at one moment: hosts that
//! share it are one. What was told of each is in the store and, by its names,
//! in memory.

use super::super::events::{Event, Kind, LISTED, counted};
use super::super::under_policy::{AdvisoryDue, DeadlinesEscalated};
use super::people::Telling;
use super::{client_named, findings};
use crate::app::Shared;
use crate::fleet::judged::Judged;
use crate::fleet::names::Name;
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::operations::escalation::{Deadline, Level, Step, newly, next, steps};
use plimsoll_store::StoreError;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

/// How the subject of a telling begins in the store.
pub(super) const SUBJECT: &str = "due:";

/// An obligation: whose, of which advisory, due in which second.
type Obligation = (ClientId, Name, i64);

/// What was told of obligations.
#[derive(Default)]
pub(super) struct Escalation {
    /// Steps of the policy as they were when the marks below were made.
    steps: Vec<Step>,
    /// Which of them were told of each obligation, by their places.
    told: HashMap<Obligation, u64>,
    /// As the store has it, for when the steps change.
    read: bool,
    /// Hosts of which nothing can be due before a moment.
    resting: HashMap<HostId, Resting>,
}

/// A host as it was looked at last: as long as it is judged the same, its next
/// step is reached in this second and none before.
struct Resting {
    judged: Weak<Judged>,
    until: i64,
}

/// What an obligation's subject says of its deadline, in seconds.
pub(super) fn due_of(subject: &str) -> Option<i64> {
    subject.strip_prefix(SUBJECT)?.split(' ').nth(1)?.parse().ok()
}

/// What a step gathers for one client.
#[derive(Default)]
struct Gathered {
    findings: u64,
    hosts: BTreeSet<HostId>,
    advisories: BTreeMap<String, (Rating, BTreeSet<HostId>, i64)>,
    critical: bool,
}

/// What one look found.
#[derive(Default)]
struct Found {
    gathered: BTreeMap<(ClientId, usize), Gathered>,
    told: Vec<(Obligation, usize, String)>,
}

impl Escalation {
    /// Tells what is due; what is told is written down with it.
    pub(super) async fn tell(
        &mut self,
        app: &Shared,
        since: Timestamp,
        now: Timestamp,
        events: &mut Vec<Event>,
        once: &mut Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        let steps = steps(&app.policy().governance);
        if steps.is_empty() {
            return Ok(());
        }
        if !self.read || self.steps != steps {
            self.take_up(app, steps).await?;
        }
        let (shared, steps) = (Shared::clone(app), self.steps.clone());
        let (told, mut resting) = (std::mem::take(&mut self.told), std::mem::take(&mut self.resting));
        let found = app.compute(move || Ok((look(&shared, &steps, &told, &mut resting, since, now), told, resting)));
        let (found, told, resting) = match found.await {
            Ok(found) => found,
            Err(problem) => {
                self.read = false;
                return Err(findings::died(problem));
            }
        };
        (self.told, self.resting) = (told, resting);
        for (obligation, place, subject) in found.told {
            *self.told.entry(obligation).or_default() |= 1 << place;
            once.push((subject, self.steps[place].key()));
        }
        for ((client, place), gathered) in found.gathered {
            let client = client_named(app, client).await?;
            let step = &self.steps[place];
            let mut rows: Vec<_> = gathered.advisories.into_iter().collect();
            rows.sort_by_key(|(id, (rating, _, due))| (Reverse(*rating), *due, id.clone()));
            let data = DeadlinesEscalated {
                percent: step.percent,
                to: step.to.clone(),
                findings: gathered.findings,
                hosts: gathered.hosts.len() as u64,
                advisories: rows.len() as u64,
                listed: rows
                    .into_iter()
                    .take(LISTED)
                    .map(|(advisory, (rating, hosts, due))| AdvisoryDue {
                        advisory,
                        severity: rating.as_str().to_owned(),
                        hosts: hosts.len() as u64,
                        due: Timestamp::from_second(due).unwrap_or(now),
                    })
                    .collect(),
            };
            let (findings, hosts) = (counted(data.findings, "finding", "findings"), counted(data.hosts, "host", "hosts"));
            let to = data.to.join(", ");
            let (text, page) = match step.percent {
                100.. => (format!("For {to}: the deadline of {findings} on {hosts} has passed"), "/console/findings?due=overdue"),
                percent => (format!("For {to}: {percent} % of the time of {findings} on {hosts} is used"), "/console/findings"),
            };
            let mut event = Event::new(Kind::DeadlineEscalated, Some(client), now, text, page.to_owned(), &data);
            event.critical = gathered.critical;
            let moment = if step.percent >= 100 { "overdue".to_owned() } else { format!("{} %", step.percent) };
            event.telling = Some(Telling { to: step.to.clone(), moment, hosts: gathered.hosts, ..Telling::about("deadlines") });
            events.push(event);
        }
        Ok(())
    }

    /// Reads what was told, by the steps of the policy in force.
    async fn take_up(&mut self, app: &Shared, steps: Vec<Step>) -> Result<(), StoreError> {
        let keys: HashMap<String, usize> = steps.iter().enumerate().map(|(place, step)| (step.key(), place)).collect();
        let rows = app.store.told_once(SUBJECT).await?;
        let mut told: HashMap<Obligation, u64> = HashMap::new();
        {
            let fleet = app.fleet.read();
            for (subject, key) in rows {
                let Some(place) = keys.get(&key).filter(|place| **place < 64) else { continue };
                let parts = subject.strip_prefix(SUBJECT).and_then(|rest| {
                    let (client, rest) = rest.split_once(' ')?;
                    let (due, advisory) = rest.split_once(' ')?;
                    // Of what no host has any more nothing can be due.
                    Some((client.parse().ok()?, fleet.names.find(advisory)?, due.parse().ok()?))
                });
                if let Some(obligation) = parts {
                    *told.entry(obligation).or_default() |= 1 << place;
                }
            }
        }
        (self.steps, self.told, self.read) = (steps, told, true);
        self.resting.clear();
        Ok(())
    }

    /// Forgets what was read: the store says what was told.
    pub(super) fn forget(&mut self) {
        self.read = false;
    }
}

/// One look: at the hosts that were judged anew or whose next step is reached.
fn look(app: &Shared, steps: &[Step], told: &HashMap<Obligation, u64>, resting: &mut HashMap<HostId, Resting>, since: Timestamp, now: Timestamp) -> Found {
    let fleet = app.fleet.read();
    let (from, to) = (since.as_second(), now.as_second());
    // One reckoning for all that share a clock and a severity.
    let mut reached: HashMap<(Deadline, Rating, Name), (Vec<usize>, i64)> = HashMap::new();
    let mut found = Found::default();
    let mut noted: BTreeSet<(Obligation, usize)> = BTreeSet::new();
    for managed in fleet.hosts() {
        let Some(judged) = managed.judged.as_ref() else { continue };
        let id = managed.registration.id;
        if resting.get(&id).is_some_and(|host| to < host.until && host.judged.as_ptr() == Arc::as_ptr(judged)) {
            continue;
        }
        let mut until = i64::MAX;
        let client = managed.registration.client;
        for open in &judged.findings {
            let Some(deadline) = open.deadline() else { continue };
            let level = Level { severity: open.rating.as_str(), priority: fleet.names.text(open.priority) };
            let (places, coming) = reached.entry((deadline, open.rating, open.priority)).or_insert_with(|| {
                let places = newly(steps, deadline, level, 0, from, to).into_iter().map(|(place, _)| place).collect();
                (places, next(steps, deadline, level, to).unwrap_or(i64::MAX))
            });
            until = until.min(*coming);
            if places.is_empty() {
                continue;
            }
            let obligation = (client, open.advisory, deadline.due);
            let marks = told.get(&obligation).copied().unwrap_or_default();
            if places.iter().all(|place| marks & (1 << *place) != 0) {
                continue;
            }
            if fleet.exception(managed, open, now).is_some() {
                // It may end at any time, and its steps are told then.
                until = to;
                continue;
            }
            for (place, first) in newly(steps, deadline, level, marks, from, to) {
                let advisory = fleet.names.text(open.advisory);
                if noted.insert((obligation, place)) {
                    found.told.push((obligation, place, format!("{SUBJECT}{client} {} {advisory}", deadline.due)));
                }
                if !first {
                    continue;
                }
                let gathered = found.gathered.entry((client, place)).or_default();
                gathered.findings += 1;
                gathered.hosts.insert(managed.registration.id);
                gathered.critical |= open.exploited || open.rating == Rating::Critical;
                let row = gathered.advisories.entry(advisory.to_owned()).or_insert((open.rating, BTreeSet::new(), deadline.due));
                row.0 = row.0.max(open.rating);
                row.1.insert(managed.registration.id);
                row.2 = row.2.min(deadline.due);
            }
        }
        resting.insert(id, Resting { judged: Arc::downgrade(judged), until });
    }
    if resting.len() > fleet.hosts().count() {
        resting.retain(|id, _| fleet.host(*id).is_some());
    }
    found
}
