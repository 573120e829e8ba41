//! All package versions apt would know: those of the lists and the installed
//! ones, loaded name by name.
//!
//! The lists of a whole release name 60,000 packages and a plan touches a few
//! hundred. So the lists are only cut into paragraphs and indexed by name;
//! fields are read when a name is first asked for.

use plimsoll_core::model::dependency::Operator;
use plimsoll_formats::packages::relation::{self, Relation, order};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::packages::control::{self, Paragraph};
use std::collections::hash_map::Entry;

/// Names are looked up tens of thousands of times in a plan; the seeds are
/// drawn anew for each process, so that lists cannot be made to collide.
type HashMap<Key, Value> = std::collections::HashMap<Key, Value, foldhash::fast::RandomState>;

/// Number of a package (name and architecture).
pub(crate) type PackageId = usize;
/// Number of a version.
pub(crate) type VersionId = usize;

/// One index of packages, or the status file.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// File, for messages.
    pub place: String,
    pub text: String,
    /// Number of the repository it belongs to; none for the status file.
    pub repository: Option<usize>,
    pub component: String,
    /// Architecture of the index.
    pub arch: String,
}

/// `Multi-Arch` of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum MultiArch {
    #[default]
    No,
    Same,
    Foreign,
    Allowed,
}

/// The fields of a paragraph that planning looks at, as slices of its text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a> {
    pub version: &'a str,
    pub architecture: &'a str,
    pub multi_arch: MultiArch,
    pub status: &'a str,
    pub source: &'a str,
    pub size: &'a str,
    pub sha256: &'a str,
    pub depends: &'a str,
    pub pre_depends: &'a str,
    pub recommends: &'a str,
    pub conflicts: &'a str,
    pub breaks: &'a str,
    pub provides: &'a str,
    pub replaces: &'a str,
    pub installed_size: &'a str,
    pub phased: &'a str,
}

#[derive(Debug)]
pub(crate) struct Version<'a> {
    pub package: PackageId,
    pub fields: Fields<'a>,
    /// Indices that offer it, in the order of the sources.
    pub indices: Vec<usize>,
    pub critical: Vec<Relation<'a>>,
    pub recommends: Vec<Relation<'a>>,
    /// `Conflicts` and `Breaks`.
    pub against: Vec<Relation<'a>>,
}

impl Version<'_> {
    /// Whether the status file is the only place that names it.
    pub(crate) fn only_installed(&self) -> bool {
        self.indices.is_empty()
    }
}

#[derive(Debug)]
pub(crate) struct Package<'a> {
    pub name: &'a str,
    pub arch: &'a str,
    /// Versions, newest first.
    pub versions: Vec<VersionId>,
    pub current: Option<VersionId>,
    pub held: bool,
    /// Left half way by an interrupted dpkg.
    pub interrupted: Option<&'a str>,
}

pub(crate) struct Universe<'a> {
    pub packages: Vec<Package<'a>>,
    pub versions: Vec<Version<'a>>,
    /// Architectures of the system, its own first.
    pub arches: &'a [String],
    /// Installed packages.
    pub installed: Vec<PackageId>,
    raw: HashMap<&'a str, Vec<(usize, Paragraph<'a>)>>,
    by_name: HashMap<&'a str, Vec<PackageId>>,
    /// Loaded versions that provide a name, with the provided version.
    provides: HashMap<&'a str, Vec<(VersionId, Option<&'a str>)>>,
    swept: bool,
}

impl<'a> Universe<'a> {
    /// Indexes the lists (`indices`, the status file last) and loads what is
    /// installed. `arches` must not be empty.
    pub(crate) fn new(indices: &'a [Index], arches: &'a [String], problems: &mut Vec<Problem>) -> Self {
        let bytes: usize = indices.iter().map(|index| index.text.len()).sum();
        let mut universe = Self {
            packages: Vec::new(),
            versions: Vec::new(),
            arches,
            installed: Vec::new(),
            raw: HashMap::with_capacity_and_hasher(bytes / 800, foldhash::fast::RandomState::default()),
            by_name: HashMap::default(),
            provides: HashMap::default(),
            swept: false,
        };
        let mut installed = Vec::new();
        for (number, index) in indices.iter().enumerate() {
            let mut nameless = 0usize;
            for paragraph in control::paragraphs(&index.text) {
                let Some(name) = name(paragraph) else {
                    nameless += 1;
                    continue;
                };
                universe.raw.entry(name).or_default().push((number, paragraph));
                if index.repository.is_none() {
                    installed.push(name);
                }
            }
            if nameless > 0 {
                problems.push(Problem::new(
                    "E-FORMAT",
                    &index.place,
                    format!("{nameless} entries have no Package field and were left out"),
                    "repair the file, or run apt update to fetch it again",
                ));
            }
        }
        for name in installed {
            universe.load(name, indices);
        }
        universe
    }

    /// The packages of a name, one an architecture.
    pub(crate) fn named(&self, name: &str) -> &[PackageId] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Versions loaded so far that provide a name.
    pub(crate) fn providers(&self, name: &str) -> &[(VersionId, Option<&'a str>)] {
        self.provides.get(name).map_or(&[], Vec::as_slice)
    }

    /// Loads every package of a name.
    pub(crate) fn load(&mut self, name: &str, indices: &'a [Index]) {
        let Some((&name, raws)) = self.raw.get_key_value(name) else { return };
        let Entry::Vacant(slot) = self.by_name.entry(name) else { return };
        slot.insert(Vec::new());
        let raws = raws.clone();
        for (number, paragraph) in raws {
            let fields = fields(paragraph);
            let from_status = indices.get(number).is_none_or(|index| index.repository.is_none());
            self.add(name, number, from_status, fields);
        }
        let packages = self.by_name.get(name).cloned().unwrap_or_default();
        for package in packages {
            let Some(package) = self.packages.get_mut(package) else { continue };
            let versions = &self.versions;
            let text = |version: &VersionId| versions.get(*version).map_or("", |version| version.fields.version);
            package.versions.sort_by(|left, right| order(text(right), text(left)));
        }
    }

    /// Loads every package that provides a name by another name.
    ///
    /// The first call looks through all lists once: needed only where a
    /// dependency can be satisfied by nothing else.
    pub(crate) fn load_providers(&mut self, indices: &'a [Index]) {
        if std::mem::replace(&mut self.swept, true) {
            return;
        }
        let mut names: Vec<&str> = self
            .raw
            .iter()
            .filter(|(_, raws)| raws.iter().any(|(_, paragraph)| paragraph.text().contains("\nProvides:")))
            .map(|(name, _)| *name)
            .collect();
        names.sort_unstable();
        for name in names {
            self.load(name, indices);
        }
    }


    /// Names that any list marks as essential, sorted.
    pub(crate) fn essential(&self) -> Vec<&'a str> {
        let finder = memchr::memmem::Finder::new("\nEssential: yes");
        let marked = |raws: &[(usize, Paragraph<'_>)]| {
            raws.iter().any(|(_, paragraph)| finder.find(paragraph.text().as_bytes()).is_some())
        };
        let mut names: Vec<&str> = self.raw.iter().filter(|(_, raws)| marked(raws)).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    fn add(&mut self, name: &'a str, number: usize, from_status: bool, fields: Fields<'a>) {
        let arch: &'a str = match fields.architecture {
            "all" | "" => native_of(self.arches),
            other => other,
        };
        // An installed package of an architecture since removed still counts.
        let known = from_status || self.arches.iter().any(|known| known == arch);
        if fields.version.is_empty() || !known {
            return;
        }
        let (state, held) = if from_status { state(fields.status) } else { (State::Offered, false) };
        if state == State::Absent {
            return;
        }
        let package = self.package(name, arch);
        let existing = self.packages.get(package).and_then(|package| {
            package.versions.iter().copied().find(|version| {
                self.versions.get(*version).is_some_and(|version| same(&version.fields, &fields))
            })
        });
        let version = existing.unwrap_or_else(|| self.add_version(package, fields));
        if !from_status && let Some(version) = self.versions.get_mut(version) {
            version.indices.push(number);
        }
        if from_status && let Some(entry) = self.packages.get_mut(package) {
            entry.current = Some(version);
            entry.held = held;
            if let State::Interrupted(word) = state {
                entry.interrupted = Some(word);
            }
            self.installed.push(package);
        }
    }

    fn package(&mut self, name: &'a str, arch: &'a str) -> PackageId {
        let ids = self.by_name.entry(name).or_default();
        let found = ids.iter().copied().find(|id| self.packages.get(*id).is_some_and(|package| package.arch == arch));
        found.unwrap_or_else(|| {
            let id = self.packages.len();
            self.packages.push(Package { name, arch, versions: Vec::new(), current: None, held: false, interrupted: None });
            ids.push(id);
            id
        })
    }

    fn add_version(&mut self, package: PackageId, fields: Fields<'a>) -> VersionId {
        let id = self.versions.len();
        let mut critical = Vec::new();
        relation::parse(fields.pre_depends, &mut critical);
        relation::parse(fields.depends, &mut critical);
        let mut recommends = Vec::new();
        relation::parse(fields.recommends, &mut recommends);
        let mut against = Vec::new();
        relation::parse(fields.conflicts, &mut against);
        relation::parse(fields.breaks, &mut against);
        if !fields.provides.is_empty() {
            let mut provided = Vec::new();
            relation::parse(fields.provides, &mut provided);
            for relation in provided {
                let version = (relation.operator == Operator::Equal).then_some(relation.version);
                self.provides.entry(relation.name).or_default().push((id, version));
            }
        }
        self.versions.push(Version { package, fields, indices: Vec::new(), critical, recommends, against });
        if let Some(package) = self.packages.get_mut(package) {
            package.versions.push(id);
        }
        id
    }
}

fn native_of(arches: &[String]) -> &str {
    arches.first().map_or("", String::as_str)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State<'a> {
    Offered,
    Installed,
    Interrupted(&'a str),
    Absent,
}

/// Reads `Status: want flag state`; also whether the package is held.
fn state(status: &str) -> (State<'_>, bool) {
    let mut words = status.split_ascii_whitespace();
    let (want, flag, state) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
    let held = want == "hold";
    let state = match state {
        _ if flag == "reinstreq" => State::Interrupted("needs reinstallation"),
        "installed" | "triggers-pending" => State::Installed,
        "not-installed" | "config-files" => State::Absent,
        // Installed as far as apt's planning goes.
        "triggers-awaited" => State::Installed,
        "" => State::Installed,
        other => State::Interrupted(other),
    };
    (state, held)
}

/// Whether two records are the same version by apt's own rule.
///
/// A package rebuilt locally under the same version differs in its
/// dependencies or size, and apt counts it as another version. Source:
/// apt-pkg/deb/deblistparser.cc, `VersionHash` and `SameVersion`.
fn same(left: &Fields<'_>, right: &Fields<'_>) -> bool {
    fn squeezed(text: &str) -> impl Iterator<Item = u8> {
        let bytes = text.as_bytes();
        bytes.iter().enumerate().filter_map(|(at, byte)| {
            let equals_after_sign = *byte == b'=' && at > 0 && matches!(bytes.get(at - 1), Some(b'<' | b'>'));
            (!byte.is_ascii_whitespace() && !equals_after_sign).then(|| byte.to_ascii_lowercase())
        })
    }
    let equal = |left: &str, right: &str| left == right || squeezed(left).eq(squeezed(right));
    left.version == right.version
        && left.multi_arch == right.multi_arch
        && (left.size.is_empty() || right.size.is_empty() || left.size == right.size)
        && equal(left.installed_size, right.installed_size)
        && equal(left.depends, right.depends)
        && equal(left.pre_depends, right.pre_depends)
        && equal(left.conflicts, right.conflicts)
        && equal(left.breaks, right.breaks)
        && equal(left.replaces, right.replaces)
}

/// Reads the name of a paragraph, which almost always comes first.
fn name(paragraph: Paragraph<'_>) -> Option<&str> {
    let name = match paragraph.text().strip_prefix("Package:") {
        Some(rest) => rest.split('\n').next().unwrap_or("").trim(),
        None => paragraph.field("Package")?,
    };
    (!name.is_empty()).then_some(name)
}

/// Reads the fields of a paragraph in one pass.
fn fields(paragraph: Paragraph<'_>) -> Fields<'_> {
    let mut fields = Fields::default();
    for field in paragraph.fields().flatten() {
        let value = field.value;
        match field.name {
            "Version" => fields.version = value,
            "Architecture" => fields.architecture = value,
            "Multi-Arch" => {
                fields.multi_arch = match value {
                    "same" => MultiArch::Same,
                    "foreign" => MultiArch::Foreign,
                    "allowed" => MultiArch::Allowed,
                    _ => MultiArch::No,
                };
            }
            "Status" => fields.status = value,
            "Source" => fields.source = value,
            "Size" => fields.size = value,
            "SHA256" => fields.sha256 = value,
            "Depends" => fields.depends = value,
            "Pre-Depends" => fields.pre_depends = value,
            "Recommends" => fields.recommends = value,
            "Conflicts" => fields.conflicts = value,
            "Breaks" => fields.breaks = value,
            "Provides" => fields.provides = value,
            "Replaces" => fields.replaces = value,
            "Installed-Size" => fields.installed_size = value,
            "Phased-Update-Percentage" => fields.phased = value,
            _ => {}
        }
    }
    fields
}
