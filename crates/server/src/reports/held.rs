//! The policy's **targets**, held against a report's measures and those of the
//! time of equal length before it.

use super::Wish;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::targets::{Coverage, Measured, Target, held, last_day};
use plimsoll_core::measures::{Audience, ChangeStory, Collector, HostStory, Measures, Window};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::policy::governance::Targets;
use plimsoll_core::phases::document::{HostRecord, Record};

/// What a report holds against targets; nothing where it does not, or there
/// are none.
pub(super) struct Held(Option<Asked>);

struct Asked {
    targets: Targets,
    before: Collector,
    coverage: Option<Coverage>,
    coverage_before: Option<Coverage>,
}

impl Held {
    /// Looks up the targets of the policy that was in force at the report's
    /// moment; those who manage and clients see them.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub(super) async fn new(app: &App, scope: &Scope, wish: &Wish, (audience, Window { from, .. }): (Audience, Window)) -> Result<Self, Refusal> {
        if !matches!(audience, Audience::Management | Audience::Client) {
            return Ok(Self(None));
        }
        let Some(targets) = crate::policy::at(app, wish.as_of).await?.set.governance.targets.clone() else { return Ok(Self(None)) };
        let earlier = from.checked_sub(SignedDuration::from_hours(i64::from(wish.days) * 24)).unwrap_or(Timestamp::MIN);
        let client = wish.client.as_ref().map(|(client, _)| *client);
        Ok(Self(Some(Asked {
            targets,
            before: Collector::new(Window { from: earlier, to: from }),
            coverage: coverage(app, scope, wish.as_of, client).await?,
            coverage_before: coverage(app, scope, from, client).await?,
        })))
    }

    /// Takes in one host.
    pub(super) fn host(&mut self, story: &HostStory<'_>) {
        if let Some(asked) = &mut self.0 {
            asked.before.host(story);
        }
    }

    /// Takes in what a rollout came to on one host.
    pub(super) fn change(&mut self, record: &Record, host: &HostRecord) {
        if let Some(asked) = &mut self.0 {
            asked.before.change(&ChangeStory::of(record, host));
        }
    }

    /// Holds the targets against the report's measures.
    pub(super) fn against(self, measures: &Measures) -> Vec<Target> {
        let Some(asked) = self.0 else { return Vec::new() };
        let before = asked.before.finish();
        held(&asked.targets, &Measured { measures, coverage: asked.coverage }, &Measured { measures: &before, coverage: asked.coverage_before })
    }
}

/// How many hosts of whole clients were looked at on the last full day before a
/// moment, or the one before; nothing is known of parts of a client.
///
/// # Errors
///
/// What the store meets.
pub(super) async fn coverage(app: &App, scope: &Scope, as_of: Timestamp, client: Option<ClientId>) -> Result<Option<Coverage>, Refusal> {
    let day = last_day(as_of);
    let whole = |client: ClientId| match scope {
        Scope::Everything => true,
        Scope::Clients(portions) => portions.get(&client) == Some(&Portion::Whole),
    };
    let parts = matches!(scope, Scope::Clients(portions) if portions.iter().any(|(of, portion)| *portion != Portion::Whole && client.is_none_or(|client| client == *of)));
    if parts {
        return Ok(None);
    }
    let rows = app.store.coverage(day - 1, day).await?;
    let own = rows.into_iter().filter(|(of, _)| whole(*of) && client.is_none_or(|client| client == *of));
    Ok(own.map(|(_, one)| one).reduce(|mut sum, one| {
        sum.add(&one);
        sum
    }))
}
