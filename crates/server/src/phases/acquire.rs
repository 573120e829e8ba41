//! Phase 2, acquire: from verified repositories to artefacts in the store.
//!
//! The deciding is [`plimsoll_core::phases::acquire`]'s, the chain of trust
//! [`plimsoll_feeds::acquire`]'s; here both meet the store.
//!
//! Everything here blocks: from asynchronous code it is called within
//! `spawn_blocking`.

mod fetching;

pub use fetching::Came;

use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::acquire::{self as phase, Exact, Offers};
use plimsoll_feeds::acquire::{self, Lock, Memory, Verified};
use plimsoll_feeds::fetch::{Files, NetworkOptions, Progress};
use plimsoll_feeds::repositories::Repositories;
use plimsoll_store::artefacts::{Artefacts, Swept};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use url::Url;

/// Folder of what is on its way, below the one that keeps artefacts.
const INCOMING: &str = "incoming";

/// How fetching goes.
#[derive(Clone, Copy)]
pub struct Fetch<'a> {
    /// The network.
    pub network: &'a NetworkOptions,
    /// The folder that keeps artefacts and what was last seen of each suite.
    pub folder: &'a Path,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// Set from outside to stop soon and safely.
    pub cancel: &'a AtomicBool,
}

/// A repository and what its configuration says beyond what it signed.
pub struct Source {
    /// The stream of its packages.
    pub stream: Stream,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Suite as the operator names it; for yum the repository's name.
    pub suite: String,
    /// Components of apt; none for yum.
    pub components: Vec<String>,
    /// What was verified.
    pub verified: Verified,
}

/// Repositories that were read along their chain of trust.
///
/// While they are there, nothing sweeps the artefacts.
pub struct Sources {
    all: Vec<Source>,
    urls: Vec<Url>,
    folder: PathBuf,
    now: Timestamp,
    _lock: Lock,
}

impl Sources {
    /// Reads repositories; `own` are all addresses that the operator named,
    /// those that are not read this time as well.
    ///
    /// # Errors
    ///
    /// As [`acquire::apt`] and [`acquire::yum`]: one repository that cannot be
    /// believed stops the acquisition. `E-BUSY` while another one reads, or
    /// artefacts are swept.
    pub fn read(repositories: &Repositories, own: &[Url], fetch: &Fetch<'_>, now: Timestamp) -> Result<Self, Problem> {
        let lock = Lock::shared(fetch.folder)?;
        let files = Files::new(fetch.network, own, &fetch.folder.join(INCOMING), fetch.progress, fetch.cancel)?;
        let mut memory = Memory::open(fetch.folder)?;
        let mut all = Vec::new();
        for repository in &repositories.apt {
            let verified = acquire::apt(&files, repository, &mut memory, now)?;
            let (suite, components) = (repository.suite.clone(), repository.components.clone());
            all.push(Source { stream: repository.stream.clone(), architectures: repository.architectures.clone(), suite, components, verified });
        }
        for repository in &repositories.yum {
            let verified = acquire::yum(&files, repository, &mut memory, now)?;
            let suite = repository.name.clone();
            all.push(Source { stream: repository.stream.clone(), architectures: repository.architectures.clone(), suite, components: Vec::new(), verified });
        }
        Ok(Self { all, urls: own.to_vec(), folder: fetch.folder.to_owned(), now, _lock: lock })
    }

    /// No repository: what is carried over and uploaded needs none.
    ///
    /// # Errors
    ///
    /// `E-BUSY` while artefacts are swept.
    pub fn none(folder: &Path, now: Timestamp) -> Result<Self, Problem> {
        Ok(Self { all: Vec::new(), urls: Vec::new(), folder: folder.to_owned(), now, _lock: Lock::shared(folder)? })
    }

    /// The repositories, apt's first, in the order of their file.
    pub fn all(&self) -> &[Source] {
        &self.all
    }

    /// When they were read.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What the operator should know of them.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.all.iter().flat_map(|source| &source.verified.warnings)
    }

    /// Streams of the repositories, in order.
    pub fn streams(&self) -> BTreeSet<&Stream> {
        self.all.iter().map(|source| &source.stream).collect()
    }

    /// The repositories of a stream.
    pub fn of<'s>(&'s self, stream: &'s Stream) -> impl Iterator<Item = &'s Source> {
        self.all.iter().filter(move |source| source.stream == *stream)
    }

    /// What the repositories of a stream offer, and which records could not be
    /// read: each is one package less, and whether it is missed, a decision
    /// tells.
    ///
    /// # Errors
    ///
    /// `E-USAGE` for a stream whose versions have no order.
    pub fn offers<'s>(&'s self, stream: &'s Stream) -> Result<(Offers<'s>, Vec<Problem>), Problem> {
        let Some(scheme) = stream.scheme() else {
            return Err(Problem::new("E-USAGE", stream.as_str(), "is a stream whose versions cannot be ordered", "correct `stream` in the repositories file"));
        };
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for (place, source) in self.of(stream).enumerate() {
            let unread = source.verified.offers(place, &mut all);
            problems.extend(unread.into_iter().map(|problem| Problem { code: problem.code.replace("E-FORMAT", "W-PARTIAL"), ..problem }));
        }
        Ok((Offers::new(scheme, self.of(stream).map(|source| source.verified.offering.clone()).collect(), all), problems))
    }

    /// Finds the one file of each package that is named exactly, in the order of
    /// the list; nothing is fetched.
    ///
    /// A name without a repository is looked for in every stream that was read
    /// and must be in one of them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: `E-NOT-OFFERED`, `E-OTHER-BYTES`,
    /// `E-UNDECIDED` for what several streams offer.
    pub fn exactly(&self, wanted: &[Exact<'_>]) -> Result<Vec<Artefact>, Vec<Problem>> {
        let mut streams = Vec::new();
        for stream in self.streams() {
            let offers = self.offers(stream).map_err(|problem| vec![problem])?.0;
            let names: BTreeSet<&str> = self.of(stream).map(|source| source.verified.offering.name.as_str()).collect();
            streams.push((offers, names));
        }
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for one in wanted {
            let place = || format!("{} {} [{}]", one.name, one.version, one.arch);
            let here = streams.iter().filter(|(_, names)| one.repository.is_none_or(|name| names.contains(name)));
            let tried: Vec<Result<Artefact, Problem>> = here.map(|(offers, _)| phase::exactly(offers, one).map(|explained| explained.decision)).collect();
            // What is wrong with the bytes anywhere counts more than where it is.
            if let Some(Err(problem)) = tried.iter().find(|outcome| matches!(outcome, Err(problem) if problem.code != "E-NOT-OFFERED")) {
                problems.push(problem.clone());
                continue;
            }
            let mut good = tried.iter().filter_map(|outcome| outcome.as_ref().ok());
            match (good.next(), good.next(), tried.first()) {
                (Some(artefact), None, _) => found.push(artefact.clone()),
                (Some(_), Some(_), _) => problems.push(Problem::new("E-UNDECIDED", place(), "is offered in several streams", "name its repository")),
                (None, _, Some(Err(problem))) => problems.push(problem.clone()),
                (None, ..) => {
                    let text = format!("is wanted from {}, which was not read", printable(one.repository.unwrap_or("a repository")));
                    problems.push(Problem::new("E-NOT-OFFERED", place(), text, "add the repository"));
                }
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// Gives verified artefacts for packages that are named exactly: each is in
    /// `store` afterwards, with the SHA-256 and the length that its publisher
    /// signed, in the order of the list.
    ///
    /// What is kept already is not fetched again; its content is held against
    /// its digest whenever it is taken out of the store.
    ///
    /// # Errors
    ///
    /// As [`Self::exactly`], and then nothing is fetched; as [`Self::fetch`].
    pub fn acquire(&self, wanted: &[Exact<'_>], store: &Artefacts, runtime: &Handle, fetch: &Fetch<'_>) -> Result<Vec<Artefact>, Vec<Problem>> {
        let artefacts = self.exactly(wanted)?;
        self.fetch(artefacts.iter(), store, runtime, fetch).map_err(|problem| vec![problem])?;
        Ok(artefacts)
    }

    /// Fetches what is not kept yet; each content once.
    ///
    /// # Errors
    ///
    /// The first that is met; what came before is kept, so that nothing is
    /// fetched twice.
    pub fn fetch<'d>(&self, wanted: impl Iterator<Item = &'d Artefact>, store: &Artefacts, runtime: &Handle, fetch: &Fetch<'_>) -> Result<Came, Problem> {
        let by_content: BTreeMap<&str, &Artefact> = wanted.map(|artefact| (artefact.sha256.as_str(), artefact)).collect();
        fetching::run(self, &by_content, store, runtime, fetch)
    }
}

/// Removes what nobody marks and what has been kept since before a moment.
///
/// Marks are everything that may still be wanted: artefacts of frozen sets, of
/// deployment packages, of ways back. Remains of cut-off fetches go as well.
/// What is `dry` removes nothing and counts.
///
/// # Errors
///
/// `E-BUSY` while something is acquired; whatever the store does.
pub fn sweep(folder: &Path, store: &Artefacts, marked: &BTreeSet<String>, before: Timestamp, dry: bool, runtime: &Handle) -> Result<Swept, Problem> {
    let _lock = Lock::sole(folder)?;
    let swept = runtime.block_on(store.sweep(marked, before, dry)).map_err(|error| *error.problem)?;
    let parts = fetching::remains(folder, before, dry)?;
    Ok(Swept { removed: swept.removed + parts.removed, bytes: swept.bytes + parts.bytes, ..swept })
}
