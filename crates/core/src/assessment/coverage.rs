//! How much of the question was answered, and what has no support any more.

use super::{Input, Judged};
use crate::knowledge::Knowledge;
use crate::model::advisory::AdvisoryKind;
use crate::model::because::{Because, BecauseKind};
use crate::model::component::Component;
use crate::model::finding::{Finding, FindingComponent, Fix, SeverityChosen, State};
use crate::model::problem::Problem;
use crate::model::scan::{Coverage, StreamCoverage};
use crate::model::stream::Stream;
use crate::model::support::{PackageSupport, SupportWindow};
use jiff::civil::Date;
use plimsoll_version::compare;
use std::collections::{BTreeMap, BTreeSet};

/// What the ids of findings of ended support begin with.
const END_OF_SUPPORT: &str = "end-of-support:";

/// Whether a finding says that support ended, and no advisory stands behind it.
pub fn is_end_of_support(advisory: &str) -> bool {
    advisory.starts_with(END_OF_SUPPORT)
}

/// How a stream is supported on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Support {
    word: &'static str,
    ends: Option<Date>,
}

impl Support {
    fn unsupported(&self) -> bool {
        matches!(self.word, "ended" | "extended-only")
    }
}

/// Measures coverage and returns the findings of ended support.
pub(super) fn measure(
    input: &Input<'_>,
    judged: &[Judged],
    troubled: &BTreeSet<String>,
) -> Result<(Coverage, Vec<Finding>), Problem> {
    let today = crate::phases::evaluate::day(input.now);
    let mut streams: BTreeMap<String, StreamCoverage> = BTreeMap::new();
    let mut supports: BTreeMap<String, Support> = BTreeMap::new();
    let mut coverage = Coverage { components: input.components.len() as u64, ..Coverage::default() };
    let mut findings = Vec::new();
    for (component, judged) in input.components.iter().zip(judged) {
        let name = component.stream.as_ref().map_or("(none)", |stream| stream.as_str()).to_owned();
        if !streams.contains_key(&name) {
            let support = support_of(input, component.stream.as_ref(), today)?;
            let sources = sources_of(input, &name);
            streams.insert(name.clone(), stream_coverage(&name, &support, sources));
            if let (true, Some(stream)) = (support.unsupported(), &component.stream) {
                findings.push(ended_stream(input, stream, &support));
            }
            supports.insert(name.clone(), support);
        }
        let Some(stream) = streams.get_mut(&name) else { continue };
        stream.components += 1;
        let stale = !stream.sources.is_empty() && stream.sources.iter().all(|source| troubled.contains(source));
        let unsupported = supports.get(&name).is_some_and(Support::unsupported);
        if judged.covered && !judged.unreadable {
            stream.evaluated = true;
            coverage.evaluated += 1;
            coverage.stale += u64::from(stale);
        } else {
            coverage.not_covered += 1;
        }
        coverage.unsupported += u64::from(unsupported);
    }
    findings.extend(ended_packages(input, today)?);
    coverage.streams = streams.into_values().collect();
    Ok((coverage, findings))
}

fn stream_coverage(name: &str, support: &Support, sources: Vec<String>) -> StreamCoverage {
    StreamCoverage {
        stream: name.to_owned(),
        components: 0,
        evaluated: false,
        sources,
        support: support.word.to_owned(),
        support_ends: support.ends.map(|day| day.to_string()),
    }
}

fn sources_of(input: &Input<'_>, stream: &str) -> Vec<String> {
    let sources = input.knowledge.map_or(&[][..], |knowledge| knowledge.sources());
    sources
        .iter()
        .filter(|source| source.streams.iter().any(|one| one == stream))
        .map(|source| source.name.clone())
        .collect()
}

fn support_of(input: &Input<'_>, stream: Option<&Stream>, today: Date) -> Result<Support, Problem> {
    let unknown = Support { word: "unknown", ends: None };
    let (Some(stream), Some(knowledge)) = (stream, input.knowledge) else { return Ok(unknown) };
    if !stream.is_operating_system() {
        // A language has no end; its run-time releases do, as components.
        return Ok(unknown);
    }
    let windows = windows_of(stream, knowledge)?;
    let subscribed = input.host.subscriptions.as_ref().is_some_and(|list| list.iter().any(|name| name.starts_with("esm")));
    Ok(stand(&windows, today, subscribed).unwrap_or(unknown))
}

/// What is said of a release's support.
fn windows_of(stream: &Stream, knowledge: &dyn Knowledge) -> Result<Vec<SupportWindow>, Problem> {
    let Some(release) = stream.release_name() else { return Ok(Vec::new()) };
    let mut windows = knowledge.support(stream.family())?;
    windows.retain(|window| window.release == release || window.codename.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(release)));
    Ok(windows)
}

/// The last day up to `today` from which on support of a stream, or of a
/// package in it, stands otherwise than the day before.
///
/// Beside this, time alone changes nothing in an answer but what is counted
/// from its due dates: whoever keeps one asks it again if it is older.
///
/// # Errors
///
/// Those of the database.
pub fn support_turned(stream: &Stream, knowledge: &dyn Knowledge, today: Date) -> Result<Option<Date>, Problem> {
    if !stream.is_operating_system() {
        return Ok(None);
    }
    let windows = windows_of(stream, knowledge)?;
    // A window names its last day, a package the first one without support.
    let last_days = windows.iter().flat_map(|window| [window.ends, window.long_term_ends, window.extended_ends]).flatten();
    let turns = last_days.filter_map(|day| day.tomorrow().ok());
    let packages = knowledge.package_support(stream)?.into_iter().filter_map(|entry| entry.ended);
    Ok(turns.chain(packages).filter(|day| *day <= today).max())
}

/// Where a release stands on a day; sources that disagree are read in the
/// release's favour only where they state a date.
fn stand(windows: &[SupportWindow], today: Date, subscribed: bool) -> Option<Support> {
    let latest = |pick: fn(&SupportWindow) -> Option<Date>| windows.iter().filter_map(pick).max();
    let (ends, long, extended) =
        (latest(|window| window.ends), latest(|window| window.long_term_ends), latest(|window| window.extended_ends));
    ends?;
    let until = |day: Option<Date>| day.is_some_and(|day| today <= day);
    Some(if until(ends) {
        Support { word: "supported", ends }
    } else if until(long) {
        Support { word: "long-term", ends: long }
    } else if until(extended) {
        Support { word: if subscribed { "extended" } else { "extended-only" }, ends: extended }
    } else {
        Support { word: "ended", ends: long.max(ends) }
    })
}

fn ended_stream(input: &Input<'_>, stream: &Stream, support: &Support) -> Finding {
    let day = support.ends.map_or_else(|| "an unknown day".to_owned(), |day| day.to_string());
    let name = input.host.os.as_ref().map_or_else(|| stream.to_string(), |os| os.name.clone());
    let text = if support.word == "ended" {
        format!("support of {stream} ended on {day}: new vulnerabilities in it are no longer announced")
    } else {
        format!("free support of {stream} has ended; paid support until {day} is not attached to this host")
    };
    let component = FindingComponent {
        purl: format!("pkg:generic/{}", stream.as_str().replace(':', "@")),
        name,
        version: stream.release_name().unwrap_or_default().to_owned(),
        arch: input.host.os.as_ref().and_then(|os| os.arch.clone()),
        source: None,
        source_version: None,
    };
    ended(format!("{END_OF_SUPPORT}{stream}"), component, text)
}

fn ended(id: String, component: FindingComponent, text: String) -> Finding {
    Finding {
        advisory: id,
        aliases: Vec::new(),
        kind: AdvisoryKind::Notice,
        summary: text.clone(),
        component,
        fixed_version: None,
        state: State::Unsupported,
        detail: Some("end-of-support".to_owned()),
        fix: Fix::default(),
        severity: SeverityChosen::default(),
        kev: None,
        epss: None,
        ssvc: None,
        workarounds: Vec::new(),
        published: None,
        fix_released: None,
        first_seen: None,
        priority: None,
        obligations: Vec::new(),
        due: None,
        because: vec![Because::new(BecauseKind::Support, text)],
        sources: Vec::new(),
    }
}

/// Packages whose support ended before their release's.
fn ended_packages(input: &Input<'_>, today: Date) -> Result<Vec<Finding>, Problem> {
    let Some(knowledge) = input.knowledge else { return Ok(Vec::new()) };
    let mut lists: BTreeMap<&Stream, Vec<PackageSupport>> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut told: BTreeSet<String> = BTreeSet::new();
    for component in &input.components {
        let Some(stream) = component.stream.as_ref().filter(|stream| stream.is_operating_system()) else { continue };
        if !lists.contains_key(stream) {
            lists.insert(stream, knowledge.package_support(stream)?);
        }
        let Some(list) = lists.get(stream) else { continue };
        let source = component.source.as_deref().unwrap_or(&component.name);
        for entry in list.iter().filter(|entry| has_ended(entry, component, source, stream, today)) {
            let id = format!("{END_OF_SUPPORT}{stream}/{source}");
            if told.insert(format!("{id} {}", component.name)) {
                findings.push(ended(id, FindingComponent::from(component), words(entry, source)));
            }
        }
    }
    Ok(findings)
}

fn has_ended(entry: &PackageSupport, component: &Component, source: &str, stream: &Stream, today: Date) -> bool {
    let named = match entry.source.strip_suffix(".*") {
        Some(prefix) => source.starts_with(prefix),
        None => entry.source == source,
    };
    let Some(last) = entry.last_version.as_deref().filter(|_| named) else { return false };
    if entry.ended.is_some_and(|day| today < day) {
        return false;
    }
    let version = component.source_version.as_deref().unwrap_or(&component.version);
    let order = || stream.scheme().and_then(|scheme| compare(scheme, version, last).ok());
    last == "0" || order().is_some_and(std::cmp::Ordering::is_le)
}

fn words(entry: &PackageSupport, source: &str) -> String {
    let day = entry.ended.map_or_else(String::new, |day| format!(" on {day}"));
    let why = if entry.text.is_empty() { String::new() } else { format!(": {}", entry.text) };
    format!("security support of {source} ended{day}{why}")
}

