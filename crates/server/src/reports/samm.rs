//! **SAMM**: the answers of a self-assessment as of a moment, out of journals,
//! the evidence log and what was told of teams.

use super::{Form, Wish, held};
use crate::api::stored;
use crate::app::{App, Shared};
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use crate::{policy, teams};
use jiff::Timestamp;
use plimsoll_core::measures::{Audience, Named};
use plimsoll_core::measures::samm::{Assessment, DAYS, Evidence, assess};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::problem::Problem;

/// Its name among the reports.
pub const NAME: &str = "samm";
/// What it is, for those who choose a report.
pub const ABOUT: &str = "Answers to SAMM from evidence: briefings, meetings, patching in time";

/// Answers as of a moment.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come; what the store meets.
pub async fn assessed(app: &App, scope: &Scope, as_of: Timestamp, client: Option<(ClientId, String)>) -> Result<Assessment, Refusal> {
    let client = super::as_called(app, client, as_of).await?;
    // The auditor's window, without its lists.
    let wish = Wish { named: Named::For(Audience::Auditor), as_of, days: DAYS, client: client.clone() };
    let (report, _) = super::measured(app, scope, &wish, (Audience::Auditor, wish.window()?), false).await?;
    let past = policy::at(app, as_of).await?;
    let own = client.as_ref().map(|(client, _)| *client);
    let teams = teams::known(&app.store, &stored(scope), as_of, own).await?;
    Ok(assess(&Evidence {
        as_of,
        client: client.map(|(_, name)| name),
        teams: &teams,
        policy: &past.set,
        policy_since: past.since,
        reviewed: past.reviewed,
        measures: &report.measures,
        coverage: held::coverage(app, scope, as_of, own).await?,
    }))
}

/// Answers and writes them.
///
/// # Errors
///
/// As [`assessed`]; `E-PARAMETER` for a plan of what is open.
pub async fn written(app: &Shared, scope: &Scope, as_of: Timestamp, client: Option<(ClientId, String)>, form: Form) -> Result<Vec<u8>, Refusal> {
    let assessment = assessed(app, scope, as_of, client).await?;
    super::status::plain(NAME, form)?;
    Ok(app.compute(move || write(&assessment, form)).await?)
}

fn write(assessment: &Assessment, form: Form) -> Result<Vec<u8>, Problem> {
    match form.laid_out() {
        Some(format) => plimsoll_documents::write(&plimsoll_documents::samm(assessment), format),
        None => super::status::for_programs(assessment, form),
    }
}
