//! .NET: NuGet's lock file, `packages.config`, project files, and the lists
//! that a restored or published project carries.
//!
//! Source: Microsoft's documentation of `PackageReference`,
//! `packages.lock.json`, central package management, and the runtime
//! configuration file `*.deps.json`.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Text};
use super::xml::{self, Element};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lock {
    dependencies: Entries<Entries<Entry<Locked>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Locked {
    #[serde(rename = "type")]
    kind: Text,
    resolved: Text,
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Lock = document::json(into.place(), bytes)?;
    into.shape("dependencies", lock.dependencies.1, true)?;
    for (name, entry) in lock.dependencies.0.iter().flat_map(|(_, framework)| &framework.0) {
        let Some(package) = &entry.0 else {
            into.unread(name, "is not an object");
            continue;
        };
        if package.kind.get() == Some("Project") {
            continue; // a project beside this one: no version, its own lock file
        }
        into.registry(Ecosystem::NuGet, name, package.resolved.get().unwrap_or_default(), Scope::Runtime);
    }
    Ok(())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Libraries {
    libraries: Entries<Entry<Library>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Library {
    #[serde(rename = "type")]
    kind: Text,
}

/// Reads `*.deps.json` and `project.assets.json`: keys are `name/version`.
pub(super) fn libraries(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let list: Libraries = document::json(into.place(), bytes)?;
    into.shape("libraries", list.libraries.1, true)?;
    for (key, entry) in &list.libraries.0 {
        let Some((name, version)) = key.rsplit_once('/') else {
            into.unread(key, "names no version");
            continue;
        };
        let kind = entry.0.as_ref().and_then(|library| library.kind.get());
        let origin = match kind {
            Some("project" | "reference" | "referenceassembly") => Origin::Own,
            _ => Origin::Registry,
        };
        // The runtime that a program brings along is filed as its package.
        let name = name.strip_prefix("runtimepack.").filter(|_| kind == Some("runtimepack")).unwrap_or(name);
        into.add(Found { ecosystem: Ecosystem::NuGet, name, version, origin, scope: Scope::Runtime });
    }
    Ok(())
}

pub(super) fn packages_config(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let root = xml::read(into.place(), bytes)?;
    if root.name != "packages" {
        return Err(Problem::new("E-FORMAT", into.place(), "is not a packages.config", "check the file"));
    }
    for package in root.all("package") {
        let development = package.attribute("developmentDependency") == Some("true");
        let scope = if development { Scope::Development } else { Scope::Runtime };
        let field = |name| package.attribute(name).unwrap_or_default();
        into.registry(Ecosystem::NuGet, field("id"), field("version"), scope);
    }
    Ok(())
}

/// Reads `PackageReference` of a project and `PackageVersion` of
/// `Directory.Packages.props`.
pub(super) fn project(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let root = xml::read(into.place(), bytes)?;
    if root.name != "Project" {
        return Err(Problem::new("E-FORMAT", into.place(), "is not an MSBuild project", "check the file"));
    }
    let mut properties: BTreeMap<String, &str> = BTreeMap::new();
    for property in root.all("PropertyGroup").flat_map(|group| &group.children) {
        if let Some(value) = property.text() {
            properties.insert(property.name.to_lowercase(), value);
        }
    }
    for item in root.all("ItemGroup").flat_map(|group| &group.children) {
        match item.name.as_str() {
            "PackageReference" | "GlobalPackageReference" => reference(item, &properties, into),
            "PackageVersion" => {
                into.incomplete("it sets versions for all projects below it, which need not use each of them");
                reference(item, &properties, into);
            }
            _ => {}
        }
    }
    into.incomplete("a project file names direct dependencies only");
    Ok(())
}

fn reference(item: &Element, properties: &BTreeMap<String, &str>, into: &mut Collector<'_>) {
    let Some(name) = item.attribute("Include").or_else(|| item.attribute("Update")) else { return };
    let version = ["VersionOverride", "Version"]
        .into_iter()
        .find_map(|field| item.attribute(field).or_else(|| item.text_of(field)));
    let version = version.map(|version| {
        let property = version.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
        property.and_then(|name| properties.get(&name.to_lowercase()).copied()).unwrap_or(version)
    });
    let Some(version) = version else {
        return into.incomplete(format!("{} takes its version from elsewhere", printable(name)));
    };
    let exact = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| !inner.contains(','));
    let version = exact.unwrap_or(version);
    if version.contains(['*', '[', ']', '(', ')', ',', '$']) {
        return into.incomplete(format!("{} has no exact version: {}", printable(name), printable(version)));
    }
    // Assets that never reach the program mark build tools.
    let private = item.attribute("PrivateAssets").or_else(|| item.text_of("PrivateAssets"));
    let development = private.is_some_and(|assets| assets.eq_ignore_ascii_case("all"));
    let scope = if development { Scope::Development } else { Scope::Runtime };
    into.registry(Ecosystem::NuGet, name, version, scope);
}
