//! The operator's `sources.toml`: mirrors, own sources, sources left out.
//!
//! ```toml
//! disabled = ["epss"]
//! allow_hosts = ["cdn.example.org"]
//!
//! [mirrors]
//! base = "https://mirror.example.org/plimsoll"
//! hosts."osv-vulnerabilities.storage.googleapis.com" = "https://mirror.example.org/osv"
//!
//! [source."osv/Debian"]
//! url = "https://mirror.example.org/debian-osv.zip"
//!
//! [[csaf]]
//! name = "acme"
//! provider = "https://acme.example/.well-known/csaf/provider-metadata.json"
//! streams = ["acme:*"]
//!
//! [[feed]]
//! name = "router-vendor"
//! url = "https://vendor.example/security.rss"
//!
//! [[updateinfo]]
//! repository = "baseos"
//! url = "https://repo.example/baseos/repodata/updateinfo.xml.gz"
//! streams = ["rocky:9"]
//! ```

use super::client::NetworkOptions;
use crate::catalogue::{Catalogue, Kind, Reach, SourceEntry};
use plimsoll_core::model::problem::{Problem, printable};
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// Largest file read.
const LIMIT: usize = 1 << 20;

/// What `sources.toml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Additions {
    disabled: Vec<String>,
    allow_hosts: Vec<String>,
    mirrors: Mirrors,
    source: BTreeMap<String, Override>,
    csaf: Vec<Csaf>,
    feed: Vec<Feed>,
    updateinfo: Vec<Updateinfo>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Mirrors {
    base: Option<String>,
    hosts: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Override {
    url: Option<String>,
    usual_mib: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Csaf {
    name: String,
    provider: String,
    #[serde(default)]
    streams: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feed {
    name: String,
    url: String,
    #[serde(default)]
    streams: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Updateinfo {
    repository: String,
    url: String,
    #[serde(default)]
    streams: Vec<String>,
}

impl Additions {
    /// Reads the text of a `sources.toml`; unknown keys are errors, because a
    /// misspelt one would be silently without effect.
    pub fn parse(place: &str, text: &str) -> Result<Self, Problem> {
        if text.len() > LIMIT {
            return Err(config(place, format!("has {} bytes, the limit is {LIMIT}", text.len())));
        }
        toml::from_str(text).map_err(|error| config(place, error.to_string()))
    }

    /// Puts everything it says into the catalogue and the network options.
    ///
    /// Names that match nothing are errors, for the same reason as unknown
    /// keys.
    pub fn apply(self, place: &str, catalogue: &mut Catalogue, network: &mut NetworkOptions) -> Result<(), Problem> {
        network.allow_hosts.extend(self.allow_hosts);
        if network.mirror.is_none() {
            network.mirror = self.mirrors.base;
        }
        network.host_mirrors.extend(self.mirrors.hosts);
        for (name, change) in self.source {
            if let Some(url) = &change.url {
                address(place, url)?;
            }
            let known = catalogue.change(&name, |entry| {
                if let Some(url) = change.url {
                    entry.url = url;
                    entry.by_operator = true;
                }
                if let Some(mib) = change.usual_mib {
                    entry.usual_bytes = mib.saturating_mul(1 << 20);
                }
            });
            if !known {
                return Err(unknown(place, &name));
            }
        }
        for name in self.disabled {
            if !catalogue.remove(&name) {
                return Err(unknown(place, &name));
            }
        }
        let csaf = self.csaf.into_iter().map(|own| SourceEntry {
            redirect_hosts: own.hosts,
            ..entry(format!("csaf/{}", own.name), own.provider, format!("csaf/{}", own.name), own.streams, Kind::CsafProvider)
        });
        let feeds = self
            .feed
            .into_iter()
            .map(|own| entry(format!("feed/{}", own.name), own.url, format!("feeds/{}.xml", own.name), own.streams, Kind::Feed));
        let updateinfo = self.updateinfo.into_iter().map(|own| {
            let packed = ["gz", "xz", "zst", "bz2"].into_iter().find(|packed| own.url.ends_with(&format!(".{packed}")));
            let path = match packed {
                Some(packed) => format!("updateinfo/{}.xml.{packed}", own.repository),
                None => format!("updateinfo/{}.xml", own.repository),
            };
            entry(format!("updateinfo/{}", own.repository), own.url, path, own.streams, Kind::Updateinfo)
        });
        for own in csaf.chain(feeds).chain(updateinfo) {
            own.check(place)?;
            address(place, &own.url)?;
            catalogue.add(own);
        }
        Ok(())
    }
}

/// An operator's own source, with limits that fit most publishers.
fn entry(name: String, url: String, path: String, streams: Vec<String>, kind: Kind) -> SourceEntry {
    SourceEntry {
        name,
        url,
        path,
        streams,
        kind,
        usual_bytes: 32 << 20,
        licence: "not stated".to_owned(),
        reach: Reach::Host,
        notes: String::new(),
        redirect_hosts: Vec::new(),
        releases: Vec::new(),
        first_year: None,
        distribution: None,
        archive: None,
        directory: None,
        by_operator: true,
    }
}

fn address(place: &str, text: &str) -> Result<(), Problem> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.host().is_some() => Ok(()),
        _ => Err(config(place, format!("\u{201c}{}\u{201d} is not an https address", printable(text)))),
    }
}

fn unknown(place: &str, name: &str) -> Problem {
    Problem::new(
        "E-CONFIG",
        place,
        format!("there is no source named \u{201c}{}\u{201d}", printable(name)),
        "use a name that `plimsoll db sources` lists; yearly and per-release ones are named with {year} or {release}",
    )
}

fn config(place: &str, why: String) -> Problem {
    Problem::new("E-CONFIG", place, why, "correct the file; the guide shows an example")
}
