//! Trivy's JSON report (`trivy rootfs --format json`), schema 2.

use super::{Collector, moment, parsed, word};
use crate::sbom::lenient::{List, Object, Text, Texts, Whole};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scanner::{Reading, Scanner};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Report {
    trivy: Object<Program>,
    created_at: Text,
    artifact_name: Text,
    results: List<Looked>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Program {
    version: Text,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Looked {
    class: Text,
    packages: List<Package>,
    vulnerabilities: List<Vulnerability>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Package {
    name: Text,
    version: Text,
    release: Text,
    epoch: Whole,
}

impl Package {
    /// The version as dpkg and rpm write it: Trivy takes it apart.
    fn whole(&self) -> Option<String> {
        let mut whole = self.version.owned()?;
        if let Some(epoch) = self.epoch.0.filter(|epoch| *epoch > 0) {
            whole = format!("{epoch}:{whole}");
        }
        if let Some(release) = self.release.get() {
            whole = format!("{whole}-{release}");
        }
        Some(whole)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: Text,
    #[serde(rename = "VendorIDs")]
    vendor: Texts,
    #[serde(rename = "PkgName")]
    package: Text,
    #[serde(rename = "InstalledVersion")]
    installed: Text,
}

pub(super) fn read(place: &str, text: &str) -> Result<Reading, Problem> {
    let report: Report = parsed(place, text)?;
    let mut collector = Collector::new(place, Scanner::Trivy);
    collector.reading.version = report.trivy.get().and_then(|program| program.version.get()).and_then(word);
    collector.reading.moment = moment(report.created_at.get());
    collector.reading.target = report.artifact_name.get().and_then(word);
    for looked in &report.results.items {
        let system = looked.class.get() == Some("os-pkgs");
        collector.reading.system |= system;
        // Libraries of applications bear names that packages bear as well.
        if !system {
            continue;
        }
        for package in &looked.packages.items {
            collector.package(package.name.get(), package.whole().as_deref())?;
        }
        for found in &looked.vulnerabilities.items {
            let ids = found.id.get().into_iter().chain(found.vendor.0.iter().map(String::as_str));
            collector.package(found.package.get(), found.installed.get())?;
            collector.say(ids, found.package.get(), found.installed.get(), Some(true))?;
        }
    }
    Ok(collector.reading)
}
