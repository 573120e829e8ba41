//! **Notices to people**: who was told what, who saw it, who acknowledged it.
//! Console and API share what is read and the act.

use super::acts::actor;
use super::{Answer, missing, stored, window};
use crate::app::Shared;
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::principal::sign_in_first;
use crate::identity::role::{Permission, Scope};
use axum::extract::State;
use axum::http::Method;
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_store::notices::people::{Notice, Recipient, Whose};
use plimsoll_store::{ErrorKind, Intent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The routes.
pub(super) fn routes() -> Routes<Shared> {
    let (get, read) = (Method::GET, Access::Needs(Permission::ReadFleet));
    Routes::new()
        .route(get.clone(), "/api/v1/notices", read, list)
        .route(get, "/api/v1/notices/{notice}", read, show)
        .route(Method::POST, "/api/v1/notices/{notice}/acknowledge", Access::Needs(Permission::AcknowledgeNotices), acknowledge)
}

/// What some people were told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NoticeAnswer {
    /// Id.
    pub id: String,
    /// Client whose hosts it is about.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// What it is about: `rollout:` and the digest of the package, or
    /// `deadlines`.
    pub about: String,
    /// `planned`, `emergency`, `moved`, `cancelled`, `started`, `failed`,
    /// `completed`, `overdue`, a share of a deadline, or `unacknowledged`.
    pub moment: String,
    /// What they were told.
    pub text: String,
    /// Page of the console that shows it, from the root on.
    pub page: String,
    /// When it was put in.
    #[schema(value_type = String, format = DateTime)]
    pub told: Timestamp,
    /// When its letters leave; later than `told` where quiet hours hold them.
    #[schema(value_type = String, format = DateTime)]
    pub goes: Timestamp,
    /// Until when somebody is to acknowledge it; none where nobody need.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledge_by: Option<Timestamp>,
    /// The notice that nobody acknowledged and for which these were called.
    pub called_for: Option<String>,
    /// The notice that corrects it: an acknowledgement of this one counts no
    /// more.
    pub corrected_by: Option<String>,
    /// Whether it went to whoever asks.
    pub mine: bool,
    /// The policy's words and whom they meant; only for who may read
    /// notifications.
    pub audiences: Vec<NoticeAudience>,
    /// Who was told; for others than those who may read notifications, only
    /// themselves.
    pub people: Vec<NoticePerson>,
}

/// A word of the policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NoticeAudience {
    /// The word.
    pub word: String,
    /// Why these people and no others.
    pub because: String,
    /// How many people it meant; 0 where nobody could be told.
    pub people: u64,
    /// Names that lead to nobody, and why not.
    pub unknown: BTreeMap<String, String>,
}

/// Somebody who was told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NoticePerson {
    /// Account, else the name that the policy has.
    pub name: String,
    /// Address that a letter goes to; none where the console is the only way.
    pub mail: Option<String>,
    /// Whether they can sign in, and so see and acknowledge it.
    pub account: bool,
    /// The policy's words that mean them.
    pub words: Vec<String>,
    /// When the mail server took the letter.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered: Option<Timestamp>,
    /// Why it was not delivered yet.
    pub trouble: Option<String>,
    /// When they opened it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<Timestamp>,
    /// When they acknowledged it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged: Option<Timestamp>,
}

impl From<Recipient> for NoticePerson {
    fn from(one: Recipient) -> Self {
        Self {
            name: one.name,
            mail: one.mail,
            account: one.person.is_some(),
            words: one.words.into_iter().collect(),
            delivered: one.delivered,
            trouble: one.trouble,
            seen: one.seen,
            acknowledged: one.acknowledged,
        }
    }
}

/// Which notices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// About the rollout of this package, by its digest.
    pub rollout: Option<String>,
    /// Only those that went to oneself.
    pub mine: Option<bool>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// A notice as somebody may see it; none where they may not at all.
fn as_seen(notice: Notice, allowed: &Allowed) -> Option<NoticeAnswer> {
    let person = allowed.principal.person_id();
    let mine = notice.people.iter().any(|one| person.is_some() && one.person == person);
    let reads = allowed.principal.scope(Permission::ReadNotifications).holds(notice.client);
    // Rights may have gone since it was told.
    let still = match allowed.principal.whole_scope(Permission::ReadFleet) {
        Scope::Everything => true,
        Scope::Clients(clients) => clients.contains_key(&notice.client),
    };
    if !(reads || mine && still) {
        return None;
    }
    let audiences = notice.audiences.into_iter().filter(|_| reads);
    let people = notice.people.into_iter().filter(|one| reads || one.person == person);
    Some(NoticeAnswer {
        client: notice.client,
        about: notice.about,
        moment: notice.moment,
        text: notice.text,
        page: notice.page,
        told: notice.told,
        goes: notice.goes,
        acknowledge_by: notice.ack_by,
        called_for: (notice.root != notice.id).then_some(notice.root),
        corrected_by: notice.replaced,
        id: notice.id,
        mine,
        audiences: audiences.map(|one| NoticeAudience { word: one.word, because: one.because, people: one.people, unknown: one.unknown }).collect(),
        people: people.map(NoticePerson::from).collect(),
    })
}

/// Notices that somebody may see, the newest first.
///
/// # Errors
///
/// What the store meets.
pub async fn all(app: &Shared, allowed: &Allowed, mine: bool, about: Option<&str>, window: (usize, usize)) -> Result<Page<NoticeAnswer>, Refusal> {
    let whose = match allowed.principal.person_id() {
        Some(person) if mine || !allowed.principal.may(Permission::ReadNotifications) => Whose::Person(person),
        Some(_) => Whose::Within(stored(&allowed.principal.scope(Permission::ReadNotifications))),
        None => return Err(sign_in_first()),
    };
    let (found, total) = app.store.notices(&whose, about, window).await?;
    let rows = found.into_iter().filter_map(|notice| as_seen(notice, allowed)).collect();
    Ok(Page { rows, total: usize::try_from(total).unwrap_or(usize::MAX) })
}

/// One that somebody may see; another is not there.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen(app: &Shared, allowed: &Allowed, id: &str) -> Result<NoticeAnswer, Refusal> {
    let found = app.store.notice(id).await.map_err(|error| match error.kind {
        ErrorKind::NotFound => missing("notice", id),
        _ => error.into(),
    })?;
    as_seen(found, allowed).ok_or_else(|| missing("notice", id))
}

/// Acknowledges one that went to whoever asks.
///
/// # Errors
///
/// 404 where it did not go to them; 409 `E-REPLACED` where another notice
/// corrects it, `E-STATE` where they did so before.
pub async fn acknowledged(app: &Shared, allowed: &Allowed, id: &str) -> Result<NoticeAnswer, Refusal> {
    let person = allowed.principal.person_id().ok_or_else(sign_in_first)?;
    let known = seen(app, allowed, id).await?;
    if !known.mine {
        return Err(missing("notice to you", id));
    }
    let intent = Intent::new(actor(allowed), Timestamp::now(), "notice.acknowledge", format!("notice:{id}")).for_client(known.client);
    let mut change = app.store.begin(intent).await?;
    change.acknowledge_notice(id, person).await?;
    change.commit(None).await?;
    let _ = app.news.send(crate::app::News::Other);
    seen(app, allowed, id).await
}

/// What is about the rollout of a package.
pub fn of_rollout(digest: &str) -> String {
    format!("rollout:{digest}")
}

/// Lists notices, the newest first.
async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<NoticeAnswer>> {
    let window = window(which.skip, which.take)?;
    let about = which.rollout.as_deref().map(of_rollout);
    Ok(Json(all(&app, &allowed, which.mine.unwrap_or(false), about.as_deref(), window).await?))
}

/// One notice.
async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<NoticeAnswer> {
    Ok(Json(seen(&app, &allowed, &id).await?))
}

/// Acknowledges one.
async fn acknowledge(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<NoticeAnswer> {
    Ok(Json(acknowledged(&app, &allowed, &id).await?))
}
