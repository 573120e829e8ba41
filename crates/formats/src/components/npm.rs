//! npm: `package-lock.json`, `npm-shrinkwrap.json`, installed `package.json`.
//!
//! Source: the npm documentation, `package-lock.json` and `package.json`.
//! Version 1 has a tree `dependencies`, version 3 a flat `packages` by path,
//! version 2 both; `packages` is then the better one.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Flag, Text};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Lock {
    lockfile_version: Text,
    name: Text,
    version: Text,
    packages: Option<Entries<Entry<Package>>>,
    dependencies: Entries<Entry<Dependency>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Package {
    name: Text,
    version: Text,
    resolved: Text,
    link: Flag,
    dev: Flag,
    optional: Flag,
    dev_optional: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Dependency {
    version: Text,
    resolved: Text,
    dev: Flag,
    optional: Flag,
    dependencies: Entries<Entry<Dependency>>,
}

fn scope(development: Flag, optional: Flag) -> Scope {
    match (development.0, optional.0) {
        (true, _) => Scope::Development,
        (false, true) => Scope::Optional,
        _ => Scope::Runtime,
    }
}

/// Tells code hosts from registries by address.
///
/// Companies mirror the registry under addresses of their own, so whatever is
/// not known as a code host counts as a mirror: a missed finding is worse than
/// one too many.
pub(super) fn origin(resolved: &str) -> Origin<'_> {
    const CODE_HOSTS: [&str; 4] =
        ["https://codeload.github.com/", "https://github.com/", "https://gitlab.com/", "https://bitbucket.org/"];
    let git = ["git+", "git:", "git@", "ssh:", "github:", "gitlab:", "bitbucket:"];
    if git.iter().any(|prefix| resolved.starts_with(prefix)) || resolved.contains(".git#") {
        Origin::Repository(resolved)
    } else if resolved.starts_with("file:") || resolved.starts_with("link:") || resolved.starts_with("workspace:") {
        Origin::Own
    } else if CODE_HOSTS.iter().any(|host| resolved.starts_with(host)) {
        Origin::Address(resolved)
    } else {
        Origin::Registry
    }
}

/// Splits `name@rest`, minding the `@` that begins a scope.
pub(super) fn split_at_version(text: &str) -> Option<(&str, &str)> {
    let from = usize::from(text.starts_with('@'));
    let at = text.get(from..)?.find('@')? + from;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Lock = document::json(into.place(), bytes)?;
    match lock.packages {
        Some(packages) => {
            into.shape("packages", packages.1, false)?;
            for (path, entry) in &packages.0 {
                match &entry.0 {
                    Some(package) => flat(path, package, into),
                    None => into.unread(path, "is not an object"),
                }
            }
        }
        None => {
            // Version 1 leaves the list out where there is nothing to lock.
            into.shape("dependencies", lock.dependencies.1, lock.lockfile_version.get().is_none())?;
            own(&lock.name, &lock.version, into);
            tree(lock.dependencies, into);
        }
    }
    Ok(())
}

fn own(name: &Text, version: &Text, into: &mut Collector<'_>) {
    // Private projects often have no version; there is nothing to judge then.
    if let (Some(name), Some(version)) = (name.get(), version.get()) {
        into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin: Origin::Own, scope: Scope::Runtime });
    }
}

fn flat(path: &str, package: &Package, into: &mut Collector<'_>) {
    let Some((_, installed_as)) = path.rsplit_once("node_modules/") else {
        return own(&package.name, &package.version, into);
    };
    if package.link.0 {
        return; // the folder it points at has an entry of its own
    }
    // A name stands here only when it differs: an alias.
    let name = package.name.get().unwrap_or(installed_as);
    let Some(version) = package.version.get() else {
        return into.unread(path, "has no version");
    };
    let origin = origin(package.resolved.get().unwrap_or_default());
    // Needed for development, or as an option of something installed.
    let optional = Flag(package.optional.0 || package.dev_optional.0);
    into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin, scope: scope(package.dev, optional) });
}

/// Walks version 1's tree; the JSON reader has bounded its depth.
fn tree(dependencies: Entries<Entry<Dependency>>, into: &mut Collector<'_>) {
    let mut open = dependencies.0;
    while let Some((name, entry)) = open.pop() {
        let Some(dependency) = entry.0 else {
            into.unread(&name, "is not an object");
            continue;
        };
        open.extend(dependency.dependencies.0);
        let stated = dependency.version.get().unwrap_or_default();
        let alias = stated.strip_prefix("npm:").and_then(split_at_version);
        let (name, version) = alias.unwrap_or((&name, stated));
        let exact = version.starts_with(|first: char| first.is_ascii_digit());
        // Anything but a version here is the address it was taken from.
        let origin = origin(if exact { dependency.resolved.get().unwrap_or_default() } else { version });
        let scope = scope(dependency.dev, dependency.optional);
        into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin, scope });
    }
}

pub(super) fn installed(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Manifest {
        name: Text,
        version: Text,
        #[serde(rename = "_resolved")]
        resolved: Text,
    }
    let manifest: Manifest = document::json(into.place(), bytes)?;
    into.add(Found {
        ecosystem: Ecosystem::Npm,
        name: manifest.name.get().unwrap_or_default(),
        version: manifest.version.get().unwrap_or_default(),
        origin: origin(manifest.resolved.get().unwrap_or_default()),
        scope: Scope::Runtime,
    });
    Ok(())
}
