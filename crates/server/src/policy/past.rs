//! The policy that was in force at a **past** moment, and when it had last been
//! reviewed, as the evidence log has it.

use super::{InForce, Kept, Origin, SETTING, read, refused, review};
use crate::app::App;
use crate::http::problem::Refusal;
use jiff::Timestamp;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_formats::policy::preset;
use plimsoll_store::Scope;
use plimsoll_store::evidence::reading::{ActivityQuery, Entry};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Entries read at a time.
const PAGE: u32 = 1_000;

/// What held at a moment.
#[derive(Clone, Debug)]
pub struct Past {
    /// The policy.
    pub set: Arc<PolicySet>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// When a policy had last been reviewed.
    pub reviewed: Option<Timestamp>,
}

/// Since when a policy is in force, where a person or its own words say.
pub fn since(held: &InForce) -> Option<Timestamp> {
    match &held.origin {
        Origin::Kept { since, .. } => Some(*since),
        Origin::Given(_) | Origin::Default => held.set.policies.first().and_then(effective),
    }
}

fn effective(own: &plimsoll_core::model::policy::Policy) -> Option<Timestamp> {
    Some(own.effective?.to_zoned(own.zone.clone()).ok()?.timestamp())
}

/// The policy in force at a moment. One that the command line names has no
/// history: it is taken to have been in force all along.
///
/// # Errors
///
/// What the store meets; a policy of then that this version cannot read.
pub async fn at(app: &App, as_of: Timestamp) -> Result<Past, Refusal> {
    let reviewed = newest::<Reviewed>(app, review::SETTING, as_of).await?.map(|found| found.0);
    let held = app.policies.in_force();
    if let Origin::Given(_) = held.origin {
        return Ok(Past { set: Arc::clone(&held.set), since: since(&held), reviewed });
    }
    let (text, put) = match newest::<Kept>(app, SETTING, as_of).await? {
        Some((at, kept)) => (kept.text, Some(at)),
        None => (preset(super::DEFAULT).unwrap_or_default().to_owned(), None),
    };
    let set = read(&text).map_err(refused)?;
    let since = put.or_else(|| set.policies.first().and_then(effective));
    Ok(Past { set: Arc::new(set), since, reviewed })
}

#[derive(serde::Deserialize)]
struct Reviewed {}

/// The newest value of a setting that the log had by a moment, and when it was
/// set.
async fn newest<T: DeserializeOwned>(app: &App, setting: &str, as_of: Timestamp) -> Result<Option<(Timestamp, T)>, Refusal> {
    let key = format!("setting:{setting}");
    let mut query = ActivityQuery { verb: Some("policy.".to_owned()), limit: PAGE, ..ActivityQuery::new(Scope::All) };
    loop {
        let entries = app.store.activity(&query).await?;
        let of = |entry: &Entry| serde_json::from_value(entry.after.as_ref()?.get(&key)?.clone()).ok().map(|value| (entry.time, value));
        if let Some(found) = entries.iter().filter(|entry| entry.time <= as_of).find_map(of) {
            return Ok(Some(found));
        }
        match entries.last() {
            Some(last) if entries.len() == PAGE as usize => query.before = Some(last.id.clone()),
            _ => return Ok(None),
        }
    }
}
