//! Rosters, briefings and meetings.

use super::super::views::{ActionItem, BriefingItem, Choice, DueItem, MeetingItem, RosterItem, TeamsForm, TeamsPage};
use super::clients;
use crate::api::stored;
use crate::app::Shared;
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::teams::{known, meetings_due};
use jiff::Timestamp;
use plimsoll_core::measures::samm;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::operations::briefing::{reach, rules};
use plimsoll_core::operations::teams::{Held, Met, Teams, Topic, Way};
use std::collections::BTreeMap;

/// Members of a roster that are named.
const NAMED: usize = 12;
/// Briefings on the page; the API has all of them.
const BRIEFINGS: usize = 100;
/// Meetings on the page.
const MEETINGS: usize = 50;

/// Fills the page of teams.
///
/// # Errors
///
/// What the store meets.
pub async fn teams(app: &Shared, allowed: &Allowed) -> Result<TeamsPage, Refusal> {
    let now = Timestamp::now();
    let known = known(&app.store, &stored(&allowed.scope), now, None).await?;
    let account = match person(app, allowed).await {
        Ok(person) => Some(person.account),
        // A key of this machine is nobody's account.
        Err(_) => None,
    };
    let policy = app.policy();
    let zone = samm::zone(&policy);
    let edit = allowed.principal.scope(Permission::EditTeams);
    let names: BTreeMap<ClientId, String> = clients(app, &allowed.principal).into_iter().collect();
    let several = |client: ClientId| names.get(&client).filter(|_| names.len() > 1).cloned();
    let mut due = meetings_due(app, &known, now);
    due.sort_by(|one, other| (one.due, &one.name).cmp(&(other.due, &other.name)));
    let choice = |value: String, text: String| Choice { value, text, count: None };
    let form = allowed.principal.may(Permission::EditTeams).then(|| TeamsForm {
        clients: names.iter().filter(|(client, _)| edit.holds(**client)).map(|(client, name)| choice(client.to_string(), name.clone())).collect(),
        rosters: known.rosters.keys().filter(|(client, _)| edit.holds(*client)).map(|(_, name)| name.clone()).collect::<std::collections::BTreeSet<_>>().into_iter().collect(),
        topics: Topic::ALL.into_iter().map(|topic| choice(topic.word().to_owned(), topic.words().to_owned())).collect(),
        applications: known
            .applications
            .values()
            .filter(|(client, _)| edit.holds(*client))
            .map(|(_, described)| choice(described.application.to_string(), described.name.clone()))
            .collect(),
    });
    Ok(TeamsPage {
        reach: rules(policy.governance.notify.as_ref()).iter().map(|rule| reach(&known, rule, &zone, now)).filter(|reach| reach.members > 0).collect(),
        rosters: known
            .rosters
            .iter()
            .map(|((client, name), roster)| RosterItem {
                name: name.clone(),
                client: several(*client),
                audience: roster.circle.word(),
                members: roster.members.iter().take(NAMED).map(|member| member.name.clone()).collect(),
                more: roster.members.len().saturating_sub(NAMED) as u64,
            })
            .collect(),
        briefings_total: known.briefings.len() as u64,
        briefings: known
            .briefings
            .iter()
            .rev()
            .take(BRIEFINGS)
            .map(|held| BriefingItem { client: several(held.client), may_edit: edit.holds(held.client), ..briefing(&known, held, account.as_deref()) })
            .collect(),
        due: due
            .into_iter()
            .map(|one| DueItem { application: one.application.to_string(), name: one.name, every: one.every, own: one.own, last: one.last, due: one.due, overdue: one.overdue })
            .collect(),
        meetings: known.meetings.iter().rev().take(MEETINGS).map(|met| MeetingItem { may_edit: edit.holds(met.client), ..meeting(&known, met) }).collect(),
        edit: form,
    })
}

fn briefing(teams: &Teams, held: &Held, account: Option<&str>) -> BriefingItem {
    let Held { briefing, reached, client } = held;
    let members = teams.rosters.get(&(*client, briefing.roster.clone())).map(|roster| &roster.members);
    let way = |name: &str, way: Way| reached.get(name).is_some_and(|ways| ways.contains_key(&way));
    let on = |test: &dyn Fn(&str) -> bool| members.iter().flat_map(|members| members.iter()).filter(|member| test(&member.name)).count() as u64;
    BriefingItem {
        id: briefing.id.clone(),
        client: None,
        title: briefing.title.clone(),
        topic: briefing.topic.words(),
        document: briefing.document.clone(),
        roster: briefing.roster.clone(),
        held: briefing.held,
        holder: briefing.holder.clone(),
        reached: on(&|name| reached.contains_key(name)),
        acknowledged: on(&|name| way(name, Way::Acknowledged)),
        members: on(&|_| true),
        asks: account.is_some_and(|account| members.iter().flat_map(|members| members.iter()).any(|member| member.answers(account) && !way(&member.name, Way::Acknowledged))),
        may_edit: false,
    }
}

fn meeting(teams: &Teams, met: &Met) -> MeetingItem {
    let Met { meeting, done, .. } = met;
    let name = teams.applications.get(&meeting.application).map_or_else(|| "an application that is gone".to_owned(), |(_, described)| described.name.clone());
    MeetingItem {
        id: meeting.id.clone(),
        application: meeting.application.to_string(),
        name,
        held: meeting.held,
        attendance: meeting.attendance.iter().cloned().collect(),
        minutes: meeting.minutes.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        decisions: meeting.decisions.clone(),
        actions: meeting
            .actions
            .iter()
            .enumerate()
            .map(|(place, action)| ActionItem { place, what: action.what.clone(), owner: action.owner.clone(), due: action.due, done: done.get(&place).map(|(at, _)| *at) })
            .collect(),
        may_edit: false,
    }
}
