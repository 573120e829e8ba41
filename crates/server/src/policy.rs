//! The **policy in force**: what a file names at the start, or what people put
//! in force while the server runs. Text is checked whole before anything
//! changes, so that a bad one leaves the one in force.

mod past;
pub mod review;
mod simulation;
#[cfg(test)]
mod tests;
pub mod versions;

pub use past::{Past, at, since};
pub use simulation::{SimulationWish, simulate};

use crate::api::hosts::visible;
use crate::api::parameter;
use crate::app::{App, News, Shared};
use crate::configuration::Configuration;
use crate::fleet::judged::Judged;
use crate::fleet::names::Names;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::phases::evaluate;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::Registration;
use plimsoll_formats::policy::{lint, load, preset};
use plimsoll_formats::protocol::digest;
use plimsoll_store::{Intent, Store};
use review::Reviewed;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Where the store keeps the one that people put in force.
const SETTING: &str = "policy";
/// The act in the evidence log.
pub const ACT: &str = "policy.set";
/// What is in force where nobody named anything.
const DEFAULT: &str = "samm";
/// What lines of a text are named after.
const PLACE: &str = "policy";
/// Hosts that a preview judges: some milliseconds each.
const PREVIEWED: usize = 200;
/// Days of a cycle that are named ahead.
const CYCLE_DAYS: usize = 3;
/// Findings that a preview names; it counts all.
const ROWS: usize = 500;

/// Policies that the command line names.
#[derive(Clone, Debug)]
pub struct Given {
    /// File or preset.
    pub place: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub set: Arc<PolicySet>,
}

/// Who put the policy in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The command line: a file or preset; pages only show it.
    Given(String),
    /// A person.
    Kept {
        /// When.
        since: Timestamp,
        /// Account or token.
        by: String,
        /// Why.
        reason: String,
    },
    /// Nobody.
    Default,
}

/// What is in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// What it says.
    pub set: Arc<PolicySet>,
    /// Its text.
    pub text: String,
    /// Who put it in force.
    pub origin: Origin,
}

impl InForce {
    /// SHA-256 of the text, hex.
    pub fn digest(&self) -> String {
        digest(self.text.as_bytes())
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    text: String,
    since: Timestamp,
    by: String,
    reason: String,
}

/// The policy of a server.
pub struct Policies {
    in_force: RwLock<Arc<InForce>>,
    /// Whether hosts wait to be judged under it.
    changed: AtomicBool,
    /// The last review of a policy, of this one or an earlier one.
    reviewed: RwLock<Option<Reviewed>>,
    /// Simulations run one at a time.
    simulating: Semaphore,
}

impl Policies {
    /// What the command line names, else what people put in force, else the
    /// preset `samm`.
    ///
    /// # Errors
    ///
    /// The store cannot be read; what it keeps does not read any more, and no
    /// other policy may silently stand in its place.
    pub async fn open(configuration: &Configuration, store: &Store) -> Result<Self, Problem> {
        let in_force = match &configuration.policies {
            Some(given) => InForce { set: Arc::clone(&given.set), text: given.text.clone(), origin: Origin::Given(given.place.clone()) },
            None => kept(store).await?,
        };
        let reviewed = RwLock::new(review::last(store).await?);
        Ok(Self { in_force: RwLock::new(Arc::new(in_force)), changed: AtomicBool::new(false), reviewed, simulating: Semaphore::new(1) })
    }

    /// What is in force.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether another one came into force since this was last asked.
    pub fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    fn last_review(&self) -> Option<Reviewed> {
        self.reviewed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reviewed(&self, reviewed: Option<Reviewed>) {
        *self.reviewed.write().unwrap_or_else(PoisonError::into_inner) = reviewed;
    }

    /// Puts a policy in force without asking anybody.
    #[cfg(test)]
    pub(crate) fn put_for_tests(&self, set: Arc<PolicySet>, text: &str) {
        self.put(InForce { set, text: text.to_owned(), origin: Origin::Default });
    }

    fn put(&self, in_force: InForce) {
        let mut held = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        if held.text != in_force.text {
            self.changed.store(true, Ordering::Release);
        }
        *held = Arc::new(in_force);
    }
}

async fn kept(store: &Store) -> Result<InForce, Problem> {
    let kept: Option<Kept> = store.setting(SETTING).await.map_err(|error| *error.problem)?;
    let (text, origin) = match kept {
        Some(Kept { text, since, by, reason }) => (text, Origin::Kept { since, by, reason }),
        None => (preset(DEFAULT).unwrap_or_default().to_owned(), Origin::Default),
    };
    let set = read(&text).map_err(|problems| {
        let first = problems.into_iter().next().map_or_else(|| "it cannot be used".to_owned(), |first| format!("{}: {}", first.place, first.text));
        Problem::new("E-POLICY", "the policy put in force", first, "start with `--policy FILE`, correct it there, and put it in force anew")
    })?;
    Ok(InForce { set: Arc::new(set), text, origin })
}

fn read(text: &str) -> Result<PolicySet, Vec<Problem>> {
    load(PLACE, text, &|name| preset(name).map(str::to_owned))
}

/// The first thing that is wrong, and how many more there are.
fn refused(problems: Vec<Problem>) -> Refusal {
    let more = problems.len().saturating_sub(1);
    let mut first = problems.into_iter().next().unwrap_or_else(|| Problem::new("E-POLICY", PLACE, "cannot be used", "check it"));
    if more > 0 {
        first.text.push_str(&format!(" (and {more} more; the check lists them)"));
    }
    Refusal::from(first)
}

/// Takes up what another server on the same store put in force.
///
/// # Errors
///
/// As [`Policies::open`].
pub async fn refresh(app: &App) -> Result<(), Problem> {
    app.policies.reviewed(review::last(&app.store).await?);
    if app.configuration.policies.is_none() {
        app.policies.put(kept(&app.store).await?);
    }
    let _ = app.news.send(News::Other);
    Ok(())
}

/// The policy in force, as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyFile {
    /// Its text (TOML).
    pub text: String,
    /// SHA-256 of the text, hex.
    pub digest: String,
    /// `file` where the command line names it, which only a restart changes;
    /// `people`, or `default`.
    pub origin: String,
    /// The file or preset of the command line.
    pub place: Option<String>,
    /// When a person put it in force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Sign-offs in detail that the next policy needs, by this one's
    /// `policy.approved_by`; 0 where it may be replaced directly.
    pub sign_offs: u64,
    /// When it was last looked at anew.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reviewed: Option<Timestamp>,
    /// Until when it is to be looked at anew, by its `policy.review_every`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub review_due: Option<Timestamp>,
    /// The next days of its cycles of routine patching.
    #[serde(default)]
    pub cycles: Vec<PolicyCycle>,
}

/// The next days of a cycle of routine patching, by the policy's calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyCycle {
    /// Its name; where it has none, its rule or the vendor's calendar.
    pub cycle: String,
    /// Its next days.
    #[schema(value_type = Vec<String>)]
    pub days: Vec<Date>,
}

fn cycles(set: &PolicySet, now: Timestamp) -> Vec<PolicyCycle> {
    let Some(own) = set.policies.first() else { return Vec::new() };
    let today = now.to_zoned(own.zone.clone()).date();
    set.governance.cycles.iter().map(|cycle| PolicyCycle { cycle: cycle.name(), days: cycle.days(today, CYCLE_DAYS) }).collect()
}

/// The policy in force.
pub fn file(app: &App) -> PolicyFile {
    let held = app.policies.in_force();
    let last = app.policies.last_review();
    let file = PolicyFile {
        text: held.text.clone(),
        digest: held.digest(),
        origin: String::new(),
        place: None,
        since: None,
        by: None,
        reason: None,
        sign_offs: versions::needed(&held.set),
        reviewed: review::of(&held, last.as_ref()).map(|reviewed| reviewed.at),
        review_due: review::due(&held, last.as_ref()),
        cycles: cycles(&held.set, Timestamp::now()),
    };
    match held.origin.clone() {
        Origin::Given(place) => PolicyFile { origin: "file".to_owned(), place: Some(place), ..file },
        Origin::Default => PolicyFile { origin: "default".to_owned(), ..file },
        Origin::Kept { since, by, reason } => {
            PolicyFile { origin: "people".to_owned(), since: Some(since), by: Some(by), reason: Some(reason), ..file }
        }
    }
}

/// What the check of a text says.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PolicyCheck {
    /// Whether it can be put in force.
    pub sound: bool,
    /// What is wrong, which bars it, or surprising, which does not; with lines.
    #[schema(value_type = Vec<Object>)]
    pub problems: Vec<Problem>,
    /// What is accepted and not enforced.
    pub not_enforced: Vec<String>,
    /// Combinations of inputs that come due later than under the policy in
    /// force, or lose their due date.
    pub longer: u64,
    /// Sign-offs in detail that it needs; 0 where it may be put in force directly.
    pub sign_offs: u64,
    /// What it would change; none where it is not sound.
    pub preview: Option<PolicyPreview>,
}

/// What a policy would change of the hosts that its reader may see.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PolicyPreview {
    /// Hosts that were judged for it.
    pub hosts: u64,
    /// Hosts there are; where more, `hosts` of them stand for all.
    pub hosts_in_all: u64,
    /// Findings due earlier.
    pub sooner: u64,
    /// Findings due later.
    pub later: u64,
    /// Findings that get a due date.
    pub dated: u64,
    /// Findings that lose theirs.
    pub undated: u64,
    /// Findings whose due date stays.
    pub unchanged: u64,
    /// Findings that would be overdue at once and are not now.
    pub overdue: u64,
    /// The changes, those that become overdue first, at most 500.
    pub rows: Vec<PolicyChange>,
}

/// One finding's due date under the policy in force and another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyChange {
    /// Host's name.
    pub host: String,
    /// Host's id.
    pub host_id: String,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Due now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub before: Option<Timestamp>,
    /// Due under the other.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub after: Option<Timestamp>,
}

/// A text to be checked.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// The text (TOML).
    pub text: String,
}

/// A policy to be put in force.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyWish {
    /// The text (TOML).
    pub text: String,
    /// Why; it stands in the evidence log.
    pub reason: String,
    /// Digest of the policy that it replaces; refused where another came into
    /// force meanwhile.
    #[serde(default)]
    pub replaces: Option<String>,
    /// Whether it is known that deadlines get longer; needed where they do.
    #[serde(default)]
    pub accept_longer: bool,
}

/// Checks a text, and shows what it would change of the hosts that the asker
/// may see; nothing is put in force.
///
/// # Errors
///
/// What the store or the advisory database meets.
pub async fn check(app: &Shared, allowed: &Allowed, text: &str) -> Result<PolicyCheck, Refusal> {
    let set = match read(text) {
        Err(problems) => return Ok(PolicyCheck { problems, ..PolicyCheck::default() }),
        Ok(set) => set,
    };
    let found = lint(&set);
    let (sound, problems) = (found.sound(), found.problems);
    let not_enforced = set.not_enforced.clone();
    let held = app.policies.in_force();
    let (longer, sign_offs) = (versions::longer(&held.set, &set), versions::needed(&held.set));
    let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
    let preview = preview(app, &seen, Arc::new(set)).await?;
    Ok(PolicyCheck { sound, problems, not_enforced, longer, sign_offs, preview: Some(preview) })
}

/// Reads a text and holds it against the linter: what it calls an error may not
/// be put in force.
fn sound(text: &str) -> Result<PolicySet, Refusal> {
    let set = read(text).map_err(refused)?;
    let unsound: Vec<Problem> = lint(&set).problems.into_iter().filter(|problem| problem.code.starts_with("E-")).collect();
    if unsound.is_empty() { Ok(set) } else { Err(refused(unsound)) }
}

/// Puts a text in force, with its reason in the evidence log; hosts are judged
/// under it at once.
///
/// # Errors
///
/// 409 `E-POLICY-GIVEN` where the command line names the policy, 409
/// `E-POLICY-APPROVAL` where the one in force names who approves the next, 409
/// `E-POLICY-CHANGED` where another one came into force meanwhile, 409
/// `E-POLICY-LONGER` where deadlines get longer and the wish does not say that
/// it knows, 400 `E-POLICY` (or a finer code of the linter) naming the first
/// line that is wrong.
pub async fn set(app: &Shared, allowed: &Allowed, wish: PolicyWish) -> Result<PolicyFile, Refusal> {
    let conflict = |code: &'static str, text: String, next: &'static str| Err(Refusal::new(StatusCode::CONFLICT, code, text, next).at("policy"));
    let before = versions::changeable(app)?;
    let reason = wish.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        return Err(parameter("reason", "a reason of 1 to 500 characters is needed", "say why the policy changes"));
    }
    let set = sound(&wish.text)?;
    let needed = versions::needed(&before.set);
    if needed > 0 {
        let text = format!("the policy in force names who approves the next one: {}", before.set.governance.approved_by.join(", "));
        return conflict("E-POLICY-APPROVAL", text, "propose it (`plimsoll policy propose`); people with the role approver sign it off in the console");
    }
    if wish.replaces.is_some_and(|digest| digest != before.digest()) {
        return conflict("E-POLICY-CHANGED", "another policy came into force meanwhile".to_owned(), "look at it, and decide again");
    }
    let longer = versions::longer(&before.set, &set);
    if longer > 0 && !wish.accept_longer {
        return Err(versions::longer_refused(longer));
    }
    let now = Timestamp::now();
    let actor = crate::api::acts::actor(allowed);
    let by = actor.name.clone().unwrap_or_else(|| actor.id.clone());
    let kept = Kept { text: wish.text, since: now, by, reason: reason.to_owned() };
    let mut change = app.store.begin(Intent::new(actor, now, ACT, "policy").because(reason)).await?;
    let number = versions::record(&mut change, &before, &set, &kept).await?;
    versions::put(app, change, kept, set, Some(number)).await?;
    Ok(file(app))
}

/// Judges hosts under another policy and holds their due dates against those
/// in force.
async fn preview(app: &Shared, seen: &RoaringBitmap, set: Arc<PolicySet>) -> Result<PolicyPreview, Refusal> {
    let hosts: Vec<Registration> = {
        let fleet = app.fleet.read();
        let judged = seen.iter().filter_map(|number| fleet.numbered(number)).filter(|managed| managed.judged.as_ref().is_some_and(|judged| judged.known));
        judged.map(|managed| managed.registration.clone()).collect()
    };
    let mut preview = PolicyPreview { hosts_in_all: hosts.len() as u64, ..PolicyPreview::default() };
    // Evenly from all, so that no client or group stands for the rest.
    let step = hosts.len().div_ceil(PREVIEWED).max(1);
    for host in hosts.iter().step_by(step) {
        if let Some(after) = dues(app, host, Arc::clone(&set)).await? {
            preview.hosts += 1;
            preview.add(app, host, &after);
        }
    }
    let now = Timestamp::now();
    preview.rows.sort_by_key(|row| (row.after.is_none_or(|due| due > now), row.after.unwrap_or(Timestamp::MAX), row.host.clone(), row.advisory.clone()));
    preview.rows.truncate(ROWS);
    Ok(preview)
}

/// Due dates by advisory and component.
type Dues = BTreeMap<(String, String), Option<i64>>;

fn listed(judged: &Judged, names: &Names) -> Dues {
    let text = |name| names.text(name).to_owned();
    judged.findings.iter().map(|open| ((text(open.advisory), text(open.component)), open.due())).collect()
}

async fn dues(app: &Shared, host: &Registration, set: Arc<PolicySet>) -> Result<Option<Dues>, Refusal> {
    let Some(report) = &host.report else { return Ok(None) };
    let report = evaluate::stored_report(app, host.client, report).await?;
    let memory = evaluate::known(app, host.id).await?.memory;
    let (held, facts) = (app.advisories.held(), host.facts());
    let judged = app.compute(move || {
        let ground = evaluate::Ground { now: Timestamp::now(), held: held.as_deref(), policies: &set };
        let scan = evaluate::judge(report, &facts, &memory, &ground, false)?.scan;
        let mut names = Names::default();
        let judged = Judged::of(&scan, &mut names);
        Ok(listed(&judged, &names))
    });
    Ok(Some(judged.await?))
}

impl PolicyPreview {
    fn add(&mut self, app: &App, host: &Registration, after: &Dues) {
        let before = {
            let fleet = app.fleet.read();
            let judged = fleet.host(host.id).and_then(|managed| managed.judged.clone());
            judged.map(|judged| listed(&judged, &fleet.names)).unwrap_or_default()
        };
        let now = Timestamp::now().as_second();
        let time = |due: Option<i64>| due.and_then(|due| Timestamp::from_second(due).ok());
        for ((advisory, component), after) in after {
            let before = before.get(&(advisory.clone(), component.clone())).copied().flatten();
            match (before, *after) {
                (before, after) if before == after => {
                    self.unchanged += 1;
                    continue;
                }
                (Some(before), Some(after)) if after < before => self.sooner += 1,
                (Some(_), Some(_)) => self.later += 1,
                (None, _) => self.dated += 1,
                (Some(_), None) => self.undated += 1,
            }
            let late = |due: Option<i64>| due.is_some_and(|due| due < now);
            self.overdue += u64::from(late(*after) && !late(before));
            self.rows.push(PolicyChange {
                host: host.name.clone(),
                host_id: host.id.to_string(),
                advisory: advisory.clone(),
                component: component.clone(),
                before: time(before),
                after: time(*after),
            });
        }
    }
}

/// Does what the policy's own clocks ask for by `now`: a version whose day has
/// come, and a review that nobody made.
pub async fn tick(app: &Shared, now: Timestamp) {
    versions::tick(app, now).await;
    if let Err(error) = review::tick(app, now).await {
        tracing::error!(code = error.problem.code, "that the policy should be looked at anew is not told: {}", error.problem.text);
    }
}

/// Whether somebody may put another policy in force here and now.
pub fn may_change(app: &App, allowed: &Allowed) -> bool {
    allowed.principal.may(Permission::EditPolicy) && !matches!(app.policies.in_force().origin, Origin::Given(_))
}
