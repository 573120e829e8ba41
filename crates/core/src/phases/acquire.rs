//! Phase 2, acquire: which artefacts are needed, from where, and what proves
//! each of them?
//!
//! The host's own package manager resolves dependencies; what it plans is taken
//! as it is, and only the exact file is looked for. A frozen set that is made by
//! names instead of hosts follows dependencies itself ([`closure`]), far enough
//! to be consistent and no further: where several packages would do and no rule
//! of the package system chooses, it says so instead of choosing.

mod closure;
mod conflicts;
mod exact;
pub mod freshness;

pub use exact::{Exact, exactly};

use crate::model::artefact::Artefact;
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::dependency::Requirement;
use crate::model::problem::{Problem, printable};
use crate::model::stream::Stream;
use crate::model::update::Update;
use plimsoll_version::{Scheme, compare};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One package that a repository's signed index offers.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// Package name.
    pub name: &'a str,
    /// Version; for rpm `epoch:version-release`, the epoch where it is not 0.
    pub version: &'a str,
    /// Architecture.
    pub arch: &'a str,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: &'a str,
    /// Length of the file in bytes.
    pub size: u64,
    /// Where the file is, relative to the repository's address.
    pub path: &'a str,
    /// Which repository, by its place in [`Offers::repositories`].
    pub repository: usize,
    /// What must be there for it to work, each as alternatives.
    pub needs: Vec<Vec<Requirement<'a>>>,
    /// Names it stands for, besides its own; with a version where the operator
    /// is [`Operator::Equal`](crate::model::dependency::Operator::Equal).
    pub provides: Vec<Requirement<'a>>,
    /// What must not be there beside it (`Conflicts` and `Breaks`).
    pub conflicts: Vec<Requirement<'a>>,
}

/// A repository whose index was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offering {
    /// How people know it, `https://deb.example/debian bookworm-security`.
    pub name: String,
    /// Whether its versions are taken without being asked for by number;
    /// `NotAutomatic` suites (backports, experimental) are not.
    pub automatic: bool,
}

/// Every package that the repositories of one stream offer.
#[derive(Clone, Debug)]
pub struct Offers<'a> {
    scheme: Scheme,
    repositories: Vec<Offering>,
    all: Vec<Offer<'a>>,
    named: BTreeMap<&'a str, Vec<usize>>,
    provided: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Offers<'a> {
    /// Takes what repositories offer; the earlier repository is preferred where
    /// two offer the same bytes.
    pub fn new(scheme: Scheme, repositories: Vec<Offering>, all: Vec<Offer<'a>>) -> Self {
        let (mut named, mut provided) = (BTreeMap::<_, Vec<usize>>::new(), BTreeMap::<_, Vec<usize>>::new());
        for (place, offer) in all.iter().enumerate() {
            named.entry(offer.name).or_default().push(place);
            for name in &offer.provides {
                provided.entry(name.name).or_default().push(place);
            }
        }
        Self { scheme, repositories, all, named, provided }
    }

    /// How many packages are offered.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn at(&self, place: usize) -> Option<&Offer<'a>> {
        self.all.get(place)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = (usize, &Offer<'a>)> {
        self.named.get(name).into_iter().flatten().filter_map(|place| Some((*place, self.all.get(*place)?)))
    }

    fn providing(&self, name: &str) -> impl Iterator<Item = (usize, &Offer<'a>)> {
        self.provided.get(name).into_iter().flatten().filter_map(|place| Some((*place, self.all.get(*place)?)))
    }

    fn repository(&self, offer: &Offer<'_>) -> &str {
        self.repositories.get(offer.repository).map_or("", |repository| &repository.name)
    }

    fn automatic(&self, offer: &Offer<'_>) -> bool {
        self.repositories.get(offer.repository).is_none_or(|repository| repository.automatic)
    }

    /// Orders versions; one that cannot be read is older than any that can.
    fn order(&self, left: &str, right: &str) -> Ordering {
        compare(self.scheme, left, right).unwrap_or_else(|_| left.cmp(right))
    }

    /// Which of two offers is rather taken: automatic, newer, of an earlier repository.
    fn better(&self, left: &Offer<'_>, right: &Offer<'_>) -> Ordering {
        let automatic = self.automatic(left).cmp(&self.automatic(right));
        automatic.then_with(|| self.order(left.version, right.version)).then_with(|| right.repository.cmp(&left.repository))
    }

    /// Whether an offer satisfies a requirement, by its name or by what it provides.
    fn satisfies(&self, offer: &Offer<'_>, wanted: &Requirement<'_>) -> bool {
        (offer.name == wanted.name && wanted.admits(self.scheme, Some(offer.version)))
            || offer.provides.iter().any(|provided| {
                let version = Some(provided.version).filter(|version| !version.is_empty());
                provided.name == wanted.name && wanted.admits(self.scheme, version)
            })
    }

    fn artefact(&self, offer: &Offer<'_>) -> Artefact {
        Artefact {
            name: offer.name.to_owned(),
            version: offer.version.to_owned(),
            arch: offer.arch.to_owned(),
            sha256: offer.sha256.to_owned(),
            size: offer.size,
            path: offer.path.to_owned(),
            repository: self.repository(offer).to_owned(),
        }
    }
}

/// What one host's package manager would change.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// Host name, for the reasons.
    pub host: &'a str,
    /// Its pending updates, new dependencies among them.
    pub updates: &'a [Update],
}

/// A package that somebody asks for by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pick<'a> {
    /// Package name.
    pub name: &'a str,
    /// This version only; none takes the newest.
    pub version: Option<&'a str>,
}

/// A package that is on every host that will install from the set, so that the
/// set need not hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installed<'a> {
    /// Package name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
}

/// Everything the decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The stream whose packages these are.
    pub stream: &'a Stream,
    /// What its repositories offer.
    pub offers: &'a Offers<'a>,
    /// Architectures of its hosts; `all` and `noarch` always count.
    pub architectures: &'a [String],
    /// What hosts need.
    pub needs: &'a [Need<'a>],
    /// What people ask for by name; dependencies are followed.
    pub picks: &'a [Pick<'a>],
    /// What is there already.
    pub installed: &'a [Installed<'a>],
    /// Whether the versions that hosts have now are wanted as well, so that
    /// they can go back.
    pub way_back: bool,
}

/// What an artefact is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A newer version of what a host has, or a package somebody named.
    Asked,
    /// New on the host, because the host's package manager says that an update
    /// needs it, or needed by what was named.
    Dependency,
    /// The version a host has now, to go back to.
    WayBack,
}

/// One artefact that is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Wanted {
    /// Exactly which bytes.
    pub artefact: Artefact,
    /// What for.
    pub purpose: Purpose,
    /// Hosts that need it, in the order of their names; none where it was asked
    /// for by name.
    pub hosts: Vec<String>,
    /// Why, and why this one.
    pub because: Vec<Because>,
}

/// Which artefacts are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decision {
    /// The stream.
    pub stream: Stream,
    /// Artefacts by name, architecture and version; each content once.
    pub artefacts: Vec<Wanted>,
    /// What could not be had or decided. `E-` means that the artefacts are not
    /// all that is needed.
    pub problems: Vec<Problem>,
}

impl Decision {
    /// Whether everything that is needed was found.
    pub fn complete(&self) -> bool {
        self.problems.iter().all(|problem| !problem.code.starts_with("E-"))
    }

    /// Bytes of all artefacts.
    pub fn bytes(&self) -> u64 {
        self.artefacts.iter().map(|wanted| wanted.artefact.size).sum()
    }
}

/// Decides which artefacts are needed.
///
/// A host states name, architecture, version and, where its index does, the
/// digest of what it would install. An offer of the same version with another
/// digest is refused: one of the two repositories is not what it says. Held
/// updates are not wanted.
pub fn decide(input: &Input<'_>) -> Explained<Decision> {
    let mut taken: BTreeMap<(String, String, String, String), Wanted> = BTreeMap::new();
    let mut problems = Vec::new();
    for need in input.needs {
        for update in need.updates.iter().filter(|update| update.held_by.is_none()) {
            let purpose = if update.new { Purpose::Dependency } else { Purpose::Asked };
            match exact::find(input.offers, &asked(update, &update.candidate, update.sha256.as_deref())) {
                Ok((offer, why)) => take(input, &mut taken, offer, purpose, Some(need.host), why),
                Err(problem) => note(&mut problems, problem),
            }
            let Some(installed) = update.installed.as_deref().filter(|_| input.way_back) else { continue };
            match exact::find(input.offers, &asked(update, installed, None)) {
                Ok((offer, why)) => take(input, &mut taken, offer, Purpose::WayBack, Some(need.host), why),
                Err(_) => note(&mut problems, no_way_back(update, installed)),
            }
        }
    }
    let closed = closure::close(input);
    for (offer, purpose, why) in closed.chosen {
        take(input, &mut taken, offer, purpose, None, why);
    }
    problems.extend(closed.problems);
    let decision = Decision { stream: input.stream.clone(), artefacts: taken.into_values().collect(), problems };
    let because = vec![Because::new(
        BecauseKind::Source,
        format!(
            "{} offers of {} repositories were looked at for {} hosts and {} names; {} artefacts, {} bytes, are wanted",
            input.offers.len(),
            input.offers.repositories.len(),
            input.needs.len(),
            input.picks.len(),
            decision.artefacts.len(),
            decision.bytes()
        ),
    )];
    Explained { decision, because }
}

fn asked<'a>(update: &'a Update, version: &'a str, sha256: Option<&'a str>) -> Exact<'a> {
    Exact { name: &update.package, version, arch: &update.arch, repository: None, sha256 }
}

fn take(
    input: &Input<'_>,
    taken: &mut BTreeMap<(String, String, String, String), Wanted>,
    offer: &Offer<'_>,
    purpose: Purpose,
    host: Option<&str>,
    why: Because,
) {
    let artefact = input.offers.artefact(offer);
    let key = (artefact.name.clone(), artefact.arch.clone(), artefact.version.clone(), artefact.sha256.clone());
    let wanted = taken.entry(key).or_insert_with(|| Wanted { artefact, purpose, hosts: Vec::new(), because: Vec::new() });
    wanted.purpose = wanted.purpose.min(purpose);
    if let Some(host) = host
        && let Err(place) = wanted.hosts.binary_search_by(|known| known.as_str().cmp(host))
    {
        wanted.hosts.insert(place, host.to_owned());
    }
    if !wanted.because.contains(&why) {
        wanted.because.push(why);
    }
}

/// The same thing about many hosts is said once.
fn note(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn no_way_back(update: &Update, installed: &str) -> Problem {
    Problem::new(
        "W-NO-WAY-BACK",
        &update.package,
        format!("version {} is installed and no repository offers it any more, so hosts cannot go back to it from here", printable(installed)),
        "upload the old package, or approve the change without a way back for it",
    )
}

/// Whether packages of this architecture install on every other.
fn is_every(arch: &str) -> bool {
    matches!(arch, "all" | "noarch" | "any")
}

#[cfg(test)]
mod tests;
