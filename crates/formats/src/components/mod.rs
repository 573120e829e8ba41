//! Language components: lock files, installed metadata, archives and
//! executables.
//!
//! [`recognise`] says by name which reader a file needs, [`recognise_binary`]
//! says by content whether a file is an executable worth reading, and
//! [`read`] turns bytes into components. Nothing here opens a file: the crate
//! `host` walks folders and calls this.
//!
//! What a component's fields hold:
//! - `name` is the one spelling of [`Stream::normalise_name`]; Maven is
//!   `group:artifact`.
//! - `version` is what the file states, with one exception: Go module versions
//!   lose their leading `v`, as in the records of the Go vulnerability
//!   database. The package URL keeps it.
//! - `stream` is set where the code comes from the ecosystem's registry or a
//!   mirror of it. A Git checkout, an address or a local folder may carry the
//!   same name and other code, so it is listed without a stream and shown as
//!   not covered.
//! - `kind` is `Application` for the project itself and its workspace members,
//!   `Library` for everything else.
//!
//! [`Stream::normalise_name`]: plimsoll_core::model::stream::Stream::normalise_name

mod bun;
mod cargo;
mod collect;
mod document;
mod executable;
mod go_build_info;
mod go_module;
mod gradle;
mod jar;
mod kinds;
mod lenient;
mod maven;
mod npm;
mod nuget;
mod php;
mod pnpm;
mod python_installed;
mod python_locks;
mod reach;
mod requirements;
mod ruby;
#[cfg(test)]
mod tests;
mod xml;
mod yarn;

pub use kinds::{FileKind, recognise, recognise_binary};

use crate::bounded::Limits;
use collect::Collector;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::problem::Problem;

/// What one file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Its components, sorted by name and version, each once.
    pub components: Vec<Component>,
    /// Lines or entries that could not be read, each named; the first fifty
    /// one by one, then a count.
    pub problems: Vec<Problem>,
    /// Why the list cannot be complete, as one sentence without a full stop:
    /// the format lists direct dependencies only, or versions are not pinned.
    pub incomplete: Option<String>,
}

/// Reads the components of one file.
///
/// `place` is the path shown to people; it stands in
/// [`Component::locations`]. The same bytes give the same result.
///
/// # Errors
///
/// One [`Problem`] when the file as a whole cannot be read: larger than
/// [`Limits::DOCUMENT`] (256 MiB; executables and archives of any size, since
/// only parts of them are read), not UTF-8, or not of its format. Entries that
/// cannot be read are in [`Found::problems`] instead, and the rest goes on.
pub fn read(kind: FileKind, place: &str, bytes: &[u8]) -> Result<Found, Problem> {
    let partial = matches!(kind, FileKind::Executable | FileKind::Jar);
    if !partial && bytes.len() > Limits::DOCUMENT.bytes {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("has {} bytes, the limit is {}", bytes.len(), Limits::DOCUMENT.bytes),
            "check where the file comes from",
        ));
    }
    let mut collector = Collector::new(place);
    read_into(kind, bytes, &mut collector)?;
    Ok(collector.finish())
}

fn read_into(kind: FileKind, bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    match kind {
        FileKind::CargoLock => cargo::lock(bytes, into),
        FileKind::NpmPackageLock | FileKind::NpmShrinkwrap => npm::lock(bytes, into),
        FileKind::NodeModulesPackageJson => npm::installed(bytes, into),
        FileKind::YarnLock => yarn::lock(bytes, into),
        FileKind::PnpmLock => pnpm::lock(bytes, into),
        FileKind::BunLock => bun::lock(bytes, into),
        FileKind::BunLockBinary => Err(bun::binary(into.place())),
        FileKind::Requirements => requirements::read(bytes, into),
        FileKind::PoetryLock => python_locks::poetry(bytes, into),
        FileKind::UvLock => python_locks::uv(bytes, into),
        FileKind::PipfileLock => python_locks::pipfile(bytes, into),
        FileKind::PyLock => python_locks::pylock(bytes, into),
        FileKind::DistInfoMetadata | FileKind::EggInfo => python_installed::metadata(bytes, into),
        FileKind::GoMod => go_module::read(bytes, into),
        FileKind::Executable => executable::read(bytes, into),
        FileKind::MavenPom => maven::pom(bytes, into),
        FileKind::GradleLock => gradle::lock(bytes, into, false),
        FileKind::GradleBuildscriptLock => gradle::lock(bytes, into, true),
        FileKind::GradleVerification => gradle::verification(bytes, into),
        FileKind::Jar => jar::read(bytes, into),
        FileKind::GemfileLock => ruby::lock(bytes, into),
        FileKind::GemSpec => ruby::specification(bytes, into),
        FileKind::ComposerLock => php::lock(bytes, into),
        FileKind::ComposerInstalled => php::installed(bytes, into),
        FileKind::NugetLock => nuget::lock(bytes, into),
        FileKind::NugetPackagesConfig => nuget::packages_config(bytes, into),
        FileKind::NugetDepsJson | FileKind::NugetAssets => nuget::libraries(bytes, into),
        FileKind::NugetProject => nuget::project(bytes, into),
    }
}
