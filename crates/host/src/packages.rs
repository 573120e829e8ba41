//! The package database of a root: dpkg, rpm, apk or pacman.

use crate::root::{Kind, Root};
use crate::run::{self, TIMEOUT};
use crate::stream_of;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::OperatingSystem;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_formats::packages::{alpine, control, dpkg, pacman, rpm};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Longest dpkg status or apk database: 100,000 packages.
const STATUS_LIMIT: usize = 128 << 20;
/// Longest rpm database; a desktop's has 150 MB.
const RPM_LIMIT: usize = 1 << 30;
/// Longest pacman or distroless entry.
const ENTRY_LIMIT: usize = 8 << 20;
/// Most bytes read of dpkg's file lists.
const LISTS_LIMIT: usize = 256 << 20;

/// Which package manager keeps the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum System {
    /// dpkg, with its status as text.
    Dpkg { status: String },
    /// rpm.
    Rpm,
    /// apk.
    Apk,
    /// pacman.
    Pacman,
    /// None found.
    None,
}

#[derive(Debug)]
pub(crate) struct Found {
    pub system: System,
    pub components: Vec<Component>,
    /// Architecture that most packages have.
    pub arch: Option<String>,
}

/// Where rpm keeps its database, newest place and kind first.
const RPM_FILES: [&str; 8] = [
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
    "var/lib/rpm/Packages.db",
    "usr/share/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "var/lib/rpm/Packages",
    "usr/share/rpm/Packages",
];

/// Reads whichever package database is there.
///
/// The one of the operating system's own kind wins where several are (a
/// Debian host may have rpm installed, whose database is empty).
pub(crate) fn read(root: &Root, os: Option<&OperatingSystem>, problems: &mut Vec<Problem>) -> Found {
    let stream = stream_of(os);
    let mut components = Vec::new();
    let system = dpkg_packages(root, &stream, &mut components, problems)
        .or_else(|| apk_packages(root, &stream, &mut components, problems))
        .or_else(|| pacman_packages(root, &stream, &mut components, problems))
        .or_else(|| rpm_packages(root, &stream, &mut components, problems));
    if system.is_none() && !problems.iter().any(|problem| problem.code.starts_with("E-")) {
        problems.push(Problem::new(
            "W-PACKAGES",
            root.path().to_string_lossy(),
            "holds no package database of dpkg, rpm, apk or pacman",
            "name the folder that stands for / of the scanned system",
        ));
    }
    if os.is_none_or(|os| os.stream.is_none()) {
        // Advisories of a repository without a distribution are kept under the
        // stream `rpm`; nothing of the kind exists for other systems.
        let by_repository = matches!(system, Some(System::Rpm)).then(|| Stream::language("rpm"));
        components.iter_mut().for_each(|component| component.stream.clone_from(&by_repository));
    }
    let arch = usual_arch(&components);
    Found { system: system.unwrap_or(System::None), components, arch }
}

fn usual_arch(components: &[Component]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for arch in components.iter().filter_map(|component| component.arch.as_deref()) {
        if !["all", "noarch", "any"].contains(&arch) {
            *counts.entry(arch).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(arch, _)| arch.to_owned())
}

/// Reads a file, turning trouble into a problem.
fn file(root: &Root, path: &str, limit: usize, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    root.read(path, limit).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

/// Takes bytes as text without copying where they are UTF-8.
fn text(path: &str, bytes: Vec<u8>, problems: &mut Vec<Problem>) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => match control::text(path, error.as_bytes()) {
            Ok((text, problem)) => {
                problems.extend(problem);
                Some(text.into_owned())
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        },
    }
}

fn dpkg_packages(root: &Root, stream: &Stream, components: &mut Vec<Component>, problems: &mut Vec<Problem>) -> Option<System> {
    const STATUS: &str = "var/lib/dpkg/status";
    let status = file(root, STATUS, STATUS_LIMIT, problems).and_then(|bytes| text(STATUS, bytes, problems)).unwrap_or_default();
    if !status.trim().is_empty() {
        take(dpkg::parse(STATUS, &status), STATUS, stream, components, problems);
        return Some(System::Dpkg { status });
    }
    const FOLDER: &str = "var/lib/dpkg/status.d";
    let names = root.list(FOLDER).unwrap_or_default();
    for name in names.iter().filter(|name| !name.ends_with(".md5sums")) {
        let path = format!("{FOLDER}/{name}");
        let Some(entry) = file(root, &path, ENTRY_LIMIT, problems).and_then(|bytes| text(&path, bytes, problems)) else { continue };
        take(dpkg::parse_status_d(&path, &entry), &path, stream, components, problems);
    }
    // A distroless image has no apt and nothing to plan.
    (!names.is_empty()).then_some(System::None)
}

fn take(database: dpkg::Database<'_>, place: &str, stream: &Stream, components: &mut Vec<Component>, problems: &mut Vec<Problem>) {
    for package in database.packages.iter().filter(|package| package.status.is_present()) {
        let mut component = package.to_component(stream);
        component.locations = vec![place.to_owned()];
        components.push(component);
    }
    let broken: Vec<&str> =
        database.packages.iter().filter(|package| package.status.is_broken()).map(|package| package.name).take(5).collect();
    if !broken.is_empty() {
        problems.push(Problem::new(
            "W-INTERRUPTED",
            place,
            format!("dpkg was interrupted; not properly installed: {}", broken.join(", ")),
            "run `dpkg --configure -a` on the host",
        ));
    }
    problems.extend(database.problems);
}

fn apk_packages(root: &Root, stream: &Stream, components: &mut Vec<Component>, problems: &mut Vec<Problem>) -> Option<System> {
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let Some(database) = file(root, path, STATUS_LIMIT, problems).and_then(|bytes| text(path, bytes, problems)) else { continue };
        let read = alpine::parse(path, &database);
        components.extend(read.packages.iter().map(|package| {
            let mut component = package.to_component(stream);
            component.locations = vec![path.to_owned()];
            component
        }));
        problems.extend(read.problems);
        return Some(System::Apk);
    }
    None
}

fn pacman_packages(root: &Root, stream: &Stream, components: &mut Vec<Component>, problems: &mut Vec<Problem>) -> Option<System> {
    const FOLDER: &str = "var/lib/pacman/local";
    let names = root.list(FOLDER).unwrap_or_default();
    let mut found = false;
    for name in names {
        let path = format!("{FOLDER}/{name}/desc");
        let Some(bytes) = file(root, &path, ENTRY_LIMIT, problems) else { continue };
        found = true;
        match pacman::desc(&path, &bytes) {
            Ok(package) => {
                let mut component = package.to_component(stream);
                component.locations = vec![path];
                components.push(component);
            }
            Err(problem) => problems.push(problem),
        }
    }
    found.then_some(System::Pacman)
}

fn rpm_packages(root: &Root, stream: &Stream, components: &mut Vec<Component>, problems: &mut Vec<Problem>) -> Option<System> {
    let path = RPM_FILES.into_iter().find(|path| root.kind(path) == Some(Kind::File))?;
    let bytes = match root.head(path, 16) {
        // Berkeley DB is refused by name before hundreds of megabytes are read.
        Ok(Some(first)) if rpm::is_berkeley(&first) => Err(rpm::refuse_berkeley(path)),
        Ok(_) => root.read(path, RPM_LIMIT),
        Err(problem) => Err(problem),
    };
    let wal = root.read(&format!("{path}-wal"), RPM_LIMIT).ok().flatten().map_or(0, |bytes| bytes.len() as u64);
    let read = bytes.and_then(|bytes| rpm::parse(path, &bytes.unwrap_or_default(), wal));
    let read = match read {
        Ok(read) => Ok(read),
        // The host's own rpm reads whatever kind it writes.
        Err(problem) if root.path() == Path::new("/") => query().ok_or(problem),
        Err(problem) => Err(problem),
    };
    match read {
        Ok(database) => {
            let mut read = rpm::to_components(&database.packages, stream);
            read.iter_mut().for_each(|component| component.locations = vec![path.to_owned()]);
            components.extend(read);
            problems.extend(database.problems);
        }
        Err(problem) => problems.push(problem),
    }
    Some(System::Rpm)
}

/// Asks the live host's rpm.
fn query() -> Option<rpm::Database> {
    let program = run::find("rpm")?;
    let ran = run::run(&program, ["-qa", "--qf", rpm::QUERY_FORMAT], &[], TIMEOUT).ok()?;
    (ran.code == Some(0)).then(|| rpm::parse_query("rpm -qa", ran.output.as_bytes()).ok())?
}

/// Files that dpkg's packages own, relative to the root, so that a library
/// inside a package is not counted twice.
pub(crate) fn owned_files(root: &Root) -> HashSet<String> {
    const FOLDER: &str = "var/lib/dpkg/info";
    let mut owned = HashSet::new();
    let mut bytes = 0;
    for name in root.list(FOLDER).unwrap_or_default() {
        if !name.ends_with(".list") {
            continue;
        }
        let Ok(Some(list)) = root.read(&format!("{FOLDER}/{name}"), ENTRY_LIMIT) else { continue };
        bytes += list.len();
        if bytes > LISTS_LIMIT {
            break;
        }
        let text = String::from_utf8_lossy(&list);
        owned.extend(text.lines().map(|line| line.trim_start_matches('/').to_owned()));
    }
    owned
}
