//! A policy **played through the past** of the hosts that somebody may see,
//! beside the one in force.
//!
//! Journals tell when findings opened and closed. What is known of each comes
//! from the advisory database as it is today, whose dates are those of the
//! world. Hosts that came within the time are played as if they had been
//! watched all along: what their first scan found had been there since it was
//! published, and what it found fixed had come and gone unseen.

use super::{InForce, read, refused};
use crate::api::{clients, parameter};
use crate::app::{App, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::phases::evaluate;
use crate::phases::monitor::Held;
use crate::reports;
use crate::reports::stories::{Stories, Told};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::knowledge::{AdvisoryFacts, Knowledge};
use plimsoll_core::measures::Window;
use plimsoll_core::model::advisory::{AdvisoryKind, Rating, Severity};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::finding::State;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use plimsoll_core::model::threat::{Kev, Threat};
use plimsoll_core::model::transition::Transition;
use plimsoll_core::phases::prioritize::Facts;
use plimsoll_core::simulation::{End, Life, Simulation, Simulator, lives};
use plimsoll_formats::sbom::purl::component_of_purl;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::runtime::Handle;
use utoipa::ToSchema;

/// Hosts that came within the time and are played as if they had been watched
/// all along: each is judged with all that is fixed on it, tens of milliseconds.
const REPLAYED: usize = 300;
/// Days that are played where nobody says how many.
const DAYS: u16 = 90;

/// A policy to be played.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationWish {
    /// The text (TOML).
    pub text: String,
    /// Days that are played, up to now: 1 to 400; 90 where it is left out.
    #[serde(default)]
    pub days: Option<u16>,
    /// One client's hosts only, by its id or name.
    #[serde(default)]
    pub client: Option<String>,
}

/// Plays a policy; nothing is put in force.
///
/// # Errors
///
/// `E-POLICY` (or a finer code) naming the first line that is wrong,
/// `E-PARAMETER` for days that cannot be played, `E-NOT-FOUND` for a client
/// that the asker does not see, and what store and database meet.
pub async fn simulate(app: &Shared, allowed: &Allowed, wish: SimulationWish) -> Result<Simulation, Refusal> {
    let set = read(&wish.text).map_err(refused)?;
    let days = wish.days.unwrap_or(DAYS);
    if !(1..=reports::LONGEST).contains(&days) {
        return Err(parameter("days", format!("{days} is none of 1 to {}", reports::LONGEST), "play fewer days"));
    }
    let client = match &wish.client {
        Some(name) => Some(clients::named(app, allowed, name).await?.id),
        None => None,
    };
    let to = Timestamp::now();
    let window = Window { from: to - SignedDuration::from_hours(i64::from(days) * 24), to };
    let stories = Stories::new(app, &allowed.principal.scope(Permission::ReadFleet), to, client)?;
    // One at a time: it reads all journals there are.
    let turn = app.policies.simulating.acquire().await;
    let (player, runtime) = (Arc::clone(app), Handle::current());
    let played = tokio::task::spawn_blocking(move || play(&player, &runtime, window, stories, &set)).await;
    drop(turn);
    played.map_err(|error| Problem::new("E-SIMULATE", "the server", format!("the simulation ended early: {error}"), "look into the server's log and report this as a bug"))?
}

fn play(app: &App, runtime: &Handle, window: Window, mut stories: Stories, set: &PolicySet) -> Result<Simulation, Refusal> {
    let in_force: Arc<InForce> = app.policies.in_force();
    let held = app.advisories.held();
    let mut world = World { held: held.as_deref(), known: HashMap::new(), components: HashMap::new(), missing: 0 };
    let mut simulator = Simulator::new(window, &in_force.set, set);
    let came: Vec<HostId> = stories.hosts().iter().filter(|host| host.enrolled > window.from && host.state == HostState::Active).map(|host| host.id).collect();
    let step = came.len().div_ceil(REPLAYED).max(1);
    let replayed: HashSet<HostId> = came.iter().copied().step_by(step).collect();
    while let Some(hosts) = runtime.block_on(stories.next(app))? {
        for host in &hosts {
            let story = host.story();
            let mut found = lives(&story);
            let mut since = host.registration.enrolled;
            let mut facts = host.registration.facts();
            if replayed.contains(&host.registration.id) {
                // Watched all along, it never arrived.
                facts.first_seen = None;
                since = first_scan(story.transitions).unwrap_or(since);
                let past = runtime.block_on(before(app, host, since, &window))?;
                world.watched_all_along(&mut found, since);
                found.extend(past);
            }
            let cases = world.cases(app, host, found)?;
            simulator.host(&host.registration.name, &facts, since, cases.iter().map(|case| (&case.life, world.facts(case))));
        }
    }
    let mut assumed = vec![
        "what hosts are and what is known of advisories is as of today: of known exploitation the day of listing counts, of scores and predictions only the last is kept".to_owned(),
    ];
    if !came.is_empty() {
        assumed.push(format!(
            "{} of {} hosts that came within the time were played from dated sources as if they had been watched all along; what their first scan found fixed counts as due, and nobody knows whether in time",
            replayed.len(),
            came.len()
        ));
    }
    if world.missing > 0 {
        assumed.push(format!("{} findings are of advisories that the database does not have: of these only severity and known exploitation count, as the journal has them", world.missing));
    }
    Ok(simulator.finish(assumed))
}

/// When the first scan found something.
fn first_scan(transitions: &[Transition]) -> Option<Timestamp> {
    transitions.iter().find(|transition| transition.opened.iter().any(|key| key.advisory != evaluate::UPDATE)).map(|transition| transition.at)
}

/// What the host's report shows as fixed, published within the time and before
/// anybody watched the host.
async fn before(app: &App, host: &Told, since: Timestamp, window: &Window) -> Result<Vec<Life>, Refusal> {
    let registration = &host.registration;
    let Some(digest) = &registration.report else { return Ok(Vec::new()) };
    let report = evaluate::stored_report(app, registration.client, digest).await?;
    let (held, policies) = (app.advisories.held(), app.policy());
    let ground = evaluate::Ground { now: window.to, held: held.as_deref(), policies: &policies };
    let answer = evaluate::judge(report, &registration.facts(), &Default::default(), &ground, true)?;
    let fixed = answer.scan.findings.into_iter().filter(|finding| finding.state == State::Fixed && finding.kind == AdvisoryKind::Security);
    let lives = fixed.filter_map(|finding| {
        let opened = finding.published.filter(|published| *published >= window.from && *published < since)?;
        let key = evaluate::key_of(&plimsoll_core::assessment::key_of(&finding));
        Some(Life { key, first: opened, opened, end: End::Unknown, obliged: None })
    });
    // A host with several versions of a package has each finding once a version.
    let mut seen = HashSet::new();
    Ok(lives.filter(|life| seen.insert(life.key.clone())).collect())
}

/// A finding with what is known of it.
struct Case {
    life: Life,
    advisory: Option<Arc<Known>>,
    component: Arc<Component>,
    fix_exists: bool,
}

/// What is known of an advisory.
struct Known {
    facts: AdvisoryFacts,
    threat: Threat,
}

/// What is known of the world, looked up once.
struct World<'a> {
    held: Option<&'a Held>,
    known: HashMap<String, Option<Arc<Known>>>,
    components: HashMap<String, Arc<Component>>,
    /// Findings whose advisory the database does not have.
    missing: u64,
}

impl World<'_> {
    fn advisory(&mut self, id: &str) -> Result<Option<Arc<Known>>, Problem> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let mut found = None;
        if let Some(held) = self.held {
            for number in held.database.advisories_named(id)? {
                let facts = held.database.advisory(number)?;
                if facts.id != id {
                    continue;
                }
                let mut threats = Vec::with_capacity(facts.cves.len());
                for cve in &facts.cves {
                    threats.extend(held.database.threat(cve)?);
                }
                found = Some(Arc::new(Known { threat: Threat::of_bundle(&threats), facts }));
                break;
            }
        }
        self.known.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    fn component(&mut self, place: &str) -> Arc<Component> {
        if let Some(known) = self.components.get(place) {
            return Arc::clone(known);
        }
        let component = Arc::new(component_of(place));
        self.components.insert(place.to_owned(), Arc::clone(&component));
        component
    }

    /// Findings of a first scan were there since they were published.
    fn watched_all_along(&mut self, lives: &mut [Life], first_scan: Timestamp) {
        for life in lives.iter_mut().filter(|life| life.opened == first_scan) {
            let published = self.advisory(&life.key.advisory).ok().flatten().and_then(|known| known.facts.published);
            if let Some(published) = published.filter(|published| *published < life.opened) {
                life.opened = published;
                life.first = life.first.min(published);
            }
        }
    }

    fn cases(&mut self, app: &App, host: &Told, lives: Vec<Life>) -> Result<Vec<Case>, Problem> {
        let without_fix = without_fix(app, host.registration.id);
        let mut cases = Vec::with_capacity(lives.len());
        for life in lives {
            let advisory = self.advisory(&life.key.advisory)?;
            self.missing += u64::from(advisory.is_none());
            let component = self.component(&life.key.component);
            let advisory = match advisory {
                Some(known) => Some(known),
                None => fallback(&life).map(Arc::new),
            };
            let open = matches!(life.end, End::Open);
            let fix_exists = !(open && without_fix.contains(&(life.key.advisory.clone(), component.name.clone())));
            cases.push(Case { life, advisory, component, fix_exists });
        }
        Ok(cases)
    }

    fn facts<'c>(&self, case: &'c Case) -> Facts<'c> {
        let known = case.advisory.as_deref();
        let published = known.and_then(|known| known.facts.published);
        Facts {
            severities: known.map_or(&[][..], |known| &known.facts.severities),
            threat: known.map_or(&NOTHING, |known| &known.threat),
            cves: known.map_or(&[][..], |known| &known.facts.cves),
            component: Some(&case.component),
            class: None,
            published: published.or_else(|| known.and_then(|known| known.threat.published)),
            fix_released: published.filter(|_| case.fix_exists),
            fix_exists: case.fix_exists,
            fix_available: None,
            first_seen: Some(case.life.first),
            closed: match case.life.end {
                End::Closed(at) => Some(at),
                End::Gone(_) | End::Open | End::Unknown => None,
            },
        }
    }
}

static NOTHING: Threat = Threat { cvss: Vec::new(), kev: None, epss: None, ssvc: None, published: None };

/// What the journal keeps of a finding whose advisory is gone.
fn fallback(life: &Life) -> Option<Known> {
    let obliged = life.obliged.as_ref()?;
    let kev = obliged.exploited.then(|| Kev {
        date_added: life.first.to_zoned(jiff::tz::TimeZone::UTC).date(),
        due_date: None,
        ransomware: false,
        name: String::new(),
        action: String::new(),
    });
    let severity = Severity::Vendor { vendor: "journal".to_owned(), word: obliged.rating.as_str().to_owned(), rating: obliged.rating };
    let facts = AdvisoryFacts {
        id: life.key.advisory.clone(),
        aliases: Vec::new(),
        cves: Vec::new(),
        kind: AdvisoryKind::Security,
        summary: String::new(),
        published: Some(life.first),
        modified: None,
        withdrawn: None,
        severities: if obliged.rating == Rating::Unknown { Vec::new() } else { vec![severity] },
        workarounds: Vec::new(),
        sources: Vec::new(),
    };
    Some(Known { facts, threat: Threat { kev, ..NOTHING.clone() } })
}

/// Open findings that nobody has a fix for, by advisory and component.
fn without_fix(app: &App, host: HostId) -> HashSet<(String, String)> {
    let fleet = app.fleet.read();
    let Some(judged) = fleet.host(host).and_then(|managed| managed.judged.as_ref()) else { return HashSet::new() };
    let text = |name| fleet.names.text(name).to_owned();
    let open = judged.findings.iter().filter(|open| fleet.names.text(open.fixed).is_empty());
    open.map(|open| (text(open.advisory), text(open.component))).collect()
}

/// A component as far as its place in a journal tells it, `pkg:deb/debian/openssl amd64`.
fn component_of(place: &str) -> Component {
    let (purl, arch) = place.rsplit_once(' ').unwrap_or((place, "-"));
    let component = component_of_purl(purl).unwrap_or_else(|_| Component { name: purl.to_owned(), ..Component::default() });
    Component { arch: (arch != "-").then(|| arch.to_owned()), ..component }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::component::ComponentKind;
    use plimsoll_core::model::transition::FindingKey;

    #[test]
    fn places_of_a_journal_name_their_component() {
        let of = |place: &str| {
            let component = component_of(place);
            (component.name, component.arch, component.kind)
        };
        assert_eq!(of("pkg:deb/debian/libstdc%2B%2B6 amd64"), ("libstdc++6".to_owned(), Some("amd64".to_owned()), ComponentKind::Package));
        assert_eq!(of("pkg:deb/debian/linux-image-6.1.0-9-amd64 amd64").2, ComponentKind::Kernel);
        assert_eq!(of("pkg:npm/%40types/node -"), ("@types/node".to_owned(), None, ComponentKind::Library));
        assert_eq!(of("openssl -"), ("openssl".to_owned(), None, ComponentKind::Package));
    }

    #[test]
    fn an_advisory_that_is_gone_counts_as_the_journal_has_it() {
        use plimsoll_core::model::transition::Obliged;
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let key = FindingKey { advisory: "X-1".to_owned(), component: "a".to_owned() };
        let life = Life { key, first: at, opened: at, end: End::Open, obliged: Some(Obliged { rating: Rating::High, exploited: true, bounds: vec![] }) };
        let known = fallback(&life).unwrap();
        assert_eq!(known.threat.kev.as_ref().map(|kev| kev.date_added), Some(jiff::civil::date(2026, 3, 1)));
        assert!(matches!(known.facts.severities[..], [Severity::Vendor { rating: Rating::High, .. }]));
        assert!(fallback(&Life { obliged: None, ..life }).is_none());
    }
}
