//! OSV-Scanner's JSON report (`osv-scanner scan --format json`). It names
//! neither its version nor when it looked: whoever brings it says that.

use super::{Collector, parsed, word};
use crate::sbom::lenient::{List, Object, Text, Texts};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scanner::{Reading, Scanner};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Report {
    results: List<Looked>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Looked {
    source: Object<Source>,
    packages: List<Found>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    path: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Found {
    package: Object<Package>,
    vulnerabilities: List<Vulnerability>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Package {
    name: Text,
    os_package_name: Text,
    version: Text,
    ecosystem: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    id: Text,
    aliases: Texts,
    upstream: Texts,
    related: Texts,
}

/// Ecosystems of operating systems, before the colon.
const SYSTEMS: [&str; 12] =
    ["Debian", "Ubuntu", "Red Hat", "AlmaLinux", "Rocky Linux", "SUSE", "openSUSE", "Alpine", "Mageia", "openEuler", "Wolfi", "Chainguard"];

pub(super) fn read(place: &str, text: &str) -> Result<Reading, Problem> {
    let report: Report = parsed(place, text)?;
    let mut collector = Collector::new(place, Scanner::OsvScanner);
    collector.reading.target = report.results.items.iter().find_map(|looked| looked.source.get()?.path.get().and_then(word));
    for found in report.results.items.iter().flat_map(|looked| &looked.packages.items) {
        let Some(package) = found.package.get() else { continue };
        let ecosystem = package.ecosystem.get().unwrap_or_default();
        if !SYSTEMS.contains(&ecosystem.split(':').next().unwrap_or_default()) {
            continue;
        }
        // It lists packages without a finding only when asked to, so that one
        // of the system proves nothing about the others: `system` stays false.
        let name = package.os_package_name.get().or(package.name.get());
        collector.package(name, package.version.get())?;
        for known in &found.vulnerabilities.items {
            let also = known.aliases.0.iter().chain(&known.upstream.0).chain(&known.related.0).map(String::as_str);
            let id = known.id.get();
            // Debian's own records are called DEBIAN-CVE-2026-1.
            let plain = id.and_then(|id| id.split_once("-CVE-")).map(|(_, number)| format!("CVE-{number}"));
            collector.say(id.into_iter().chain(plain.as_deref()).chain(also), name, package.version.get(), Some(true))?;
        }
    }
    Ok(collector.reading)
}
