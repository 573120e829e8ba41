//! **Work**: hours that people say, by timers, by hand and by the logs of
//! ticket systems; API and console share it. Nothing is changed but a timer
//! that is stopped: a correction is a record of its own.

use crate::api::acts::{actor, one_client};
use crate::api::{missing, parameter, stored};
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::measures::cost::{DEFAULT, standing};
use plimsoll_core::model::identifier::{ClientId, HostId, PersonId, WorkId};
use plimsoll_core::model::work::{Downtime, LONGEST_SESSION_SECONDS, MOST_HOURS, Source, Subject, Work, hours, is_word};
use plimsoll_store::identifier::fresh;
use plimsoll_store::{ErrorKind, Intent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Longest note, in characters.
const NOTE: usize = 500;
/// Most minutes out of service of one record: a year.
const MOST_MINUTES: u64 = 366 * 24 * 60;

/// What work is for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkStart {
    /// Client; may be left out where there is one, or where a package says it.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Number of the step, `7.3`; only work of a cost centre has none.
    pub step: Option<String>,
    /// `package:<sha256>`, `advisory:<id>`, or `overhead:` with `monitoring`,
    /// `change-procedures` or `guides`.
    pub subject: String,
    /// As what, a word of the policy's prices; `default` where it is left out.
    pub role: Option<String>,
    /// What is done, in a few words.
    pub note: Option<String>,
}

/// A timer to be stopped.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkStop {
    /// Its id; may be left out where one of one's own runs.
    pub work: Option<String>,
}

/// Hours, or minutes out of service, that somebody says.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkWish {
    /// Client; may be left out where there is one, or where a package says it.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Number of the step, `7.3`; only work of a cost centre has none.
    pub step: Option<String>,
    /// What it was for, as when a timer is started.
    pub subject: String,
    /// As what; `default` where it is left out.
    pub role: Option<String>,
    /// Hours as a decimal number, `1.25`.
    pub hours: Option<String>,
    /// When it began; left out, so that it ends now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Timestamp>,
    /// Minutes out of service, in place of hours.
    pub downtime_minutes: Option<u64>,
    /// Tier by which those are priced.
    pub tier: Option<String>,
    /// The host that was out of service, by id.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostId>,
    /// What was done.
    pub note: Option<String>,
}

/// What was wrong with a record; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkCorrection {
    /// Hours; `0` takes the record out of all sums.
    pub hours: Option<String>,
    /// Number of the step.
    pub step: Option<String>,
    /// What it was for.
    pub subject: Option<String>,
    /// As what.
    pub role: Option<String>,
    /// What was done.
    pub note: Option<String>,
    /// Why it is corrected.
    pub reason: String,
}

/// A ticket system's work log.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkLog {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// CSV with the columns ticket, date, hours, role, step, subject and note.
    pub csv: String,
}

/// What came of a work log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkLogTaken {
    /// Entries that are new.
    pub added: u64,
    /// Entries whose hours differ from those of an earlier log.
    pub corrected: u64,
    /// Entries that were there already.
    pub same: u64,
}

fn person(allowed: &Allowed) -> Option<PersonId> {
    allowed.principal.person_id()
}

fn step(number: Option<&str>, subject: &Subject) -> Result<Option<Step>, Refusal> {
    match (number.map(str::trim).unwrap_or_default(), subject) {
        ("", Subject::Overhead(_)) => Ok(None),
        ("", _) => Err(parameter("step", "is left out", "name one of the steps 1.1 to 10.4; only work of a cost centre has none")),
        (number, _) => Step::parse(number).map(Some).ok_or_else(|| parameter("step", format!("{number:?} is none of the steps 1.1 to 10.4"), "name the step by its number")),
    }
}

fn word(name: &str, text: Option<&str>) -> Result<String, Refusal> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    if is_word(text) {
        return Ok(text.to_owned());
    }
    Err(parameter(name, format!("{text:?} cannot be used"), "write small letters, digits, - and _, 40 at most, as in the policy's prices"))
}

fn noted(text: Option<&str>) -> Result<String, Refusal> {
    match text.map(str::trim).unwrap_or_default() {
        "" => Ok(String::new()),
        text => checked_text("note", text, NOTE),
    }
}

fn seconds(text: &str) -> Result<u64, Refusal> {
    hours(text.trim()).map_err(|text| parameter("hours", text, "write hours with a point, as 1.25"))
}

/// What work is for, and whose: a package says its client, and one of another
/// client is not there.
async fn meant(app: &Shared, allowed: &Allowed, client: Option<ClientId>, subject: &str) -> Result<(ClientId, Subject), Refusal> {
    let subject = Subject::parse(subject.trim()).map_err(|text| parameter("subject", text, "name what the work is for"))?;
    let client = match &subject {
        Subject::Package(digest) => {
            let unseen = || missing("deployment package", digest);
            let package = app.store.deployment_package(digest).await.map_err(|error| if error.kind == ErrorKind::NotFound { unseen() } else { error.into() })?;
            if !allowed.scope.holds(package.client) || client.is_some_and(|client| client != package.client) {
                return Err(unseen());
            }
            package.client
        }
        _ => one_client(app, allowed, client).await?,
    };
    let there = allowed.scope.holds(client) && app.store.client(client).await.is_ok();
    if there { Ok((client, subject)) } else { Err(missing("client", &client.to_string())) }
}

fn begun(allowed: &Allowed, act: &str, id: WorkId, now: Timestamp) -> Intent {
    Intent::new(actor(allowed), now, format!("work.{act}"), format!("work:{id}"))
}

async fn keep(app: &Shared, allowed: &Allowed, act: &str, work: Work, reason: Option<&str>) -> Result<Work, Refusal> {
    let mut change = app.store.begin(begun(allowed, act, work.id, work.recorded)).await?;
    change.add_work(&work).await?;
    change.commit(reason).await?;
    let _ = app.news.send(News::Other);
    Ok(work)
}

/// Starts a timer.
///
/// # Errors
///
/// 400 for words that cannot be used, 404 for what the asker may not see.
pub async fn start(app: &Shared, allowed: &Allowed, wish: WorkStart) -> Result<Work, Refusal> {
    let (client, subject) = meant(app, allowed, wish.client, &wish.subject).await?;
    let now = Timestamp::now();
    let work = Work {
        id: WorkId::from_bits(fresh(now)?),
        client,
        person: Some(person(allowed).ok_or_else(|| parameter("subject", "only a person's timer can run", "say the hours instead"))?),
        role: word("role", wish.role.as_deref())?,
        step: step(wish.step.as_deref(), &subject)?,
        subject,
        source: Source::Timer,
        started: now,
        ended: None,
        seconds: None,
        downtime: None,
        ticket: None,
        replaces: None,
        recorded: now,
        note: noted(wish.note.as_deref())?,
    };
    keep(app, allowed, "start", work, None).await
}

/// Stops a timer of one's own.
///
/// # Errors
///
/// 404 where none runs, 400 where several do and none is named.
pub async fn stop(app: &Shared, allowed: &Allowed, wish: WorkStop) -> Result<Work, Refusal> {
    let running = match person(allowed) {
        Some(person) => app.store.running_work(person).await?,
        None => Vec::new(),
    };
    let own: Vec<Work> = running.into_iter().filter(|work| allowed.scope.holds(work.client)).collect();
    let named = wish.work.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let work = match (named, own.as_slice()) {
        (Some(id), own) => own.iter().find(|work| work.id.to_string() == id).ok_or_else(|| missing("running timer of yours", id))?,
        (None, [only]) => only,
        (None, []) => return Err(missing("running timer of yours", "work")),
        (None, several) => return Err(parameter("work", format!("is left out, and {} timers of yours run", several.len()), "name the one to stop")),
    };
    let now = Timestamp::now();
    let mut change = app.store.begin(begun(allowed, "stop", work.id, now)).await?;
    let stopped = change.stop_work(work.id, now).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(stopped)
}

/// Writes hours down, or minutes out of service.
///
/// # Errors
///
/// 400 for words that cannot be used, 404 for what the asker may not see.
pub async fn add(app: &Shared, allowed: &Allowed, wish: WorkWish) -> Result<Work, Refusal> {
    let (client, subject) = meant(app, allowed, wish.client, &wish.subject).await?;
    let now = Timestamp::now();
    let (seconds, downtime) = match (&wish.hours, wish.downtime_minutes) {
        (Some(hours), None) => (seconds(hours)?, None),
        (None, Some(minutes)) if (1..=MOST_MINUTES).contains(&minutes) => (0, Some(Downtime { minutes, tier: word("tier", wish.tier.as_deref())?, host: host(app, wish.host, client)? })),
        (None, Some(minutes)) => return Err(parameter("downtime_minutes", format!("{minutes} is none of 1 to {MOST_MINUTES}"), "write minutes")),
        _ => return Err(parameter("hours", "either hours or minutes out of service are said", "give one of the two")),
    };
    let work = Work {
        id: WorkId::from_bits(fresh(now)?),
        client,
        person: person(allowed),
        role: word("role", wish.role.as_deref())?,
        step: step(wish.step.as_deref().or(downtime.is_some().then_some("7.4")), &subject)?,
        subject,
        source: Source::Entered,
        started: begun_at(wish.started, seconds, now)?,
        ended: None,
        seconds: Some(seconds),
        downtime,
        ticket: None,
        replaces: None,
        recorded: now,
        note: noted(wish.note.as_deref())?,
    };
    keep(app, allowed, "add", work, None).await
}

/// When said work began: not still to come, and no more than two years ago,
/// since reports look back no further.
fn begun_at(started: Option<Timestamp>, seconds: u64, now: Timestamp) -> Result<Timestamp, Refusal> {
    let length = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0));
    let started = started.unwrap_or_else(|| now.checked_sub(length).unwrap_or(now));
    if started > now || now.duration_since(started) > SignedDuration::from_hours(24 * 731) {
        return Err(parameter("started", format!("{started} is not within the last two years"), "name when the work began"));
    }
    Ok(started)
}

fn host(app: &App, host: Option<HostId>, client: ClientId) -> Result<Option<HostId>, Refusal> {
    let Some(id) = host else { return Ok(None) };
    let known = app.fleet.read().host(id).is_some_and(|managed| managed.registration.client == client);
    if known { Ok(Some(id)) } else { Err(missing("host", &id.to_string())) }
}

/// A record that the asker may see.
async fn seen(app: &App, allowed: &Allowed, id: &str) -> Result<Work, Refusal> {
    let unseen = || missing("record of work", id);
    let key: WorkId = id.parse().map_err(|_| unseen())?;
    let work = app.store.one_work(key).await.map_err(|error| if error.kind == ErrorKind::NotFound { unseen() } else { error.into() })?;
    if allowed.scope.holds(work.client) { Ok(work) } else { Err(unseen()) }
}

/// Corrects a record of one's own, or of a ticket: a new one takes its place.
///
/// # Errors
///
/// 403 for another person's, 409 where it was corrected already.
pub async fn correct(app: &Shared, allowed: &Allowed, id: &str, wish: WorkCorrection) -> Result<Work, Refusal> {
    let known = seen(app, allowed, id).await?;
    if known.person.is_some() && known.person != person(allowed) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", "this is another person's word", "ask who wrote it down to correct it").at(id));
    }
    let reason = checked_text("reason", &wish.reason, NOTE)?;
    let now = Timestamp::now();
    let subject = match &wish.subject {
        Some(subject) => meant(app, allowed, Some(known.client), subject).await?.1,
        None => known.subject.clone(),
    };
    let running = || {
        let longest = known.started.checked_add(SignedDuration::from_secs(LONGEST_SESSION_SECONDS)).unwrap_or(now);
        u64::try_from(known.ended.unwrap_or(now).min(longest).as_second() - known.started.as_second()).unwrap_or(0)
    };
    let spent = wish.hours.as_deref().map(seconds).transpose()?;
    let downtime = known.downtime.clone().filter(|_| spent.is_none());
    let work = Work {
        id: WorkId::from_bits(fresh(now)?),
        role: wish.role.as_deref().map_or_else(|| Ok(known.role.clone()), |role| word("role", Some(role)))?,
        step: match &wish.step {
            Some(number) => step(Some(number), &subject)?,
            None => step(known.step.map(Step::number), &subject)?,
        },
        subject,
        source: if known.source == Source::Ticket { Source::Ticket } else { Source::Entered },
        ended: None,
        seconds: Some(spent.or(known.seconds).unwrap_or_else(running)),
        downtime,
        replaces: Some(known.id),
        recorded: now,
        note: wish.note.as_deref().map_or_else(|| Ok(known.note.clone()), |note| noted(Some(note)))?,
        ..known
    };
    keep(app, allowed, "correct", work, Some(&reason)).await
}

/// What tells entries of work logs apart.
type Entry = (String, Timestamp, String, Option<Step>, Subject);

/// Takes a ticket system's work log: whole or not at all. An entry that is
/// there already changes nothing; one whose hours differ corrects it.
///
/// # Errors
///
/// `E-WORK-LOG` with the line, `E-LIMIT`.
pub async fn import(app: &Shared, allowed: &Allowed, wish: WorkLog) -> Result<WorkLogTaken, Refusal> {
    let client = one_client(app, allowed, wish.client).await?;
    if !allowed.scope.holds(client) || app.store.client(client).await.is_err() {
        return Err(missing("client", &client.to_string()));
    }
    let logged = plimsoll_formats::work::read(&wish.csv)?;
    let now = Timestamp::now();
    let mut packages = std::collections::BTreeSet::new();
    for one in &logged {
        let _ = begun_at(Some(one.at), 0, now)?;
        if let Subject::Package(digest) = &one.subject
            && packages.insert(digest.clone())
        {
            let _ = meant(app, allowed, Some(client), &one.subject.to_string()).await?;
        }
    }
    let kept = app.store.work(&stored(&allowed.scope), Some(client), now).await?;
    let mut known: BTreeMap<Entry, (WorkId, u64)> = BTreeMap::new();
    for work in standing(&kept, now) {
        if let (Some(ticket), Some(seconds)) = (&work.ticket, work.seconds) {
            known.insert((ticket.clone(), work.started, work.role.clone(), work.step, work.subject.clone()), (work.id, seconds));
        }
    }
    // Two lines of one entry are one entry.
    let mut wanted: BTreeMap<Entry, (u64, String)> = BTreeMap::new();
    for one in logged {
        let (seconds, note) = wanted.entry((one.ticket, one.at, one.role, one.step, one.subject)).or_default();
        *seconds += one.seconds;
        if *seconds > MOST_HOURS * 3600 {
            return Err(parameter("csv", format!("the lines of one ticket, day, role, step and subject say more than {MOST_HOURS} hours together"), "correct the log"));
        }
        if note.is_empty() {
            *note = one.note;
        }
    }
    let mut taken = WorkLogTaken { added: 0, corrected: 0, same: 0 };
    let id = WorkId::from_bits(fresh(now)?);
    let mut change = app.store.begin(begun(allowed, "import", id, now)).await?;
    for (entry, (seconds, note)) in wanted {
        let before = known.get(&entry);
        match before {
            Some((_, had)) if *had == seconds => {
                taken.same += 1;
                continue;
            }
            Some(_) => taken.corrected += 1,
            None => taken.added += 1,
        }
        let (ticket, started, role, step, subject) = entry;
        let work = Work {
            id: WorkId::from_bits(fresh(now)?),
            client,
            person: None,
            role,
            step,
            subject,
            source: Source::Ticket,
            started,
            ended: None,
            seconds: Some(seconds),
            downtime: None,
            ticket: Some(ticket),
            replaces: before.map(|(id, _)| *id),
            recorded: now,
            note,
        };
        change.add_work(&work).await?;
    }
    if taken.added + taken.corrected > 0 {
        change.commit(None).await?;
        let _ = app.news.send(News::Other);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests;
