//! Which versions go to which stream, and what brings hosts back.

use super::{Candidate, Input, PendingUpdate};
use crate::model::because::{Because, BecauseKind};
use crate::model::deployment_package::{NoWayBack, StreamPlan, Target, Tool};
use crate::model::stream::Stream;
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Name and architecture.
type Name<'a> = (&'a str, &'a str);

/// What one stream gets.
#[derive(Default)]
struct Wanted<'a> {
    /// Newest candidate of each package, and whether it is new to every host.
    versions: BTreeMap<Name<'a>, (&'a str, bool)>,
    /// Versions that hosts have of it.
    former: BTreeMap<Name<'a>, BTreeSet<&'a str>>,
    /// What was not acquired.
    missing: BTreeMap<Name<'a>, String>,
    advisories: BTreeMap<Name<'a>, BTreeSet<&'a str>>,
}

/// What each stream gets.
pub(super) struct Targets<'a> {
    streams: BTreeMap<&'a Stream, Wanted<'a>>,
    /// Packages that a list of pending updates asks for, `new` ones aside; by
    /// its place, then stream.
    asked: BTreeMap<(usize, &'a Stream), Vec<&'a PendingUpdate>>,
    steps_only: bool,
}

impl<'a> Targets<'a> {
    pub(super) fn gather(input: &'a Input<'a>, because: &mut Vec<Because>) -> Self {
        let mut targets = Self { streams: BTreeMap::new(), asked: BTreeMap::new(), steps_only: !input.wish.steps.is_empty() };
        // In one order, so that what is said does not hang on that of hosts.
        let kinds: BTreeSet<(usize, &Stream)> = input.hosts.iter().filter_map(|host| host.pending.zip(host.stream)).collect();
        for (place, stream) in kinds {
            let all = input.pending.get(place).map_or(&[][..], Vec::as_slice);
            let asked: Vec<&PendingUpdate> = all.iter().filter(|update| !update.held && !update.new && input.wish.which.wants(update)).collect();
            if !asked.is_empty() {
                let new = all.iter().filter(|update| !update.held && update.new);
                targets.add(stream, asked.iter().copied().chain(new), because);
            }
            targets.asked.insert((place, stream), asked);
        }
        for (stream, wanted) in &mut targets.streams {
            wanted.look_up(stream, input, because);
        }
        targets
    }

    fn add(&mut self, stream: &'a Stream, updates: impl Iterator<Item = &'a PendingUpdate>, because: &mut Vec<Because>) {
        let wanted = self.streams.entry(stream).or_default();
        for update in updates {
            let name = (update.name.as_str(), update.arch.as_str());
            let entry = wanted.versions.entry(name).or_insert((&update.candidate, true));
            entry.1 &= update.new;
            if entry.0 != update.candidate {
                let newer = is_newer(stream.scheme(), &update.candidate, entry.0);
                let (taken, other) = if newer { (update.candidate.as_str(), entry.0) } else { (entry.0, update.candidate.as_str()) };
                entry.0 = taken;
                let reason = Because::new(BecauseKind::Version, format!("hosts of {stream} are offered {} {taken} and {other}; all get {taken}", update.name));
                if !because.contains(&reason) {
                    because.push(reason);
                }
            }
            if let Some(installed) = &update.installed {
                wanted.former.entry(name).or_default().insert(installed);
            }
            wanted.advisories.entry(name).or_default().extend(update.advisories.iter().map(String::as_str));
        }
    }

    /// Why a host cannot be in the package; none where it can.
    pub(super) fn refuse(&self, input: &Input<'_>, host: &Candidate<'_>) -> Option<String> {
        if !host.has_agent {
            return Some("no agent runs on it".to_owned());
        }
        let Some(stream) = host.stream else { return Some("nobody can tell which release its packages belong to".to_owned()) };
        if tool(stream).is_none() {
            return Some(format!("packages of {stream} cannot be deployed yet"));
        }
        let asked = match host.pending {
            Some(place) => self.asked.get(&(place, stream)).map_or(&[][..], Vec::as_slice),
            None if self.steps_only => &[],
            None => return Some("its package manager could not say what is pending".to_owned()),
        };
        if asked.is_empty() {
            return (!self.steps_only).then(|| "nothing of what is asked for is pending there".to_owned());
        }
        let wanted = self.streams.get(stream)?;
        let news = input.pending.get(host.pending?)?.iter().filter(|update| update.new && !update.held);
        let missing = asked.iter().copied().chain(news).find_map(|update| wanted.missing.get(&(update.name.as_str(), update.arch.as_str())));
        missing.map(|what| format!("{what} was not acquired"))
    }

    /// What a host gets, for covering every combination by the first ring.
    pub(super) fn products(&self, host: &Candidate<'a>) -> impl Iterator<Item = (&'a Stream, &'a str)> {
        let stream = host.stream;
        let asked = stream.zip(host.pending).and_then(|(stream, place)| self.asked.get(&(place, stream)));
        let products = asked.into_iter().flatten().map(|update| update.name.as_str());
        stream.into_iter().flat_map(move |stream| products.clone().map(move |name| (stream, name)))
    }

    pub(super) fn advisories(&self) -> Vec<String> {
        let had = |wanted: &Wanted<'a>| {
            let had = wanted.advisories.iter().filter(|(name, _)| !wanted.missing.contains_key(*name));
            had.flat_map(|(_, advisories)| advisories.iter().copied()).collect::<Vec<_>>()
        };
        let all: BTreeSet<&str> = self.streams.values().flat_map(had).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// The plans of the streams that have a host in the package.
    pub(super) fn into_plans(self, input: &Input<'_>, streams: &BTreeSet<&Stream>) -> BTreeMap<Stream, StreamPlan> {
        let empty = Wanted::default();
        let plan = |stream: &&Stream| {
            let plan = self.streams.get(*stream).unwrap_or(&empty).plan(stream, input)?;
            Some(((*stream).clone(), plan))
        };
        streams.iter().filter_map(plan).collect()
    }
}

impl<'a> Wanted<'a> {
    fn look_up(&mut self, stream: &Stream, input: &Input<'_>, because: &mut Vec<Because>) {
        for ((name, arch), (version, _)) in &self.versions {
            if input.artefacts.find(stream, name, arch, version).is_none() {
                let what = format!("{name} {version} [{arch}] of {stream}");
                because.push(Because::new(BecauseKind::Fix, format!("{what} was not acquired; hosts that need it are left out")));
                self.missing.insert((name, arch), what);
            }
        }
    }

    fn plan(&self, stream: &Stream, input: &Input<'_>) -> Option<StreamPlan> {
        let target = |name: &str, arch: &str, version: &str, new: bool| {
            let artefact = input.artefacts.find(stream, name, arch, version)?;
            Some(Target {
                name: name.to_owned(),
                arch: arch.to_owned(),
                version: version.to_owned(),
                sha256: artefact.sha256.clone(),
                size: artefact.size,
                repository: artefact.repository.clone(),
                new,
            })
        };
        let install = self.versions.iter().filter_map(|((name, arch), (version, new))| target(name, arch, version, *new)).collect();
        let (mut way_back, mut no_way_back) = (Vec::new(), Vec::new());
        for ((name, arch), versions) in self.former.iter().filter(|(name, _)| !self.missing.contains_key(*name)) {
            for version in versions {
                match target(name, arch, version, false) {
                    Some(former) => way_back.push(former),
                    None => no_way_back.push(NoWayBack { name: (*name).to_owned(), reason: format!("the former version {version} [{arch}] was not acquired") }),
                }
            }
        }
        Some(StreamPlan { tool: tool(stream)?, install, remove: Vec::new(), way_back, no_way_back, steps: input.wish.steps.clone() })
    }
}

/// Whose tools install packages of a stream.
fn tool(stream: &Stream) -> Option<Tool> {
    match stream.scheme()? {
        Scheme::Debian => Some(Tool::Apt),
        Scheme::Rpm if !matches!(stream.family(), "sles" | "sled" | "suse" | "opensuse-leap" | "opensuse-tumbleweed" | "opensuse") => Some(Tool::Dnf),
        _ => None,
    }
}

/// Whether a version is newer than another; where nobody can tell, by letters,
/// so that the order of hosts decides nothing.
fn is_newer(scheme: Option<Scheme>, one: &str, other: &str) -> bool {
    let order = scheme.and_then(|scheme| compare(scheme, one, other).ok()).filter(|order| *order != Ordering::Equal);
    order.unwrap_or_else(|| one.cmp(other)) == Ordering::Greater
}
