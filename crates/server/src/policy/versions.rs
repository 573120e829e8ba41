//! The **life of a policy**: proposed with its reason, talked about, signed off
//! in outline and then in detail by people who did not write it, in force from
//! its day on, past when another one is.
//!
//! A policy that names who approves it (`policy.approved_by`) is replaced in
//! this way only; each of those named stands for one sign-off in detail.

use super::{ACT, InForce, Kept, Origin, SETTING, read, refused, sound};
use crate::api::{acts, missing, parameter};
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::{Permission, Scope};
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::phases::prioritize::{Difference, difference};
use plimsoll_formats::protocol::digest;
use plimsoll_store::policy_versions::{PolicyVersion, Said, SaidKind, VersionState};
use plimsoll_store::{Actor, Change, Intent, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest word on a version, in characters.
const WORDS: usize = 2_000;
/// Longest reason, in characters.
const REASON: usize = 500;

/// A version as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VersionAnswer {
    /// Number, from one on.
    pub number: u64,
    /// SHA-256 of its text, hex.
    pub digest: String,
    /// Id and version that the text gives itself.
    pub title: String,
    /// Who proposed it.
    pub author: String,
    /// `proposed`, `outlined`, `approved`, `in-force`, `past`, `refused` or `withdrawn`.
    pub state: String,
    /// Combinations of inputs that come due later than under the policy that
    /// it replaces, or lose their date.
    pub longer: u64,
    /// When it was proposed.
    #[schema(value_type = String, format = DateTime)]
    pub proposed: Timestamp,
    /// From when on it binds; none for as soon as it is approved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub effective: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Sign-offs in detail that it has.
    pub approvals: u64,
    /// Sign-offs in detail that it needs, by the policy in force.
    pub needed: u64,
    /// What was said of it; those who see one client only see their own words.
    pub said: Vec<Word>,
    /// Its text; in the answer about one version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Something said of a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Word {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// `comment`, `outline`, `approval`, `refusal`, `withdrawal` or `void`.
    pub kind: String,
    /// The words.
    pub text: String,
}

/// A policy to be proposed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The text (TOML).
    pub text: String,
    /// Why.
    pub reason: String,
}

/// A remark, a refusal's or withdrawal's reason, or words on a sign-off.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// The words.
    #[serde(default)]
    pub text: String,
}

/// A sign-off in detail.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// Words on it.
    #[serde(default)]
    pub text: String,
    /// Whether it is known that deadlines get longer; needed where they do.
    #[serde(default)]
    pub accept_longer: bool,
}

/// Sign-offs in detail that the next policy needs; none where the policy in
/// force names nobody who approves it, so that it may be replaced directly.
pub fn needed(set: &PolicySet) -> u64 {
    set.governance.approved_by.len() as u64
}

fn conflict(code: &'static str, text: impl AsRef<str>, next: &'static str) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, code, text, next).at("policy")
}

/// Combinations of inputs that come due later under the second, or lose their date.
pub(super) fn longer(before: &PolicySet, after: &PolicySet) -> u64 {
    difference(before, after).longer as u64
}

/// The person who speaks, whom words and sign-offs are kept under. A token acts
/// for whoever made it: otherwise people sign off what they proposed by one.
async fn speaker(app: &App, allowed: &Allowed) -> Result<Actor, Refusal> {
    let person = crate::exceptions::person(app, allowed).await?;
    Ok(Actor { id: format!("person:{}", person.id), name: Some(person.account), ..acts::actor(allowed) })
}

/// The same, as what is kept names them.
fn own_id(allowed: &Allowed) -> String {
    allowed.principal.person_id().map_or_else(|| allowed.principal.to_string(), |person| format!("person:{person}"))
}

fn is_everything(allowed: &Allowed) -> bool {
    matches!(allowed.scope, Scope::Everything)
}

fn answer(app: &App, allowed: &Allowed, version: PolicyVersion, text: Option<String>) -> VersionAnswer {
    let everything = is_everything(allowed);
    let me = own_id(allowed);
    let approvals = version.signed(SaidKind::Approval).count() as u64;
    let name = |id: &str, name: Option<&String>| if everything || id == me { name.cloned().unwrap_or_else(|| id.to_owned()) } else { String::new() };
    let author = name(&version.author, version.author_name.as_ref());
    let said = version.said.iter().filter(|said| everything || said.by == me || said.kind != SaidKind::Comment);
    let said = said.map(|said| Word { at: said.at, by: name(&said.by, said.name.as_ref()), kind: kind(said.kind).to_owned(), text: said.text.clone() }).collect();
    let needed = needed(&app.policy()).max(1);
    let PolicyVersion { number, digest, title, state, longer, proposed, effective, reason, .. } = version;
    VersionAnswer { number, digest, title, author, state: state.word().to_owned(), longer, proposed, effective, reason, approvals, needed, said, text }
}

fn kind(kind: SaidKind) -> &'static str {
    match kind {
        SaidKind::Comment => "comment",
        SaidKind::Outline => "outline",
        SaidKind::Approval => "approval",
        SaidKind::Refusal => "refusal",
        SaidKind::Withdrawal => "withdrawal",
        SaidKind::Void => "void",
    }
}

/// All versions, newest first.
///
/// # Errors
///
/// What the store meets.
pub async fn list(app: &App, allowed: &Allowed) -> Result<Vec<VersionAnswer>, Refusal> {
    Ok(app.store.policy_versions().await?.into_iter().map(|version| answer(app, allowed, version, None)).collect())
}

/// One version with its text.
///
/// # Errors
///
/// 404 where there is none with this number.
pub async fn one(app: &App, allowed: &Allowed, number: &str) -> Result<VersionAnswer, Refusal> {
    Ok(looked_at(app, allowed, number).await?.0)
}

/// One version with its text, what one may do with it, and what it changes of
/// the policy in force where it may replace it.
///
/// # Errors
///
/// 404 where there is none with this number.
pub async fn looked_at(app: &App, allowed: &Allowed, number: &str) -> Result<(VersionAnswer, May, Option<Difference>), Refusal> {
    let number = parsed(number)?;
    let (version, text) = (app.store.policy_version(number).await?, app.store.policy_text(number).await?);
    let may = may(app, allowed, &version);
    let changes = if version.state.is_open() { read(&text).ok().map(|set| difference(&app.policy(), &set)) } else { None };
    Ok((answer(app, allowed, version, Some(text)), may, changes))
}

fn parsed(number: &str) -> Result<u64, Refusal> {
    // What the store counts with.
    number.parse().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or_else(|| missing("policy version", number))
}

fn words(text: &str, wanted: bool, name: &'static str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let count = text.chars().count();
    if count > most || (wanted && text.is_empty()) {
        let least = u8::from(wanted);
        return Err(parameter(name, format!("has {count} characters, allowed are {least} to {most}"), "say it in fewer words, or say something"));
    }
    Ok(text.to_owned())
}

/// Refuses where the command line names the policy.
pub(super) fn changeable(app: &App) -> Result<Arc<InForce>, Refusal> {
    let held = app.policies.in_force();
    if let Origin::Given(place) = &held.origin {
        return Err(conflict("E-POLICY-GIVEN", format!("the command line names the policy: {place}"), "change that file and restart the server, or start it without `--policy`"));
    }
    Ok(held)
}

/// From when on a text binds: the beginning of the day that it names, where
/// that is still to come.
fn effective(set: &PolicySet, now: Timestamp) -> Option<Timestamp> {
    let own = set.policies.first()?;
    // A day that no clock reaches never comes; it does not bind at once.
    let day = own.effective?.to_zoned(own.zone.clone()).map_or(Timestamp::MAX, |day| day.timestamp());
    (day > now).then_some(day)
}

fn title(set: &PolicySet) -> String {
    set.policies.first().map_or_else(String::new, |own| format!("{} {}", own.id, own.version))
}

fn version(actor: &Actor, held: &InForce, set: &PolicySet, text: &str, reason: &str, now: Timestamp) -> PolicyVersion {
    PolicyVersion {
        number: 0,
        digest: digest(text.as_bytes()),
        title: title(set),
        author: actor.id.clone(),
        author_name: actor.name.clone(),
        state: VersionState::Proposed,
        replaces: held.digest(),
        longer: longer(&held.set, set),
        proposed: now,
        effective: effective(set, now),
        reason: reason.to_owned(),
        said: Vec::new(),
    }
}

/// Proposes a policy.
///
/// # Errors
///
/// As [`super::set`]; 409 `E-NO-CHANGE` for the text in force, `E-TAKEN` for one
/// that is proposed already.
pub async fn propose(app: &Shared, allowed: &Allowed, proposal: Proposal) -> Result<VersionAnswer, Refusal> {
    let held = changeable(app)?;
    let reason = words(&proposal.reason, true, "reason", REASON)?;
    let set = sound(&proposal.text)?;
    let (now, actor) = (Timestamp::now(), acts::actor(allowed));
    let new = version(&speaker(app, allowed).await?, &held, &set, &proposal.text, &reason, now);
    if new.digest == new.replaces {
        return Err(conflict("E-NO-CHANGE", "this is the policy in force", "change its text first"));
    }
    let known = app.store.policy_versions().await?;
    if let Some(same) = known.iter().find(|known| known.state.is_open() && known.digest == new.digest) {
        return Err(conflict("E-TAKEN", format!("version {} proposes the same text", same.number), "look at that one"));
    }
    let mut change = app.store.begin(Intent::new(actor, now, "policy.propose", "policy").because(reason)).await?;
    let number = change.add_policy_version(&new, &proposal.text).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(answer(app, allowed, PolicyVersion { number, ..new }, Some(proposal.text)))
}

/// Writes one word on a version.
async fn say(app: &Shared, allowed: &Allowed, number: u64, verb: &str, edit: impl FnOnce(&mut PolicyVersion, Said) -> Result<(), StoreError> + Send, said: (SaidKind, String)) -> Result<PolicyVersion, Refusal> {
    let (now, actor, speaker) = (Timestamp::now(), acts::actor(allowed), speaker(app, allowed).await?);
    let said = Said { at: now, by: speaker.id, name: speaker.name, kind: said.0, text: said.1 };
    let mut change = app.store.begin(Intent::new(actor, now, verb, format!("policy-version:{number}"))).await?;
    let changed = change.change_policy_version(number, |version| edit(version, said)).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(changed)
}

fn open(version: &PolicyVersion) -> Result<(), StoreError> {
    if version.state.is_open() {
        return Ok(());
    }
    Err(StoreError::conflict("E-POLICY-STATE", format!("policy-version:{}", version.number), format!("It is {} and stays so.", version.state.word())))
}

/// Those who wrote it do not sign it.
fn not_own(version: &PolicyVersion, said: &Said) -> Result<(), StoreError> {
    if version.author == said.by {
        return Err(StoreError::conflict("E-POLICY-OWN", format!("policy-version:{}", version.number), "Whoever proposed it cannot sign it off."));
    }
    Ok(())
}

/// Whether one may say something, sign off, or take back; for the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct May {
    /// Say something.
    pub comment: bool,
    /// Sign off or refuse.
    pub sign: bool,
    /// The same once it is proven anew who one is.
    pub prove: bool,
    /// Take back.
    pub withdraw: bool,
}

/// What somebody may do with a version.
pub fn may(app: &App, allowed: &Allowed, version: &PolicyVersion) -> May {
    let holds = |permission| allowed.principal.may(permission);
    let open = version.state.is_open() && changeable(app).is_ok();
    let sign = open && holds(Permission::ApprovePolicy) && version.author != own_id(allowed);
    let proven = allowed.principal.is_proven(Timestamp::now());
    May {
        comment: version.state.is_open() && holds(Permission::CommentPolicy),
        sign: sign && proven,
        prove: sign && !proven,
        withdraw: open && holds(Permission::EditPolicy),
    }
}

/// A policy concerns every client.
fn whole(allowed: &Allowed) -> Result<(), Refusal> {
    if is_everything(allowed) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-FORBIDDEN", "the policy is every client's, and your role holds for some of them", "ask somebody whose role holds for all"))
}

/// Says something of a version.
///
/// # Errors
///
/// 404; 409 where it is settled; `E-PARAMETER` for no words or too many.
pub async fn comment(app: &Shared, allowed: &Allowed, number: &str, remark: Remark) -> Result<VersionAnswer, Refusal> {
    let text = words(&remark.text, true, "text", WORDS)?;
    let act = |version: &mut PolicyVersion, said| {
        open(version)?;
        version.said.push(said);
        Ok(())
    };
    let version = say(app, allowed, parsed(number)?, "policy.comment", act, (SaidKind::Comment, text)).await?;
    Ok(answer(app, allowed, version, None))
}

/// Signs a version off in outline.
///
/// # Errors
///
/// As [`comment`]; 409 `E-POLICY-OWN` for its author, `E-POLICY-STATE` where
/// that was done.
pub async fn outline(app: &Shared, allowed: &Allowed, number: &str, remark: Remark) -> Result<VersionAnswer, Refusal> {
    whole(allowed)?;
    let text = words(&remark.text, false, "text", WORDS)?;
    let act = |version: &mut PolicyVersion, said: Said| {
        open(version)?;
        not_own(version, &said)?;
        if version.state != VersionState::Proposed {
            return Err(StoreError::conflict("E-POLICY-STATE", format!("policy-version:{}", version.number), "It is signed off in outline already."));
        }
        version.state = VersionState::Outlined;
        version.said.push(said);
        Ok(())
    };
    let version = say(app, allowed, parsed(number)?, "policy.outline", act, (SaidKind::Outline, text)).await?;
    Ok(answer(app, allowed, version, None))
}

/// Refuses a version; with the words why.
///
/// # Errors
///
/// As [`outline`].
pub async fn refuse(app: &Shared, allowed: &Allowed, number: &str, remark: Remark) -> Result<VersionAnswer, Refusal> {
    whole(allowed)?;
    let text = words(&remark.text, true, "text", WORDS)?;
    let act = |version: &mut PolicyVersion, said: Said| {
        open(version)?;
        not_own(version, &said)?;
        version.state = VersionState::Refused;
        version.said.push(said);
        Ok(())
    };
    let version = say(app, allowed, parsed(number)?, "policy.refuse", act, (SaidKind::Refusal, text)).await?;
    Ok(answer(app, allowed, version, None))
}

/// Takes a version back.
///
/// # Errors
///
/// As [`comment`].
pub async fn withdraw(app: &Shared, allowed: &Allowed, number: &str, remark: Remark) -> Result<VersionAnswer, Refusal> {
    let text = words(&remark.text, false, "text", WORDS)?;
    let act = |version: &mut PolicyVersion, said| {
        open(version)?;
        version.state = VersionState::Withdrawn;
        version.said.push(said);
        Ok(())
    };
    let version = say(app, allowed, parsed(number)?, "policy.withdraw", act, (SaidKind::Withdrawal, text)).await?;
    Ok(answer(app, allowed, version, None))
}

/// Signs a version off in detail. With the last one that is needed it is
/// approved, and in force at once unless its day is still to come.
///
/// # Errors
///
/// As [`outline`]; 409 `E-POLICY-STATE` before the outline is signed off,
/// `E-POLICY-LONGER` where deadlines get longer and the sign-off does not say
/// that it knows, `E-POLICY-CHANGED` where another policy came into force since
/// it was proposed: sign-offs then begin anew.
pub async fn approve(app: &Shared, allowed: &Allowed, number: &str, sign: SignOff) -> Result<VersionAnswer, Refusal> {
    whole(allowed)?;
    let held = changeable(app)?;
    let number = parsed(number)?;
    let text = words(&sign.text, false, "text", WORDS)?;
    let known = app.store.policy_version(number).await?;
    if known.state.is_open() && known.replaces != held.digest() {
        void(app, acts::actor(allowed), &held, &known).await?;
        return Err(conflict("E-POLICY-CHANGED", "another policy came into force since it was proposed, so that it changes something else now", "look at what it changes and sign it off anew, in outline first"));
    }
    if known.longer > 0 && !sign.accept_longer && known.state == VersionState::Outlined {
        return Err(longer_refused(known.longer));
    }
    let needed = needed(&held.set).max(1);
    let act = |version: &mut PolicyVersion, said: Said| {
        open(version)?;
        not_own(version, &said)?;
        let place = format!("policy-version:{number}");
        match version.state {
            VersionState::Outlined => {}
            VersionState::Proposed => return Err(StoreError::conflict("E-POLICY-STATE", place, "It is not signed off in outline yet.")),
            _ => return Err(StoreError::conflict("E-POLICY-STATE", place, "It has all the sign-offs that it needs.")),
        }
        if version.signed(SaidKind::Approval).any(|earlier| earlier.by == said.by) {
            return Err(StoreError::conflict("E-POLICY-STATE", place, "You signed it off already; somebody else must."));
        }
        version.said.push(said);
        if version.signed(SaidKind::Approval).count() as u64 >= needed {
            version.state = VersionState::Approved;
        }
        Ok(())
    };
    let mut version = say(app, allowed, number, "policy.approve", act, (SaidKind::Approval, text)).await?;
    if version.state == VersionState::Approved && version.effective.is_none_or(|day| day <= Timestamp::now()) {
        version = enforce(app, acts::actor(allowed), &held, version).await?;
    }
    Ok(answer(app, allowed, version, None))
}

pub(super) fn longer_refused(longer: u64) -> Refusal {
    conflict(
        "E-POLICY-LONGER",
        if longer == 1 {
            "one combination of inputs would come due later than now, or lose its due date".to_owned()
        } else {
            format!("{longer} combinations of inputs would come due later than now, or lose their due date")
        },
        "see them with `plimsoll policy diff`, and say explicitly that longer deadlines are accepted (`accept_longer`)",
    )
}

/// Another policy came into force since: what the version changes is another
/// thing now, and sign-offs begin anew.
async fn void(app: &Shared, actor: Actor, held: &InForce, known: &PolicyVersion) -> Result<(), Refusal> {
    let text = app.store.policy_text(known.number).await?;
    let set = read(&text).map_err(refused)?;
    let longer = longer(&held.set, &set);
    let now = Timestamp::now();
    let mut change = app.store.begin(Intent::new(actor, now, "policy.void", format!("policy-version:{}", known.number))).await?;
    change
        .change_policy_version(known.number, |version| {
            open(version)?;
            let text = "another policy came into force; sign-offs begin anew".to_owned();
            version.said.push(Said { at: now, by: "server".to_owned(), name: None, kind: SaidKind::Void, text });
            version.state = VersionState::Proposed;
            version.replaces = held.digest();
            version.longer = longer;
            Ok(())
        })
        .await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Puts an approved version in force.
async fn enforce(app: &Shared, actor: Actor, held: &InForce, version: PolicyVersion) -> Result<PolicyVersion, Refusal> {
    let text = app.store.policy_text(version.number).await?;
    let set = sound(&text)?;
    let now = Timestamp::now();
    let by = version.author_name.clone().unwrap_or_else(|| version.author.clone());
    let kept = Kept { text: text.clone(), since: now, by, reason: version.reason.clone() };
    let mut change = app.store.begin(Intent::new(actor, now, ACT, "policy").because(version.reason.clone())).await?;
    let enforced = change
        .change_policy_version(version.number, |version| {
            if version.state != VersionState::Approved || version.replaces != held.digest() {
                return Err(StoreError::conflict("E-OVERTAKEN", format!("policy-version:{}", version.number), "Somebody else changed it at the same time."));
            }
            version.state = VersionState::InForce;
            Ok(())
        })
        .await?;
    put(app, change, kept, set, Some(version.number)).await?;
    Ok(enforced)
}

/// Keeps what is in force from now on, and shows it once that is durable; what
/// was in force before is past.
pub(super) async fn put(app: &Shared, mut change: Change, kept: Kept, set: PolicySet, number: Option<u64>) -> Result<(), Refusal> {
    for past in app.store.policy_versions_in(VersionState::InForce).await? {
        if Some(past.number) != number {
            change
                .change_policy_version(past.number, |version| {
                    version.state = VersionState::Past;
                    Ok(())
                })
                .await?;
        }
    }
    change.set(SETTING, Some(&kept)).await?;
    change.commit(None).await?;
    let Kept { text, since, by, reason } = kept;
    app.policies.put(InForce { set: Arc::new(set), text, origin: Origin::Kept { since, by, reason } });
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Keeps what somebody put in force directly, as a version without a life
/// before.
pub(super) async fn record(change: &mut Change, held: &InForce, set: &PolicySet, kept: &Kept) -> Result<u64, StoreError> {
    let actor = change.actor().clone();
    let version = version(&actor, held, set, &kept.text, &kept.reason, kept.since);
    change.add_policy_version(&PolicyVersion { state: VersionState::InForce, effective: None, ..version }, &kept.text).await
}

/// Puts in force what was approved for a day that has come by `now`. On several
/// servers the first one does it.
pub(super) async fn tick(app: &Shared, now: Timestamp) {
    if app.configuration.policies.is_some() {
        return;
    }
    let told = |problem: &str| tracing::error!("a policy whose day has come is not in force: {problem}");
    let waiting = match app.store.policy_versions_in(VersionState::Approved).await {
        Ok(waiting) => waiting,
        Err(error) => return told(&error.problem.text),
    };
    for version in waiting.into_iter().filter(|version| version.effective.is_none_or(|day| day <= now)) {
        let held = app.policies.in_force();
        let done = match version.replaces == held.digest() {
            true => enforce(app, Actor::server(), &held, version).await.map(|_| ()),
            false => void(app, Actor::server(), &held, &version).await,
        };
        match done {
            Ok(()) => {}
            // Another server did it.
            Err(refusal) if refusal.code() == "E-OVERTAKEN" => {}
            Err(refusal) => told(refusal.detail()),
        }
    }
}
