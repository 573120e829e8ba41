//! Writing a repository that apt installs from: `Packages` and `Release`.

use super::release::Release;
use crate::protocol::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a `Release` file says of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite<'a> {
    /// Whose suite it is, and which.
    pub named: &'a Publisher,
    /// `Description`, one line.
    pub description: &'a str,
    /// `Architectures`, without `all`.
    pub architectures: &'a [String],
    /// `Date`.
    pub date: Timestamp,
}

/// How a `Release` file names its suite: what hosts' rules (pins, automatic
/// updates, which update is a security update) go by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// `Origin`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// `Label`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `Suite`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// `Codename`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `Version`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `NotAutomatic: yes`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub but_automatic_upgrades: bool,
}

impl Publisher {
    /// What a publisher's `Release` says.
    pub fn of(release: &Release) -> Self {
        Self {
            origin: release.origin.clone(),
            label: release.label.clone(),
            suite: release.suite.clone(),
            codename: release.codename.clone(),
            version: release.version.clone(),
            not_automatic: release.not_automatic,
            but_automatic_upgrades: release.but_automatic_upgrades,
        }
    }

    /// One name for everything.
    pub fn own(origin: &str, suite: &str) -> Self {
        let (origin, suite) = (Some(origin.to_owned()), Some(suite.to_owned()));
        Self { origin: origin.clone(), label: origin, suite: suite.clone(), codename: suite, ..Self::default() }
    }

    /// Whether both name the same suite; `Suite` and `Version` move with time
    /// (`stable` becomes `oldstable`).
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.origin, &self.label, &self.codename) == (&other.origin, &other.label, &other.codename)
    }
}

/// Writes the `Packages` file of one architecture; the records end with a line
/// feed each.
pub fn packages<'a>(stanzas: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for stanza in stanzas {
        out.push_str(stanza);
        out.push('\n');
    }
    out
}

/// Writes `Release` over these files, by their paths below the suite's folder.
///
/// There is no `Valid-Until`: a frozen set is never replaced, so that nothing
/// newer could be withheld; how long it may be used is said by whoever deploys
/// from it.
pub fn release(suite: &Suite<'_>, files: &BTreeMap<String, Vec<u8>>) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = suite.named;
    let yes = |flag: bool| flag.then(|| "yes".to_owned());
    let fields = [
        ("Origin", named.origin.clone()),
        ("Label", named.label.clone()),
        ("Suite", named.suite.clone()),
        ("Version", named.version.clone()),
        ("Codename", named.codename.clone()),
        ("Date", Some(suite.date.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string())),
        ("NotAutomatic", yes(named.not_automatic)),
        ("ButAutomaticUpgrades", yes(named.but_automatic_upgrades)),
        ("Architectures", Some(suite.architectures.join(" "))),
        ("Components", Some("main".to_owned())),
        ("Description", Some(suite.description.to_owned())),
    ];
    let mut out = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            out.push_str(&format!("{name}: {}\n", line(&value)));
        }
    }
    out.push_str("Acquire-By-Hash: yes\nSHA256:\n");
    for (path, bytes) in files {
        out.push_str(&format!(" {} {} {path}\n", digest(bytes), bytes.len()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::release;
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_it_was_named() {
        let named = Publisher { not_automatic: true, but_automatic_upgrades: true, version: Some("12".into()), ..Publisher::own("Debian", "bookworm\nSuite: evil") };
        let architectures = ["amd64".to_owned()];
        let suite = Suite { named: &named, description: "a set", architectures: &architectures, date: Timestamp::UNIX_EPOCH };
        let text = release(&suite, &BTreeMap::from([("main/binary-amd64/Packages".to_owned(), b"x".to_vec())]));
        let (read, problems) = release::parse("Release", text.as_bytes()).unwrap();
        assert_eq!(problems, []);
        let clean = Some("bookworm Suite: evil".to_owned());
        assert_eq!(Publisher::of(&read), Publisher { suite: clean.clone(), codename: clean, ..named.clone() });
        assert_eq!((read.date, read.architectures), (Some(Timestamp::UNIX_EPOCH), architectures.to_vec()));
        assert_eq!(release::contents("Release", &text).unwrap().files.len(), 1);
        let bare = release(&Suite { named: &Publisher::default(), ..suite }, &BTreeMap::new());
        assert!(bare.starts_with("Date: Thu, 01 Jan 1970 00:00:00 UTC\nArchitectures: amd64\n"), "nothing is said that the publisher does not say: {bare}");
    }
}
