//! **Exposure** over time: what was open at the end of each day, by priority
//! and by how its due date stood.
//!
//! One server, which holds the lease, writes down every few minutes what the
//! fleet in memory says: of a host where it changed, of each client the sum of
//! its hosts. The last word of a day is what the day is remembered by. Days
//! from before the first word are made once from the journal of transitions,
//! which tells what was open and not when it was due.
//!
//! A host that nobody judged counts nowhere: unknown is not none.

use crate::api::hosts::visible;
use crate::app::App;
use crate::app::Shared;
use crate::fleet::State;
use crate::fleet::judged::{Judged, verdict};
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use crate::phases::evaluate::UPDATE;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::targets::Coverage;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::policy::Length;
use plimsoll_core::model::registration::HostState;
use plimsoll_store::StoreError;
use plimsoll_store::exposure::{Day, Rows, Standing, Tally};
use plimsoll_store::identifier::random;
use plimsoll_store::leases::Lease;
use plimsoll_store::transitions::{FindingKey, Transition};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use utoipa::ToSchema;

const LEASE: &str = "exposure";
/// A server that dies is followed by another after this; nothing is lost.
const LEASE_LENGTH: SignedDuration = SignedDuration::from_mins(15);
/// How often the fleet is looked at.
const PACE: Duration = Duration::from_secs(300);
/// The first look, soon after the start.
const FIRST: Duration = Duration::from_secs(20);
/// Rows written at a time, so that no report has to wait for long.
const PART: usize = 1000;
/// Days kept: a year, and some to compare it with.
const KEPT: Day = 400;
/// Most hosts of groups that are added up for one question; sums of whole
/// clients are kept and cost nothing.
const GROUP_HOSTS: usize = 5_000;
/// Longest time asked for.
pub const LONGEST: u32 = 366;
/// What pages show.
pub const SHOWN: u32 = 90;

/// The day of a time, UTC.
pub fn day_of(time: Timestamp) -> Day {
    time.as_second().div_euclid(86_400)
}

/// One day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Exposure {
    /// The day, `2026-11-22`, UTC.
    pub day: String,
    /// Whether it was made from the journal afterwards: due dates of that time
    /// are not known, and `within`, `approaching` and `exceeded` are zero.
    pub rebuilt: bool,
    /// Open findings.
    pub open: u64,
    /// Of those, in time.
    pub within: u64,
    /// Due within seven days.
    pub approaching: u64,
    /// Past due.
    pub exceeded: u64,
    /// Without a due date, or without one that is known.
    pub undated: u64,
    /// Open findings by priority.
    #[schema(value_type = Object)]
    pub priorities: BTreeMap<String, u64>,
}

impl Exposure {
    fn of(day: Day, tally: &Tally) -> Self {
        let sum = |part: fn(&Standing) -> u64| tally.priorities.values().map(part).sum();
        let date = Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            day: date.strftime("%Y-%m-%d").to_string(),
            rebuilt: tally.rebuilt,
            open: tally.total(),
            within: sum(|standing| standing.within),
            approaching: sum(|standing| standing.approaching),
            exceeded: sum(|standing| standing.exceeded),
            undated: sum(|standing| standing.undated),
            priorities: tally.priorities.iter().map(|(priority, standing)| (priority.clone(), standing.total())).collect(),
        }
    }
}

/// The last `days` of what somebody may see, oldest first; days before the
/// first that is known are left out. Hosts of groups are those of today.
///
/// # Errors
///
/// `E-EXPOSURE` for groups with more hosts than are added up; what the store
/// meets.
pub async fn over_time(app: &App, scope: &Scope, days: u32) -> Result<Vec<Exposure>, Refusal> {
    let today = day_of(Timestamp::now());
    let since = today - Day::from(days.clamp(1, LONGEST)) + 1;
    let mut sums = Sums::new(since, today);
    let Scope::Clients(portions) = scope else {
        app.store.exposure_of_clients(None, since).await?.values().for_each(|rows| sums.add(rows));
        return Ok(sums.given());
    };
    let whole: BTreeSet<ClientId> = portions.iter().filter(|(_, portion)| **portion == Portion::Whole).map(|(client, _)| *client).collect();
    app.store.exposure_of_clients(Some(&whole), since).await?.values().for_each(|rows| sums.add(rows));
    let parts = portions.iter().filter(|(_, portion)| **portion != Portion::Whole).map(|(client, portion)| (*client, portion.clone()));
    let seen = visible(app, &Scope::Clients(parts.collect()));
    if seen.len() > GROUP_HOSTS as u64 {
        return Err(Refusal::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "E-EXPOSURE",
            format!("your groups have {} hosts, {GROUP_HOSTS} are added up", seen.len()),
            "ask with a role for a whole client, whose sums are kept",
        ));
    }
    let hosts: Vec<HostId> = {
        let fleet = app.fleet.read();
        seen.iter().filter_map(|number| Some(fleet.numbered(number)?.registration.id)).collect()
    };
    app.store.exposure_of_hosts(&hosts).await?.values().for_each(|rows| sums.add(rows));
    Ok(sums.given())
}

/// The last `days` of one host.
///
/// # Errors
///
/// What the store meets.
pub async fn of_host(app: &App, host: HostId, days: u32) -> Result<Vec<Exposure>, Refusal> {
    let today = day_of(Timestamp::now());
    let mut sums = Sums::new(today - Day::from(days.clamp(1, LONGEST)) + 1, today);
    app.store.exposure_of_hosts(&[host]).await?.values().for_each(|rows| sums.add(rows));
    Ok(sums.given())
}

/// Days being added up.
struct Sums {
    since: Day,
    today: Day,
    days: BTreeMap<Day, Tally>,
}

impl Sums {
    fn new(since: Day, today: Day) -> Self {
        Self { since, today, days: BTreeMap::new() }
    }

    /// Adds one host's or client's rows; each holds until the next.
    fn add(&mut self, rows: &[(Day, Tally)]) {
        let ends = rows.iter().skip(1).map(|(day, _)| *day).chain([self.today + 1]);
        for ((from, tally), end) in rows.iter().zip(ends) {
            for day in (*from).max(self.since)..end.min(self.today + 1) {
                self.days.entry(day).or_default().add(tally);
            }
        }
    }

    fn given(self) -> Vec<Exposure> {
        self.days.iter().map(|(day, tally)| Exposure::of(*day, tally)).collect()
    }
}

/// Writes down what is open, until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(name) = random::<8>() else {
        return tracing::error!("this machine has no randomness to give: exposure is not written down");
    };
    let mut writer = Writer { holder: format!("{}:{}", app.url, data_encoding::HEXLOWER.encode(&name)), ..Writer::default() };
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
        // What a new database touches is being judged: neither the old nor
        // the new truth.
        wait = if app.notices.judging.load(Ordering::Acquire) { FIRST } else { PACE };
        if wait == PACE && let Err(error) = writer.look(&app, Timestamp::now()).await {
            tracing::warn!(code = error.problem.code, "exposure is not written down and will be tried again: {}", error.problem.text);
            writer.lease = None;
        }
    }
    if let Some(lease) = writer.lease {
        let _ = app.store.release_lease(&lease).await;
    }
}

/// The reconciler; what it keeps is in the store too.
#[derive(Default)]
pub(crate) struct Writer {
    holder: String,
    lease: Option<Lease>,
    hosts: BTreeMap<HostId, Tally>,
    clients: BTreeMap<ClientId, (Day, Tally)>,
    cleared: Option<Day>,
}

impl Writer {
    /// Writes what changed since the last look, where this server holds the
    /// lease.
    pub(crate) async fn look(&mut self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        let taken = app.store.take_lease(LEASE, &self.holder, now, LEASE_LENGTH).await?;
        let Some(lease) = taken else {
            self.lease = None;
            return Ok(());
        };
        let today = day_of(now);
        if self.lease.as_ref().map(|lease| lease.token) != Some(lease.token) {
            if !app.store.has_exposure().await? {
                let rows = rebuilt(app, today).await?;
                put(app, &lease, rows).await?;
            }
            self.hosts = app.store.newest_exposure().await?.into_iter().map(|(host, (_, tally))| (host, tally)).collect();
            self.clients.clear();
        }
        self.lease = Some(lease.clone());
        let rows = self.changed(&app.fleet.read(), now, today);
        put(app, &lease, rows).await?;
        app.store.put_coverage(&lease, today, &coverage(app, now)).await?;
        if self.cleared != Some(today) {
            app.store.forget_exposure(today - KEPT).await?;
            self.cleared = Some(today);
        }
        Ok(())
    }

    fn changed(&mut self, fleet: &State, now: Timestamp, today: Day) -> Rows {
        let mut rows = Rows::default();
        let mut sums: BTreeMap<ClientId, Tally> = BTreeMap::new();
        for managed in fleet.hosts() {
            let host = &managed.registration;
            let retired = host.state == HostState::Retired;
            let tally = match &managed.judged {
                _ if retired => self.hosts.contains_key(&host.id).then(Tally::default),
                Some(judged) if judged.known => Some(tally(judged, now)),
                _ => None,
            };
            if let Some(tally) = tally
                && self.hosts.get(&host.id) != Some(&tally)
            {
                self.hosts.insert(host.id, tally.clone());
                rows.hosts.push((host.id, today, tally));
            }
            // One that is not judged yet is what it was before the start.
            let sum = sums.entry(host.client).or_default();
            if let (Some(last), false) = (self.hosts.get(&host.id), retired) {
                sum.add(last);
            }
        }
        for (client, tally) in sums {
            if self.clients.get(&client) != Some(&(today, tally.clone())) {
                self.clients.insert(client, (today, tally.clone()));
                rows.clients.push((client, today, tally));
            }
        }
        rows
    }
}

/// How many hosts of each client are looked at: judged, and heard of as lately
/// as the policy asks, or within the time of silence where it does not.
fn coverage(app: &App, now: Timestamp) -> BTreeMap<ClientId, Coverage> {
    let policy = app.policy();
    let oldest = policy.governance.verify.as_ref().and_then(|verify| verify.max_evidence_age.as_ref());
    let oldest = oldest.map_or_else(|| app.clock().silence_seconds, Length::nominal_seconds);
    let mut all: BTreeMap<ClientId, Coverage> = BTreeMap::new();
    for managed in app.fleet.read().hosts().filter(|managed| managed.registration.state == HostState::Active) {
        let one = all.entry(managed.registration.client).or_default();
        one.hosts += 1;
        one.judged += u64::from(managed.judged.as_ref().is_some_and(|judged| judged.known));
        one.fresh += u64::from(managed.last_seen().is_some_and(|at| now.as_second() - at.as_second() <= oldest));
        one.findings = Some(one.findings.unwrap_or(0) + u64::from(managed.counts.findings.unwrap_or(0)));
        one.excepted += u64::from(managed.counts.excepted);
    }
    all
}

fn tally(judged: &Judged, now: Timestamp) -> Tally {
    let mut tally = Tally::default();
    for open in &judged.findings {
        let standing = tally.priorities.entry(open.rating.as_str().to_owned()).or_default();
        match verdict(open.due(), now) {
            Verdict::Overdue => standing.exceeded += 1,
            Verdict::DueSoon => standing.approaching += 1,
            Verdict::OpenInTime => standing.within += 1,
            _ => standing.undated += 1,
        }
    }
    tally
}

async fn put(app: &App, lease: &Lease, rows: Rows) -> Result<(), StoreError> {
    // Hosts first: sums without them are made again, hosts without sums not.
    for hosts in rows.hosts.chunks(PART) {
        app.store.put_exposure(lease, &Rows { hosts: hosts.to_vec(), clients: Vec::new() }).await?;
    }
    for clients in rows.clients.chunks(PART) {
        app.store.put_exposure(lease, &Rows { hosts: Vec::new(), clients: clients.to_vec() }).await?;
    }
    Ok(())
}

/// Days before `today` as the journal tells them, by the priority that an
/// advisory has now. Retired hosts are left out: the journal does not say when
/// they went.
pub(crate) async fn rebuilt(app: &App, today: Day) -> Result<Rows, StoreError> {
    let hosts: Vec<(HostId, ClientId)> = {
        let fleet = app.fleet.read();
        let living = fleet.hosts().filter(|managed| managed.registration.state != HostState::Retired);
        living.map(|managed| (managed.registration.id, managed.registration.client)).collect()
    };
    let mut rows = Rows::default();
    let mut sums: BTreeMap<(ClientId, Day), Tally> = BTreeMap::new();
    for (host, client) in hosts {
        let story = app.store.transitions(host).await?;
        let days = told(&story, today, |advisory| {
            let fleet = app.fleet.read();
            fleet.names.find(advisory).and_then(|name| fleet.card(name)).map_or(Rating::Unknown, |card| card.rating)
        });
        let ends = days.iter().skip(1).map(|(day, _)| *day).chain([today]);
        for ((from, tally), end) in days.iter().zip(ends) {
            for day in (*from).max(today - KEPT)..end {
                sums.entry((client, day)).or_default().add(tally);
            }
        }
        rows.hosts.extend(days.into_iter().map(|(day, tally)| (host, day, tally)));
    }
    rows.clients = sums.into_iter().map(|((client, day), tally)| (client, day, tally)).collect();
    Ok(rows)
}

/// What was open on a host at the end of each day on which that changed.
fn told(story: &[Transition], today: Day, rating: impl Fn(&str) -> Rating) -> Vec<(Day, Tally)> {
    let mut open: BTreeSet<&FindingKey> = BTreeSet::new();
    let mut days: BTreeMap<Day, Tally> = BTreeMap::new();
    for transition in story {
        let day = day_of(transition.at);
        if day >= today {
            break;
        }
        for key in &transition.closed {
            open.remove(key);
        }
        open.extend(transition.opened.iter().filter(|key| key.advisory != UPDATE));
        let mut tally = Tally { rebuilt: true, ..Tally::default() };
        for key in &open {
            tally.priorities.entry(rating(&key.advisory).as_str().to_owned()).or_default().undated += 1;
        }
        days.insert(day, tally);
    }
    days.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(advisory: &str) -> FindingKey {
        FindingKey { advisory: advisory.to_owned(), component: "openssl".to_owned() }
    }

    fn tally(number: u64) -> Tally {
        Tally { priorities: BTreeMap::from([("high".to_owned(), Standing { exceeded: number, ..Standing::default() })]), rebuilt: false }
    }

    #[test]
    fn the_journal_tells_each_days_end() {
        let at = |day: i64, second: i64| Timestamp::from_second(day * 86_400 + second).unwrap();
        let host = HostId::from_bits(1);
        let story = [
            Transition { host, serial: 0, at: at(10, 5), opened: vec![key("A"), key("B"), key(UPDATE)], closed: vec![], obliged: vec![], policies: vec![] },
            Transition { host, serial: 1, at: at(10, 86_399), opened: vec![], closed: vec![key("A")], obliged: vec![], policies: vec![] },
            Transition { host, serial: 2, at: at(12, 0), opened: vec![key("A")], closed: vec![key("B")], obliged: vec![], policies: vec![] },
            Transition { host, serial: 3, at: at(13, 0), opened: vec![], closed: vec![key("A")], obliged: vec![], policies: vec![] },
        ];
        let rating = |advisory: &str| if advisory == "A" { Rating::High } else { Rating::Unknown };
        let days = told(&story, 13, rating);
        let shown: Vec<_> = days.iter().map(|(day, tally)| (*day, tally.priorities.iter().map(|(word, one)| (word.as_str(), one.undated)).collect::<Vec<_>>())).collect();
        assert_eq!(shown, [(10, vec![("unknown", 1)]), (12, vec![("high", 1)])]);
        assert!(days.iter().all(|(_, tally)| tally.rebuilt));
        let gone = told(&story, 14, rating);
        assert_eq!(gone.last().map(|(day, tally)| (*day, tally.total())), Some((13, 0)), "a day on which the last one went is told");
    }

    #[test]
    fn each_row_holds_until_the_next_and_sums_add_up() {
        let mut sums = Sums::new(9, 12);
        sums.add(&[(3, tally(1)), (10, tally(2)), (12, tally(0))]);
        sums.add(&[(11, tally(5))]);
        let given: Vec<_> = sums.given().into_iter().map(|one| (one.day, one.exceeded)).collect();
        let expected = [("1970-01-10", 1), ("1970-01-11", 2), ("1970-01-12", 7), ("1970-01-13", 5)];
        assert_eq!(given, expected.map(|(day, count)| (day.to_owned(), count)));
    }
}
