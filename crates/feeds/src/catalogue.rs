//! The **catalogue**: which sources there are, where they are published, and
//! which streams they speak of.
//!
//! The built-in part is data (`catalogue.toml`, dated); an operator's
//! `sources.toml` adds to it (see [`crate::fetch::additions`]).

use jiff::civil::Date;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The built-in catalogue's text.
const BUILT_IN: &str = include_str!("catalogue.toml");

/// All sources that can be fetched, templates not yet filled in.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Day on which the addresses were last looked over.
    pub dated: String,
    /// Templates in the order of the file.
    entries: Vec<SourceEntry>,
    /// The last year `{year}` stands for.
    this_year: i16,
}

/// One source: where it is, where it goes, what it serves.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// Short stable name, `osv/Debian`, `kev`, `csaf/redhat`.
    pub name: String,
    /// Public address.
    pub url: String,
    /// Path inside the cache, with `/`; a folder for CSAF providers.
    pub path: String,
    /// Streams it speaks of: exact (`npm`), a family (`debian:*`), or `*` for
    /// facts by CVE or product that every stream needs.
    #[serde(default)]
    pub streams: Vec<String>,
    /// Format.
    pub kind: Kind,
    /// Usual size of one fetch in bytes; three times as much is refused.
    #[serde(rename = "usual", deserialize_with = "size")]
    pub usual_bytes: u64,
    /// Licence of the content, or what is known of it.
    pub licence: String,
    /// Who fetches it without being asked.
    pub reach: Reach,
    /// What is unsure or worth knowing.
    #[serde(default)]
    pub notes: String,
    /// Hosts it may redirect to, beside its own.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
    /// Releases `{release}` stands for when everything is wanted.
    #[serde(default)]
    pub releases: Vec<String>,
    /// First year `{year}` stands for.
    #[serde(default)]
    pub first_year: Option<i16>,
    /// For CSAF: only distributions whose address ends so.
    #[serde(default)]
    pub distribution: Option<String>,
    /// For CSAF: an archive of all documents for the first run; a `.txt` names
    /// the archive that lies beside it.
    #[serde(default)]
    pub archive: Option<String>,
    /// For CSAF: the folder to use when the provider metadata cannot be had.
    #[serde(default)]
    pub directory: Option<String>,
    /// Whether the operator's own configuration named it; its host may then be
    /// private or loopback.
    #[serde(skip)]
    pub by_operator: bool,
}

/// The format of a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Zip of OSV records.
    OsvZip,
    /// xz-compressed tar of OSV records (Ubuntu).
    OsvTarXz,
    /// xz-compressed tar of OpenVEX documents (Ubuntu).
    VexTarXz,
    /// Debian's DSA or DLA text list.
    DebianList,
    /// Debian's tracker as JSON.
    DebianTracker,
    /// Alpine secdb JSON.
    AlpineSecdb,
    /// A CSAF provider: many documents under one folder.
    CsafProvider,
    /// CISA's catalogue of known exploited vulnerabilities.
    Kev,
    /// EPSS scores, gzip-compressed CSV.
    Epss,
    /// Zip of CVE JSON 5 records.
    CveZip,
    /// NVD JSON 2.0, gzip-compressed.
    NvdFeed,
    /// endoflife.date's whole answer.
    EndOfLife,
    /// endoflife.date's release data, a zip.
    ReleaseData,
    /// distro-info CSV.
    DistroInfo,
    /// debian-security-support list.
    SupportList,
    /// RSS or Atom feed.
    Feed,
    /// yum updateinfo.
    Updateinfo,
}

/// Who fetches a source without being asked for it by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Every host whose streams need it.
    Host,
    /// Only `--all`: too large for each host.
    Server,
    /// Only by name.
    Optional,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dated: String,
    source: Vec<SourceEntry>,
}

impl Catalogue {
    /// The built-in catalogue; `today` bounds the years that yearly sources
    /// are fetched for.
    pub fn built_in(today: Date) -> Result<Self, Problem> {
        let file: File = toml::from_str(BUILT_IN).map_err(|error| {
            Problem::new("E-FORMAT", "catalogue.toml", error.to_string(), "this build is damaged; install it again")
        })?;
        Ok(Self { dated: file.dated, entries: file.source, this_year: today.year() })
    }

    /// A catalogue of these entries only, for tests and air-gapped sites.
    pub fn of(entries: Vec<SourceEntry>) -> Self {
        Self { dated: String::new(), entries, this_year: 0 }
    }

    /// The entries as written, templates not filled in.
    pub fn entries(&self) -> &[SourceEntry] {
        &self.entries
    }

    /// Adds an entry, replacing one of the same name.
    pub fn add(&mut self, entry: SourceEntry) {
        self.entries.retain(|known| known.name != entry.name);
        self.entries.push(entry);
    }

    /// Takes an entry out; false when there was none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != name);
        before != self.entries.len()
    }

    /// Changes the entry of this name; false when there is none.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut SourceEntry)) -> bool {
        match self.entries.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => {
                change(entry);
                true
            }
            None => false,
        }
    }

    /// The sources that these streams need, templates filled in, in the order
    /// of the catalogue; with `all`, everything but the optional ones.
    ///
    /// A stream no source speaks of yields none, which the scan reports as
    /// missing coverage. For releases, a template is filled in for the
    /// streams' own releases, also ones this build has never heard of.
    pub fn needed_for(&self, streams: &[Stream], all: bool) -> Vec<SourceEntry> {
        let mut out = Vec::new();
        for entry in &self.entries {
            let wanted = match entry.reach {
                Reach::Optional => false,
                Reach::Server => all || entry.by_operator,
                Reach::Host => all || entry.serves_any(streams),
            };
            if wanted {
                out.extend(self.fill_in(entry, streams, all));
            }
        }
        out
    }

    /// The sources of this name, templates filled in: a full name
    /// (`nvd/2024`), a template's (`nvd/{year}`), or a prefix before a slash
    /// (`nvd`).
    pub fn named(&self, name: &str) -> Vec<SourceEntry> {
        let prefix = format!("{name}/");
        self.entries
            .iter()
            .flat_map(|entry| {
                let whole = entry.name == name;
                let mut filled = self.fill_in(entry, &[], true);
                filled.retain(|one| whole || one.name == name || one.name.starts_with(&prefix));
                filled
            })
            .collect()
    }

    fn fill_in(&self, entry: &SourceEntry, streams: &[Stream], all: bool) -> Vec<SourceEntry> {
        if let Some(first) = entry.first_year {
            return (first..=self.this_year).map(|year| entry.with("{year}", &year.to_string())).collect();
        }
        if entry.releases.is_empty() {
            return vec![entry.clone()];
        }
        let mut releases: BTreeSet<String> = streams
            .iter()
            .filter(|stream| entry.serves(stream))
            .filter_map(|stream| stream.release_name())
            .filter(|release| release.chars().all(|c| c.is_ascii_digit() || c == '.'))
            .map(str::to_owned)
            .collect();
        if all {
            releases.extend(entry.releases.iter().cloned());
        }
        releases.iter().map(|release| entry.with("{release}", release)).collect()
    }
}

impl SourceEntry {
    /// Whether it speaks of this stream.
    pub fn serves(&self, stream: &Stream) -> bool {
        self.streams.iter().any(|pattern| match pattern.strip_suffix(":*") {
            _ if pattern == "*" => true,
            Some(family) => stream.family() == family,
            None => stream.as_str() == pattern,
        })
    }

    /// Whether it speaks of any of these streams; facts by CVE count for
    /// every stream, and for no stream at all they are not needed. An
    /// operator's own source is always wanted.
    pub fn serves_any(&self, streams: &[Stream]) -> bool {
        self.by_operator || streams.iter().any(|stream| self.serves(stream))
    }

    /// The most bytes one fetch may have: three times the usual size, at
    /// least 1 MiB so that a small feed may grow.
    pub fn cap(&self) -> u64 {
        self.usual_bytes.saturating_mul(3).max(1 << 20)
    }

    fn with(&self, template: &str, value: &str) -> Self {
        let mut filled = self.clone();
        filled.name = filled.name.replace(template, value);
        filled.url = filled.url.replace(template, value);
        filled.path = filled.path.replace(template, value);
        if template == "{release}" {
            for pattern in &mut filled.streams {
                if let Some(family) = pattern.strip_suffix(":*") {
                    *pattern = format!("{family}:{value}");
                }
            }
        }
        filled
    }

    /// Checks what an operator's file or the built-in one could get wrong: a
    /// path that leaves the cache, an empty name.
    pub fn check(&self, place: &str) -> Result<(), Problem> {
        let bad_path = self.path.is_empty()
            || self.path.starts_with('/')
            || self.path.contains('\\')
            || self.path.split('/').any(|part| part.is_empty() || part.starts_with('.'));
        if bad_path || self.name.is_empty() || self.name.len() > 100 || self.name.chars().any(char::is_control) {
            return Err(Problem::new(
                "E-CONFIG",
                place,
                format!(
                    "source \u{201c}{}\u{201d} has the path \u{201c}{}\u{201d}, which is not a plain path inside the cache, or its name is empty or too long",
                    plimsoll_core::model::problem::printable(&self.name),
                    plimsoll_core::model::problem::printable(&self.path)
                ),
                "use a relative path without dots at the start of a part, and a name of at most 100 characters",
            ));
        }
        Ok(())
    }
}

/// Reads a size such as `60 MiB`, which people can check at a glance.
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, unit) = text.split_once(' ').unwrap_or((&text, "B"));
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(serde::de::Error::custom(format!("unknown unit in the size {text}"))),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| serde::de::Error::custom(format!("{text} is not a size")))
}
