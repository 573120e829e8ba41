//! The **status page of an application** as a report. It is of the present:
//! hosts, groups and exceptions of then are not kept as they were.

use super::Form;
use crate::api::{parameter, stored};
use crate::app::Shared;
use crate::applications;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use crate::phases::document;
use crate::teams::status::status;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::measures;
use serde::Serialize;

/// Its name among the reports.
pub const NAME: &str = "application";
/// The name of the agenda of its next meeting.
pub const AGENDA: &str = "agenda";
/// What it is, for those who choose a report.
pub const ABOUT: &str = "The status page of one application, as it stands now";

/// Refuses the one form that is made of findings alone.
pub(super) fn plain(name: &str, form: Form) -> Result<(), Refusal> {
    if Form::PLAIN.contains(&form) {
        return Ok(());
    }
    Err(parameter("format", format!("the report {name} is not made as {}", form.word()), "take the auditor's or a client's report"))
}

/// Writes what has no layout: JSON, or one figure a row.
pub(super) fn for_programs(value: &impl Serialize, form: Form) -> Result<Vec<u8>, Problem> {
    match form {
        Form::Csv => measures::csv_of(value).map(String::into_bytes),
        _ => document::for_machines(value),
    }
}

/// Makes the status page of an application, by its id or its name.
///
/// # Errors
///
/// `E-NOT-FOUND`; `E-PARAMETER` for a name that two clients use and a form
/// that it has not; what the store meets.
pub async fn written(app: &Shared, scope: &Scope, wanted: &str, form: Form, agenda: bool) -> Result<Vec<u8>, Refusal> {
    plain(NAME, form)?;
    let all = app.store.applications(&stored(scope)).await?;
    let named: Vec<_> = all.iter().filter(|application| application.name == wanted).collect();
    let application = match named.as_slice() {
        [one] => (*one).clone(),
        [] => applications::seen(app, &stored(scope), wanted).await?,
        _ => return Err(parameter("application", format!("{wanted:?} is the name of {} applications", named.len()), "name it by its id")),
    };
    let told = status(app, scope, &application, Timestamp::now()).await?;
    let work = move || match form.laid_out() {
        Some(format) => plimsoll_documents::write(&plimsoll_documents::application(&told, agenda), format),
        None => for_programs(&told, form),
    };
    Ok(app.compute(work).await?)
}
