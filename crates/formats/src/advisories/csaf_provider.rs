//! Finding the documents of a CSAF provider: `provider-metadata.json`, ROLIE
//! feeds, `index.txt` and `changes.csv`.
//!
//! These parsers only say what is offered; fetching, and which addresses may
//! be fetched, is decided elsewhere.

use super::facts::{timestamp, unreadable};
use super::json_text::{List, Object, Word, document};
use crate::bounded;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

/// A provider as its metadata describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Provider {
    /// Name of the publisher.
    pub publisher: String,
    /// When the metadata last changed.
    pub updated: Option<Timestamp>,
    /// Where documents are listed.
    pub distributions: Vec<Distribution>,
}

/// One way to find documents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Distribution {
    /// A folder with `index.txt` and `changes.csv`.
    Directory(String),
    /// A ROLIE feed, with its TLP label.
    Rolie {
        /// Address of the feed.
        url: String,
        /// Label, `WHITE` or `CLEAR` for what anybody may have.
        tlp: String,
    },
}

/// One document that a provider offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Address, or a path relative to the folder of the list.
    pub location: String,
    /// When it last changed, where the list says so.
    pub updated: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    publisher: Object<Publisher<'a>>,
    #[serde(borrow, default)]
    last_updated: Word<'a>,
    #[serde(borrow, default)]
    distributions: List<Object<Listed<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Publisher<'a> {
    #[serde(borrow)]
    name: Word<'a>,
}

/// 2.0 has `directory_url`, 2.1 `directory.url`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Listed<'a> {
    #[serde(borrow)]
    directory_url: Word<'a>,
    #[serde(borrow)]
    directory: Object<Address<'a>>,
    #[serde(borrow)]
    rolie: Object<Rolie<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Address<'a> {
    #[serde(borrow)]
    url: Word<'a>,
    #[serde(borrow)]
    tlp_label: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Rolie<'a> {
    #[serde(borrow)]
    feeds: List<Object<Address<'a>>>,
}

/// Reads `provider-metadata.json`.
pub fn metadata(place: &str, bytes: &[u8]) -> Result<Provider, Problem> {
    let metadata: Metadata<'_> = document(place, bytes, "a CSAF provider's metadata")?;
    let mut provider = Provider {
        publisher: super::facts::first_line(metadata.publisher.name.as_str()),
        updated: timestamp(metadata.last_updated.as_str()),
        distributions: Vec::new(),
    };
    for listed in &metadata.distributions {
        for url in [&listed.directory_url, &listed.directory.url] {
            if !url.as_str().is_empty() {
                provider.distributions.push(Distribution::Directory(url.as_str().to_owned()));
            }
        }
        for feed in &listed.rolie.feeds {
            if !feed.url.as_str().is_empty() {
                provider.distributions.push(Distribution::Rolie {
                    url: feed.url.as_str().to_owned(),
                    tlp: feed.tlp_label.as_str().to_owned(),
                });
            }
        }
    }
    if provider.distributions.is_empty() {
        return Err(unreadable(place, "names no distribution, so there is nothing to fetch"));
    }
    Ok(provider)
}

#[derive(Deserialize)]
struct RolieFile<'a> {
    #[serde(borrow)]
    feed: Object<Feed<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Feed<'a> {
    #[serde(borrow)]
    entry: List<Object<Entry<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    updated: Word<'a>,
    #[serde(borrow)]
    content: Object<Content<'a>>,
    #[serde(borrow)]
    link: List<Object<Link<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    src: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Link<'a> {
    #[serde(borrow)]
    rel: Word<'a>,
    #[serde(borrow)]
    href: Word<'a>,
}

/// Reads a ROLIE feed.
pub fn rolie(place: &str, bytes: &[u8]) -> Result<Vec<Offered>, Problem> {
    let file: RolieFile<'_> = document(place, bytes, "a ROLIE feed")?;
    let mut out = Vec::new();
    for entry in &file.feed.entry {
        let itself = entry.link.iter().find(|link| link.rel.as_str() == "self").map(|link| link.href.as_str());
        let location = match entry.content.src.as_str() {
            "" => itself.unwrap_or(""),
            src => src,
        };
        if !location.is_empty() {
            out.push(Offered { location: location.to_owned(), updated: timestamp(entry.updated.as_str()) });
        }
    }
    Ok(out)
}

/// Reads `index.txt`: one relative path a line.
///
/// Paths that leave the folder are refused and named; they are data and must
/// not choose where something is read from or written to.
pub fn index(place: &str, bytes: &[u8]) -> Result<(Vec<Offered>, Vec<Problem>), Problem> {
    let text = bounded::text(place, bytes)?;
    let mut out = Vec::new();
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let path = line.trim();
        if path.is_empty() {
            continue;
        }
        if stays_inside(path) {
            out.push(Offered { location: path.to_owned(), updated: None });
        } else {
            problems.push(leaving(place, number + 1));
        }
    }
    Ok((out, problems))
}

/// Reads `changes.csv`: relative path and time, newest first, no header.
pub fn changes(place: &str, bytes: &[u8]) -> Result<(Vec<Offered>, Vec<Problem>), Problem> {
    let mut rows = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut out = Vec::new();
    let mut problems = Vec::new();
    for (number, row) in rows.records().enumerate() {
        let at = format!("{place}:{}", number + 1);
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                problems.push(unreadable(at, format!("is not a readable row: {error}")));
                continue;
            }
        };
        let updated = row.get(1).and_then(timestamp);
        match row.get(0).map(str::trim) {
            Some(path) if updated.is_none() => {
                problems.push(unreadable(at, format!("has no time beside `{}`", path.chars().take(80).collect::<String>())));
            }
            Some(path) if stays_inside(path) => out.push(Offered { location: path.to_owned(), updated }),
            _ => problems.push(leaving(place, number + 1)),
        }
    }
    Ok((out, problems))
}

fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with(['/', '\\'])
        && !path.contains(['\\', ':', '\0'])
        && path.split('/').all(|part| part != "..")
}

fn leaving(place: &str, line: usize) -> Problem {
    unreadable(format!("{place}:{line}"), "names a path outside the provider's folder")
}

/// Whether a JSON file in a provider's folder is a list or metadata and not a
/// document, told by its name.
pub fn is_not_a_document(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    file == "provider-metadata.json"
        || file == "aggregator.json"
        || file == "service.json"
        || file == "category.json"
        || file.contains("feed-tlp-")
        || file.starts_with("csaf-feed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_lists_read() {
        let Some(data) = crate::advisories::test_data::folder() else { return };
        let examples = data.join("csaf/oasis-2.0-examples");
        let bytes = std::fs::read(examples.join("provider-metadata/example-01-provider-metadata.json")).unwrap();
        let provider = metadata("metadata", &bytes).unwrap();
        let url = "https://www.example.com/.well-known/csaf/feed-tlp-white.json".to_owned();
        assert_eq!(provider.publisher, "Example Company ProductCERT");
        assert_eq!(provider.distributions, [Distribution::Rolie { url, tlp: "WHITE".to_owned() }]);
        let bytes = std::fs::read(examples.join("ROLIE/example-01-feed-tlp-white.json")).unwrap();
        let offered = rolie("feed", &bytes).unwrap();
        assert_eq!(offered.len(), 1);
        assert_eq!(offered[0].location, "https://psirt.domain.tld/advisories/csaf/2020/2020-ESA-001.json");
        assert_eq!(offered[0].updated.unwrap().to_string(), "2021-01-01T12:00:00Z");
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let (offered, problems) = index("index.txt", b"2024/a.json\n../../etc/passwd\n/etc/passwd\nhttp://x/y\n\n").unwrap();
        assert_eq!((offered.len(), problems.len()), (1, 3));
        let (offered, problems) =
            changes("changes.csv", b"2024/a.json,2024-10-03T16:03:00.000Z\n\"../b.json\",\"2024-10-03T16:03:00Z\"\nc.json,soon\n\xff,\xff\n").unwrap();
        assert_eq!((offered.len(), problems.len()), (1, 3), "{problems:?}");
        assert!(metadata("x", b"{\"publisher\":{}}").is_err());
        assert!(rolie("x", b"[]").is_err() && index("x", b"\xff").is_err());
        assert!(is_not_a_document("IT/white/cisa-csaf-it-feed-tlp-white.json"));
        assert!(!is_not_a_document("IT/white/2024/va-24-201-01.json"));
    }
}
