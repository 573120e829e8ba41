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
use plimsoll_core::model::registration::HostState;

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

/// A host of a report.
struct Line {
    host: HostId,
    name: String,
    enrolled: Timestamp,
    retired: bool,
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
    let lines = {
        // Hosts that are retired by now were not then.
        let seen = visible(app, scope);
        let whole = |client: ClientId| match scope {
            Scope::Everything => true,
            Scope::Clients(portions) => portions.get(&client) == Some(&Portion::Whole),
        };
        let fleet = app.fleet.read();
        let hosts = fleet.hosts().map(|managed| &managed.registration).filter(|host| seen.contains(host.number) || whole(host.client));
        let own = hosts.filter(|host| host.state != HostState::Pending && wish.client.as_ref().is_none_or(|(client, _)| host.client == *client));
        let mut lines: Vec<Line> = own.map(|host| Line { host: host.id, name: host.name.clone(), enrolled: host.enrolled, retired: host.state == HostState::Retired }).collect();
        lines.sort_by(|one, other| (&one.name, one.host).cmp(&(&other.name, other.host)));
        lines
    };
    let mut collector = Collector::new(window);
    for lines in lines.chunks(TOGETHER) {
        let hosts: Vec<HostId> = lines.iter().map(|line| line.host).collect();
        let stories = app.store.stories(&hosts, wish.as_of).await?;
        for line in lines {
            let transitions = stories.get(&line.host).map(Vec::as_slice).unwrap_or_default();
            let retired = match line.retired {
                true => app.store.newest_act(&format!("host:{}", line.host), "host.retire").await?.map(|act| act.time),
                false => None,
            };
            collector.host(&HostStory { host: line.host, name: &line.name, enrolled: line.enrolled, retired, transitions });
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
