//! **Outside alerts**: what other people's monitoring is asked for the gates of
//! rollouts, and what it answered last.
//!
//! Every server asks for the rollouts that it holds, so that each can show what
//! was heard; only the one that moves rollouts on decides by it. A source is
//! asked through the guard for outbound requests, and what it does not answer
//! is not known: nothing here makes silence mean that all is quiet.

use crate::app::{App, Shared};
use crate::identity::oidc::ClientSecret;
use crate::outward::{Allowed, Outbound, Outward};
use axum::http::{HeaderMap, HeaderValue, header};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::deployment_package::DeploymentPackage;
use plimsoll_core::model::policy::rollout::{AlertGate, Asks};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::phases::deploy::{Heard, Said, Watched};
use plimsoll_formats::outside_alerts::{self as answers, Firing};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// How often it is looked whether anything has to be asked.
const LOOK: Duration = Duration::from_secs(1);
/// Questions under way at a time.
const AT_ONCE: usize = 8;

/// What the settings say of sources.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How they are reached.
    pub allowed: Allowed,
    /// The sources.
    pub sources: Vec<Source>,
    /// How often a gate is asked for.
    pub every: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allowed: Allowed::default(), sources: Vec::new(), every: SignedDuration::from_secs(30) }
    }
}

/// A source of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Name that policies call it by.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its address, with the path in front of `/api`.
    pub url: String,
    /// How the server proves who it is.
    pub credentials: Credentials,
}

/// What a source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Prometheus, or what speaks its API: Thanos, Mimir, VictoriaMetrics.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
}

/// How the server proves who it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// By a bearer token.
    Token(ClientSecret),
    /// By name and password.
    Password(String, ClientSecret),
}

impl Credentials {
    fn headers(&self) -> HeaderMap {
        let text = match self {
            Self::None => return HeaderMap::new(),
            Self::Token(token) => format!("Bearer {}", token.text()),
            Self::Password(user, password) => format!("Basic {}", BASE64.encode(format!("{user}:{}", password.text()).as_bytes())),
        };
        let value = HeaderValue::try_from(text).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        value.into_iter().map(|value| (header::AUTHORIZATION, value)).collect()
    }
}

/// A question to a source; policies that ask the same share the answer.
type Question = (String, Asks);

#[derive(Default)]
struct Kept {
    asked: Option<Timestamp>,
    heard: Heard,
}

/// The sources, and what they answered last.
pub struct OutsideAlerts {
    sources: BTreeMap<String, (Source, Url)>,
    outward: Outward,
    every: SignedDuration,
    kept: RwLock<BTreeMap<Question, Kept>>,
}

impl OutsideAlerts {
    /// Puts it together.
    ///
    /// # Errors
    /// `E-SETTINGS` where a source cannot be used.
    pub fn new(settings: Settings) -> Result<Self, Problem> {
        let wrong = |text: String| Problem::new("E-SETTINGS", "outside_alerts", text, "correct the settings file; a source inside also needs `allow_inward`");
        let outward = Outward::new(settings.allowed).map_err(wrong)?;
        let mut sources = BTreeMap::new();
        for source in settings.sources {
            let url = check(&outward, &source).map_err(wrong)?;
            sources.insert(source.name.clone(), (source, url));
        }
        Ok(Self { sources, outward, every: settings.every, kept: RwLock::default() })
    }

    /// What was heard for the rings of a package, by the gates of a policy.
    pub fn watched(&self, package: &DeploymentPackage, gates: &BTreeMap<&str, &[AlertGate]>) -> Vec<Watched> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for (ring, named) in package.rings.iter().enumerate() {
            all.extend(gates.get(named.name.as_str()).copied().unwrap_or_default().iter().map(|gate| Watched {
                ring,
                gate: gate.words(),
                max_age: SignedDuration::from_secs(gate.max_age.nominal_seconds()),
                heard: kept.get(&(gate.source.clone(), gate.asks.clone())).map(|kept| kept.heard.clone()).unwrap_or_default(),
            }));
        }
        all
    }

    /// Which of these are to be asked now; what nobody needs is forgotten.
    fn due(&self, needed: &BTreeSet<Question>, now: Timestamp) -> Vec<Question> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|question, _| needed.contains(question));
        let mut due = Vec::new();
        for question in needed {
            let found = kept.entry(question.clone()).or_default();
            // A clock that was set back makes nobody wait.
            if found.asked.is_none_or(|asked| now.duration_since(asked).abs() >= self.every) {
                found.asked = Some(now);
                due.push(question.clone());
            }
        }
        due
    }

    async fn ask(&self, question: &Question, now: Timestamp) -> Result<Said, String> {
        let (name, asks) = question;
        let (source, base) = self.sources.get(name).ok_or_else(|| format!("the server's settings name no source {name}"))?;
        let path = match (source.kind, asks) {
            (Kind::Prometheus, Asks::Query(_)) => "api/v1/query",
            (Kind::Prometheus, Asks::Alerts(_)) => "api/v1/alerts",
            (Kind::Alertmanager, Asks::Alerts(_)) => "api/v2/alerts",
            (Kind::Alertmanager, Asks::Query(_)) => return Err(format!("{name} is an Alertmanager, which answers no query; ask for labels")),
        };
        let mut url = base.clone();
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
        if let Asks::Query(query) = asks {
            url.query_pairs_mut().append_pair("query", query);
        }
        let mut request = Outbound::get(url, answers::LIMIT);
        request.headers = source.credentials.headers();
        let answer = self.outward.send(request).await.map_err(|refusal| refusal.detail().to_owned())?;
        // Prometheus says in its own form what is wrong with a query.
        let said = !answer.status.is_success() && !matches!(answer.status.as_u16(), 400 | 422 | 503);
        if said || answer.status.as_u16() != 200 && source.kind == Kind::Alertmanager {
            return Err(format!("{name} answers with status {}", answer.status.as_u16()));
        }
        let Firing { names, at, since } = match asks {
            Asks::Query(_) => answers::query(&answer.body),
            Asks::Alerts(labels) if source.kind == Kind::Prometheus => answers::alerts(&answer.body, labels),
            Asks::Alerts(labels) => answers::alertmanager(&answer.body, labels),
        }?;
        Ok(Said { at: at.unwrap_or(now), firing: names, since: since.unwrap_or(now) })
    }

    fn take(&self, question: &Question, asked: Timestamp, answer: Result<Said, String>) -> bool {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = kept.get_mut(question) else { return false };
        let standing = |heard: &Heard| (heard.said.as_ref().map(|said| said.firing.clone()), heard.trouble.is_some());
        let before = standing(&found.heard);
        found.heard.take(asked, answer.map_err(|text| printable(&text)));
        before != standing(&found.heard)
    }
}

/// Checks a source when the settings are read.
///
/// # Errors
/// In words.
pub fn check(outward: &Outward, source: &Source) -> Result<Url, String> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter);
    if source.name.is_empty() || source.name.len() > 32 || !source.name.chars().all(plain) {
        return Err(format!("the source's name {:?} is not 1 to 32 lower-case letters, digits, dots, hyphens and underscores", printable(&source.name)));
    }
    let url = outward.check(&source.url).map_err(|refusal| format!("source {}: {}", source.name, refusal.detail()))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("source {}: its address ends with the path in front of /api", source.name));
    }
    Ok(url)
}

/// The gates of the policy in force by ring.
pub fn gates(rules: &plimsoll_core::model::policy::RolloutRules) -> BTreeMap<&str, &[AlertGate]> {
    rules.rings.iter().filter(|ring| !ring.alerts.is_empty()).map(|ring| (ring.id.as_str(), ring.alerts.as_slice())).collect()
}

/// What the rollouts under way need to know.
fn needed(app: &App) -> BTreeSet<Question> {
    let set = app.policy();
    let gates = gates(&set.rollout);
    if gates.is_empty() {
        return BTreeSet::new();
    }
    let live = app.rollouts.read();
    let rings = live.values().filter(|live| live.is_under_way()).flat_map(|live| &live.content.package.rings);
    let wanted = rings.filter_map(|ring| gates.get(ring.name.as_str())).flat_map(|gates| gates.iter());
    wanted.map(|gate| (gate.source.clone(), gate.asks.clone())).collect()
}

/// Asks for what is due.
pub async fn look(app: &Shared) {
    let now = Timestamp::now();
    let due = app.outside_alerts.due(&needed(app), now);
    let mut news = false;
    for some in due.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for question in some.iter().cloned() {
            let app = Shared::clone(app);
            asked.spawn(async move {
                let answer = app.outside_alerts.ask(&question, now).await;
                if let Err(text) = &answer {
                    tracing::warn!(source = question.0, "outside alerts are not known: {text}");
                }
                app.outside_alerts.take(&question, now, answer)
            });
        }
        while let Some(changed) = asked.join_next().await {
            news |= changed.unwrap_or(false);
        }
    }
    if news {
        app.rollouts.wake.notify_one();
    }
}

/// Asks until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    loop {
        look(&app).await;
        if !crate::run::pause(LOOK, &mut stopped).await {
            return;
        }
    }
}
