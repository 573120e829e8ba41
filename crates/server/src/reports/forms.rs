//! **Regulators' forms**, out of the hosts' journals and of the exceptions
//! that were in force at the moment.

use super::stories::Stories;
use super::{PLANNED, Wish, too_much};
use crate::api::stored;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use jiff::Timestamp;
use plimsoll_core::measures::duties::{Accepted, Collector, Form};
use plimsoll_core::measures::{Regulator, Window};
use plimsoll_core::model::exception::{Covered, Exception, ExceptionState};
use plimsoll_core::model::registration::Registration;

/// Makes a form.
///
/// # Errors
///
/// `E-PARAMETER` for a moment that is still to come, `E-LIMIT` for too many
/// duties; what the store meets.
pub(super) async fn form(app: &App, scope: &Scope, wish: &Wish, regulator: Regulator, window: Window) -> Result<Form, Refusal> {
    let client = wish.client.as_ref().map(|(client, _)| *client);
    let mut stories = Stories::new(app, scope, wish.as_of, client)?;
    let exceptions = app.store.exceptions(&stored(scope)).await?;
    let accepted = exceptions.iter().filter(|exception| held(exception, &exceptions, wish.as_of)).map(|exception| accepted(exception, stories.hosts()));
    let mut collector = Collector::new(regulator, window, accepted.collect());
    while let Some(told) = stories.next(app).await? {
        told.iter().for_each(|told| collector.host(&told.story()));
        if collector.len() > PLANNED {
            return Err(too_much(&format!("there are more than {PLANNED} duties, which is the limit of one form"), regulator.word()));
        }
    }
    Ok(Form { schema: Form::SCHEMA, report: regulator, client: wish.client.as_ref().map(|(_, name)| name.clone()), duties: collector.finish() })
}

/// Whether an exception was in force at a moment that has passed: what became
/// of it later does not count.
fn held(exception: &Exception, all: &[Exception], at: Timestamp) -> bool {
    let ended = match exception.state {
        ExceptionState::Requested | ExceptionState::Approved => None,
        ExceptionState::Refused | ExceptionState::Withdrawn => exception.decided.as_ref().map(|decided| decided.at),
        ExceptionState::Replaced => all.iter().find(|renewal| exception.replaced_by == Some(renewal.id)).and_then(|renewal| renewal.since),
    };
    exception.since.is_some_and(|from| from <= at) && ended.is_none_or(|ended| ended > at) && exception.until > at
}

fn accepted(exception: &Exception, hosts: &[Registration]) -> Accepted {
    let own = hosts.iter().filter(|host| host.client == exception.client);
    let words = format!("exception {}, {}: {}", exception.id, exception.kind.as_str(), exception.reason);
    let (hosts, why) = match &exception.hosts {
        Covered::All => (own.map(|host| host.id).collect(), words),
        Covered::Hosts(some) => (some.iter().copied().collect(), words),
        // Who was in the group then is not kept.
        Covered::Group(_) => (own.map(|host| host.id).collect(), format!("unknown: {words}; it is about a group, whose hosts of then are not kept")),
    };
    Accepted { hosts, advisories: exception.advisories.iter().cloned().collect(), package: exception.package.clone(), why }
}
