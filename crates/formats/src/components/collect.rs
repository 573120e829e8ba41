//! What every reader hands over: components under their canonical names, and
//! whatever could not be read, counted and named.

use super::Found;
use super::lenient::Shape;
use packageurl::PackageUrl;
use plimsoll_core::model::component::{Component, ComponentKind, Scope};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use std::collections::BTreeMap;

/// Most components taken from one file. The largest lock files seen in public
/// repositories stay below 20,000; ten times that still fits in memory.
pub(super) const MOST_COMPONENTS: usize = 200_000;
/// Most unreadable entries named one by one; the rest is counted.
const MOST_NAMED: usize = 50;
/// Longest name or version taken; the longest npm name allowed is 214, Maven
/// coordinates and Go paths are longer but stay well below.
const LONGEST_WORD: usize = 1024;

/// The registries that language components come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Ecosystem {
    Cargo,
    Npm,
    PyPi,
    Go,
    Maven,
    RubyGems,
    Packagist,
    NuGet,
}

impl Ecosystem {
    /// The stream its advisories are filed under.
    pub(super) fn stream(self) -> Stream {
        Stream::language(match self {
            Self::Cargo => "crates.io",
            Self::Npm => "npm",
            Self::PyPi => "pypi",
            Self::Go => "go",
            Self::Maven => "maven",
            Self::RubyGems => "rubygems",
            Self::Packagist => "packagist",
            Self::NuGet => "nuget",
        })
    }

    fn purl_type(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::PyPi => "pypi",
            Self::Go => "golang",
            Self::Maven => "maven",
            Self::RubyGems => "gem",
            Self::Packagist => "composer",
            Self::NuGet => "nuget",
        }
    }

    /// Splits a name into the namespace and name of a package URL.
    fn split(self, name: &str) -> (Option<&str>, &str) {
        let split = match self {
            Self::Npm if name.starts_with('@') => name.split_once('/'),
            Self::Packagist => name.split_once('/'),
            Self::Maven => name.split_once(':'),
            Self::Go => name.rsplit_once('/'),
            _ => None,
        };
        split.map_or((None, name), |(namespace, rest)| (Some(namespace), rest))
    }
}

/// Where a component comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin<'a> {
    /// The ecosystem's registry or a mirror of it: advisories apply.
    Registry,
    /// The same, for the program that a file is.
    Program,
    /// A repository, `git+https://…@commit`: the name may be the same and the
    /// code another, so no stream.
    Repository(&'a str),
    /// An archive from an address or another registry: no stream.
    Address(&'a str),
    /// The project itself, a member of its workspace, or a folder beside it.
    Own,
}

/// One entry as a reader found it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) origin: Origin<'a>,
    pub(super) scope: Scope,
}

/// Collects the components of one file.
///
/// Two entries with the same name, version and origin are one component; it
/// is needed at run time if either is.
pub(super) struct Collector<'a> {
    place: &'a str,
    inside: Option<String>,
    components: BTreeMap<(String, String, String), Component>,
    problems: Vec<Problem>,
    unread: usize,
    beyond: usize,
    incomplete: Vec<String>,
}

impl<'a> Collector<'a> {
    /// Starts for the file shown to people as `place`.
    pub(super) fn new(place: &'a str) -> Self {
        Self {
            place,
            inside: None,
            components: BTreeMap::new(),
            problems: Vec::new(),
            unread: 0,
            beyond: 0,
            incomplete: Vec::new(),
        }
    }

    /// The file's name as shown to people.
    pub(super) fn place(&self) -> &'a str {
        self.place
    }

    /// Says that what follows stands in an archive inside the file, or in the
    /// file itself again.
    pub(super) fn inside(&mut self, location: Option<String>) {
        self.inside = location;
    }

    /// Where what follows stands: the file, or an archive inside it.
    pub(super) fn location(&self) -> &str {
        self.inside.as_deref().unwrap_or(self.place)
    }

    /// Takes a component from its ecosystem's registry.
    pub(super) fn registry(&mut self, ecosystem: Ecosystem, name: &str, version: &str, scope: Scope) {
        self.add(Entry { ecosystem, name, version, origin: Origin::Registry, scope });
    }

    /// Takes one entry, or names it when its name or version is unusable.
    pub(super) fn add(&mut self, entry: Entry<'_>) {
        if let Some(fault) = fault(entry.name, "name").or_else(|| fault(entry.version, "version")) {
            let shown = format!("{}@{}", printable(entry.name), printable(entry.version));
            return self.unread(&shown, &fault);
        }
        let component = self.component(entry);
        let key = (component.name.clone(), component.version.clone(), component.purl.clone());
        if let Some(known) = self.components.get_mut(&key) {
            known.scope = wider(known.scope, component.scope);
            for location in component.locations {
                if !known.locations.contains(&location) {
                    known.locations.push(location);
                }
            }
        } else if self.components.len() < MOST_COMPONENTS {
            self.components.insert(key, component);
        } else {
            self.beyond += 1;
        }
    }

    fn component(&self, entry: Entry<'_>) -> Component {
        let stream = entry.ecosystem.stream();
        let name = stream.normalise_name(entry.name);
        // Go: the records of the Go vulnerability database state versions
        // without the `v` that module versions and package URLs carry.
        let version = match entry.ecosystem {
            Ecosystem::Go => entry.version.strip_prefix('v').unwrap_or(entry.version),
            _ => entry.version,
        };
        let registry = matches!(entry.origin, Origin::Registry | Origin::Program);
        let application = matches!(entry.origin, Origin::Own | Origin::Program);
        Component {
            purl: purl(&entry),
            stream: registry.then_some(stream),
            name,
            version: version.to_owned(),
            kind: if application { ComponentKind::Application } else { ComponentKind::Library },
            scope: entry.scope,
            locations: vec![self.location().to_owned()],
            ..Component::default()
        }
    }

    /// Names an entry that cannot be read; after the first fifty they are only
    /// counted.
    pub(super) fn unread(&mut self, entry: &str, fault: &str) {
        self.unread += 1;
        if self.unread <= MOST_NAMED {
            self.problems.push(Problem::new(
                "E-FORMAT",
                format!("{}: {entry}", self.location()),
                format!("{fault}; the entry was left out"),
                "make the file again with the tool that wrote it",
            ));
        }
    }

    /// Refuses the file when its main list is damaged, or missing where every
    /// file of the format has one.
    pub(super) fn shape(&self, list: &str, shape: Shape, required: bool) -> Result<(), Problem> {
        let text = match shape {
            Shape::There => return Ok(()),
            Shape::Absent if !required => return Ok(()),
            Shape::Absent => format!("has no `{list}`, which every file of its format has"),
            Shape::Wrong => format!("has something else where the list `{list}` should stand"),
        };
        let next = "make the file again with the tool that wrote it";
        Err(Problem::new("E-FORMAT", self.place, text, next))
    }

    /// Passes on a problem of a part of the file.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.unread += 1;
        if self.unread <= MOST_NAMED {
            self.problems.push(problem);
        }
    }

    /// States a reason why the list cannot be complete; each is said once.
    pub(super) fn incomplete(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.incomplete.contains(&reason) && self.incomplete.len() < MOST_NAMED {
            self.incomplete.push(reason);
        }
    }

    /// Hands over what was found, sorted by name and version.
    pub(super) fn finish(mut self) -> Found {
        if self.unread > MOST_NAMED {
            self.problems.push(Problem::new(
                "E-FORMAT",
                self.place,
                format!("{} entries could not be read; the first {MOST_NAMED} are named", self.unread),
                "make the file again with the tool that wrote it",
            ));
        }
        if self.beyond > 0 {
            self.problems.push(Problem::new(
                "E-LIMIT",
                self.place,
                format!(
                    "names {} components, the limit is {MOST_COMPONENTS}; {} were left out",
                    MOST_COMPONENTS + self.beyond,
                    self.beyond
                ),
                "check where the file comes from, or split it by project",
            ));
        }
        Found {
            components: self.components.into_values().collect(),
            problems: self.problems,
            incomplete: (!self.incomplete.is_empty()).then(|| self.incomplete.join("; ")),
        }
    }
}

/// Says why a word cannot name anything, if so.
///
/// A control character in a name is never honest: no registry allows one, and
/// it would reach a terminal. HTML or `../` is kept, since it is data here and
/// every output escapes it.
fn fault(word: &str, what: &str) -> Option<String> {
    if word.is_empty() {
        Some(format!("has no {what}"))
    } else if word.len() > LONGEST_WORD {
        Some(format!("has a {what} of {} bytes, the limit is {LONGEST_WORD}", word.len()))
    } else if word.chars().any(char::is_control) {
        Some(format!("has a control character in its {what}"))
    } else {
        None
    }
}

fn wider(one: Scope, other: Scope) -> Scope {
    match (one, other) {
        (Scope::Runtime, _) | (_, Scope::Runtime) => Scope::Runtime,
        (Scope::Optional, _) | (_, Scope::Optional) => Scope::Optional,
        _ => Scope::Development,
    }
}

/// Writes the canonical package URL.
///
/// Go keeps the `v` of a module version here, as the examples of the package
/// URL specification do; [`Component::version`] does not. PyPI names are the
/// normalised ones.
fn purl(entry: &Entry<'_>) -> String {
    let normal;
    let name = if entry.ecosystem == Ecosystem::PyPi {
        normal = entry.ecosystem.stream().normalise_name(entry.name);
        normal.as_str()
    } else {
        entry.name
    };
    let (namespace, last) = entry.ecosystem.split(name);
    let build = || -> Result<String, packageurl::Error> {
        // Without its group, a JAR is nothing that Maven knows.
        let groupless = entry.ecosystem == Ecosystem::Maven && namespace.is_none();
        let kind = if groupless { "generic" } else { entry.ecosystem.purl_type() };
        let mut purl = PackageUrl::new(kind, last)?;
        if let Some(namespace) = namespace.filter(|text| !text.is_empty()) {
            purl.with_namespace(namespace)?;
        }
        purl.with_version(entry.version)?;
        match entry.origin {
            Origin::Repository(address) if !address.is_empty() => {
                purl.add_qualifier("vcs_url", address)?;
            }
            Origin::Address(address) if !address.is_empty() => {
                purl.add_qualifier("download_url", address)?;
            }
            _ => {}
        }
        Ok(purl.to_string())
    };
    // A name that the specification has no place for (a Composer name without
    // vendor) still gets an identity, of the type made for that.
    build().unwrap_or_else(|_| {
        PackageUrl::new("generic", name)
            .and_then(|mut purl| purl.with_version(entry.version).map(|purl| purl.to_string()))
            .unwrap_or_default()
    })
}
