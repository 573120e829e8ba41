//! The pages of **notices** to people. Opening one that went to the reader is
//! noted as seen; acknowledging it is an act of its own, the API's.

use super::handlers::{Page, Visit, written};
use super::pages;
use super::views::{NoticeItem, NoticePage, NoticeReader, NoticeWord, Notices};
use crate::api::notices::{self, NoticeAnswer, NoticePerson};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::notices::publish::unreached;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;

const PAGE: &str = "/console/notices";
/// Rows on a page; more are better asked for by the API.
const ROWS: usize = 200;

/// The routes of the pages.
pub(super) fn routes() -> Routes<Shared> {
    let (get, read) = (Method::GET, Access::Needs(Permission::ReadFleet));
    Routes::new()
        .route(get.clone(), PAGE, read, list)
        .route(get, "/console/notices/{notice}", read, show)
        .route(Method::POST, "/console/notices/{notice}/acknowledge", Access::Needs(Permission::AcknowledgeNotices), acknowledge)
}

fn item(notice: &NoticeAnswer, now: Timestamp) -> NoticeItem {
    let number = |of: fn(&NoticePerson) -> bool| notice.people.iter().filter(|one| of(one)).count() as u64;
    let acknowledged = number(|one| one.acknowledged.is_some());
    let state = match notice.acknowledge_by {
        _ if notice.corrected_by.is_some() => ("corrected", "none"),
        _ if acknowledged > 0 => ("acknowledged", "in-time"),
        Some(by) if by < now => ("not acknowledged", "overdue"),
        Some(_) => ("to be acknowledged", "due-soon"),
        None => ("told", "none"),
    };
    NoticeItem {
        id: notice.id.clone(),
        moment: notice.moment.clone(),
        text: notice.text.clone(),
        told: notice.told,
        held_until: (notice.goes > notice.told).then_some(notice.goes),
        acknowledge_by: notice.acknowledge_by,
        state,
        people: notice.people.len() as u64,
        delivered: number(|one| one.delivered.is_some()),
        seen: number(|one| one.seen.is_some()),
        acknowledged,
        nobody: notice.audiences.iter().filter(|audience| audience.people == 0).map(|audience| audience.word.clone()).collect(),
    }
}

async fn list(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = async {
        let now = app.clock().now;
        let mine = notices::all(&app, &allowed, true, None, (0, ROWS)).await?;
        let reads = allowed.principal.may(Permission::ReadNotifications);
        let (all, total) = if reads {
            let all = notices::all(&app, &allowed, false, None, (0, ROWS)).await?;
            (all.rows, all.total as u64)
        } else {
            (Vec::new(), 0)
        };
        let items = |rows: Vec<NoticeAnswer>| rows.iter().map(|notice| item(notice, now)).collect();
        Ok(Notices { mine: items(mine.rows), all: items(all), total, reads, mails: app.notices.mailer.is_some() })
    };
    let view = view.await.map_err(|refusal: Refusal| visit.refused(refusal))?;
    Ok(written(pages::notices(&visit.shell, &view)))
}

async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = shown(&app, &allowed, &id).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::notice(&visit.shell, &view)))
}

async fn shown(app: &Shared, allowed: &Allowed, id: &str) -> Result<NoticePage, Refusal> {
    let now = app.clock().now;
    let mut notice = notices::seen(app, allowed, id).await?;
    if let Some(person) = allowed.principal.person_id().filter(|_| notice.mine) {
        app.store.note_seen(id, person, now).await?;
        notice = notices::seen(app, allowed, id).await?;
    }
    let own = app.store.notice(id).await?.people.into_iter().find(|one| one.person.is_some() && one.person == allowed.principal.person_id());
    let own = own.and_then(|own| own.acknowledged);
    Ok(NoticePage {
        item: item(&notice, now),
        page: notice.page,
        called_for: notice.called_for,
        acknowledges: notice.mine && own.is_none() && notice.corrected_by.is_none(),
        corrected_by: notice.corrected_by,
        own,
        audiences: notice
            .audiences
            .into_iter()
            .map(|one| NoticeWord { word: one.word, people: one.people, because: one.because, unknown: one.unknown.into_iter().collect() })
            .collect(),
        people: notice
            .people
            .into_iter()
            .map(|one| NoticeReader {
                name: one.name,
                mail: one.mail,
                account: one.account,
                words: one.words.join(", "),
                delivered: one.delivered,
                trouble: one.trouble,
                seen: one.seen,
                acknowledged: one.acknowledged,
            })
            .collect(),
    })
}

async fn acknowledge(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let notice = notices::acknowledged(&app, &allowed, &id).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&format!("{PAGE}/{}", notice.id)).into_response())
}

/// Who was told of a rollout, and which words of the policy mean nobody for it
/// at present; nothing for who may not read notifications.
pub(super) async fn of_rollout(app: &Shared, allowed: &Allowed, digest: &str, client: ClientId) -> Result<(Vec<NoticeItem>, Vec<(String, String)>), Refusal> {
    if !allowed.principal.scope(Permission::ReadNotifications).holds(client) {
        return Ok((Vec::new(), Vec::new()));
    }
    let now = app.clock().now;
    let found = notices::all(app, allowed, false, Some(&notices::of_rollout(digest)), (0, ROWS)).await?;
    let nobody = unreached(app, digest, client).await?.into_iter();
    let why = |unknown: std::collections::BTreeMap<String, &'static str>| unknown.into_iter().map(|(name, why)| format!("; {name} {why}")).collect::<String>();
    Ok((found.rows.iter().map(|notice| item(notice, now)).collect(), nobody.map(|one| (one.word, format!("{}{}", one.because, why(one.unknown)))).collect()))
}
