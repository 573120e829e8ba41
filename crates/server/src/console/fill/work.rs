//! Work.

use super::super::views::{Choice, WorkForm, WorkedItem, WorkPage};
use super::clients;
use crate::api::stored;
use crate::api::work::{Which, WorkAnswer, listed};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use plimsoll_core::measures::cost::DEFAULT;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::work::{Centre, Source, Subject};
use std::collections::{BTreeMap, BTreeSet};

/// Records on the page; more are better asked for by the API.
const ROWS: usize = 200;
/// Packages that the form offers, the newest first.
const PACKAGES: usize = 50;

/// Fills the page of work.
///
/// # Errors
///
/// The store cannot be read.
pub async fn work(app: &Shared, allowed: &Allowed) -> Result<WorkPage, Refusal> {
    let found = listed(app, allowed, &Which::default()).await?;
    let record = allowed.principal.scope(Permission::RecordWork);
    let names: BTreeMap<ClientId, String> = clients(app, &allowed.principal).into_iter().collect();
    let packages = app.store.deployment_packages(&stored(&allowed.principal.scope(Permission::ReadFleet))).await?;
    let titles: BTreeMap<String, String> = packages.iter().map(|package| (package.digest.clone(), package.name.clone())).collect();
    let item = |row: &WorkAnswer| item(row, &names, &titles, record.holds(row.client));
    let running = found.iter().filter(|row| row.running && row.mine).map(item).collect();
    let total = found.len() as u64;
    let rows = found.iter().filter(|row| !(row.running && row.mine)).take(ROWS).map(item).collect();
    let may = allowed.principal.may(Permission::RecordWork);
    let choice = |value: String, text: String| Choice { value, text, count: None };
    let subjects = || {
        let centres = Centre::ALL.map(|centre| choice(Subject::Overhead(centre).to_string(), format!("Cost centre {}", centre.word())));
        let own = packages.iter().filter(|package| record.holds(package.client)).take(PACKAGES);
        centres.into_iter().chain(own.map(|package| choice(Subject::Package(package.digest.clone()).to_string(), package.name.clone()))).collect()
    };
    let in_force = app.policies.in_force();
    let cost = in_force.set.governance.cost.as_ref();
    let words: BTreeSet<String> = cost.into_iter().flat_map(|cost| cost.rate.keys().chain(cost.budget_days.keys())).cloned().chain([DEFAULT.to_owned()]).collect();
    let add = may.then(|| WorkForm {
        clients: names.iter().filter(|(client, _)| record.holds(**client)).map(|(client, name)| choice(client.to_string(), name.clone())).collect(),
        subjects: subjects(),
        steps: Step::all().map(|step| choice(step.number().to_owned(), format!("{} {}", step.number(), step.name()))).collect(),
        roles: words.into_iter().map(|role| choice(role.clone(), role)).collect(),
    });
    Ok(WorkPage { running, rows, total, add })
}

fn item(row: &WorkAnswer, names: &BTreeMap<ClientId, String>, titles: &BTreeMap<String, String>, may: bool) -> WorkedItem {
    let subject = match Subject::parse(&row.subject) {
        Ok(Subject::Package(digest)) => titles.get(&digest).cloned().unwrap_or_else(|| row.subject.clone()),
        Ok(Subject::Overhead(centre)) => format!("cost centre {}", centre.word()),
        _ => row.subject.clone(),
    };
    let spent = match row.downtime_minutes {
        Some(minutes) => format!("{minutes} min out of service, {}", row.tier.as_deref().unwrap_or(DEFAULT)),
        None => format!("{} h {:02} min", row.seconds / 3600, row.seconds % 3600 / 60),
    };
    WorkedItem {
        id: row.id.to_string(),
        client: names.get(&row.client).filter(|_| names.len() > 1).cloned(),
        subject,
        step: row.step.map(|step| format!("{} {}", step.number(), step.name())),
        role: row.role.clone(),
        source: match row.source {
            Source::Timer => "timer",
            Source::Entered => "said",
            Source::Ticket => "ticket",
            Source::Estimate => "estimate",
        },
        spent,
        started: row.started,
        ticket: row.ticket.clone(),
        note: row.note.clone(),
        may_correct: may && (row.mine || row.source == Source::Ticket) && row.downtime_minutes.is_none(),
    }
}
