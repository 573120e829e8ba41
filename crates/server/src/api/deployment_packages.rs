//! **Deployment packages**: drafted here, signed by people elsewhere, accepted
//! once enough of them did.

use super::acts::{actor, one_client};
use super::groups::seen_group;
use super::hosts::visible;
use super::{Answer, missing, parameter, stored};
use crate::app::Shared;
use crate::duties;
use crate::fleet::filter::Filter;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::principal::Who;
use crate::identity::role::{Permission, Scope};
use crate::phases::{certify, package};
use crate::rollouts::{self, Notes};
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::authorisation::{Remark, RemarkKind};
use plimsoll_core::model::because::Because;
use plimsoll_core::model::deployment_package::{ChangeType, Check, ConfigurationFiles, Drain, Place, Step};
use plimsoll_core::model::identifier::{ApplicationId, ClientId, GroupId, HostId};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::certify::Decision as Certification;
use plimsoll_core::phases::package::{Apart, LeftOut, Which, Wish};
use plimsoll_formats::trust::Signature;
use plimsoll_store::Intent;
use plimsoll_store::acquired::Acquired;
use plimsoll_store::deployment_packages::{PackageRow as Row, PackageState};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest title and name of a package, in characters.
const TITLE: usize = 200;
/// Longest reason.
const REASON: usize = 2000;
/// Days that a package lives unless told otherwise, and at most.
const DAYS: (u16, u16) = (14, 90);
/// Entries of what was acquired that are taken at a time.
const ACQUIRED: usize = 5_000;

/// One package.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageAnswer {
    /// SHA-256 of what is signed, hex; its name everywhere.
    pub digest: String,
    /// Client whose hosts it is for.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Short name.
    pub name: String,
    /// Number, rising for each client.
    pub version: u64,
    /// One line.
    pub title: String,
    /// Who drafted it; may not be among those who sign it.
    pub author: String,
    /// `draft`, `signed`, `accepted` or `withdrawn`.
    #[schema(value_type = String)]
    pub state: PackageState,
    /// When it was drafted.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// When enough people had signed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub accepted: Option<Timestamp>,
}

impl From<Row> for PackageAnswer {
    fn from(row: Row) -> Self {
        let Row { digest, client, name, version, title, author, state, created, expires, accepted } = row;
        Self { digest, client, name, version, title, author, state, created, expires, accepted }
    }
}

/// One package with everything that is said of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageDetail {
    /// What lists show.
    pub package: PackageAnswer,
    /// Who signed it, by the root document.
    pub signed_by: Vec<String>,
    /// What is missing before it is accepted; none where this server has no
    /// root document.
    #[schema(value_type = Option<Object>)]
    pub certification: Option<Certification>,
    /// Why it is as it is.
    #[schema(value_type = Vec<Object>)]
    pub because: Vec<Because>,
    /// Hosts that were chosen and are not in it.
    #[schema(value_type = Vec<Object>)]
    pub left_out: Vec<LeftOut>,
    /// What people and the clock said of it beside signatures, in its order.
    pub remarks: Vec<RemarkAnswer>,
}

/// What was said of a package beside signatures.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RemarkAnswer {
    /// `approve`, `refuse`, `review`; of the clock `escalated`, `rejected`,
    /// `retro-overdue` or `review-overdue`.
    #[schema(value_type = String)]
    pub kind: RemarkKind,
    /// Who, by account; `server` for the clock.
    pub who: String,
    /// Why, in their words.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<Remark> for RemarkAnswer {
    fn from(Remark { kind, who, text, at }: Remark) -> Self {
        Self { kind, who, text, at }
    }
}

/// What a person says of a package beside a signature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Saying {
    /// `refuse`, or `review` to close the review afterwards.
    pub kind: String,
    /// Why; for a review, what came of it.
    pub reason: String,
}

/// Why a person approves a package.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// In their words.
    pub reason: String,
}

/// The signed bytes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageDocument {
    /// The document with the signatures so far, canonical JSON, to the byte.
    pub document: String,
}

/// One host of a package.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageHost {
    /// Its line in the list of hosts.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub place: Place,
    /// Its name here; not signed.
    pub name: String,
    /// Why it is in its ring.
    pub why: String,
}

/// What a package is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftWish {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Short name: a lower-case letter or digit, then also `.`, `-`, `+`, `_`.
    pub name: String,
    /// One line.
    pub title: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// `standard`, `normal` or `emergency`.
    #[serde(default = "normal")]
    pub change: String,
    /// Hosts, in the filter language; left out, all of the client.
    #[serde(default)]
    pub hosts: String,
    /// Only hosts of this group.
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
    /// `security`, `everything`, `advisories`, `packages` or `nothing`: steps
    /// alone.
    #[serde(default = "security")]
    pub updates: String,
    /// With `advisories` or `packages`: which.
    #[serde(default)]
    pub of: Vec<String>,
    /// The first ring does not open before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_before: Option<Timestamp>,
    /// Days after which nothing starts any more, 1 to 90.
    #[serde(default = "days")]
    pub days: u16,
    /// What is looked at before and after.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<Check>,
    /// Configuration that changes with it.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub steps: Vec<Step>,
    /// Labels whose hosts of one value never change at the same time.
    #[serde(default)]
    pub apart_labels: Vec<String>,
    /// Applications whose hosts never change at the same time.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub apart_applications: Vec<ApplicationId>,
    /// Most hosts of a ring at work at a time; 0 sets no limit.
    #[serde(default)]
    pub at_once: u32,
    /// Whether configuration files that their owner changed are replaced.
    #[serde(default)]
    pub replace_configuration_files: bool,
    /// Programs of the hosts' owners that take a host out of service before
    /// the change and back in afterwards: `program`, `timeout_seconds`.
    #[schema(value_type = Option<Object>)]
    pub drain: Option<Drain>,
}

fn normal() -> String {
    "normal".to_owned()
}

fn security() -> String {
    "security".to_owned()
}

fn days() -> u16 {
    DAYS.0
}

/// A package that somebody may see.
///
/// # Errors
///
/// 404.
pub async fn seen(app: &Shared, scope: &Scope, digest: &str) -> Result<Row, Refusal> {
    let found = app.store.deployment_package(digest).await;
    found.ok().filter(|row| scope.holds(row.client)).ok_or_else(|| missing("package", digest))
}

/// Lists packages, newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<PackageAnswer>> {
    let rows = app.store.deployment_packages(&stored(&allowed.scope)).await?;
    Ok(Json(rows.into_iter().map(PackageAnswer::from).collect()))
}

async fn detail(app: &Shared, row: Row) -> Result<PackageDetail, Refusal> {
    let content = app.store.package_content(&row.digest).await?;
    let notes: Notes = serde_json::from_slice(&content.notes).unwrap_or_default();
    let signed = rollouts::signed(app, &row.digest).await?;
    let certification = if app.root.is_some() { Some(certify::judge(app, &signed).await?.decision) } else { None };
    let remarks = app.store.remarks(&row.digest).await?.into_iter().map(RemarkAnswer::from).collect();
    let people = app.root.as_ref().map(|root| signed.signed_by(&root.root).into_values().collect()).unwrap_or_default();
    Ok(PackageDetail { package: row.into(), signed_by: people, certification, because: notes.because, left_out: notes.left_out, remarks })
}

/// One package.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Answer<PackageDetail> {
    let row = seen(&app, &allowed.scope, &digest).await?;
    Ok(Json(detail(&app, row).await?))
}

/// The bytes that people sign.
pub async fn document(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Answer<PackageDocument> {
    let row = seen(&app, &allowed.scope, &digest).await?;
    let bytes = rollouts::signed(&app, &row.digest).await?.bytes();
    Ok(Json(PackageDocument { document: String::from_utf8_lossy(&bytes).into_owned() }))
}

/// The whole list of hosts, whose root hash is in the document.
pub async fn hosts(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Answer<Vec<PackageHost>> {
    let row = seen(&app, &allowed.scope, &digest).await?;
    let content = app.store.package_content(&row.digest).await?;
    let places: Vec<Place> = serde_json::from_slice(&content.hosts).unwrap_or_default();
    let notes: Notes = serde_json::from_slice(&content.notes).unwrap_or_default();
    let fleet = app.fleet.read();
    let why = notes.why.into_iter().map(Some).chain(std::iter::repeat(None));
    let rows = places.into_iter().zip(why).map(|(place, why)| PackageHost {
        name: fleet.host(place.host).map(|managed| managed.registration.name.clone()).unwrap_or_default(),
        why: why.map_or_else(String::new, |why| why.words().to_owned()),
        place,
    });
    Ok(Json(rows.collect()))
}

/// Drafts a package.
///
/// # Errors
///
/// 400 `E-TEXT`, `E-QUERY`, `E-PARAMETER`; 404 for what the asker may not see;
/// 409 `E-HOSTS` where no host is left, `E-EMERGENCY-DECLARED` and
/// `E-EMERGENCY-TRIGGER` where the policy takes no emergency from this person
/// or for these findings.
pub async fn draft(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<DraftWish>) -> Answer<PackageDetail> {
    let client = one_client(&app, &allowed, wish.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    duties::hold(&app, &allowed, "package").await?;
    let chosen = chosen(&app, &allowed, client, &wish).await?;
    let apart = apart(&app, &allowed, &chosen, &wish).await?;
    files(&app, &wish.steps).await?;
    let author = author(&app, &allowed).await?;
    let mail = app.store.person_by_account(&author).await?.and_then(|person| person.email);
    let wish = checked(client, wish)?;
    let row = package::draft(&app, &actor(&allowed), package::Draft { wish, author, mail, chosen, apart }).await?;
    Ok(Json(detail(&app, row).await?))
}

/// Account of whoever acts: a token acts for the person who made it.
async fn author(app: &Shared, allowed: &Allowed) -> Result<String, Refusal> {
    match &allowed.principal.who {
        Who::Person { name, .. } => Ok(name.clone()),
        Who::Token { owner, .. } => {
            let people = app.identity.people().await?;
            let maker = people.into_iter().find(|person| person.id == *owner);
            maker.map(|person| person.account).ok_or_else(|| missing("person", &owner.to_string()))
        }
        Who::Host { .. } | Who::Nobody => Err(missing("person", "request")),
    }
}

async fn chosen(app: &Shared, allowed: &Allowed, client: ClientId, wish: &DraftWish) -> Result<RoaringBitmap, Refusal> {
    let read = allowed.principal.scope(Permission::ReadFleet);
    let group = match wish.group {
        Some(group) => Some(seen_group(app, &read, &group.to_string()).await?.id),
        None => None,
    };
    let filter = Filter::parse(&wish.hosts)?;
    let seen = visible(app, &read);
    let clock = app.clock();
    let fleet = app.fleet.read();
    let mut hosts = fleet.of_client(client).map(|whole| whole & &seen).unwrap_or_default();
    if let Some(group) = group {
        hosts &= fleet.of_group(group).cloned().unwrap_or_default();
    }
    Ok(hosts.iter().filter(|number| fleet.numbered(*number).is_some_and(|managed| filter.holds(managed, clock).unwrap_or(false))).collect())
}

async fn apart(app: &Shared, allowed: &Allowed, chosen: &RoaringBitmap, wish: &DraftWish) -> Result<Vec<Apart>, Refusal> {
    let mut apart = Vec::new();
    for label in &wish.apart_labels {
        apart.extend(package::apart_by_label(&app.fleet.read(), chosen, label));
    }
    for id in &wish.apart_applications {
        let unseen = || missing("application", &id.to_string());
        let application = app.store.application(*id).await.map_err(|_| unseen())?;
        if !allowed.scope.holds(application.client) {
            return Err(unseen());
        }
        let mut hosts = app.store.application_hosts(*id).await?;
        if let Some(group) = application.group {
            let fleet = app.fleet.read();
            let members = fleet.of_group(group).into_iter().flatten();
            hosts.extend(members.filter_map(|number| Some(fleet.numbered(number)?.registration.id)));
        }
        apart.push(Apart { name: format!("application {}", application.name), hosts });
    }
    Ok(apart)
}

/// Most packages that a clean-up may remove from a host: what is more is no
/// remnant of a change any more.
const MOST_REMNANTS: u32 = 500;

/// Files that steps name must be kept here, or every host would wait for them.
async fn files(app: &Shared, steps: &[Step]) -> Result<(), Refusal> {
    for step in steps {
        if let Step::CleanUp { remnants, most } = step
            && !(1..=MOST_REMNANTS).contains(most)
        {
            let text = format!("cleaning up {} may remove {most} packages, allowed are 1 to {MOST_REMNANTS}", remnants.as_str());
            return Err(parameter("steps", text, "say how many packages of a host may go at most"));
        }
        let Step::File { sha256, size, path, .. } = step else { continue };
        if app.artefacts.length(sha256).await? != Some(*size) {
            let text = format!("the content of {path} is no artefact of {size} bytes that this server keeps");
            return Err(parameter("steps", text, "put it among the artefacts first"));
        }
    }
    Ok(())
}

fn checked(client: ClientId, wish: DraftWish) -> Result<Wish, Refusal> {
    let name = wish.name.trim().to_owned();
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let sound = name.len() <= 64 && name.starts_with(plain) && name.chars().all(|letter| plain(letter) || ".-+_".contains(letter));
    if !sound {
        return Err(parameter("name", format!("{name:?} is no name of a package"), "use 1 to 64 lower-case letters, digits, `.`, `-`, `+` and `_`, a letter or digit first"));
    }
    let change = ChangeType::parse(&wish.change).ok_or_else(|| parameter("change", format!("{:?} is no kind of change", wish.change), "use standard, normal or emergency"))?;
    let reason = if wish.reason.trim().is_empty() { String::new() } else { checked_text("reason", &wish.reason, REASON)? };
    if change == ChangeType::Emergency && reason.is_empty() {
        return Err(parameter("reason", "an emergency needs a reason", "say why it cannot wait"));
    }
    if !(1..=DAYS.1).contains(&wish.days) {
        return Err(parameter("days", format!("{} days were asked for, allowed are 1 to {}", wish.days, DAYS.1), "draft it again later"));
    }
    let of = wish.of.into_iter().collect();
    let which = match wish.updates.as_str() {
        "security" => Which::Security,
        "everything" => Which::Everything,
        "advisories" => Which::Advisories(of),
        "packages" => Which::Packages(of),
        "nothing" => Which::Nothing,
        other => return Err(parameter("updates", format!("{other:?} is no choice of updates"), "use security, everything, advisories, packages or nothing")),
    };
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let not_before = wish.not_before.unwrap_or(now).max(now);
    let expires = not_before.checked_add(SignedDuration::from_hours(i64::from(wish.days) * 24)).unwrap_or(Timestamp::MAX);
    let configuration_files = if wish.replace_configuration_files { ConfigurationFiles::Replace } else { ConfigurationFiles::Keep };
    if let Some(drain) = wish.drain.as_ref().filter(|drain| !drain.is_plain()) {
        let text = format!("{:?} with {} s names no program, or no time", drain.program, drain.timeout_seconds);
        return Err(parameter("drain", text, "give a file name of letters, digits, dots, hyphens and underscores, and 1 to 3600 seconds"));
    }
    Ok(Wish {
        client,
        name,
        title: checked_text("title", &wish.title, TITLE)?,
        reason,
        change,
        which,
        not_before,
        expires,
        checks: wish.checks,
        steps: wish.steps,
        configuration_files,
        at_once: wish.at_once,
        drain: wish.drain,
    })
}

/// A signature that somebody made elsewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureGiven {
    /// Id of the key in the root document.
    pub keyid: String,
    /// Ed25519 signature over the canonical bytes of what is signed, hex.
    pub sig: String,
}

/// Takes a signature; the one that was missing accepts the package.
///
/// # Errors
///
/// 400 `E-SIGNATURE`, 404, 409 `E-STATE`.
pub async fn sign(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(given): Json<SignatureGiven>) -> Answer<PackageDetail> {
    let row = seen(&app, &allowed.scope, &digest).await?;
    let after = certify::submit(&app, &allowed, &row, Signature { keyid: given.keyid, sig: given.sig }).await?;
    Ok(Json(detail(&app, after).await?))
}

/// Takes an approval; it takes the place of no signature.
///
/// # Errors
///
/// 400 `E-TEXT`; 403 `E-SOD`, `E-APPROVE`; 404; 409 `E-STATE`.
pub async fn approve(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(given): Json<Approval>) -> Answer<PackageDetail> {
    said(&app, &allowed, &digest, RemarkKind::Approve, &given.reason).await
}

/// Takes a refusal, or the closing of a review.
///
/// # Errors
///
/// 400 `E-PARAMETER`, `E-TEXT`; 403 `E-SOD`, `E-APPROVE`; 404; 409 `E-STATE`.
pub async fn remark(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(saying): Json<Saying>) -> Answer<PackageDetail> {
    let known = [RemarkKind::Refuse, RemarkKind::Review].into_iter().find(|kind| kind.word() == saying.kind);
    let kind = known.ok_or_else(|| parameter("kind", format!("{:?} cannot be said of a package", saying.kind), "use refuse or review; approving has its own address"))?;
    said(&app, &allowed, &digest, kind, &saying.reason).await
}

async fn said(app: &Shared, allowed: &Allowed, digest: &str, kind: RemarkKind, reason: &str) -> Answer<PackageDetail> {
    let row = seen(app, &allowed.scope, digest).await?;
    let after = certify::approval::say(app, allowed, &row, kind, reason).await?;
    Ok(Json(detail(app, after).await?))
}

/// Withdraws a package that was not rolled out.
///
/// # Errors
///
/// 404, 409 `E-STATE`.
pub async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(why): Json<super::acts::Reason>) -> Answer<PackageDetail> {
    let row = seen(&app, &allowed.scope, &digest).await?;
    let intent = Intent::new(actor(&allowed), Timestamp::now(), "package.withdraw", format!("package-draft:{}", row.digest));
    let mut change = app.store.begin(intent).await?;
    let after = change.withdraw_package(&row.digest).await?;
    change.commit(why.reason.as_deref()).await?;
    Ok(Json(detail(&app, after).await?))
}

/// One version of a package whose bytes are kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcquiredEntry {
    /// Release it belongs to, `debian:12`.
    pub stream: String,
    /// Package.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// Length of its file in bytes.
    pub size: u64,
    /// Whose index named it.
    pub repository: String,
}

/// What was acquired.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcquiredList {
    /// Versions; at most 5,000 at a time.
    pub entries: Vec<AcquiredEntry>,
}

/// How many versions were new.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcquiredAnswer {
    /// Versions that were not known.
    pub new: u64,
}

/// Says which bytes are which version; they must lie among the artefacts.
///
/// # Errors
///
/// 409 `E-ARTEFACT` where a file is not there in this length, 409
/// `E-OTHER-BYTES` where a version is known with other bytes.
pub async fn acquire(State(app): State<Shared>, allowed: Allowed, Json(list): Json<AcquiredList>) -> Answer<AcquiredAnswer> {
    // Publishers' bytes are the same for every client.
    if allowed.scope != Scope::Everything {
        let text = format!("{} may not say what was acquired for every client", allowed.principal);
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who looks after all clients"));
    }
    if list.entries.is_empty() || list.entries.len() > ACQUIRED {
        return Err(parameter("entries", format!("{} entries were sent, allowed are 1 to {ACQUIRED}", list.entries.len()), "send them in parts"));
    }
    let mut acquired = Vec::with_capacity(list.entries.len());
    for entry in list.entries {
        let texts = [&entry.stream, &entry.name, &entry.arch, &entry.version, &entry.repository];
        if texts.iter().any(|text| text.is_empty() || text.len() > 500 || text.chars().any(char::is_control)) {
            return Err(parameter("entries", format!("{:?} has an empty or unreadable field", entry.name), "send what `plimsoll acquire` says"));
        }
        if app.artefacts.length(&entry.sha256).await? != Some(entry.size) {
            let text = format!("{} {} is not kept here with {} bytes", entry.name, entry.version, entry.size);
            return Err(Refusal::new(StatusCode::CONFLICT, "E-ARTEFACT", text, "fetch it into this server's artefacts first, with `plimsoll acquire fetch`").at(entry.sha256));
        }
        let AcquiredEntry { stream, name, arch, version, sha256, size, repository } = entry;
        acquired.push(Acquired { stream: Stream::from_stored(&stream), name, arch, version, sha256, size, repository });
    }
    let mut change = app.store.begin(Intent::new(actor(&allowed), Timestamp::now(), "artefact.acquire", "acquired")).await?;
    let new = change.add_acquired(&acquired).await?;
    if new > 0 {
        change.commit(None).await?;
    }
    Ok(Json(AcquiredAnswer { new }))
}

/// Names of hosts that are shown beside their ids.
pub(super) fn name_of(app: &Shared, host: HostId) -> String {
    app.fleet.read().host(host).map(|managed| managed.registration.name.clone()).unwrap_or_default()
}
