//! Sources, policy, activity, search, enrolment.

use super::super::query::{ListQuery, segment};
use super::super::views::{
    Checkpoint, Choice, DatabaseAge, Enrolment, EnrolmentTokenRow, EvidenceEntry, JoinCommand, Listing, PolicyPage, PolicyRule, PolicyText, Preset, Search, SearchHit,
    SourceRow, SourceStanding, SourcesPage, WatchItem, VersionChange,
};
use super::{page, today};
use crate::api::stored;
use crate::app::{App, Shared};
use crate::fleet::question::Standing;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::policy::versions::VersionAnswer;
use crate::policy::{Origin, file, may_change};
use crate::watches::WatchAnswer;
use jiff::SignedDuration;
use plimsoll_core::model::identifier::{ClientId, GroupId};
use plimsoll_core::model::policy::{Condition, Policy, Rule, Within};
use plimsoll_core::model::source::{Source, SourceTrouble};
use plimsoll_core::phases::prioritize::{ChangedRow, Demand, Difference};
use plimsoll_formats::policy::PRESETS;
use plimsoll_formats::protocol::{digest, encode_hex};
use plimsoll_store::applications::Application;
use plimsoll_store::evidence::reading::{ActivityQuery, Entry};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// Entries of the evidence log on its page.
const ENTRIES: u32 = 500;
/// Hits of each kind.
const HITS: usize = 8;
/// Changes that the page of a policy's version shows.
const VERSION_ROWS: usize = 100;

fn standing(source: &Source) -> SourceStanding {
    let has = |kinds: &[SourceTrouble]| source.warnings.iter().any(|warning| kinds.contains(&warning.kind));
    if has(&[SourceTrouble::Failed, SourceTrouble::Shrunk, SourceTrouble::WentBack]) {
        SourceStanding::Failed
    } else if has(&[SourceTrouble::Stale]) {
        SourceStanding::Stale
    } else if has(&[SourceTrouble::Partial]) {
        SourceStanding::Partial
    } else {
        SourceStanding::Fresh
    }
}

fn watch(one: WatchAnswer) -> WatchItem {
    let last = one.last.zip(one.last_by);
    WatchItem { subject: one.subject, what: one.what, by: one.by, every: one.every, last, note: one.note, due: one.due, late: one.late }
}

/// Fills the page of sources.
pub fn sources(app: &App, seen: &RoaringBitmap, watched: Vec<WatchAnswer>, looks: bool) -> SourcesPage {
    let clock = app.clock();
    let limit = app.policy().max_feed_age.seconds();
    let held = app.advisories.held();
    let mut by_stream: BTreeMap<String, u64> = BTreeMap::new();
    {
        let fleet = app.fleet.read();
        for judged in seen.iter().filter_map(|number| fleet.numbered(number)).filter_map(|managed| managed.judged.as_ref()) {
            *by_stream.entry(judged.stream.clone()).or_default() += 1;
        }
    }
    let found = held.as_ref().map_or_else(Vec::new, |held| held.sources(clock.now, limit));
    let troubled = found.iter().filter(|source| !source.warnings.is_empty()).count() as u64;
    let covered: std::collections::BTreeSet<&str> = found.iter().flat_map(|source| source.streams.iter().map(String::as_str)).collect();
    let uncovered = by_stream
        .iter()
        .filter(|(stream, _)| !stream.is_empty() && !covered.contains(stream.as_str()))
        .map(|(stream, hosts)| (stream.clone(), *hosts))
        .collect();
    let mut rows: Vec<SourceRow> = found
        .iter()
        .map(|source| SourceRow {
            standing: standing(source),
            freshness_limit: Some(SignedDuration::from_secs(limit)),
            last_error: None,
            hosts: (!source.streams.is_empty()).then(|| source.streams.iter().filter_map(|stream| by_stream.get(stream)).sum()),
            source: source.clone(),
        })
        .collect();
    rows.sort_by(|a, b| a.standing.cmp(&b.standing).then_with(|| a.source.name.cmp(&b.source.name)));
    SourcesPage {
        database: held.as_ref().map(|held| DatabaseAge {
            built: held.named.built,
            digest: held.named.digest.clone(),
            stale: held.named.built.is_none_or(|built| clock.now.as_second() - built.as_second() > limit),
            troubled_sources: troubled,
        }),
        signed_by: held.and_then(|held| held.named.signed_by.clone()),
        rows,
        next_update: None,
        uncovered,
        watches: watched.into_iter().map(watch).collect(),
        looks,
    }
}

fn preset_text(name: &str) -> Option<String> {
    plimsoll_formats::policy::preset(name).map(str::to_owned)
}

/// Fills the page of the policy.
pub fn policy(app: &App, allowed: &Allowed, versions: Vec<VersionAnswer>) -> PolicyPage {
    let held = app.policies.in_force();
    let policies = &held.set;
    let (given, kept) = match held.origin.clone() {
        Origin::Given(place) => (Some(place), None),
        Origin::Kept { since, by, reason } => (None, Some((since, by, reason))),
        Origin::Default => (None, None),
    };
    let in_force: Vec<PolicyText> = policies
        .in_force()
        .into_iter()
        .map(|policy| PolicyText {
            title: policies.policies.iter().find(|one| one.id == policy.id).map_or_else(|| policy.id.clone(), |one| one.title.clone()),
            rules: policies.policies.iter().find(|one| one.id == policy.id).map_or_else(Vec::new, rules),
            id: policy.id,
            version: policy.version,
            source: policy.source,
            as_of: policy.as_of,
            since: kept.as_ref().map(|(since, ..)| *since),
            by: kept.as_ref().map(|(_, by, _)| by.clone()),
            assumptions: Vec::new(),
            problems: policies.problems.clone(),
        })
        .collect();
    let presets = PRESETS.iter().filter_map(|preset| {
        let set = plimsoll_formats::policy::load(preset.name, preset.text, &|name| preset_text(name)).ok()?;
        let own = set.in_force().into_iter().next()?;
        Some(Preset {
            in_force: preset.text == held.text,
            title: set.policies.first().map_or_else(|| own.id.clone(), |policy| policy.title.clone()),
            id: preset.name.to_owned(),
            source: own.source,
            as_of: own.as_of.unwrap_or_default(),
        })
    });
    let presets = presets.collect();
    let told = file(app);
    PolicyPage {
        in_force,
        presets,
        given,
        may_change: may_change(app, allowed),
        reason: kept.map(|(.., reason)| reason),
        digest: held.digest(),
        text: held.text.clone(),
        versions,
        reviewed: told.reviewed,
        review_due: told.review_due,
        cycles: told.cycles,
        may_review: allowed.principal.may(Permission::EditPolicy),
    }
}

/// What a version changes, as many rows as a page shows.
pub fn version_changes(changes: &Difference) -> Vec<VersionChange> {
    let demands = |demands: &[Demand]| match demands {
        [] => "no rule".to_owned(),
        demands => demands.iter().map(|demand| format!("{} ({})", demand.demand, demand.rule)).collect::<Vec<_>>().join(" and "),
    };
    let row = |row: &ChangedRow| VersionChange {
        inputs: match row.inputs.as_slice() {
            [] => "whatever the inputs".to_owned(),
            inputs => inputs.iter().map(|(name, values)| format!("{} {}", name.replace('_', " "), values.join(" or "))).collect::<Vec<_>>().join(", "),
        },
        before: demands(&row.before),
        after: demands(&row.after),
        change: row.change.as_str().to_owned(),
        longer: row.change.extends(),
    };
    changes.rows.iter().take(VERSION_ROWS).map(row).collect()
}

/// A policy's rules in words.
fn rules(policy: &Policy) -> Vec<PolicyRule> {
    let row = |rule: &Rule| PolicyRule {
        name: rule.name.clone(),
        when: if rule.when.is_empty() { "always".to_owned() } else { rule.when.iter().map(condition).collect::<Vec<_>>().join(", and ") },
        clock: rule.clock.event().to_owned(),
        limit: match &rule.within {
            Within::Length(length) => length.words(),
            Within::KevDueDate { .. } => "the date in the catalogue of known exploited vulnerabilities".to_owned(),
            Within::NextUpgrade => "the next scheduled upgrade".to_owned(),
            Within::NoNumber(why) => why.clone().unwrap_or_else(|| "the source gives no number".to_owned()),
        },
        done: rule.done.as_str().to_owned(),
        also: rule.also.clone(),
    };
    policy.rules.iter().map(row).collect()
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::OneOf(field, mask) => {
            let named = field.values().iter().enumerate().filter(|(place, _)| mask & (1 << place) != 0).map(|(_, word)| *word);
            format!("{} is {}", field.as_str(), named.collect::<Vec<_>>().join(" or "))
        }
        Condition::Words(attribute, words) => format!("{attribute} is {}", words.join(" or ")),
        Condition::Compare(number, comparison, bound) => format!("{} {} {bound}", number.as_str(), comparison.sign()),
        Condition::EpssModel(model) => format!("EPSS comes from {}", model.as_str()),
    }
}

/// Fills the page of the evidence log.
///
/// # Errors
///
/// What the store meets.
pub async fn activity(app: &Shared, focus: Option<ClientId>, query: ListQuery) -> Result<(Listing<EvidenceEntry>, Option<Checkpoint>), Refusal> {
    let rows = activity_rows(app, focus, &query, ENTRIES as usize).await?;
    let checkpoint = app.store.checkpoint().await?.map(|checkpoint| Checkpoint {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: encode_hex(&checkpoint.root),
        signed: app.clock().now,
        witnesses: 0,
    });
    Ok((page(query, rows, Vec::new()), checkpoint))
}

/// The newest entries that the query asks for, of one client or all, at most
/// `most`.
///
/// # Errors
///
/// What the store meets.
pub async fn activity_rows(app: &Shared, focus: Option<ClientId>, query: &ListQuery, most: usize) -> Result<Vec<EvidenceEntry>, Refusal> {
    let (mut rows, mut before) = (Vec::new(), None);
    let scope = focus.map_or(plimsoll_store::Scope::All, plimsoll_store::Scope::client);
    while rows.len() < most {
        let wish = ActivityQuery { limit: ENTRIES, before: before.take(), ..ActivityQuery::new(scope.clone()) };
        let entries = app.store.activity(&wish).await?;
        let whole = entries.len() == ENTRIES as usize;
        before = entries.last().map(|entry| entry.id.clone());
        let asked = |row: &EvidenceEntry| {
            super::fits(query, "actor", Some(&row.actor)) && super::fits(query, "verb", Some(&row.verb)) && super::holds(query, &[&row.actor, &row.verb, &row.object, &row.reason])
        };
        rows.extend(entries.into_iter().map(entry).filter(asked));
        if !whole {
            break;
        }
    }
    rows.truncate(most);
    Ok(if query.descending { rows } else { rows.into_iter().rev().collect() })
}

fn entry(entry: Entry) -> EvidenceEntry {
    let text = |value: Option<&serde_json::Value>| value.map_or_else(String::new, ToString::to_string);
    EvidenceEntry {
        index: entry.position,
        time: entry.time,
        actor: entry.actor_name.unwrap_or(entry.actor),
        strength: entry.strength,
        verb: entry.verb,
        link: entry.object.strip_prefix("host:").map(|id| format!("/console/hosts/{}", segment(id))),
        object: entry.object,
        reason: entry.reason.unwrap_or_default(),
        before: text(entry.before.as_ref()),
        after: text(entry.after.as_ref()),
        request: entry.request.unwrap_or_default(),
        digest: digest(&entry.bytes),
    }
}

/// Fills the hits of a search.
pub fn search(app: &App, seen: &RoaringBitmap, text: &str, applications: &[Application]) -> Search {
    let mut out = Search { text: text.to_owned(), hosts: Vec::new(), packages: Vec::new(), advisories: Vec::new(), applications: Vec::new() };
    let wanted = text.trim().to_lowercase();
    if wanted.len() < 2 {
        return out;
    }
    let clock = app.clock();
    let fleet = app.fleet.read();
    let mut hosts: Vec<SearchHit> = seen
        .iter()
        .filter_map(|number| fleet.numbered(number))
        .filter(|managed| managed.registration.name.to_lowercase().contains(&wanted) && managed.standing(clock) != Standing::Retired)
        .map(|managed| SearchHit {
            link: format!("/console/hosts/{}", managed.registration.id),
            name: managed.registration.name.clone(),
            note: managed.judged.as_ref().map_or_else(String::new, |judged| judged.system.clone()),
        })
        .collect();
    hosts.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    hosts.truncate(HITS);
    out.hosts = hosts;
    let named = applications.iter().filter(|one| one.name.to_lowercase().contains(&wanted));
    let hit = |one: &Application| SearchHit { link: format!("/console/applications/{}", one.id), name: one.name.clone(), note: one.team.clone() };
    out.applications = named.take(HITS).map(hit).collect();
    out.packages = fleet
        .index
        .search(&wanted, seen, None, HITS)
        .into_iter()
        .map(|package| SearchHit {
            link: format!("/console/packages/{}/{}", segment(&package.stream.to_string()), segment(&package.name)),
            note: format!("{} · {} hosts", package.stream, package.hosts),
            name: package.name,
        })
        .collect();
    // Adding up what stands under each is for when there is one to show.
    let is = |text: &str| text.to_lowercase().contains(&wanted);
    let some = fleet.advisories().any(|(name, hosts)| is(fleet.names.text(name)) && !hosts.is_disjoint(seen));
    let found = some.then(|| fleet.list_advisories(seen, |row| is(&row.advisory), (0, HITS), clock.now));
    drop(fleet);
    out.advisories = found
        .into_iter()
        .flat_map(|found| found.rows)
        .map(|row| SearchHit {
            link: format!("/console/advisories/{}", segment(&row.advisory)),
            note: format!("{} · {} hosts", row.severity.as_str(), row.hosts),
            name: row.advisory,
        })
        .collect();
    if out.advisories.is_empty() && wanted.starts_with("cve-") && wanted.len() >= 11 {
        let id = wanted.to_uppercase();
        let known = app.advisories.held().is_some_and(|held| {
            use plimsoll_core::knowledge::Knowledge;
            held.database.advisories_named(&id).is_ok_and(|found| !found.is_empty())
        });
        if known {
            out.advisories.push(SearchHit { link: format!("/console/advisories/{id}"), name: id, note: "no host of yours is concerned".to_owned() });
        }
    }
    out
}

/// Fills the page of enrolment.
///
/// # Errors
///
/// What the store meets.
pub async fn enrolment(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, join: Option<JoinCommand>) -> Result<Enrolment, Refusal> {
    let groups = app.store.groups(&stored(&allowed.scope)).await?;
    let tokens = app.store.enrolment_tokens(&stored(&allowed.scope)).await?;
    let name = |id: Option<GroupId>| groups.iter().find(|group| Some(group.id) == id).map(|group| group.name.clone());
    let clock = app.clock();
    let live = tokens.into_iter().filter(|token| token.revoked.is_none() && token.expires > clock.now && token.used < token.uses);
    let rows = live.map(|token| EnrolmentTokenRow {
        id: token.id.to_string(),
        group: name(token.group),
        by: token.maker,
        made: token.created,
        expires: token.expires,
        uses: u64::from(token.uses),
        used: u64::from(token.used),
        revoked: false,
    });
    let rows = rows.collect();
    let fleet = app.fleet.read();
    let pending = seen
        .iter()
        .filter_map(|number| fleet.numbered(number))
        .filter(|managed| managed.standing(clock) == Standing::Pending)
        .map(today::pending)
        .collect();
    // Hosts join a group with a query by their facts, not by a token.
    let choices = groups.iter().filter(|group| group.query.is_empty()).map(|group| Choice { value: group.id.to_string(), text: group.name.clone(), count: None });
    Ok(Enrolment {
        pending,
        tokens: rows,
        groups: choices.collect(),
        join,
        root_digest: app.root_digest.clone().unwrap_or_default(),
    })
}
