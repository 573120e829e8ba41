//! **Reports**: measures of the hosts that somebody may see, out of the journal
//! of transitions. The same moment asked for again gives the same bytes.

use crate::api::hosts::visible;
use crate::api::parameter;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use crate::phases::document::Form;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::{Audience, Collector, HostStory, Report, Window};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostState, Registration};
use plimsoll_core::model::transition::Transition;
use std::collections::BTreeMap;

/// Hosts whose journals are in memory at a time.
const TOGETHER: usize = 500;
/// Longest time that a report looks back, days.
pub const LONGEST: u16 = 400;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// For whom.
    pub audience: Audience,
    /// The moment it is as of.
    pub as_of: Timestamp,
    /// Days that it looks back.
    pub days: u16,
    /// One client's hosts only, and its name.
    pub client: Option<(ClientId, String)>,
}

/// A host that has a story: one that was accepted, and may be retired since.
#[derive(Clone, Debug)]
pub struct Managed {
    /// What is said of it now.
    pub registration: Registration,
    /// When it was retired.
    pub retired: Option<Timestamp>,
}

impl Managed {
    /// Its story out of some hosts' journals.
    pub fn story<'a>(&'a self, journals: &'a BTreeMap<HostId, Vec<Transition>>) -> HostStory<'a> {
        let Registration { id, name, enrolled, .. } = &self.registration;
        let transitions = journals.get(id).map(Vec::as_slice).unwrap_or_default();
        HostStory { host: *id, name, enrolled: *enrolled, retired: self.retired, transitions }
    }
}

/// Hosts that somebody sees, of all clients or of one, by name; retired ones
/// for those who see the whole of their client, since groups no longer hold them.
///
/// # Errors
///
/// What the store meets.
pub async fn managed(app: &App, scope: &Scope, client: Option<ClientId>) -> Result<Vec<Managed>, Refusal> {
    let seen = visible(app, scope);
    let whole = |client: ClientId| match scope {
        Scope::Everything => true,
        Scope::Clients(portions) => portions.get(&client) == Some(&Portion::Whole),
    };
    let mut registrations: Vec<Registration> = {
        let fleet = app.fleet.read();
        let hosts = fleet.hosts().map(|managed| &managed.registration).filter(|host| seen.contains(host.number) || whole(host.client));
        hosts.filter(|host| host.state != HostState::Pending && client.is_none_or(|client| host.client == client)).cloned().collect()
    };
    registrations.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    let mut hosts = Vec::with_capacity(registrations.len());
    for registration in registrations {
        let retired = match registration.state {
            HostState::Retired => app.store.newest_act(&format!("host:{}", registration.id), "host.retire").await?.map(|act| act.time),
            _ => None,
        };
        hosts.push(Managed { registration, retired });
    }
    Ok(hosts)
}

/// Makes a report.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come or a time that is too
/// long; what the store meets.
pub async fn report(app: &App, scope: &Scope, wish: &Wish) -> Result<Report, Refusal> {
    let now = Timestamp::now();
    if wish.as_of > now {
        return Err(parameter("as_of", format!("{} is still to come, now is {now}", wish.as_of), "name a moment that has passed"));
    }
    if !(1..=LONGEST).contains(&wish.days) {
        return Err(parameter("days", format!("{} is none of 1 to {LONGEST}", wish.days), "look back less far, or ask for several reports"));
    }
    let window = Window { from: wish.as_of - SignedDuration::from_hours(i64::from(wish.days) * 24), to: wish.as_of };
    let hosts = managed(app, scope, wish.client.as_ref().map(|(client, _)| *client)).await?;
    let mut collector = Collector::new(window);
    for hosts in hosts.chunks(TOGETHER) {
        let ids: Vec<HostId> = hosts.iter().map(|host| host.registration.id).collect();
        let stories = app.store.stories(&ids, wish.as_of).await?;
        for host in hosts {
            collector.host(&host.story(&stories));
        }
    }
    Ok(Report { schema: Report::SCHEMA, report: wish.audience, client: wish.client.as_ref().map(|(_, name)| name.clone()), measures: collector.finish() })
}

/// Writes a report.
///
/// # Errors
///
/// `E-DOCUMENT`.
pub fn write(report: &Report, form: Form) -> Result<Vec<u8>, Problem> {
    match form.laid_out() {
        Some(format) => plimsoll_documents::write(&plimsoll_documents::report(report), format),
        None => crate::phases::document::for_machines(report),
    }
}
