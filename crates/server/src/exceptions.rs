//! **Exceptions**: asked for, approved, refused, taken back and renewed, each
//! one transaction with its leaf; API and console share them.
//!
//! The policy in force says what may be granted, for how long and by whom
//! ([`plimsoll_core::phases::prioritize::exception`]); who asks never approves.

use crate::api::acts::{actor, one_client};
use crate::api::groups::seen_group;
use crate::api::hosts::seen_host;
use crate::api::{missing, parameter, stored};
use crate::app::{App, News, Shared};
use crate::fleet::exceptions::{Concerned, Selection};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::principal::sign_in_first;
use crate::identity::role::Permission;
use crate::reviews;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::exception::{Approval, Covered, Exception, ExceptionStanding, ExceptionState, Somebody};
use plimsoll_core::model::identifier::{ClientId, ExceptionId, HostId, PersonId};
use plimsoll_core::model::policy::{PolicySet, WaiverKind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::prioritize::exception::{Approver, Share, asked, may_accept, replace_by, review_due, terms, unaccepted};
use plimsoll_store::exceptions::Told;
use plimsoll_store::transitions::Memory;
use plimsoll_store::{Actor, Intent, StoreError};
use roaring::RoaringBitmap;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What every verb of theirs begins with.
pub const ACTS: &str = "exception.";
/// Kind of the alert about one that ends.
pub const ENDS: &str = "E-EXCEPTION-ENDS";
/// Kind of the alert about one that is to be looked at again.
pub const REVIEW: &str = "exception-review";
/// Kind of the alert about what was to be replaced.
pub const REPLACE: &str = "unpatchable-replace";
/// How long before its end it is told: time to patch, or to ask again.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Longest name of an owner or package, in characters.
const WORDS: usize = 200;
/// Longest reason or control, in characters.
const REASON: usize = 2_000;
/// Advisories of one exception at most.
const ADVISORIES: usize = 100;
/// Hosts that are named one by one at most; more are better said by a group.
const HOSTS: usize = 10_000;
/// Open alerts looked through at most.
const ALERTS: u32 = 10_000;
/// How often the cap is looked at again when others approve meanwhile.
const TRIES: usize = 8;

/// An exception to be asked for. Of `hosts`, `group` and `all_hosts` one is
/// given.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// What justifies it: no-fix-available, operational-requirement, deferral,
    /// mitigated, client-refusal or accepted.
    pub kind: String,
    /// Advisories, by the ids that findings carry.
    pub advisories: BTreeSet<String>,
    /// Package it is limited to.
    pub package: Option<String>,
    /// Hosts, by id.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub hosts: BTreeSet<HostId>,
    /// A group, whose hosts it is about at each moment.
    pub group: Option<String>,
    /// All hosts of the client, those that come later too.
    #[serde(default)]
    pub all_hosts: bool,
    /// Who answers for the risk while it lasts.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// What stands in meanwhile.
    pub control: Option<String>,
    /// First moment in which it is in force no more.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// A renewal to be asked for; what is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewalWish {
    /// First moment in which it is in force no more.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Why it is still needed.
    pub reason: String,
    /// What stands in meanwhile.
    pub control: Option<String>,
    /// Who answers for the risk.
    pub owner: Option<String>,
}

/// Takes up what the store has.
///
/// # Errors
///
/// The store cannot be read.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    taken_up(app).await.map(drop)
}

async fn taken_up(app: &App) -> Result<Vec<Exception>, StoreError> {
    let all = app.store.exceptions(&plimsoll_store::Scope::All).await?;
    let changed = app.fleet.write().lay_exceptions(&all, app.clock().now);
    for host in changed {
        let _ = app.news.send(News::Host(host));
    }
    Ok(all)
}

/// One that the asker may see.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen(app: &App, allowed: &Allowed, id: &str) -> Result<Exception, Refusal> {
    let scope = stored(&allowed.principal.scope(Permission::ReadFleet));
    let unseen = || missing("exception", id);
    let key: ExceptionId = id.parse().map_err(|_| unseen())?;
    let found = app.store.exception(key).await.map_err(|error| match error.kind {
        plimsoll_store::ErrorKind::NotFound => unseen(),
        _ => error.into(),
    })?;
    if scope.sees_client(found.client) { Ok(found) } else { Err(unseen()) }
}

/// One of a client for which the asker holds the act's permission.
async fn entitled(app: &App, allowed: &Allowed, id: &str) -> Result<Exception, Refusal> {
    let known = seen(app, allowed, id).await?;
    if allowed.scope.holds(known.client) {
        return Ok(known);
    }
    let text = format!("{} may not do that with exceptions of this client", allowed.principal);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who holds the role for the whole client"))
}

fn intent(allowed: &Allowed, act: &str, id: ExceptionId, now: Timestamp) -> Intent {
    Intent::new(actor(allowed), now, format!("{ACTS}{act}"), format!("exception:{id}"))
}

/// What the policy says no to.
pub fn against_policy(problem: Problem) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, problem.code, problem.text, problem.next).at(problem.place)
}

/// Whoever asks, by account: a token acts for the person that made it.
///
/// # Errors
///
/// What the store meets.
pub async fn person(app: &App, allowed: &Allowed) -> Result<plimsoll_store::people::Person, Refusal> {
    let id = allowed.principal.person_id().ok_or_else(sign_in_first)?;
    Ok(app.store.person(id).await?)
}

/// Open findings that an exception is about.
pub fn concerned(app: &App, exception: &Exception) -> Vec<Concerned> {
    app.fleet.read().concerned(Selection::from(exception))
}

/// Severities, priorities and rules of some findings: severities as they
/// stand, rules as the journal has them.
pub(crate) async fn levels(app: &App, exception: &Exception, findings: &[Concerned], now: Timestamp) -> Result<BTreeSet<String>, Refusal> {
    let mut levels: BTreeSet<String> = findings.iter().map(|finding| finding.rating.as_str().to_owned()).collect();
    let hosts: Vec<HostId> = findings.iter().map(|finding| finding.host).collect::<BTreeSet<_>>().into_iter().collect();
    levels.extend(journal_levels(app, &hosts, &exception.advisories, now).await?.into_iter().map(|(level, _)| level));
    Ok(levels)
}

/// Priorities and rules that bind open findings of some advisories on some
/// hosts, as the journal has them, each with an advisory.
pub(crate) async fn journal_levels(app: &App, hosts: &[HostId], advisories: &BTreeSet<String>, now: Timestamp) -> Result<BTreeSet<(String, String)>, Refusal> {
    let mut levels = BTreeSet::new();
    // A journal is some kilobytes.
    for hosts in hosts.chunks(500) {
        for story in app.store.stories(hosts, now).await?.into_values() {
            let mut memory = Memory::default();
            story.iter().for_each(|transition| memory.note(transition));
            for (key, obliged) in memory.obliged.iter().filter(|(key, _)| advisories.contains(&key.advisory)) {
                let rules = obliged.bounds.iter().flat_map(|bound| bound.rule.split('/').skip(1));
                levels.extend(rules.map(|level| (level.to_owned(), key.advisory.clone())));
            }
        }
    }
    Ok(levels)
}

/// What would be under an exception with these findings, of how many. A host
/// outside of every application stands for a project of its own.
async fn share(app: &App, client: ClientId, findings: &[Concerned], now: Timestamp) -> Result<Share, Refusal> {
    let applications = app.store.applications(&plimsoll_store::Scope::client(client)).await?;
    let mut of: Vec<BTreeSet<HostId>> = Vec::new();
    for application in &applications {
        of.push(crate::applications::hosts(app, application).await?);
    }
    let fleet = app.fleet.read();
    let mut with: RoaringBitmap = findings.iter().map(|finding| finding.number).collect();
    let own = fleet.of_client(client).cloned().unwrap_or_default();
    let all: Vec<_> = own.iter().filter_map(|number| fleet.numbered(number)).collect();
    with.extend(all.iter().filter(|managed| !fleet.excepted(managed, now).is_empty()).map(|managed| managed.registration.number));
    let under = |host: &HostId| fleet.host(*host).is_some_and(|managed| with.contains(managed.registration.number));
    let alone: Vec<&HostId> =
        all.iter().map(|managed| &managed.registration.id).filter(|host| !of.iter().any(|hosts| hosts.contains(host))).collect();
    Ok(Share {
        with: (of.iter().filter(|hosts| hosts.iter().any(under)).count() + alone.iter().filter(|host| under(host)).count()) as u64,
        of: (of.len() + alone.len()) as u64,
        what: if of.is_empty() { "hosts" } else { "applications and hosts outside of any" },
    })
}

/// Advisories that can be looked for.
///
/// # Errors
///
/// 400 for none, too many, or text that cannot be shown.
pub fn checked_advisories(advisories: &BTreeSet<String>) -> Result<BTreeSet<String>, Refusal> {
    if advisories.is_empty() || advisories.len() > ADVISORIES {
        let text = format!("are {}, taken are 1 to {ADVISORIES}", advisories.len());
        return Err(parameter("advisories", text, "name those of the findings"));
    }
    advisories.iter().map(|advisory| checked_text("advisories", advisory, WORDS)).collect()
}

/// Hosts that are named in one of three ways, all of one client and seen.
///
/// # Errors
///
/// 400 for none or several ways, 404 for what the asker may not see.
pub async fn covered(
    app: &Shared,
    allowed: &Allowed,
    client: ClientId,
    (hosts, group, all): (&BTreeSet<HostId>, Option<&str>, bool),
) -> Result<Covered, Refusal> {
    let fleet = allowed.principal.scope(Permission::ReadFleet);
    let group = group.filter(|group| !group.is_empty());
    match (hosts.is_empty(), group, all) {
        (true, None, true) => Ok(Covered::All),
        (true, Some(id), false) => {
            let group = seen_group(app, &fleet, id).await?;
            if group.client.is_some_and(|own| own != client) {
                return Err(missing("group", id));
            }
            Ok(Covered::Group(group.id))
        }
        (false, None, false) => {
            if hosts.len() > HOSTS {
                return Err(parameter("hosts", format!("are {}, the limit is {HOSTS}", hosts.len()), "name a group"));
            }
            for host in hosts {
                let id = host.to_string();
                if seen_host(app, &fleet, &id, |managed| managed.registration.client)? != client {
                    return Err(missing("host", &id));
                }
            }
            Ok(Covered::Hosts(hosts.clone()))
        }
        _ => Err(parameter("hosts", "one of hosts, group and all_hosts is given", "say which hosts it is about, in one way")),
    }
}

/// Refuses an exception of which an advisory has no open finding: nobody can
/// accept what nobody has.
fn each_is_open(app: &App, exception: &Exception, findings: &[Concerned]) -> Result<(), Refusal> {
    let Some(none) = exception.advisories.iter().find(|advisory| !findings.iter().any(|finding| finding.advisory == **advisory)) else {
        return Ok(());
    };
    let mut next = "look at the findings of these hosts, and name what stands there as the advisory".to_owned();
    if let Some(held) = app.advisories.held() {
        let mut names = Vec::new();
        for number in held.database.advisories_named(none)? {
            names.push(held.database.advisory(number)?.id);
        }
        names.retain(|name| name != none);
        if !names.is_empty() {
            names.truncate(5);
            next = format!("findings stand under the advisory that deals with it: {}", names.join(", "));
        }
    }
    let text = format!("no open finding of {none} is on the hosts that are named");
    Err(Refusal::new(StatusCode::BAD_REQUEST, "E-EXCEPTION-NOTHING", text, next).at("advisories"))
}

/// How often what is asked for was accepted before. Whoever asks anew for a
/// finding that was under an exception renews that, by whatever name: otherwise
/// `max_renewals` limits nobody. What a client refused nobody asked for.
async fn renewals(app: &App, asked: &Exception, findings: &[Concerned]) -> Result<u32, Refusal> {
    let wanted: BTreeSet<(HostId, &str)> = findings.iter().map(|finding| (finding.host, finding.advisory.as_str())).collect();
    let known = app.store.exceptions(&plimsoll_store::Scope::client(asked.client)).await?;
    let apart = |earlier: &Exception| matches!((&earlier.package, &asked.package), (Some(one), Some(other)) if one != other);
    let accepted = known.iter().filter(|earlier| earlier.since.is_some() && !earlier.approvals.is_empty() && !apart(earlier));
    let again = accepted.filter(|earlier| concerned(app, earlier).iter().any(|finding| wanted.contains(&(finding.host, finding.advisory.as_str()))));
    Ok(again.map(|earlier| earlier.renewals + 1).max().unwrap_or(0))
}

/// Asks for an exception.
///
/// # Errors
///
/// 400 for words that cannot be used and advisories without an open finding,
/// 404 for what the asker may not see, 409 `E-EXCEPTION-…` for what the policy
/// does not grant, with the limit.
pub async fn request(app: &Shared, allowed: &Allowed, wish: ExceptionWish) -> Result<Exception, Refusal> {
    let client = one_client(app, allowed, wish.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let kinds: Vec<&str> = WaiverKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let kind = WaiverKind::parse(&wish.kind)
        .ok_or_else(|| parameter("kind", format!("is {:?}, allowed are {}", wish.kind, kinds.join(", ")), "choose one of them"))?;
    let hosts = covered(app, allowed, client, (&wish.hosts, wish.group.as_deref(), wish.all_hosts)).await?;
    let package = wish.package.as_deref().filter(|package| !package.is_empty());
    let now = Timestamp::now();
    let mut exception = Exception {
        id: ExceptionId::from_bits(plimsoll_store::identifier::fresh(now)?),
        client,
        kind,
        advisories: checked_advisories(&wish.advisories)?,
        package: package.map(|package| checked_text("package", package, WORDS)).transpose()?,
        hosts,
        owner: checked_text("owner", &wish.owner, WORDS)?,
        reason: checked_text("reason", &wish.reason, REASON)?,
        control: optional("control", wish.control.as_deref())?,
        levels: BTreeSet::new(),
        quorum: 1,
        until: wish.until,
        requested: now,
        requester: Somebody { person: None, name: String::new() },
        approvals: Vec::new(),
        state: ExceptionState::Requested,
        decided: None,
        since: None,
        renews: None,
        renewals: 0,
        reviewed: None,
        replaced_by: None,
    };
    let findings = concerned(app, &exception);
    each_is_open(app, &exception, &findings)?;
    exception.renewals = renewals(app, &exception, &findings).await?;
    ask(app, allowed, exception, "request", &findings).await
}

fn optional(field: &str, text: Option<&str>) -> Result<String, Refusal> {
    match text.map(str::trim).unwrap_or_default() {
        "" => Ok(String::new()),
        text => checked_text(field, text, REASON),
    }
}

/// Asks for the renewal of one that is in force or has ended.
///
/// # Errors
///
/// As [`request`]; 409 `E-STATE` for one that is neither, or whose renewal is
/// asked for already.
pub async fn renew(app: &Shared, allowed: &Allowed, id: &str, wish: RenewalWish) -> Result<Exception, Refusal> {
    let old = entitled(app, allowed, id).await?;
    let now = Timestamp::now();
    if old.state != ExceptionState::Approved {
        let text = format!("it is {}, and only one that was approved is renewed", old.standing(now).word());
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", text, "ask for a new one"));
    }
    let renewal = Exception {
        id: ExceptionId::from_bits(plimsoll_store::identifier::fresh(now)?),
        owner: wish.owner.as_deref().map_or(Ok(old.owner), |owner| checked_text("owner", owner, WORDS))?,
        reason: checked_text("reason", &wish.reason, REASON)?,
        control: wish.control.as_deref().map_or(Ok(old.control), |control| optional("control", Some(control)))?,
        until: wish.until,
        requested: now,
        approvals: Vec::new(),
        state: ExceptionState::Requested,
        decided: None,
        since: None,
        renews: Some(old.id),
        renewals: old.renewals + 1,
        reviewed: None,
        replaced_by: None,
        ..old
    };
    let findings = concerned(app, &renewal);
    if findings.is_empty() {
        let text = "none of its findings is open any more";
        return Err(Refusal::new(StatusCode::CONFLICT, "E-EXCEPTION-NOTHING", text, "let it end"));
    }
    ask(app, allowed, renewal, "renew", &findings).await
}

async fn ask(app: &Shared, allowed: &Allowed, mut exception: Exception, act: &str, findings: &[Concerned]) -> Result<Exception, Refusal> {
    let requester = person(app, allowed).await?;
    exception.requester = Somebody { person: Some(requester.id), name: requester.account };
    refresh(app).await?;
    let now = exception.requested;
    exception.levels = levels(app, &exception, findings, now).await?;
    let share = share(app, exception.client, findings, now).await?;
    exception.quorum = terms(&app.policy(), &asked(&exception, share)).map_err(against_policy)?.quorum;
    let mut change = app.store.begin(intent(allowed, act, exception.id, now)).await?;
    change.request_exception(&exception).await?;
    change.commit(Some(&exception.reason)).await?;
    let _ = app.news.send(News::Other);
    Ok(exception)
}

/// Approves one; the approval that was missing puts it in force.
///
/// # Errors
///
/// 403 `E-EXCEPTION-OWN` for whoever asked for it; 409 where the policy names
/// somebody else, where it grants it no more, and `E-STATE` where it is not
/// asked for any more.
pub async fn approve(app: &Shared, allowed: &Allowed, id: &str, why: Option<String>) -> Result<Exception, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let now = Timestamp::now();
    let why = optional("reason", why.as_deref())?;
    let approver = person(app, allowed).await?;
    if known.requester.person == Some(approver.id) {
        let text = "who asked for an exception does not approve it";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-EXCEPTION-OWN", text, "let another person with the role approver decide"));
    }
    if known.standing(now) != ExceptionStanding::Requested {
        let text = format!("it is {}", known.standing(now).word());
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", text, "ask for a new one"));
    }
    for _ in 0..TRIES {
        // What other servers put in force counts against the cap too.
        let all = taken_up(app).await?;
        let in_force: BTreeSet<ExceptionId> = all.iter().filter(|one| one.client == known.client && one.state == ExceptionState::Approved).map(|one| one.id).collect();
        if let Some(after) = approve_beside(app, allowed, &known, &in_force, &approver, &why).await? {
            shown(app).await?;
            return Ok(after);
        }
    }
    Err(Refusal::new(StatusCode::CONFLICT, "E-RACE", "others approve exceptions of this client at the same time", "try again"))
}

/// Approves one where `in_force` are still all that the client has; nothing
/// where others came meanwhile, and the cap must be looked at again.
async fn approve_beside(
    app: &Shared,
    allowed: &Allowed,
    known: &Exception,
    in_force: &BTreeSet<ExceptionId>,
    approver: &plimsoll_store::people::Person,
    why: &str,
) -> Result<Option<Exception>, Refusal> {
    let (now, policy) = (Timestamp::now(), app.policy());
    let findings = concerned(app, known);
    // An advisory can have become worse since it was asked for.
    let mut present = known.clone();
    present.levels.extend(levels(app, known, &findings, now).await?);
    let share = share(app, known.client, &findings, now).await?;
    let quorum = terms(&policy, &asked(&present, share)).map_err(against_policy)?.quorum.max(known.quorum);
    may_accept(&policy.governance, &present.levels, Approver { account: &approver.account, mail: approver.email.as_deref() })
        .map_err(against_policy)?;
    let mut mails: BTreeMap<PersonId, Option<String>> = BTreeMap::from([(approver.id, approver.email.clone())]);
    for approval in &known.approvals {
        mails.insert(approval.person, app.store.person(approval.person).await?.email);
    }
    let enough = |exception: &Exception| {
        let approvers: Vec<Approver<'_>> = exception
            .approvals
            .iter()
            .map(|approval| Approver { account: &approval.name, mail: mails.get(&approval.person).and_then(Option::as_deref) })
            .collect();
        approvers.len() >= quorum as usize && unaccepted(&policy.governance, &present.levels, &approvers).is_empty()
    };
    let mut change = app.store.begin(intent(allowed, "approve", known.id, now)).await?;
    if change.hold_approved(known.client).await? != *in_force {
        return Ok(None);
    }
    let approval = Approval { person: approver.id, name: approver.account.clone(), at: now };
    let after = change.approve_exception(known.id, &approval, why, enough).await?;
    change.commit(Some(why).filter(|why| !why.is_empty())).await?;
    Ok(Some(after))
}

async fn shown(app: &App) -> Result<(), Refusal> {
    refresh(app).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Refuses one that is asked for.
///
/// # Errors
///
/// 409 `E-STATE`; 400 without a reason.
pub async fn refuse(app: &Shared, allowed: &Allowed, id: &str, why: &str) -> Result<Exception, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let why = checked_text("reason", why, REASON)?;
    let by = person(app, allowed).await?.account;
    let mut change = app.store.begin(intent(allowed, "refuse", known.id, Timestamp::now())).await?;
    let after = change.refuse_exception(known.id, &by, &why).await?;
    change.commit(Some(&why)).await?;
    shown(app).await?;
    Ok(after)
}

/// Takes back one that is asked for or in force; its findings count again at
/// once.
///
/// # Errors
///
/// As [`refuse`].
pub async fn withdraw(app: &Shared, allowed: &Allowed, id: &str, why: &str) -> Result<Exception, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let why = checked_text("reason", why, REASON)?;
    let by = person(app, allowed).await?.account;
    let open = app.store.alert_about(REVIEW, &format!("exception:{}", known.id)).await?;
    let mut change = app.store.begin(intent(allowed, "withdraw", known.id, Timestamp::now())).await?;
    let after = change.withdraw_exception(known.id, &by, &why).await?;
    reviews::settle(&mut change, open.as_ref()).await?;
    change.commit(Some(&why)).await?;
    shown(app).await?;
    Ok(after)
}

/// Notes that somebody looked at one in force again, and what came of it; its
/// review clock begins anew.
///
/// # Errors
///
/// 409 `E-STATE` where it is not in force; 400 without words.
pub async fn review(app: &Shared, allowed: &Allowed, id: &str, words: &str) -> Result<Exception, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let (words, now) = (checked_text("reason", words, REASON)?, Timestamp::now());
    if !known.in_force(now) {
        let text = format!("it is {}", known.standing(now).word());
        return Err(Refusal::new(StatusCode::CONFLICT, "E-STATE", text, "only one that is in force is looked at again"));
    }
    let object = format!("exception:{}", known.id);
    let open = app.store.alert_about(REVIEW, &object).await?;
    let mut change = app.store.begin(intent(allowed, "review", known.id, now)).await?;
    let after = change.review_exception(known.id).await?;
    reviews::settle(&mut change, open.as_ref()).await?;
    change.commit(Some(&words)).await?;
    shown(app).await?;
    Ok(after)
}

/// Raises an alert for each in force that was to be looked at again, and closes
/// that of each which ended: nobody can look at it any more.
///
/// # Errors
///
/// What the store meets.
pub async fn remind(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let in_force = app.policies.in_force();
    let all = app.store.exceptions(&plimsoll_store::Scope::All).await?;
    replacements(app, &in_force.set, &all, now).await?;
    let ended: BTreeSet<String> = all.iter().filter(|exception| !exception.in_force(now)).map(|exception| format!("exception:{}", exception.id)).collect();
    let open = app.store.open_alerts(&plimsoll_store::Scope::All, ALERTS).await?;
    for alert in open.iter().filter(|alert| alert.kind == REVIEW && ended.contains(&alert.object)) {
        let mut change = app.store.begin(Intent::new(Actor::server(), now, "exception.review-void", alert.object.as_str())).await?;
        change.close_alert(&alert.id).await?;
        change.commit(None).await?;
        let _ = app.news.send(News::Other);
    }
    for exception in all {
        let Some(due) = review_due(&in_force.set, &exception).filter(|_| exception.in_force(now)) else { continue };
        let of = exception.advisories.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let own = in_force.set.policies.first().map_or_else(String::new, |own| format!(", by policy {} {}", own.id, own.version));
        let text = format!("The exception of {of} was to be looked at again by {due:.0}{own}. {} answers for it.", exception.owner);
        let object = format!("exception:{}", exception.id);
        let clock = reviews::Clock { client: Some(exception.client), kind: REVIEW, object: &object, act: "exception.review-due", due, text };
        reviews::remind(app, &clock, now).await?;
    }
    Ok(())
}

/// Raises an alert for each of what cannot be fixed that stands longer than the
/// policy lets it: what it covers was to be replaced.
async fn replacements(app: &Shared, set: &PolicySet, all: &[Exception], now: Timestamp) -> Result<(), StoreError> {
    let by_id: BTreeMap<ExceptionId, &Exception> = all.iter().map(|one| (one.id, one)).collect();
    for exception in all.iter().filter(|exception| exception.in_force(now)) {
        let chain = std::iter::successors(Some(exception), |one| by_id.get(&one.renews?).copied());
        let Some(first) = chain.filter_map(|one| one.since).min() else { continue };
        let Some(due) = replace_by(set, exception, first) else { continue };
        let of = exception.advisories.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let text = format!("What has no fix for {of} was to be replaced by {due:.0} (unpatchable.replace_within), and is still under an exception. {} answers for it.", exception.owner);
        let object = format!("exception:{}", exception.id);
        let clock = reviews::Clock { client: Some(exception.client), kind: REPLACE, object: &object, act: "exception.replace-due", due, text };
        reviews::remind(app, &clock, now).await?;
    }
    Ok(())
}

/// Raises an alert for each that ends soon, and says in it when it has ended;
/// those of which no finding is open any more end in silence.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn tell(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let soon = now.checked_add(SOON).unwrap_or(Timestamp::MAX);
    for (exception, told) in app.store.exceptions_to_tell(now, soon).await? {
        let findings = concerned(app, &exception).len();
        if findings == 0 {
            continue;
        }
        let of = exception.advisories.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let ends = if told == Told::Ended { "ended" } else { "ends" };
        let text = format!(
            "The exception of {of} {ends} at {:.0}: {findings} findings are open under it. {} answers for it: patch, or ask for a renewal.",
            exception.until, exception.owner
        );
        let object = format!("exception:{}", exception.id);
        let mut change = app.store.begin(Intent::new(Actor::server(), now, format!("{ACTS}end"), object.as_str())).await?;
        if change.note_exception_told(exception.id, told).await? {
            change.raise_alert(Some(exception.client), ENDS, &object, &text).await?;
            change.commit(None).await?;
            let _ = app.news.send(News::Other);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
