//! Hosts and advisories of a trial.

use super::Trial;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::{Host, OperatingSystem, Repository};
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::update::Update;
use std::time::Duration;

/// Numbers that follow from a seed, so that a failure comes again.
pub struct Dice(pub u64);

impl Dice {
    /// One of the numbers below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Source packages of a host.
pub const SOURCES: u64 = 30;

/// What a Debian host of this name reports.
pub fn report(name: &str, dice: &mut Dice) -> Report {
    let stream = Stream::release("debian", "12");
    let (mut components, mut updates, mut offered) = (Vec::new(), Vec::new(), Vec::new());
    for source in 0..SOURCES {
        for part in 0..=source % 3 {
            let (package, version) = (format!("lib{source}-{part}"), format!("{}-1", 1 + dice.below(4)));
            components.push(Component {
                purl: format!("pkg:deb/debian/{package}@{version}?arch=amd64&distro=debian-12"),
                name: package.clone(),
                version: version.clone(),
                arch: Some("amd64".into()),
                source: Some(format!("source{source}")),
                source_version: Some(version.clone()),
                stream: Some(stream.clone()),
                ..Component::default()
            });
            if dice.below(3) == 0 {
                let candidate = format!("{}-1", 4 + dice.below(3));
                let origin = "Debian-Security:12/stable-security".to_owned();
                offered.push(OfferedPackage {
                    package: package.clone(),
                    arch: "amd64".into(),
                    version: candidate.clone(),
                    source_version: Some(candidate.clone()),
                    origin: origin.clone(),
                });
                updates.push(Update {
                    package,
                    arch: "amd64".into(),
                    installed: Some(version),
                    source: Some(format!("source{source}")),
                    source_version: Some(candidate.clone()),
                    candidate,
                    security: dice.below(2) == 0,
                    origin,
                    ..Update::default()
                });
            }
        }
    }
    // A package that only the plan knows, installed with its source.
    updates.push(Update {
        package: "lib3-new".into(),
        arch: "amd64".into(),
        candidate: "6-1".into(),
        source: Some("source3".into()),
        source_version: Some("6-1".into()),
        origin: "Debian-Security:12/stable-security".into(),
        security: true,
        new: true,
        ..Update::default()
    });
    let os = OperatingSystem { id: "debian".into(), version: "12".into(), name: "Debian 12".into(), stream: Some(stream), ..OperatingSystem::default() };
    let repositories = vec![Repository { id: "security".into(), ..Repository::default() }];
    Report {
        schema: Report::SCHEMA.to_owned(),
        agent: "test".to_owned(),
        host: Host { name: name.to_owned(), os: Some(os), repositories, ..Host::default() },
        components,
        updates: Some(updates),
        held_updates: Vec::new(),
        offered,
        problems: Vec::new(),
    }
}

/// An advisory for a source package, as a file and its text.
pub fn advisory(number: u64, source: u64, fixed: &str, cve: u64) -> (String, String) {
    let text = serde_json::json!({
        "schema_version": "1.6.0",
        "id": format!("DSA-{number}-1"),
        "published": "2026-03-01T00:00:00Z",
        "modified": "2026-03-02T00:00:00Z",
        "summary": "a test",
        "upstream": [format!("CVE-2026-{cve:04}")],
        "affected": [{
            "package": { "ecosystem": "Debian:12", "name": format!("source{source}") },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
    });
    (format!("osv/Debian/DSA-{number}-1.json"), text.to_string())
}

/// Puts a database of these advisories, and no others, in the server's way.
pub fn advise(trial: &Trial, all: &[(String, String)]) {
    trial.forget_advice();
    trial.advise(&all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
}

/// Waits until hosts are judged by another database than before, and gives its
/// digest.
pub async fn judged_again(trial: &Trial, before: Option<String>) -> String {
    let app = trial.app();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let digest = app.advisories.held().map(|held| held.named.digest.clone());
        let busy = app.notices.judging.load(std::sync::atomic::Ordering::Acquire);
        let settled = digest != before && !busy && app.late.lock().unwrap().is_empty();
        if let Some(digest) = digest.filter(|_| settled) {
            return digest;
        }
    }
    panic!("the server does not take up the database");
}
