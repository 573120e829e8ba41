//! Grype's JSON report (`grype dir:/ --output json`).

use super::{Collector, moment, parsed, word};
use crate::sbom::lenient::{List, Object, Text};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scanner::{Reading, Scanner};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Report {
    matches: List<Match>,
    source: Object<Source>,
    distro: Object<Distribution>,
    descriptor: Object<Descriptor>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Match {
    vulnerability: Object<Named>,
    related_vulnerabilities: List<Named>,
    artifact: Object<Artefact>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    id: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Artefact {
    name: Text,
    version: Text,
    #[serde(rename = "type")]
    kind: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    target: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Distribution {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Descriptor {
    version: Text,
    timestamp: Text,
    db: Object<Database>,
}

/// Up to version 0.87 `built` stands at the top, later in `status`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Database {
    built: Text,
    status: Object<Built>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Built {
    built: Text,
}

pub(super) fn read(place: &str, text: &str) -> Result<Reading, Problem> {
    let report: Report = parsed(place, text)?;
    let mut collector = Collector::new(place, Scanner::Grype);
    if let Some(descriptor) = report.descriptor.get() {
        let database = descriptor.db.get();
        let built = database.and_then(|database| database.status.get().and_then(|status| status.built.get()).or(database.built.get()));
        collector.reading.version = descriptor.version.get().and_then(word);
        collector.reading.moment = moment(descriptor.timestamp.get());
        collector.reading.database = moment(built);
    }
    collector.reading.target = report.source.get().and_then(|source| source.target.get()).and_then(word);
    // Grype names a distribution where it found the files of one.
    collector.reading.system = report.distro.get().is_some_and(|distribution| distribution.name.get().is_some());
    for found in &report.matches.items {
        let Some(artefact) = found.artifact.get().filter(|artefact| matches!(artefact.kind.get(), Some("deb" | "rpm" | "apk" | "alpm"))) else { continue };
        let own = found.vulnerability.get().and_then(|named| named.id.get());
        let related = found.related_vulnerabilities.items.iter().filter_map(|named| named.id.get());
        collector.package(artefact.name.get(), artefact.version.get())?;
        collector.say(own.into_iter().chain(related), artefact.name.get(), artefact.version.get(), Some(true))?;
    }
    Ok(collector.reading)
}
