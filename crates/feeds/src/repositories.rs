//! The operator's `repositories.toml`: from where artefacts are acquired, and
//! whose signature is accepted for each repository.
//!
//! ```toml
//! [[apt]]
//! stream = "debian:12"
//! url = "https://deb.debian.org/debian-security"
//! suite = "bookworm-security"
//! components = ["main"]
//! architectures = ["amd64"]
//! keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
//! max_age = "P8D"
//!
//! [[yum]]
//! stream = "rocky:9"
//! name = "baseos"
//! url = "https://mirror.example.org/rocky/9/BaseOS/x86_64/os"
//! architectures = ["x86_64"]
//! keyring = "/etc/plimsoll/keys/rocky-9.asc"
//! unsigned_metadata = true
//! ```
//!
//! A keyring is named for every repository, because a key that may sign one
//! must not sign another.

use jiff::Span;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// Largest file read.
const LIMIT: usize = 1 << 20;
/// Most repositories of one file.
const REPOSITORIES: usize = 1_000;

/// What `repositories.toml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Repositories {
    /// apt's.
    pub apt: Vec<AptRepository>,
    /// dnf's and yum's.
    pub yum: Vec<YumRepository>,
}

/// One suite.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AptRepository {
    /// Stream of its packages, `debian:12`.
    pub stream: Stream,
    /// Address, as apt's sources name it.
    pub url: Url,
    /// Suite or code name, as apt's sources name it.
    pub suite: String,
    /// Components.
    pub components: Vec<String>,
    /// Architectures.
    pub architectures: Vec<String>,
    /// File of the public keys that may sign it.
    pub keyring: PathBuf,
    /// Greatest age of its `Release`, `P8D`; none leaves it at what the
    /// publisher states.
    #[serde(default)]
    pub max_age: Option<Span>,
}

/// One repository of rpm packages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YumRepository {
    /// Stream of its packages, `rocky:9`.
    pub stream: Stream,
    /// Its id, as hosts' `.repo` files name it.
    pub name: String,
    /// Address of the folder that holds `repodata`.
    pub url: Url,
    /// Architectures.
    pub architectures: Vec<String>,
    /// File of the public keys that may sign its metadata and its packages.
    pub keyring: PathBuf,
    /// Whether metadata without signature is taken; every package must carry a
    /// good signature of its own then, which says who built it and not that it
    /// is the newest.
    #[serde(default)]
    pub unsigned_metadata: bool,
    /// Greatest age of its metadata.
    #[serde(default)]
    pub max_age: Option<Span>,
}

impl AptRepository {
    /// How artefacts, proofs and what was seen last name it.
    pub fn name(&self) -> String {
        format!("{} {}", self.url.as_str().trim_end_matches('/'), self.suite)
    }
}

impl YumRepository {
    /// How artefacts, proofs and what was seen last name it.
    pub fn place(&self) -> String {
        format!("{} {}", self.url.as_str().trim_end_matches('/'), self.name)
    }
}

impl Repositories {
    /// Reads the text of a `repositories.toml`; unknown keys are errors.
    ///
    /// # Errors
    ///
    /// `E-CONFIG`, with what cannot be.
    pub fn parse(place: &str, text: &str) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::new("E-CONFIG", place, why, "correct the file; docs/phases/02-acquire.md shows an example");
        if text.len() > LIMIT {
            return Err(wrong(format!("has {} bytes, the limit is {LIMIT}", text.len())));
        }
        let read: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let count = read.apt.len() + read.yum.len();
        if count == 0 || count > REPOSITORIES {
            return Err(wrong(format!("names {count} repositories, 1 to {REPOSITORIES} are possible")));
        }
        let word = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte));
        for apt in &read.apt {
            let suite = !apt.suite.is_empty() && apt.suite.split('/').all(|part| word(&part.to_owned()) && part != "..");
            let components = !apt.components.is_empty() && apt.components.iter().all(|name| name.split('/').all(|part| word(&part.to_owned()) && part != ".."));
            if !suite || !components || apt.architectures.is_empty() || !apt.architectures.iter().all(word) {
                return Err(wrong(format!("has an [[apt]] entry for {} whose suite, components or architectures are missing or no words; flat repositories are not read", printable(apt.url.as_str()))));
            }
        }
        for yum in &read.yum {
            if !word(&yum.name) || yum.architectures.is_empty() || !yum.architectures.iter().all(word) {
                return Err(wrong(format!("has a [[yum]] entry for {} whose name or architectures are missing or no words", printable(yum.url.as_str()))));
            }
        }
        for url in read.urls() {
            if !matches!(url.scheme(), "https" | "http") || url.host().is_none() || url.query().is_some() || !url.username().is_empty() {
                return Err(wrong(format!("{} is not a plain https or http address", printable(url.host_str().unwrap_or("the address")))));
            }
        }
        Ok(read)
    }

    /// Addresses of all of them.
    pub fn urls(&self) -> Vec<Url> {
        self.apt.iter().map(|apt| &apt.url).chain(self.yum.iter().map(|yum| &yum.url)).cloned().collect()
    }

    /// Keeps the repositories of these streams and suites (yum: names); no
    /// names keep all.
    pub fn only(&mut self, streams: &[String], suites: &[String]) {
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        self.apt.retain(|apt| named(streams, apt.stream.as_str()) && named(suites, &apt.suite));
        self.yum.retain(|yum| named(streams, yum.stream.as_str()) && named(suites, &yum.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[apt]]\nstream = \"debian:12\"\nurl = \"https://deb.example/debian/\"\nsuite = \"bookworm\"\ncomponents = [\"main\"]\narchitectures = [\"amd64\"]\nkeyring = \"k.gpg\"\nmax_age = \"P8D\"\n";

    #[test]
    fn a_file_reads_and_odd_ones_are_refused() {
        let read = Repositories::parse("r.toml", GOOD).unwrap();
        assert_eq!(read.apt[0].name(), "https://deb.example/debian bookworm");
        let wrong = [
            String::new(),
            GOOD.replace("keyring = \"k.gpg\"\n", ""),
            GOOD.replace("P8D", "soon"),
            GOOD.replace("\"bookworm\"", "\"../bookworm\""),
            GOOD.replace("\"bookworm\"", "\"./\""),
            GOOD.replace("https://", "https://user:secret@"),
            GOOD.replace("https://", "file://"),
            format!("{GOOD}trusted = true\n"),
        ];
        for text in wrong {
            let problem = Repositories::parse("r.toml", &text).unwrap_err();
            assert_eq!(problem.code, "E-CONFIG");
        }
    }

    #[test]
    fn streams_and_suites_choose() {
        let mut read = Repositories::parse("r.toml", &format!("{GOOD}{}", GOOD.replace("\"bookworm\"", "\"bookworm-security\""))).unwrap();
        read.only(&[], &["bookworm-security".into()]);
        assert_eq!(read.apt.len(), 1);
        read.only(&["debian:13".into()], &[]);
        assert!(read.apt.is_empty());
    }
}
