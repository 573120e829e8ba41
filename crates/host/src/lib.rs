//! What reads a host: inventory, pending updates as its own package manager
//! sees them, kernels, reboot, repositories, hardware.
//!
//! This is the only crate that runs a package manager. Whatever
//! `plimsoll-formats` can parse is parsed there. An unpacked root is hostile
//! until proven otherwise: its files are opened from inside only, and nothing
//! of it is executed.
#![forbid(unsafe_code)]

pub mod apk_pacman;
pub mod apt;
pub mod apply;
mod hardware;
mod kernel;
mod packages;
mod pending;
mod reboot;
pub mod root;
mod run;
mod subscription;
mod walk;
pub mod yum;

pub use reboot::needs_reboot;

use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::{Host, OperatingSystem, Target};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::update::Update;
use root::Root;
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// Hears what is being done, for a progress line; called from one thread.
pub trait Progress {
    /// A stage has begun, `reading the package database`.
    fn stage(&self, text: &str);
}

/// A [`Progress`] that says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &str) {}
}

/// What to read and how.
pub struct Options<'a> {
    /// The unpacked root; none for the live host.
    pub root: Option<&'a Path>,
    /// Whether to walk for language components too, which takes longer.
    pub languages: bool,
    /// Who hears what is being done.
    pub progress: &'a dyn Progress,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { root: None, languages: false, progress: &Silent }
    }
}

/// Everything read of a host or a project.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inventory {
    /// Facts that are not components.
    pub host: Host,
    /// Software, sorted by name, architecture and version.
    pub components: Vec<Component>,
    /// Pending updates, exactly the package manager's own plan, sorted by
    /// package; none when they cannot be told.
    pub updates: Option<Vec<Update>>,
    /// Updates on offer that the plan leaves out; `held_by` says why.
    pub held_updates: Vec<Update>,
    /// The version each enabled repository's policy would allow, for installed
    /// packages; answers "is the fix available here". May equal the installed
    /// version.
    pub candidates: Vec<Candidate>,
    /// What limits the answer.
    pub problems: Vec<Problem>,
    /// Processor time of the package manager's own processes; none when none
    /// was run.
    pub package_manager_cpu: Option<Duration>,
}

/// A version that the host's repositories offer for an installed package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Candidate {
    /// Binary package name.
    pub package: String,
    /// Architecture of the installed package.
    pub arch: String,
    /// Version the package manager would choose.
    pub version: String,
    /// Source package name, where known.
    pub source: Option<String>,
    /// Source package version, where known.
    pub source_version: Option<String>,
    /// Repositories that offer it, in the words of [`Update::origin`].
    pub origin: String,
}

/// Reads a host: the live one, or an unpacked root.
///
/// # Errors
///
/// Only where the root itself cannot be opened. Everything else that is
/// missing or unreadable is in [`Inventory::problems`].
pub fn read(options: &Options<'_>) -> Result<Inventory, Problem> {
    let live = options.root.is_none();
    let root = Root::open(options.root.unwrap_or(Path::new("/")))?;
    let mut inventory = Inventory::default();
    inventory.host.target = if live { Target::Host } else { Target::Root };
    inventory.host.name = name(&root, live);
    let mut os = operating_system(&root, &mut inventory.problems);
    options.progress.stage("reading the package database");
    let database = packages::read(&root, os.as_ref(), &mut inventory.problems);
    inventory.components = database.components;
    if let Some(os) = &mut os {
        os.arch = database.arch.clone();
    }
    inventory.host.os = os;
    options.progress.stage("asking what is pending");
    pending::read(&root, live, &database.system, &mut inventory);
    let kernels = kernel::read(&root, live, &mut inventory.components);
    if live {
        inventory.host.reboot = Some(reboot::pending(&root, Some(&kernels)));
        options.progress.stage("reading the hardware");
        inventory.host.hardware = Some(hardware::read(&root, &mut inventory.problems));
    }
    inventory.host.kernel = Some(kernels);
    if let Some(os) = &inventory.host.os {
        inventory.host.subscriptions = subscription::read(&root, os, &inventory.host.repositories);
    }
    if options.languages {
        languages(&root, options, &mut inventory);
    }
    sort(&mut inventory.components);
    Ok(inventory)
}

/// Reads the lock files of a project folder and everything below it.
///
/// Version control, build output and, unless `installed` is set, installed
/// dependencies (`node_modules`, virtual environments, `vendor`) are not
/// entered; links are not followed.
///
/// # Errors
///
/// Where the folder cannot be opened.
pub fn read_project(folder: &Path, installed: bool, progress: &dyn Progress) -> Result<Inventory, Problem> {
    Root::open(folder).map_err(|problem| Problem { next: "name the folder of the project".to_owned(), ..problem })?;
    let mut found = walk::Found::default();
    walk::walk(folder, "", walk::For::Project { installed }, &HashSet::new(), progress, &mut found);
    let named = found.named;
    let (components, mut problems) = found.finish();
    if !named {
        problems.push(Problem::new(
            "E-PROJECT",
            folder.to_string_lossy(),
            "holds no lock file whose name is known",
            "name the folder that holds Cargo.lock, package-lock.json, poetry.lock, go.mod, …; an unpacked system is `--root`",
        ));
    }
    let name = folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let host = Host {
        name: name.unwrap_or_else(|| folder.to_string_lossy().into_owned()),
        target: Target::Project,
        ..Host::default()
    };
    let mut inventory = Inventory { host, components, problems, ..Inventory::default() };
    sort(&mut inventory.components);
    Ok(inventory)
}

fn sort(components: &mut [Component]) {
    components.sort_by(|left, right| {
        (&left.name, &left.arch, &left.version, &left.purl).cmp(&(&right.name, &right.arch, &right.version, &right.purl))
    });
}

fn name(root: &Root, live: bool) -> String {
    if live {
        return rustix::system::uname().nodename().to_string_lossy().into_owned();
    }
    root.word("etc/hostname")
        .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned))
        .or_else(|| root.path().canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned()))
        .unwrap_or_else(|| root.path().to_string_lossy().into_owned())
}

/// Reads `os-release`; the file below `/usr` where `/etc` has none.
fn operating_system(root: &Root, problems: &mut Vec<Problem>) -> Option<OperatingSystem> {
    for path in ["etc/os-release", "usr/lib/os-release"] {
        match root.read(path, 64 << 10) {
            Ok(None) => {}
            Ok(Some(bytes)) => match plimsoll_formats::packages::os_release::parse(path, &bytes) {
                Ok(os) => return Some(os),
                Err(problem) => problems.push(problem),
            },
            Err(problem) => problems.push(problem),
        }
    }
    problems.push(Problem::new(
        "W-OS",
        "etc/os-release",
        "is not there, so it is not known which advisories apply",
        "scan a root that holds an operating system, or a project with --project",
    ));
    None
}

/// The stream whose packages this host takes, as deployment packages name it.
///
/// # Errors
///
/// The host's root cannot be opened.
pub fn own_stream() -> Result<Stream, Problem> {
    let root = Root::open(Path::new("/"))?;
    Ok(stream_of(operating_system(&root, &mut Vec::new()).as_ref()))
}

/// Stream of a system's packages; one of its own where advisories are unknown.
pub(crate) fn stream_of(os: Option<&OperatingSystem>) -> Stream {
    match os {
        Some(OperatingSystem { stream: Some(stream), .. }) => stream.clone(),
        Some(os) => Stream::language(&os.id),
        None => Stream::language("linux"),
    }
}

/// Folders of a host where language components live outside of packages.
const PLACES: [&str; 8] =
    ["usr/lib/python3", "usr/local", "usr/lib/node_modules", "usr/share/java", "usr/lib/jvm", "opt", "srv", "var/www"];

fn languages(root: &Root, options: &Options<'_>, inventory: &mut Inventory) {
    options.progress.stage("looking for language components");
    let owned = packages::owned_files(root);
    let mut found = walk::Found::default();
    // The walk follows no link, so a root's folders cannot lead outside; the
    // starting folders themselves must be real folders.
    for place in PLACES {
        let start = root.path().join(place);
        if start.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) && !through_link(root.path(), place) {
            walk::walk(root.path(), place, walk::For::Host, &owned, options.progress, &mut found);
        }
    }
    let (components, problems) = found.finish();
    inventory.components.extend(components);
    inventory.problems.extend(problems);
}

/// Whether a folder above the last one is a link.
fn through_link(base: &Path, place: &str) -> bool {
    let mut path = base.to_owned();
    place.split('/').any(|name| {
        path.push(name);
        path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
    })
}
