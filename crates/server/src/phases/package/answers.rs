//! What a package answers, as it stands when it is drafted: kept beside it, so
//! that the record of the change can say why there was one.

use super::Gathered;
use crate::app::Shared;
use crate::http::problem::Refusal;
use jiff::Timestamp;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::phases::document::Answered;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of every advisory that the hosts' pending updates name.
///
/// # Errors
///
/// What the store meets.
pub(super) async fn gather(app: &Shared, chosen: &RoaringBitmap, gathered: &Gathered) -> Result<Vec<Answered>, Refusal> {
    let wanted: BTreeSet<String> = gathered.pending.iter().flatten().flat_map(|update| update.advisories.iter().cloned()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let hosts: Vec<_> = gathered.hosts.iter().map(|host| host.id).collect();
    let opened = app.store.first_opened(&hosts, &wanted).await?;
    let mut answers = of_the_fleet(app, chosen, &wanted);
    for answer in &mut answers {
        answer.first_seen = opened.get(&answer.advisory).copied();
        answer.published = published(app, &answer.advisory);
    }
    Ok(answers)
}

fn of_the_fleet(app: &Shared, chosen: &RoaringBitmap, wanted: &BTreeSet<String>) -> Vec<Answered> {
    let fleet = app.fleet.read();
    let mut due: BTreeMap<_, i64> = BTreeMap::new();
    for judged in chosen.iter().filter_map(|number| fleet.numbered(number)?.judged.clone()) {
        for (advisory, at) in judged.findings.iter().filter_map(|open| Some((open.advisory, open.due()?))) {
            due.entry(advisory).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    let answered = |advisory: &String| {
        let name = fleet.names.find(advisory);
        let card = name.and_then(|name| fleet.card(name));
        Answered {
            advisory: advisory.clone(),
            aliases: card.map(|card| card.aliases.clone()).unwrap_or_default(),
            summary: card.map(|card| card.summary.clone()).unwrap_or_default(),
            severity: card.map(|card| card.rating).unwrap_or_default(),
            exploited: card.is_some_and(|card| card.exploited),
            hosts: name.and_then(|name| fleet.under(name)).map_or(0, |hosts| (hosts & chosen).len()),
            due: name.and_then(|name| due.get(&name)).and_then(|due| Timestamp::from_second(*due).ok()),
            ..Answered::default()
        }
    };
    wanted.iter().map(answered).collect()
}

/// When an advisory was published, as far as the database in force says.
fn published(app: &Shared, advisory: &str) -> Option<Timestamp> {
    let held = app.advisories.held()?;
    let numbers = held.database.advisories_named(advisory).ok()?;
    numbers.into_iter().filter_map(|number| held.database.advisory(number).ok()).find(|facts| facts.id == advisory)?.published
}
