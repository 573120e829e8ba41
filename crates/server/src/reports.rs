//! **Reports**: measures of the hosts that somebody may see, out of the journal
//! of transitions. The same moment asked for again gives the same bytes.

pub mod events;
mod stories;

use crate::api::parameter;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use crate::phases::document::Form;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::{Audience, Collector, Report, Window};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::problem::Problem;
use stories::Stories;

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

/// Makes a report.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come or a time that is too
/// long; what the store meets.
pub async fn report(app: &App, scope: &Scope, wish: &Wish) -> Result<Report, Refusal> {
    if !(1..=LONGEST).contains(&wish.days) {
        return Err(parameter("days", format!("{} is none of 1 to {LONGEST}", wish.days), "look back less far, or ask for several reports"));
    }
    let mut stories = Stories::new(app, scope, wish.as_of, wish.client.as_ref().map(|(client, _)| *client))?;
    let from = wish.as_of.checked_sub(SignedDuration::from_hours(i64::from(wish.days) * 24));
    let from = from.map_err(|_| parameter("as_of", format!("{} is before all time that is counted", wish.as_of), "name a later moment"))?;
    let mut collector = Collector::new(Window { from, to: wish.as_of });
    while let Some(told) = stories.next(app).await? {
        told.iter().for_each(|told| collector.host(&told.story()));
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
