//! Gradle: lock files and `verification-metadata.xml`.
//!
//! Source: the Gradle user manual, "Locking versions" and "Verifying
//! dependencies".

use super::collect::{Collector, Ecosystem};
use super::xml;
use crate::bounded::text;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::{Problem, printable};

/// Reads lines `group:artifact:version=configuration,…`; the format before
/// Gradle 7 has no `=`, and its configuration is the file's name.
pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>, buildscript: bool) -> Result<(), Problem> {
    let text = text(into.place(), bytes)?;
    let old_test = into.place().rsplit('/').next().is_some_and(|name| name.starts_with("test"));
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let (coordinates, configurations) = line.split_once('=').unwrap_or((line, ""));
        let fields: Vec<&str> = coordinates.split(':').collect();
        let [group, artifact, version] = fields.as_slice() else {
            into.unread(&format!("line {}", number + 1), &format!("names no component: {}", printable(line)));
            continue;
        };
        let tests_only = if configurations.is_empty() { old_test } else { configurations.split(',').all(is_for_development) };
        let scope = if buildscript || tests_only { Scope::Development } else { Scope::Runtime };
        into.registry(Ecosystem::Maven, &format!("{group}:{artifact}"), version, scope);
    }
    Ok(())
}

/// Configurations that only tests and the compiler's plugins use.
fn is_for_development(configuration: &str) -> bool {
    let name = configuration.trim();
    name.starts_with("test") || name.contains("Test") || name.ends_with("nnotationProcessor")
}

pub(super) fn verification(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let root = xml::read(into.place(), bytes)?;
    if root.name != "verification-metadata" {
        return Err(Problem::new("E-FORMAT", into.place(), "is not Gradle's verification file", "check the file"));
    }
    for component in root.child("components").into_iter().flat_map(|list| list.all("component")) {
        let field = |name| component.attribute(name).unwrap_or_default();
        let (group, artifact) = (field("group"), field("name"));
        if group.is_empty() || artifact.is_empty() {
            into.unread("component", "has no group or no name");
            continue;
        }
        into.registry(Ecosystem::Maven, &format!("{group}:{artifact}"), field("version"), Scope::Runtime);
    }
    into.incomplete("the file lists all that Gradle verified, so build plugins and former versions may be among it");
    Ok(())
}
