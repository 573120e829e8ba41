//! **Reports when they are due**: made by the policy's calendar, on the one
//! server that holds the lease, once for each period, as of its very end.
//!
//! Periods are counted in UTC from the first of January 2024, a Monday: a
//! month is a calendar month, a week begins on Monday. Nobody's memory says
//! what was made; the store does, so that a server that was down makes up for
//! what it missed, and two servers make nothing twice.

use super::{Form, LONGEST, Wish, written};
use crate::app::{App, News, Shared};
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use axum::http::StatusCode;
use data_encoding::HEXLOWER;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::cost::Terms;
use plimsoll_core::measures::{Audience, Named};
use plimsoll_core::model::identifier::{ClientId, MadeReportId};
use plimsoll_core::model::policy::Length;
use plimsoll_core::model::policy::governance::Report as Scheduled;
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::protocol::digest;
use plimsoll_store::identifier::{fresh, random};
use plimsoll_store::leases::Lease;
use plimsoll_store::made_reports::MadeReport;
use plimsoll_store::{Actor, Intent, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;

const LEASE: &str = "reports";
/// A server that dies is followed by another after this; longer than the
/// longest report takes to make.
const LEASE_LENGTH: SignedDuration = SignedDuration::from_mins(5);
/// How often is looked whether something is due.
const LOOK: Duration = Duration::from_secs(10);
/// After a period's end, until what happened in it is surely written down.
const SETTLE: SignedDuration = SignedDuration::from_mins(1);
/// Periods that are made up for where nobody made them.
const MISSED: usize = 12;
/// Greatest report that is kept, bytes.
const GREATEST: usize = 64 << 20;
/// The act in the evidence log.
pub const ACT: &str = "report.make";

/// What is known between two looks.
#[derive(Default)]
pub(crate) struct Maker {
    /// Held by the one server that makes reports.
    pub(crate) lease: Option<Lease>,
    /// Reports that cannot be made, which are not tried again before the next
    /// start: to count a fleet for nothing every few seconds helps nobody.
    given_up: BTreeSet<Which>,
}

/// Name, form, client and end of a report.
type Which = (&'static str, &'static str, Option<ClientId>, Timestamp);

/// Makes what is due until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(name) = random::<8>() else {
        return tracing::error!("this machine has no randomness to give: no report is made when it is due");
    };
    let holder = format!("{}:{}", app.url, HEXLOWER.encode(&name));
    let mut maker = Maker::default();
    loop {
        if let Err(refusal) = look(&app, &holder, &mut maker, Timestamp::now()).await {
            tracing::warn!(code = refusal.code(), "what is due is not made and will be tried again: {}", refusal.detail());
        }
        if !crate::run::pause(LOOK, &mut stopped).await {
            break;
        }
    }
    if let Some(lease) = maker.lease {
        let _ = app.store.release_lease(&lease).await;
    }
}

/// One look: notes the prices in force, then makes what is due.
pub(crate) async fn look(app: &Shared, holder: &str, maker: &mut Maker, now: Timestamp) -> Result<(), Refusal> {
    maker.lease = app.store.take_lease(LEASE, holder, now, LEASE_LENGTH).await?;
    let Some(held) = &maker.lease else { return Ok(()) };
    note_terms(app, held).await?;
    let in_force = app.policies.in_force();
    for scheduled in &in_force.set.governance.reports {
        let Some(named) = scheduled.report.as_deref().and_then(Named::parse) else { continue };
        let form = scheduled.format.as_deref().and_then(Form::parse).unwrap_or(Form::Pdf);
        for client in clients(app, named).await? {
            let whose = client.as_ref().map(|(id, _)| *id);
            let Some(first) = joined(app, whose) else { continue };
            for period in periods(&scheduled.every, first, now) {
                let which = (named.word(), form.word(), whose, period.1);
                if maker.given_up.contains(&which) {
                    continue;
                }
                match make(app, held, scheduled, (named, form, client.clone()), period).await {
                    // It stands in the way of nobody else's.
                    Err(refusal) if is_hopeless(&refusal) => {
                        tracing::error!(code = refusal.code(), "the report {} as of {} cannot be made and is left out: {}", named.word(), period.1, refusal.detail());
                        maker.given_up.insert(which);
                    }
                    done => done?,
                }
            }
        }
    }
    Ok(())
}

/// Whether the next try would be refused, too: what is asked for is too much,
/// or cannot be had.
fn is_hopeless(refusal: &Refusal) -> bool {
    matches!(refusal.status(), StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE)
}

/// When the first host of a client joined, or of all clients: nobody has a
/// report of the time before.
fn joined(app: &App, client: Option<ClientId>) -> Option<Timestamp> {
    let fleet = app.fleet.read();
    let hosts = fleet.hosts().map(|managed| &managed.registration);
    let own = hosts.filter(|host| host.state != HostState::Pending && client.is_none_or(|client| client == host.client));
    own.map(|host| host.enrolled).min()
}

/// Notes the prices of the policy in force, so that a report of today's moment
/// has today's prices whenever it is asked for.
async fn note_terms(app: &Shared, lease: &Lease) -> Result<(), StoreError> {
    let in_force = app.policies.in_force();
    let terms = in_force.set.governance.cost.as_ref().map(Terms::of);
    let named = in_force.set.policies.first().map(|policy| format!("{} {}", policy.id, policy.version)).unwrap_or_default();
    let noted = app.store.cost_terms(Timestamp::MAX).await?;
    let wanted = match (&noted, terms) {
        (None, None) => return Ok(()),
        (Some(noted), None) if noted.terms == Terms::default() => return Ok(()),
        (_, terms) => terms.unwrap_or_default(),
    };
    if noted.is_some_and(|noted| noted.terms == wanted && noted.policy == named) {
        return Ok(());
    }
    let now = Timestamp::now();
    let mut change = app.store.begin(Intent::new(Actor::server(), now, "cost-terms.note", "cost-terms")).await?;
    change.fence(lease).await?;
    if change.note_cost_terms(&named, &wanted).await? {
        change.commit(None).await?;
    }
    Ok(())
}

/// Periods that have ended and in which there were hosts, the newest first.
fn periods(every: &Length, first: Timestamp, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let Ok(mut begun) = date(2024, 1, 1).to_zoned(TimeZone::UTC) else { return Vec::new() };
    let mut periods = Vec::new();
    while let Some(ended) = every.after(&begun).filter(|ended| *ended > begun.timestamp() && *ended + SETTLE <= now) {
        if ended > first {
            periods.push((begun.timestamp(), ended));
        }
        begun = ended.to_zoned(TimeZone::UTC);
    }
    periods.into_iter().rev().take(MISSED).collect()
}

/// Whose reports there are of a name: a client's report is one for each.
async fn clients(app: &App, named: Named) -> Result<Vec<Option<(ClientId, String)>>, StoreError> {
    if named != Named::For(Audience::Client) {
        return Ok(vec![None]);
    }
    let clients = app.store.clients(&plimsoll_store::Scope::All).await?;
    Ok(clients.into_iter().map(|client| Some((client.id, client.name))).collect())
}

async fn make(app: &Shared, lease: &Lease, scheduled: &Scheduled, (named, form, client): (Named, Form, Option<(ClientId, String)>), (since, as_of): (Timestamp, Timestamp)) -> Result<(), Refusal> {
    let whose = client.as_ref().map(|(id, _)| *id);
    if app.store.is_made((named.word(), form.word(), whose), (since, as_of)).await? {
        return Ok(());
    }
    let days = (as_of.as_second() - since.as_second()) / 86_400;
    let days = u16::try_from(days).unwrap_or(LONGEST).clamp(1, LONGEST);
    // A client's report sees that client's hosts, whatever else goes wrong.
    let scope = whose.map_or(Scope::Everything, |client| Scope::Clients(BTreeMap::from([(client, Portion::Whole)])));
    let content = written(app, &scope, &Wish { named, as_of, days, client }, form).await?;
    if content.len() > GREATEST {
        return Err(super::too_much(&format!("it has {} bytes, the limit is {GREATEST}", content.len()), named.word()));
    }
    let now = Timestamp::now();
    let made = MadeReport {
        id: MadeReportId::from_bits(fresh(now)?),
        report: named.word().to_owned(),
        format: form.word().to_owned(),
        client: whose,
        title: scheduled.name.clone(),
        audience: scheduled.to.clone(),
        since,
        as_of,
        made: now,
        digest: digest(&content),
        kept: true,
    };
    let mut change = app.store.begin(Intent::new(Actor::server(), now, ACT, format!("made-report:{}", made.id))).await?;
    change.fence(lease).await?;
    if change.add_made_report(&made, &content).await? {
        change.commit(None).await?;
        let _ = app.news.send(News::Other);
    }
    Ok(())
}

/// Deletes the files of reports that the policy keeps no longer; what the
/// evidence log says of them stays.
///
/// # Errors
///
/// The store cannot be reached.
pub async fn expire(app: &App, now: Timestamp) -> Result<u64, StoreError> {
    let in_force = app.policies.in_force();
    let Some(kept) = in_force.set.governance.retention.as_ref().and_then(|retention| retention.reports.as_ref()) else { return Ok(0) };
    match now.checked_sub(SignedDuration::from_secs(kept.nominal_seconds())) {
        Ok(before) => app.store.expire_made_reports(before).await,
        Err(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(every: &str, first: &str, now: &str) -> Vec<String> {
        let periods = periods(&Length::parse(every).unwrap(), first.parse().unwrap(), now.parse().unwrap());
        periods.into_iter().map(|(since, as_of)| format!("{} {}", since.strftime("%F"), as_of.strftime("%F"))).collect()
    }

    #[test]
    fn periods_end_with_months_weeks_and_days_and_are_made_up_for() {
        assert_eq!(told("P1M", "2026-09-20T00:00:00Z", "2026-11-23T12:00:00Z"), ["2026-10-01 2026-11-01", "2026-09-01 2026-10-01"]);
        assert_eq!(told("P7D", "2026-11-10T00:00:00Z", "2026-11-23T12:00:00Z"), ["2026-11-16 2026-11-23", "2026-11-09 2026-11-16"]);
        assert_eq!(told("P3M", "2026-01-10T00:00:00Z", "2026-07-01T00:00:59Z"), ["2026-01-01 2026-04-01"], "not within the minute after its end");
        assert_eq!(told("P1D", "2020-01-01T00:00:00Z", "2026-11-23T12:00:00Z").len(), MISSED);
        assert!(told("P1M", "2026-11-02T00:00:00Z", "2026-11-23T12:00:00Z").is_empty(), "there was no host");
        assert!(told("PT0S", "2020-01-01T00:00:00Z", "2026-11-23T12:00:00Z").is_empty());
    }
}
