//! The **calendar** of a rollout: its windows as a file that calendars take.

use super::rollouts::seen_rollout;
use crate::app::Shared;
use crate::console::query::segment;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::notices::publish::downtime_of;
use crate::rollouts::content;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plimsoll_core::operations::telling::openings;
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_formats::calendar::{Calendar, Event};

/// The windows of a rollout (RFC 5545). Their identities stay, the sequence
/// rises with every change of the rollout; those that an abort took away are
/// cancelled.
///
/// # Errors
///
/// 404 for a rollout that does not exist or is out of reach, and
/// `E-NO-WINDOW` where no host of it may ever start.
pub async fn calendar(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Result<Response, Refusal> {
    let rollout = seen_rollout(&app, &allowed.scope, &digest).await?;
    let content = content(&app, &rollout.package).await?;
    let client = app.store.client(rollout.client).await?;
    let (package, places) = (&content.package, content.tree.places());
    let all = openings(package, places, |_| true);
    let cancelled = rollout.wanted == Wanted::Aborted;
    // What was over when it was aborted took place.
    let left = all.iter().filter(|one| !cancelled || one.to > rollout.changed).count();
    let short = digest.get(..32).unwrap_or(&digest);
    let page = format!("{}/console/rollouts/{}", app.url, segment(&rollout.package));
    let description = format!(
        "{}\nHosts: {}\nBy: {}\nDowntime: {}\nA host starts in its own window, after its ring has opened.\n{page}",
        package.reason,
        places.len(),
        package.author,
        downtime_of(package, places),
    );
    let events: Vec<Event> = all
        .into_iter()
        .filter(|one| !cancelled || left == 0 || one.to > rollout.changed)
        .map(|one| Event {
            // Nothing of the server's address, which may change meanwhile.
            uid: format!("{short}-{}@plimsoll", one.from.as_second()),
            from: one.from,
            to: one.to,
            summary: format!("{} ({})", package.title, client.name),
            description: description.clone(),
            location: client.name.clone(),
            url: page.clone(),
        })
        .collect();
    if events.is_empty() {
        let text = format!("No host of the rollout {} has a window in which it may start.", rollout.package);
        return Err(Refusal::new(StatusCode::NOT_FOUND, "E-NO-WINDOW", text, "Look at the windows and the end of its package."));
    }
    let file = Calendar { organizer: &app.url, cancelled, sequence: rollout.revision, changed: rollout.changed, events: &events }.written();
    let name = format!("attachment; filename=\"rollout-{}.ics\"", digest.get(..12).unwrap_or_default());
    let method = if cancelled { "text/calendar; charset=utf-8; method=CANCEL" } else { "text/calendar; charset=utf-8; method=PUBLISH" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(method)),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((headers, file).into_response())
}
