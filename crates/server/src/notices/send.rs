//! **Sending**: takes what is due from the outbox and delivers it, on every
//! server.
//!
//! A message is claimed for a while; a claim that nobody answers ends by
//! itself, so that a killed server's messages go out again under the same id.
//! Each target has few places of its own, one while it fails, and rests after
//! each failure: a slow or dead one holds up nobody else.

use super::chat;
use super::webhook::{self, Reply};
use crate::app::{App, Shared};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::WebhookId;
use plimsoll_store::deliveries::{Delivery, Outcome, PERSON, Take};
use data_encoding::HEXLOWER;
use plimsoll_store::identifier::random;
use plimsoll_store::webhooks::{Channel, Webhook};
use plimsoll_store::{Actor, Intent, StoreError};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Requests and letters under way at once.
const AT_ONCE: usize = 16;
/// Of those, to one target.
const PER_TARGET: usize = 4;
/// Targets looked at in one go.
const TARGETS: u32 = 200;
/// Events that one letter gathers.
const LETTER: u32 = 500;
/// Between two counts of the outbox for the metrics.
const COUNT: SignedDuration = SignedDuration::from_secs(15);
/// Between two times that old deliveries are deleted.
const EXPIRE: SignedDuration = SignedDuration::from_hours(1);
/// How long requests under way may go on after the server was told to stop.
const LAST: Duration = Duration::from_secs(5);

/// What this process knows of a target.
#[derive(Clone, Copy, Default)]
struct Standing {
    under_way: usize,
    failures: u32,
    rests_until: Option<Timestamp>,
}

/// Sends until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(name) = random::<8>() else {
        return tracing::error!("this machine has no randomness to give: no notices are sent");
    };
    let mut sender = Sender { name: HEXLOWER.encode(&name), standings: HashMap::new(), under_way: JoinSet::new(), counted: None, expired: None };
    loop {
        sender.collect();
        if let Err(error) = sender.look(&app).await {
            tracing::warn!(code = error.problem.code, "notices are not sent and will be tried again: {}", error.problem.text);
        }
        tokio::select! {
            () = tokio::time::sleep(app.notices.pace.look) => {}
            () = app.notices.wake.notified() => {}
            Some(done) = sender.under_way.join_next() => sender.note(done),
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // What is cut off here goes out again when its claim ends.
    let _ = tokio::time::timeout(LAST, async { while sender.under_way.join_next().await.is_some() {} }).await;
}

/// What came of one try at a target.
enum Ended {
    Arrived,
    /// The receiver may have said how long to leave it alone.
    Failed(Option<SignedDuration>),
    /// Nothing was tried, or what came of it is not known.
    Unknown,
}

/// Of letters to people there is nothing to keep: each waits by itself.
type Done = Option<(WebhookId, Ended)>;

struct Sender {
    name: String,
    standings: HashMap<WebhookId, Standing>,
    under_way: JoinSet<Done>,
    counted: Option<Timestamp>,
    expired: Option<Timestamp>,
}

impl Sender {
    fn collect(&mut self) {
        while let Some(done) = self.under_way.try_join_next() {
            self.note(done);
        }
    }

    fn note(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let (target, ended) = match done {
            Ok(Some(done)) => done,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "a delivery ended early; it is tried again when its claim ends"),
        };
        let standing = self.standings.entry(target).or_default();
        standing.under_way = standing.under_way.saturating_sub(1);
        match ended {
            Ended::Arrived => *standing = Standing { under_way: standing.under_way, ..Standing::default() },
            Ended::Failed(wait) => {
                standing.failures = standing.failures.saturating_add(1);
                standing.rests_until = wait.map(|wait| after(Timestamp::now(), wait));
            }
            Ended::Unknown => {}
        }
        if standing.under_way == 0 && standing.failures == 0 {
            self.standings.remove(&target);
        }
    }

    async fn look(&mut self, app: &Shared) -> Result<(), StoreError> {
        let now = Timestamp::now();
        self.keep_house(app, now).await?;
        if self.under_way.len() >= AT_ONCE {
            return Ok(());
        }
        for (target, channel) in app.store.due_targets(now, TARGETS).await? {
            let standing = self.standings.entry(target).or_default();
            let mail = channel == Channel::Mail.word();
            let gathers = channel != Channel::Webhook.word();
            // One that fails is tried with one message at a time, and after a
            // rest; a letter gathers all there is, a chat's message what is due.
            let places = if gathers || standing.failures > 0 { 1 } else { PER_TARGET };
            let free = places.saturating_sub(standing.under_way).min(AT_ONCE - self.under_way.len());
            if standing.failures > 0 && standing.rests_until.is_none() {
                standing.rests_until = Some(after(now, pause(app, standing.failures)));
            }
            if free == 0 || standing.rests_until.is_some_and(|until| until > now) {
                continue;
            }
            standing.rests_until = None;
            let take = if mail { Take::Until(after(now, app.notices.pace.digest)) } else { Take::Due };
            let limit = if gathers { LETTER } else { u32::try_from(free).unwrap_or(1) };
            let until = after(now, app.notices.pace.claim);
            let claimed = app.store.claim_deliveries(&self.name, &target.to_string(), take, (now, until), limit).await?;
            if claimed.is_empty() {
                continue;
            }
            let batches: Vec<Vec<Delivery>> = if gathers { vec![claimed] } else { claimed.into_iter().map(|one| vec![one]).collect() };
            standing.under_way += batches.len();
            for batch in batches {
                self.under_way.spawn(attempt(Shared::clone(app), self.name.clone(), target, batch));
            }
            if self.under_way.len() >= AT_ONCE {
                break;
            }
        }
        self.write_to_people(app, now).await
    }

    /// Letters to the people whom a policy names, one for each address.
    async fn write_to_people(&mut self, app: &Shared, now: Timestamp) -> Result<(), StoreError> {
        let free = AT_ONCE.saturating_sub(self.under_way.len());
        if free == 0 {
            return Ok(());
        }
        for address in app.store.due_people(now, u32::try_from(free).unwrap_or(1)).await? {
            let until = after(now, app.notices.pace.claim);
            let batch = app.store.claim_deliveries(&self.name, &address, Take::Due, (now, until), LETTER).await?;
            if !batch.is_empty() {
                self.under_way.spawn(write_to(Shared::clone(app), self.name.clone(), address, batch));
            }
        }
        Ok(())
    }

    async fn keep_house(&mut self, app: &Shared, now: Timestamp) -> Result<(), StoreError> {
        if self.counted.is_none_or(|last| now.duration_since(last) >= COUNT) {
            self.counted = Some(now);
            let (waiting, oldest) = app.store.waiting_deliveries().await?;
            app.metrics.deliveries_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            app.metrics.deliveries_oldest.set(oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0)));
        }
        if self.expired.is_none_or(|last| now.duration_since(last) >= EXPIRE) {
            self.expired = Some(now);
            if let Ok(before) = now.checked_sub(app.notices.pace.keep) {
                app.store.expire_deliveries(before).await?;
            }
        }
        Ok(())
    }
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long to wait after a number of failures: doubling up to a limit, half
/// of it by chance, so that what failed together does not come back together.
fn pause(app: &App, failures: u32) -> SignedDuration {
    let pace = &app.notices.pace;
    let doubled = pace.first_retry.checked_mul(1_i32.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(i32::MAX));
    let whole = doubled.map_or(pace.longest_retry, |doubled| doubled.min(pace.longest_retry)).as_millis();
    let whole = i64::try_from(whole).unwrap_or(i64::MAX);
    let chance = random::<4>().map_or(0, |bytes| i64::from(u32::from_le_bytes(bytes)));
    SignedDuration::from_millis(whole / 2 + (whole / 2).saturating_mul(chance / 1_024) / (i64::from(u32::MAX) / 1_024))
}

/// One try.
async fn attempt(app: Shared, sender: String, target: WebhookId, batch: Vec<Delivery>) -> Done {
    match tried(&app, &sender, target, batch).await {
        Ok(ended) => Some((target, ended)),
        Err(error) => {
            tracing::warn!(code = error.problem.code, webhook = %target, "what came of a delivery is not noted: {}", error.problem.text);
            Some((target, Ended::Unknown))
        }
    }
}

/// One letter to one person.
async fn write_to(app: Shared, sender: String, address: String, batch: Vec<Delivery>) -> Done {
    let (reply, words) = letter(&app, &address, &batch).await;
    if let Err(error) = noted(&app, &sender, &batch, &reply, &words, Timestamp::now()).await {
        tracing::warn!(code = error.problem.code, "what came of a letter is not noted: {}", error.problem.text);
    }
    None
}

/// The notice that a letter to a person is about.
fn notice_of(delivery: &Delivery) -> Option<String> {
    let event: serde_json::Value = (delivery.channel == PERSON).then(|| serde_json::from_slice(&delivery.body).ok())??;
    Some(event.pointer("/data/notice")?.as_str()?.to_owned())
}

/// Notes what came of a try with each message that was in it.
async fn noted(app: &App, sender: &str, batch: &[Delivery], reply: &Reply, words: &str, now: Timestamp) -> Result<(), StoreError> {
    for delivery in batch {
        let outcome = match reply {
            Reply::Arrived => Outcome::Delivered,
            Reply::Gone => Outcome::GaveUp,
            Reply::Failed(_) if delivery.attempts >= app.notices.pace.tries => Outcome::GaveUp,
            Reply::Failed(wait) => Outcome::Again(after(now, pause(app, delivery.attempts).max(wait.unwrap_or(SignedDuration::ZERO)))),
        };
        match outcome {
            Outcome::Delivered => app.metrics.deliveries_arrived.inc(),
            Outcome::Again(_) => app.metrics.deliveries_failed.inc(),
            Outcome::GaveUp => app.metrics.deliveries_given_up.inc(),
        };
        let counted = app.store.end_attempt(&delivery.id, sender, &outcome, words, now).await?;
        if let Some(notice) = notice_of(delivery).filter(|_| counted) {
            app.store.note_letter(&notice, &delivery.target, (outcome == Outcome::Delivered).then_some(now), words).await?;
        }
    }
    Ok(())
}

async fn tried(app: &App, sender: &str, target: WebhookId, batch: Vec<Delivery>) -> Result<Ended, StoreError> {
    let webhook = app.store.webhook(target).await?;
    let (reply, words) = match webhook.channel {
        Channel::Webhook => {
            let secrets = app.store.webhook_secrets(target, Timestamp::now()).await?;
            let Some(one) = batch.first() else { return Ok(Ended::Unknown) };
            webhook::deliver(&app.notices.outward, &webhook.url, &secrets, &one.id, one.body.clone(), Timestamp::now()).await
        }
        Channel::Mail => letter(app, &webhook.url, &batch).await,
        Channel::Slack | Channel::Teams | Channel::Matrix => {
            let Some(body) = chat::message(webhook.channel, &app.url, &batch) else { return Ok(Ended::Unknown) };
            webhook::say(&app.notices.outward, &webhook.url, body, Timestamp::now()).await
        }
    };
    let now = Timestamp::now();
    noted(app, sender, &batch, &reply, &words, now).await?;
    let arrived = reply == Reply::Arrived;
    let failing = app.store.note_try(target, arrived, &words, now).await?;
    if reply == Reply::Gone {
        switch_off(app, &webhook, "the receiver answered 410: this address is gone for good", now).await?;
    } else if let Some(since) = failing.filter(|since| now.duration_since(*since) >= app.notices.pace.patience) {
        switch_off(app, &webhook, &format!("every try failed since {since}; the last answer was: {words}"), now).await?;
    }
    let _ = app.news.send(crate::app::News::Other);
    Ok(match reply {
        Reply::Arrived => Ended::Arrived,
        Reply::Failed(wait) => Ended::Failed(wait),
        Reply::Gone => Ended::Failed(None),
    })
}

async fn letter(app: &App, to: &str, batch: &[Delivery]) -> (Reply, String) {
    let Some(mailer) = &app.notices.mailer else {
        return (Reply::Failed(None), "this server has no mail server; start it with `--smtp`".to_owned());
    };
    let (arrived, words) = mailer.deliver(to, &app.url, batch).await;
    (if arrived { Reply::Arrived } else { Reply::Failed(None) }, words)
}

/// Switches a target off that has not worked for days, and raises an alert.
async fn switch_off(app: &App, webhook: &Webhook, why: &str, now: Timestamp) -> Result<(), StoreError> {
    if !app.store.webhook(webhook.id).await?.enabled {
        return Ok(());
    }
    let object = format!("webhook:{}", webhook.id);
    let mut intent = Intent::new(Actor::server(), now, "webhook.switch-off", object.clone());
    intent.client = webhook.client;
    let mut change = app.store.begin(intent).await?;
    change
        .update_webhook(webhook.id, |webhook| {
            webhook.enabled = false;
            webhook.disabled_because = Some(why.to_owned());
        })
        .await?;
    change.raise_alert(webhook.client, "E-WEBHOOK-OFF", &object, &format!("{} was switched off: {why}", webhook.name)).await?;
    change.commit(None).await?;
    tracing::warn!(webhook = %webhook.id, "was switched off: {why}");
    Ok(())
}
