//! Finding the documents of a CSAF provider: `provider-metadata.json`, ROLIE
//! feeds, `index.txt` and `changes.csv`.
//!
//! Source: CSAF 2.0 and 2.1, section 7 (distribution). These parsers only say
//! what is offered; fetching, and which addresses may be fetched, is decided
//! elsewhere.

use super::facts::{timestamp, unreadable};
use super::json_text::{List, Object, Word, document};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

/// Most documents that one list may offer; the longest known, Red Hat's of VEX
/// documents, has some 300,000.
const OFFERED_LIMIT: usize = 1 << 20;

/// One way to find documents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribution {
    /// What lies at the address.
    pub kind: DistributionKind,
    /// Address of the folder or feed.
    pub url: String,
    /// TLP label, where one is stated; `WHITE` and `CLEAR` are for anybody.
    pub tlp: Option<String>,
}

/// How a distribution lists its documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DistributionKind {
    /// A folder with `changes.csv` and `index.txt`.
    Directory,
    /// A ROLIE feed.
    Rolie,
}

impl Distribution {
    /// Whether anybody may have its documents.
    pub fn is_open(&self) -> bool {
        self.tlp.as_deref().is_none_or(|label| matches!(label, "WHITE" | "CLEAR" | "UNLABELED"))
    }
}

/// One document that a provider offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Address, or a path relative to the list.
    pub location: String,
    /// When it last changed, where the list says so.
    pub updated: Option<Timestamp>,
    /// Where its digest is, as an address or relative path, where the list says
    /// so.
    pub digest: Option<String>,
}

/// What one list offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offers {
    /// The documents, in the order of the list.
    pub documents: Vec<Offered>,
    /// Lines or entries that name no document, in one sentence.
    pub unread: Option<Problem>,
}

/// Collects what one list offers and what of it cannot be read.
#[derive(Default)]
struct Collector {
    documents: Vec<Offered>,
    /// First line or entry that cannot be read, and their number.
    unread: Option<(usize, u64)>,
    over: u64,
}

impl Collector {
    fn take(&mut self, number: usize, offered: Option<Offered>) {
        match offered {
            Some(_) if self.documents.len() >= OFFERED_LIMIT => self.over += 1,
            Some(offered) => self.documents.push(offered),
            None => self.unread = Some(self.unread.map_or((number, 1), |(first, count)| (first, count + 1))),
        }
    }

    fn offers(self, place: &str, lines: &str, line: &str) -> Offers {
        let unread = match (self.unread, self.over) {
            (None, 0) => None,
            (None, over) => Some(format!("offers {over} documents more than the limit, {OFFERED_LIMIT}; they are left out")),
            (Some((first, count)), _) => Some(format!("has {count} {lines} that name no document; the first is {line} {first}")),
        };
        Offers { documents: self.documents, unread: unread.map(|text| unreadable(place, text)) }
    }
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    distributions: List<Object<Listed<'a>>>,
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

/// Reads `provider-metadata.json`: the distributions, the open and the others.
pub fn metadata(place: &str, bytes: &[u8]) -> Result<Vec<Distribution>, Problem> {
    let metadata: Metadata<'_> = document(place, bytes, "a CSAF provider's metadata")?;
    let mut distributions = Vec::new();
    let mut add = |kind, url: &Word<'_>, tlp: &Word<'_>| {
        if !url.as_str().is_empty() {
            let tlp = Some(tlp.as_str().to_owned()).filter(|label| !label.is_empty());
            distributions.push(Distribution { kind, url: url.as_str().to_owned(), tlp });
        }
    };
    for listed in &metadata.distributions {
        for feed in &listed.rolie.feeds {
            add(DistributionKind::Rolie, &feed.url, &feed.tlp_label);
        }
        add(DistributionKind::Directory, &listed.directory_url, &Word::default());
        add(DistributionKind::Directory, &listed.directory.url, &listed.directory.tlp_label);
    }
    if distributions.is_empty() {
        return Err(unreadable(place, "names no distribution, so there is nothing to fetch"));
    }
    Ok(distributions)
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
pub fn rolie(place: &str, bytes: &[u8]) -> Result<Offers, Problem> {
    let file: RolieFile<'_> = document(place, bytes, "a ROLIE feed")?;
    let mut found = Collector::default();
    for (number, entry) in file.feed.entry.iter().enumerate() {
        let link = |rel: &str, end: &str| {
            let fits = |link: &&Object<Link<'_>>| link.rel.as_str() == rel && link.href.as_str().ends_with(end);
            entry.link.iter().find(fits).map(|link| link.href.as_str().to_owned())
        };
        let content = || Some(entry.content.src.as_str().to_owned()).filter(|src| !src.is_empty());
        let offered = link("self", ".json").or_else(content).map(|location| Offered {
            location,
            updated: timestamp(entry.updated.as_str()),
            digest: link("hash", ".sha512").or_else(|| link("hash", ".sha256")),
        });
        found.take(number + 1, offered);
    }
    Ok(found.offers(place, "entries", "entry"))
}

/// Reads `index.txt`: one relative path a line.
///
/// Paths that leave the folder are refused; they are data and must not choose
/// where something is read from or written to.
pub fn index(place: &str, bytes: &[u8]) -> Offers {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut found = Collector::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if !line.is_empty() {
            found.take(number + 1, std::str::from_utf8(line).ok().and_then(|path| offered(path, None)));
        }
    }
    found.offers(place, "lines", "line")
}

/// Reads `changes.csv`: relative path and time, newest first, no header.
///
/// Paths are held to the rule of [`index()`].
pub fn changes(place: &str, bytes: &[u8]) -> Offers {
    let mut rows = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut found = Collector::default();
    let mut row = ::csv::ByteRecord::new();
    // Bytes in memory have no read error, and rows of any length are rows.
    while rows.read_byte_record(&mut row).unwrap_or(false) {
        let column = |at| row.get(at).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::trim);
        let number = row.position().map_or(0, |position| position.line());
        let offered = column(1).and_then(timestamp).zip(column(0)).and_then(|(updated, path)| offered(path, Some(updated)));
        found.take(usize::try_from(number).unwrap_or(usize::MAX), offered);
    }
    found.offers(place, "lines", "line")
}

/// A document by its path in the folder of the list; none where the path is no
/// document's or leaves the folder.
fn offered(path: &str, updated: Option<Timestamp>) -> Option<Offered> {
    // A web address takes `%2e` for a dot too.
    let leaves = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "..");
    let inside = path.ends_with(".json")
        && !path.starts_with('/')
        && !path.contains(['\\', ':', '\0'])
        && !path.split('/').any(leaves);
    inside.then(|| Offered { location: path.to_owned(), updated, digest: None })
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
        let Some(data) = crate::test_data::folder() else { return };
        let examples = data.join("csaf/oasis-2.0-examples");
        let bytes = std::fs::read(examples.join("provider-metadata/example-01-provider-metadata.json")).unwrap();
        let url = "https://www.example.com/.well-known/csaf/feed-tlp-white.json".to_owned();
        let white = Distribution { kind: DistributionKind::Rolie, url, tlp: Some("WHITE".to_owned()) };
        assert_eq!(metadata("metadata", &bytes).unwrap(), [white]);
        let bytes = std::fs::read(examples.join("ROLIE/example-01-feed-tlp-white.json")).unwrap();
        let expected = Offered {
            location: "https://psirt.domain.tld/advisories/csaf/2020/2020-ESA-001.json".to_owned(),
            updated: "2021-01-01T12:00:00Z".parse().ok(),
            digest: Some("https://psirt.domain.tld/advisories/csaf/2020/2020-ESA-001.json.sha512".to_owned()),
        };
        assert_eq!(rolie("feed", &bytes).unwrap(), Offers { documents: vec![expected], unread: None });
    }

    #[test]
    fn only_what_is_marked_for_others_is_not_open() {
        let text = br#"{"distributions":[{"directory_url":"https://x/a"},
            {"directory":{"url":"https://x/b","tlp_label":"CLEAR"}},{"directory":{"url":"https://x/c","tlp_label":"AMBER"}},
            {"rolie":{"feeds":[{"url":"https://x/d","tlp_label":"RED"},{"url":"https://x/e","tlp_label":"WHITE"},{"tlp_label":"WHITE"}]}}]}"#;
        let open: Vec<(String, bool)> =
            metadata("x", text).unwrap().into_iter().map(|one| (one.url.clone(), one.is_open())).collect();
        let expected = [("https://x/a", true), ("https://x/b", true), ("https://x/c", false), ("https://x/d", false), ("https://x/e", true)];
        assert_eq!(open, expected.map(|(url, open)| (url.to_owned(), open)));
    }

    #[test]
    fn what_names_no_document_is_counted_and_the_first_is_named() {
        let read = |offers: Offers| {
            let names: Vec<String> = offers.documents.into_iter().map(|one| one.location).collect();
            (names.join(" "), offers.unread.map(|problem| format!("{}: {}", problem.place, problem.text)).unwrap_or_default())
        };
        let hostile = b"2024/a.json\n\n../../etc/passwd.json\n/etc/passwd.json\nhttp://x/y.json\n%2E./x.json\n\xff.json\na.txt\r\nb.json\r\n";
        assert_eq!(
            read(index("index.txt", hostile)),
            ("2024/a.json b.json".to_owned(), "index.txt: has 6 lines that name no document; the first is line 3".to_owned())
        );
        let hostile = b"2024/a.json,2024-10-03T16:03:00.000Z\n\"../b.json\",\"2024-10-03T16:03:00Z\"\nc.json,soon\n\xff,\xff\nd.json\n\"open";
        assert_eq!(
            read(changes("changes.csv", hostile)),
            ("2024/a.json".to_owned(), "changes.csv: has 5 lines that name no document; the first is line 2".to_owned())
        );
        let entries = br#"{"feed":{"entry":[{"content":{"src":"https://x/a"}},{"link":[{"rel":"self","href":"https://x/page.html"}]},7]}}"#;
        assert_eq!(
            read(rolie("feed", entries).unwrap()),
            ("https://x/a".to_owned(), "feed: has 2 entries that name no document; the first is entry 2".to_owned())
        );
        let long = "a.json\n".repeat(OFFERED_LIMIT + 2);
        let offers = index("index.txt", long.as_bytes());
        assert_eq!(offers.documents.len(), OFFERED_LIMIT);
        assert_eq!(offers.unread.unwrap().text, "offers 2 documents more than the limit, 1048576; they are left out");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(metadata("x", b"{}").is_err() && metadata("x", b"[").is_err());
        assert!(rolie("x", b"[]").is_err());
        assert!(is_not_a_document("IT/white/cisa-csaf-it-feed-tlp-white.json"));
        assert!(!is_not_a_document("IT/white/2024/va-24-201-01.json"));
    }
}
