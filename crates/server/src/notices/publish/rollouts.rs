//! What is told of **rollouts**: before, at their start, when they fail, when
//! they end, and when a plan that was told does not hold any more.

use super::super::events::{Event, HostNamed, Kind, LISTED, counted};
use super::super::under_policy::RolloutTold;
use super::people::Telling;
use super::client_named;
use crate::app::App;
use crate::console::query::segment;
use crate::rollouts::Live;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plimsoll_core::model::deployment_package::{ChangeType, DeploymentPackage, Interval, Place, RebootRule};
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::policy::governance::Notify;
use plimsoll_core::operations::escalation::since;
use plimsoll_core::operations::telling::{Course, End, Moment, Tell, due, openings};
use plimsoll_core::phases::certify::client::Bearing;
use plimsoll_core::phases::deploy::{Gate, Wanted};
use plimsoll_store::StoreError;
use plimsoll_store::notices::people::Corrects;
use std::collections::{BTreeMap, BTreeSet};

/// How the subject of a telling begins in the store.
pub(super) const SUBJECT: &str = "rollout:";

/// What was told of rollouts, by digest, and since when telling goes on.
#[derive(Default)]
pub(super) struct Rollouts {
    /// What came to pass before is not told any more.
    pub(super) since: Option<Timestamp>,
    told: BTreeMap<String, BTreeSet<Tell>>,
}

impl Rollouts {
    /// Reads what was told.
    pub(super) async fn kept(app: &App, since: Timestamp) -> Result<Self, StoreError> {
        let mut told: BTreeMap<String, BTreeSet<Tell>> = BTreeMap::new();
        for (subject, key) in app.store.told_once(SUBJECT).await? {
            if let (Some(digest), Some(tell)) = (subject.strip_prefix(SUBJECT), Tell::parse(&key)) {
                told.entry(digest.to_owned()).or_default().insert(tell);
            }
        }
        Ok(Self { since: Some(since), told })
    }

    /// Tells what is due; what is told is written down with it. What began or
    /// ended longer ago than is remembered is old.
    pub(super) async fn tell(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>, once: &mut Vec<(String, String)>) -> Result<(), StoreError> {
        let policy = app.policy();
        let Some(notify) = policy.governance.notify.as_ref() else { return Ok(()) };
        let zone = super::zone(app);
        let mut found = Vec::new();
        {
            let live = app.rollouts.read();
            let since = since(self.since.unwrap_or(now), now);
            for (digest, own) in live.iter() {
                let all = openings(&own.content.package, own.content.tree.places(), |_| true);
                let course = course(own, &all, now);
                let told = self.told.entry(digest.clone()).or_default();
                for tell in due(&course, notify, &zone, told, since, now) {
                    let before = told.iter().filter_map(|tell| tell.start).max();
                    told.insert(tell);
                    let data = described(app, own, &all, notify, tell, before);
                    let hosts = own.content.tree.places().iter().map(|place| place.host).collect();
                    found.push((digest.clone(), own.rollout.client, tell, course.emergency, data, hosts));
                }
            }
            self.told.retain(|digest, _| live.contains_key(digest));
        }
        for (digest, client, tell, emergency, data, hosts) in found {
            once.push((format!("{SUBJECT}{digest}"), tell.key()));
            let notice = tell.moment.notice(notify, emergency);
            let (text, page) = (text(tell, &data, &zone), format!("/console/rollouts/{}", segment(&digest)));
            let client = client_named(app, client).await?;
            let mut event = Event::new(kind(tell.moment), Some(client), now, text, page, &data).about(digest);
            event.ways = notice.map(|notice| notice.channel.clone()).unwrap_or_default();
            event.critical = emergency;
            event.start = tell.start;
            event.telling = notice.map(|notice| Telling {
                to: notice.to.clone(),
                moment: tell.moment.word().to_owned(),
                hosts,
                // What is taken back asks nothing of anybody.
                ack: notice.ack && tell.moment != Moment::Cancelled,
                corrects: match tell.moment {
                    moment if moment.corrects() => Corrects::Replaces,
                    moment if moment.ends() => Corrects::Ends,
                    _ => Corrects::Nothing,
                },
                ..Telling::about(once.last().map(|(subject, _)| subject.clone()).unwrap_or_default())
            });
            events.push(event);
        }
        Ok(())
    }
}

/// A rollout as far as notices are concerned.
fn course<'a>(own: &Live, openings: &'a [Interval], now: Timestamp) -> Course<'a> {
    let refused = matches!(own.bearing(now), Bearing::LeftOut(_));
    let end = match own.rollout.wanted {
        Wanted::Aborted => Some(End::Aborted),
        // To those who wait for it, what their client refused is cancelled.
        _ if refused => Some(End::Aborted),
        Wanted::Done => Some(End::Done),
        Wanted::Running | Wanted::Paused => None,
    };
    Course {
        emergency: own.content.package.change == ChangeType::Emergency,
        known: own.rollout.started,
        openings,
        begun: own.known.iter().filter_map(|known| known.applied).min(),
        failed: (own.rollout.gate == Gate::Shut).then_some(own.rollout.changed),
        ended: end.map(|end| (end, own.rollout.changed)),
    }
}

fn described(app: &App, own: &Live, openings: &[Interval], notify: &Notify, tell: Tell, before: Option<Timestamp>) -> RolloutTold {
    let package = &own.content.package;
    let states: Vec<State> = own.known.iter().filter_map(|known| own.state_of(known)).collect();
    let places = own.content.tree.places();
    let used: BTreeSet<&str> = places.iter().filter_map(|place| place.window.as_deref()).collect();
    let windows = used.iter().filter_map(|name| package.windows.get(*name));
    let fleet = app.fleet.read();
    let mut listed: Vec<HostNamed> = places.iter().filter_map(|place| Some(HostNamed::new(place.host, fleet.host(place.host)?.registration.name.as_str()))).collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed.truncate(LISTED);
    let end = tell.start.and_then(|start| openings.iter().find(|opening| opening.from <= start && start < opening.to)).map(|opening| opening.to);
    RolloutTold {
        package: own.content.digest.clone(),
        name: format!("{} {}", package.name, package.version),
        title: package.title.clone(),
        reason: package.reason.clone(),
        change: package.change.as_str().to_owned(),
        author: package.author.clone(),
        to: tell.moment.notice(notify, package.change == ChangeType::Emergency).map(|notice| notice.to.clone()).unwrap_or_default(),
        start: tell.start,
        end,
        told: before.filter(|_| tell.moment == Moment::Moved),
        windows: windows.map(|window| window.shown.clone()).collect(),
        downtime: downtime_of(package, places).to_owned(),
        hosts: places.len() as u64,
        succeeded: states.iter().filter(|state| state.is_success()).count() as u64,
        failed: states.iter().filter(|state| state.is_terminal() && !state.is_success()).count() as u64,
        listed,
        reasons: own.rollout.reasons.clone(),
        calendar: format!("{}/api/v1/rollouts/{}/calendar", app.url, segment(&own.content.digest)),
    }
}

/// What the users of a package's hosts notice.
pub fn downtime_of(package: &DeploymentPackage, places: &[Place]) -> &'static str {
    let windows: BTreeSet<Option<&str>> = places.iter().map(|place| place.window.as_deref()).collect();
    let boots = windows.into_iter().any(|name| name.is_none_or(|name| package.windows.get(name).is_some_and(|window| window.reboot)));
    match package.reboot {
        RebootRule::Always if boots => "every host reboots once, inside its window; services restart",
        RebootRule::IfNeeded if boots => "hosts reboot where a new kernel, library or service needs it, inside their window; services restart",
        _ => "no host is rebooted; services restart where their packages do so",
    }
}

fn kind(moment: Moment) -> Kind {
    match moment {
        Moment::Planned => Kind::RolloutPlanned,
        Moment::Emergency => Kind::RolloutEmergency,
        Moment::Moved => Kind::RolloutMoved,
        Moment::Cancelled => Kind::RolloutCancelled,
        Moment::Started => Kind::RolloutStarted,
        Moment::Failed => Kind::RolloutFailed,
        Moment::Completed => Kind::RolloutCompleted,
    }
}

fn text(tell: Tell, data: &RolloutTold, zone: &TimeZone) -> String {
    let hosts = counted(data.hosts, "host", "hosts");
    let title = &data.title;
    let shown = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
    let when = data.start.map(&shown).unwrap_or_default();
    let until = data.end.map(|end| format!(", until {}", shown(end))).unwrap_or_default();
    match tell.moment {
        Moment::Planned => format!("Planned on {hosts}: {title}, from {when}{until}; {}", data.downtime),
        Moment::Emergency => format!("Emergency change on {hosts}: {title}, from {when}{until}; {}", data.downtime),
        Moment::Moved if data.start.is_some() => format!("Moved: {title} on {hosts} begins at {when} and not at {}", data.told.map(&shown).unwrap_or_default()),
        Moment::Moved => format!("Moved: {title} on {hosts} did not begin, and no window is left"),
        Moment::Cancelled => format!("Cancelled: {title} on {hosts}; it had succeeded on {} and failed on {}", data.succeeded, data.failed),
        Moment::Started => format!("Started: {title} on {hosts}; {}", data.downtime),
        Moment::Failed => format!("Stopped: {title} on {hosts}: {}", data.reasons.first().map_or("see the rollout", String::as_str)),
        Moment::Completed => format!("Completed: {title} on {hosts}; succeeded on {}, failed on {}", data.succeeded, data.failed),
    }
}
