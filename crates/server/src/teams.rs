//! **Teams**: rosters, briefings and meetings, each act one transaction with
//! its leaf; API and console share them. What they come to is decided in
//! [`plimsoll_core::operations`].

pub mod status;
#[cfg(test)]
mod tests;

use crate::api::acts::{actor, one_client};
use crate::api::{missing, parameter, stored};
use crate::app::{App, News, Shared};
use crate::applications::seen;
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use crate::reviews;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::measures::samm;
use plimsoll_core::model::identifier::{ApplicationId, ClientId};
use plimsoll_core::model::policy::Length;
use plimsoll_core::operations::meeting::{Due, Terms, due};
use plimsoll_core::operations::teams::{Action, ActionDone, Briefed, Briefing, Cadence, Circle, Fact, Held, Meeting, Member, Met, Recorded, Roster, Teams, Topic, Way};
use plimsoll_store::alerts::Alert;
use plimsoll_store::applications::Application;
use plimsoll_store::{Intent, Scope, StoreError};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Kind of the alert about a meeting that was missed.
pub const MISSED: &str = "E-MEETING";
/// Longest name or title, in characters.
const WORDS: usize = 200;
/// Longest decision, action or link, in characters.
const TEXT: usize = 2_000;
/// Longest minutes, in characters.
const MINUTES: usize = 20_000;
/// Members of one roster, and people at one meeting, at most.
const MEMBERS: usize = 2_000;
/// Decisions and actions of one meeting at most.
const POINTS: usize = 100;

/// A roster from now on: its whole list. Who is left out has left it; a list
/// of nobody dissolves it. Of `members`, `csv` and `from_applications` several
/// may be given; they add up.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Name, unique within its client.
    pub name: String,
    /// teams or stakeholders.
    pub audience: String,
    /// Who is on it.
    #[serde(default)]
    pub members: Vec<MemberWish>,
    /// More of them, as CSV with the header `name,accounts`.
    #[serde(default)]
    pub csv: String,
    /// Whether the teams, or the stakeholders, of the client's applications are on it.
    #[serde(default)]
    pub from_applications: bool,
    /// Why.
    pub reason: Option<String>,
}

/// A team or person.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberWish {
    /// Name.
    pub name: String,
    /// Accounts that may acknowledge for it beside the one of that name.
    #[serde(default)]
    pub accounts: Vec<String>,
}

/// A briefing that was held or sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BriefingWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Roster it is for, by name.
    pub roster: String,
    /// process, patch-status, policy, protection-tools, operational-guide or code-signing.
    pub topic: String,
    /// What it is called.
    pub title: String,
    /// The document or a link to it.
    #[serde(default)]
    pub document: String,
    /// When; now where it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub held: Option<Timestamp>,
    /// Who holds it; whoever records it where it is left out.
    pub holder: Option<String>,
    /// Members who were there.
    #[serde(default)]
    pub attended: Vec<String>,
}

/// Members who were at a briefing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttendanceWish {
    /// Their names on the roster.
    pub members: Vec<String>,
}

/// How often is met about an application.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CadenceWish {
    /// ISO 8601, `P1M`; left out, what the policy says.
    pub every: Option<String>,
}

/// A meeting that was held.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeetingWish {
    /// When; now where it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub held: Option<Timestamp>,
    /// Who was there.
    pub attendance: Vec<String>,
    /// What was said.
    pub minutes: String,
    /// What was decided.
    #[serde(default)]
    pub decisions: Vec<String>,
    /// What is to be done.
    #[serde(default)]
    pub actions: Vec<ActionWish>,
}

/// Something to be done.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionWish {
    /// What.
    pub what: String,
    /// Who.
    pub owner: String,
    /// By when.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
}

/// The end of an action.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoneWish {
    /// What came of it.
    #[serde(default)]
    pub note: String,
}

/// What was known at a moment, of the clients within a scope.
///
/// Of an application that nobody changed since facts are kept, none is there;
/// it is what its row says, since it was made.
///
/// # Errors
///
/// What the store meets.
pub async fn known(store: &plimsoll_store::Store, scope: &Scope, as_of: Timestamp, client: Option<ClientId>) -> Result<Teams, StoreError> {
    let mut recorded = store.team_facts(scope, as_of).await?;
    let described: BTreeSet<ApplicationId> = recorded
        .iter()
        .filter_map(|one| match &one.fact {
            Fact::Described(described) => Some(described.application),
            _ => None,
        })
        .collect();
    for application in store.applications(scope).await? {
        if application.created <= as_of && !described.contains(&application.id) {
            let fact = Fact::Described(application.described());
            recorded.push(Recorded { client: application.client, at: application.created, by: String::new(), fact });
        }
    }
    Ok(Teams::as_of(&recorded, as_of, client))
}

/// When meetings are due under the policy in force.
pub fn meetings_due(app: &App, teams: &Teams, now: Timestamp) -> Vec<Due> {
    let held = app.policies.in_force();
    let meeting = held.set.governance.notify.as_ref().and_then(|notify| notify.meeting.as_ref());
    let terms = meeting.map(|meeting| Terms { every: &meeting.every, since: crate::policy::since(&held) });
    due(teams, terms, &samm::zone(&held.set), now)
}

fn several(field: &str, texts: &[String], most: usize, longest: usize) -> Result<Vec<String>, Refusal> {
    if texts.len() > most {
        return Err(parameter(field, format!("are {}, the limit is {most}", texts.len()), "name fewer"));
    }
    texts.iter().map(|text| checked_text(field, text, longest)).collect()
}

/// Text of several lines.
fn lines(field: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    let checked: Result<Vec<String>, Refusal> =
        text.trim().lines().map(|line| if line.trim().is_empty() { Ok(String::new()) } else { checked_text(field, line, longest) }).collect();
    let text = checked?.join("\n");
    let count = text.chars().count();
    if count == 0 || count > longest {
        return Err(parameter(field, format!("has {count} characters, allowed are 1 to {longest}"), "correct the field and send it again"));
    }
    Ok(text)
}

/// A moment that has passed; now where none is named.
fn passed(field: &str, wanted: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Refusal> {
    match wanted {
        Some(at) if at > now => Err(parameter(field, format!("{at} is still to come, now is {now}"), "record it once it was held")),
        at => Ok(at.unwrap_or(now)),
    }
}

fn intent(allowed: &Allowed, act: &str, object: String, now: Timestamp) -> Intent {
    Intent::new(actor(allowed), now, act, object)
}

async fn tell(app: &Shared, intent: Intent, client: ClientId, facts: &[Fact], settled: Option<&Alert>) -> Result<(), Refusal> {
    let mut change = app.store.begin(intent).await?;
    for fact in facts {
        change.tell_of_teams(client, fact).await?;
    }
    reviews::settle(&mut change, settled).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// The client an act is for, which the asker looks after.
async fn client_of(app: &Shared, allowed: &Allowed, wanted: Option<ClientId>) -> Result<ClientId, Refusal> {
    let client = one_client(app, allowed, wanted).await?;
    if allowed.scope.holds(client) { Ok(client) } else { Err(missing("client", &client.to_string())) }
}

/// Members named one by one, as CSV and by the client's applications.
async fn listed(app: &Shared, client: ClientId, circle: Circle, wish: &RosterWish, now: Timestamp) -> Result<BTreeSet<Member>, Refusal> {
    let mut members = BTreeSet::new();
    let mut add = |name: &str, accounts: &[String]| -> Result<(), Refusal> {
        let accounts = several("accounts", accounts, POINTS, WORDS)?.into_iter().collect();
        members.insert(Member { name: checked_text("members", name, WORDS)?, accounts });
        Ok(())
    };
    wish.members.iter().try_for_each(|member| add(&member.name, &member.accounts))?;
    for member in plimsoll_formats::roster::read(&wish.csv)? {
        add(&member.name, &member.accounts.into_iter().collect::<Vec<_>>())?;
    }
    if wish.from_applications {
        let teams = known(&app.store, &Scope::client(client), now, Some(client)).await?;
        for (_, described) in teams.applications.values() {
            match circle {
                Circle::Teams if described.team.is_empty() => {}
                Circle::Teams => add(&described.team, &[])?,
                Circle::Stakeholders => described.stakeholders.iter().try_for_each(|name| add(name, &[]))?,
            }
        }
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = members.iter().find(|member| !names.insert(member.name.as_str())) {
        return Err(parameter("members", format!("{:?} stands there twice with different accounts", twice.name), "name it once"));
    }
    if members.len() > MEMBERS {
        return Err(parameter("members", format!("are {}, the limit is {MEMBERS}", members.len()), "make several rosters"));
    }
    Ok(members)
}

/// Says who is on a roster from now on.
///
/// # Errors
///
/// 400 for words that cannot be used, 404 for a client the asker does not look
/// after.
pub async fn set_roster(app: &Shared, allowed: &Allowed, wish: RosterWish) -> Result<(ClientId, Roster), Refusal> {
    let client = client_of(app, allowed, wish.client).await?;
    let now = Timestamp::now();
    let circle = Circle::ALL.into_iter().find(|circle| circle.word() == wish.audience);
    let circle = circle.ok_or_else(|| parameter("audience", format!("is {:?}, allowed are teams and stakeholders", wish.audience), "choose one of them"))?;
    let members = listed(app, client, circle, &wish, now).await?;
    let roster = Roster { name: checked_text("name", &wish.name, WORDS)?, circle, members };
    let before = known(&app.store, &Scope::client(client), now, Some(client)).await?.rosters.remove(&(client, roster.name.clone()));
    if before.as_ref() == Some(&roster) {
        return Ok((client, roster));
    }
    if before.is_none() && roster.members.is_empty() {
        return Err(parameter("members", "nobody is named", "name members, give a CSV, or take them from the applications"));
    }
    let mut intent = intent(allowed, "roster.set", format!("roster:{client}:{}", roster.name), now);
    intent.reason = wish.reason;
    tell(app, intent, client, &[Fact::Roster(roster.clone())], None).await?;
    Ok((client, roster))
}

fn unknown_member(name: &str, roster: &str) -> Refusal {
    let text = format!("{name:?} is not on the roster {roster:?}");
    Refusal::new(StatusCode::BAD_REQUEST, "E-ROSTER", text, "write it as the roster does, or put it there first").at("members")
}

fn attendance(teams: &Teams, client: ClientId, briefing: &Briefing, names: &[String]) -> Result<Vec<Fact>, Refusal> {
    let roster = teams.rosters.get(&(client, briefing.roster.clone())).ok_or_else(|| missing("roster", &briefing.roster))?;
    let one = |name: &String| {
        let member = roster.members.iter().find(|member| member.name == name.trim()).ok_or_else(|| unknown_member(name, &roster.name))?;
        Ok(Fact::Briefed(Briefed { briefing: briefing.id.clone(), member: member.name.clone(), at: briefing.held, way: Way::Attended }))
    };
    names.iter().filter(|name| !name.trim().is_empty()).map(one).collect()
}

/// Records a briefing.
///
/// # Errors
///
/// 400 for words that cannot be used, 404 for a roster that is not there.
pub async fn brief(app: &Shared, allowed: &Allowed, wish: BriefingWish) -> Result<Held, Refusal> {
    let client = client_of(app, allowed, wish.client).await?;
    let now = Timestamp::now();
    let words: Vec<&str> = Topic::ALL.iter().map(|topic| topic.word()).collect();
    let topic = Topic::parse(&wish.topic).ok_or_else(|| parameter("topic", format!("is {:?}, allowed are {}", wish.topic, words.join(", ")), "choose one of them"))?;
    let teams = known(&app.store, &Scope::client(client), now, Some(client)).await?;
    let by = actor(allowed);
    let holder = wish.holder.filter(|holder| !holder.trim().is_empty()).unwrap_or_else(|| by.name.unwrap_or(by.id));
    let briefing = Briefing {
        id: identifier(now)?,
        roster: wish.roster.trim().to_owned(),
        topic,
        title: checked_text("title", &wish.title, WORDS)?,
        document: if wish.document.trim().is_empty() { String::new() } else { checked_text("document", &wish.document, TEXT)? },
        held: passed("held", wish.held, now)?,
        holder: checked_text("holder", &holder, WORDS)?,
    };
    let attended = attendance(&teams, client, &briefing, &wish.attended)?;
    let object = format!("briefing:{}", briefing.id);
    let facts: Vec<Fact> = std::iter::once(Fact::Briefing(briefing.clone())).chain(attended).collect();
    tell(app, intent(allowed, "briefing.hold", object, now), client, &facts, None).await?;
    briefing_of(app, &Scope::client(client), &briefing.id).await
}

fn identifier(now: Timestamp) -> Result<String, StoreError> {
    Ok(plimsoll_core::model::identifier::TokenId::from_bits(plimsoll_store::identifier::fresh(now)?).to_string())
}

/// One briefing within a scope.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn briefing_of(app: &App, scope: &Scope, id: &str) -> Result<Held, Refusal> {
    let teams = known(&app.store, scope, Timestamp::now(), None).await?;
    teams.briefings.into_iter().find(|held| held.briefing.id == id).ok_or_else(|| missing("briefing", id))
}

/// Notes who was at a briefing.
///
/// # Errors
///
/// 400 for somebody who is not on its roster, 403, 404.
pub async fn attend(app: &Shared, allowed: &Allowed, id: &str, wish: AttendanceWish) -> Result<Held, Refusal> {
    let scope = stored(&allowed.principal.scope(Permission::ReadFleet));
    let held = briefing_of(app, &scope, id).await?;
    if !allowed.scope.holds(held.client) {
        return Err(forbidden(allowed));
    }
    let now = Timestamp::now();
    let teams = known(&app.store, &Scope::client(held.client), now, Some(held.client)).await?;
    let mut facts = attendance(&teams, held.client, &held.briefing, &wish.members)?;
    facts.retain(|fact| !matches!(fact, Fact::Briefed(briefed) if held.reached.get(&briefed.member).is_some_and(|ways| ways.contains_key(&Way::Attended))));
    if !facts.is_empty() {
        tell(app, intent(allowed, "briefing.attend", format!("briefing:{id}"), now), held.client, &facts, None).await?;
    }
    briefing_of(app, &scope, id).await
}

fn forbidden(allowed: &Allowed) -> Refusal {
    let text = format!("{} may not do that for this client", allowed.principal);
    Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who looks after the whole client")
}

/// Acknowledges a briefing: the person who is signed in, for every member of
/// its roster that answers to the account.
///
/// # Errors
///
/// 403 `E-ROSTER` where none does; 404.
pub async fn acknowledge(app: &Shared, allowed: &Allowed, id: &str) -> Result<Held, Refusal> {
    let scope = stored(&allowed.scope);
    let held = briefing_of(app, &scope, id).await?;
    let account = person(app, allowed).await?.account;
    let now = Timestamp::now();
    let teams = known(&app.store, &Scope::client(held.client), now, Some(held.client)).await?;
    let roster = teams.rosters.get(&(held.client, held.briefing.roster.clone()));
    let own: Vec<&Member> = roster.iter().flat_map(|roster| &roster.members).filter(|member| member.answers(&account)).collect();
    if own.is_empty() {
        let text = format!("the account {account} answers for nobody on the roster {:?}", held.briefing.roster);
        let next = "ask whoever keeps the roster to put you there, or your account beside your team";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-ROSTER", text, next));
    }
    let known = |member: &Member| held.reached.get(&member.name).is_some_and(|ways| ways.contains_key(&Way::Acknowledged));
    let one = |member: &Member| Fact::Briefed(Briefed { briefing: id.to_owned(), member: member.name.clone(), at: now, way: Way::Acknowledged });
    let facts: Vec<Fact> = own.into_iter().filter(|member| !known(member)).map(one).collect();
    if !facts.is_empty() {
        tell(app, intent(allowed, "briefing.acknowledge", format!("briefing:{id}"), now), held.client, &facts, None).await?;
    }
    briefing_of(app, &scope, id).await
}

/// An application of a client for which the asker holds the act's permission.
async fn entitled(app: &Shared, allowed: &Allowed, id: &str) -> Result<Application, Refusal> {
    let application = seen(app, &stored(&allowed.principal.scope(Permission::ReadFleet)), id).await?;
    if allowed.scope.holds(application.client) { Ok(application) } else { Err(forbidden(allowed)) }
}

fn about(application: ApplicationId) -> String {
    format!("meeting:application:{application}")
}

/// Says how often is met about an application.
///
/// # Errors
///
/// 400 for a length that cannot be read, 403, 404.
pub async fn set_cadence(app: &Shared, allowed: &Allowed, id: &str, wish: CadenceWish) -> Result<(), Refusal> {
    let application = entitled(app, allowed, id).await?;
    let every = wish.every.map(|every| every.trim().to_owned()).filter(|every| !every.is_empty());
    if let Some(every) = &every {
        let length = Length::parse(every).map_err(|wrong| parameter("every", format!("{every:?} {wrong}"), "write it as P1M or P14D"))?;
        if length.nominal_seconds() < 86_400 {
            return Err(parameter("every", format!("{every} is less than a day"), "write it as P1M or P14D"));
        }
    }
    let now = Timestamp::now();
    let open = app.store.alert_about(MISSED, &about(application.id)).await?;
    let fact = Fact::Cadence(Cadence { application: application.id, every });
    tell(app, intent(allowed, "meeting.cadence", format!("application:{}", application.id), now), application.client, &[fact], open.as_ref()).await
}

/// Records a meeting about an application; its clock begins anew, and the
/// alert is closed.
///
/// # Errors
///
/// 400 for words that cannot be used, 403, 404.
pub async fn meet(app: &Shared, allowed: &Allowed, id: &str, wish: MeetingWish) -> Result<Met, Refusal> {
    let application = entitled(app, allowed, id).await?;
    let now = Timestamp::now();
    if wish.actions.len() > POINTS {
        return Err(parameter("actions", format!("are {}, the limit is {POINTS}", wish.actions.len()), "name fewer"));
    }
    let action = |action: &ActionWish| -> Result<Action, Refusal> {
        Ok(Action { what: checked_text("actions", &action.what, TEXT)?, owner: checked_text("actions", &action.owner, WORDS)?, due: action.due })
    };
    let meeting = Meeting {
        id: identifier(now)?,
        application: application.id,
        held: passed("held", wish.held, now)?,
        attendance: several("attendance", &wish.attendance, MEMBERS, WORDS)?.into_iter().collect(),
        minutes: lines("minutes", &wish.minutes, MINUTES)?,
        decisions: several("decisions", &wish.decisions, POINTS, TEXT)?,
        actions: wish.actions.iter().map(action).collect::<Result<_, _>>()?,
    };
    if meeting.attendance.is_empty() {
        return Err(parameter("attendance", "nobody is named", "say who was there"));
    }
    let open = app.store.alert_about(MISSED, &about(application.id)).await?;
    let intent = intent(allowed, "meeting.hold", format!("meeting:{}", meeting.id), now);
    tell(app, intent, application.client, &[Fact::Meeting(meeting.clone())], open.as_ref()).await?;
    Ok(Met { client: application.client, meeting, done: std::collections::BTreeMap::new() })
}

/// One meeting within a scope.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn meeting_of(app: &App, scope: &Scope, id: &str) -> Result<Met, Refusal> {
    let teams = known(&app.store, scope, Timestamp::now(), None).await?;
    teams.meetings.into_iter().find(|met| met.meeting.id == id).ok_or_else(|| missing("meeting", id))
}

/// Notes that an action was done.
///
/// # Errors
///
/// 403, 404 for an action that is not there, 409 `E-STATE` for one that is
/// done.
pub async fn finish(app: &Shared, allowed: &Allowed, id: &str, place: usize, wish: DoneWish) -> Result<Met, Refusal> {
    let scope = stored(&allowed.principal.scope(Permission::ReadFleet));
    let met = meeting_of(app, &scope, id).await?;
    if !allowed.scope.holds(met.client) {
        return Err(forbidden(allowed));
    }
    if place >= met.meeting.actions.len() {
        return Err(missing("action", &place.to_string()));
    }
    if let Some((at, _)) = met.done.get(&place) {
        let text = format!("it was done at {at:.0}");
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", text, "nothing is left to do"));
    }
    let note = if wish.note.trim().is_empty() { String::new() } else { checked_text("note", &wish.note, TEXT)? };
    let fact = Fact::ActionDone(ActionDone { meeting: id.to_owned(), action: place, note });
    tell(app, intent(allowed, "meeting.action-done", format!("meeting:{id}"), Timestamp::now()), met.client, &[fact], None).await?;
    meeting_of(app, &scope, id).await
}

/// Raises an alert for each meeting that was missed.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn remind(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let teams = known(&app.store, &Scope::All, now, None).await?;
    for due in meetings_due(app, &teams, now).into_iter().filter(|due| due.overdue) {
        let text = format!("operations and development were to meet about {} by {:.0}, as every {}", due.name, due.due, due.every);
        let object = about(due.application);
        let clock = reviews::Clock { client: Some(due.client), kind: MISSED, object: &object, act: "meeting.missed", due: due.due, text };
        reviews::remind(app, &clock, now).await?;
    }
    Ok(())
}
