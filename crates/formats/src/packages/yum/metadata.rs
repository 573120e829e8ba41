//! `repomd.xml` (what metadata there is) and `primary.xml` (what packages).
//!
//! Source: createrepo_c.

use super::xml::{self, Node, attribute};
use crate::advisories::Reading;
use jiff::Timestamp;
use plimsoll_core::model::dependency::{Operator, Requirement};
use plimsoll_core::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// Most entries of one `repomd.xml`.
const METADATA_LIMIT: usize = 1_000;

/// Most capabilities kept of one package: texlive provides 6,000.
const ENTRY_LIMIT: usize = 50_000;

/// One file of metadata, as `repomd.xml` names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metadata {
    /// Type: `primary`, `updateinfo`, `modules`, `primary_db`, …
    pub kind: String,
    /// Path relative to the repository's address; data, never a path to write
    /// to.
    pub location: String,
    /// Digest algorithm of `checksum`.
    pub checksum_kind: String,
    /// Digest of the file as it lies there, hex.
    pub checksum: String,
    /// Length of the file in bytes.
    pub size: Option<u64>,
    /// When it was made.
    pub timestamp: Option<Timestamp>,
}

/// Reads `repomd.xml`.
pub fn repomd(place: &str, bytes: &[u8]) -> Result<Vec<Metadata>, Problem> {
    let mut all: Vec<Metadata> = Vec::new();
    let mut current = Metadata::default();
    let mut left_out = 0u64;
    xml::walk(place, bytes, &mut |path, node, _| match node {
        Node::Open("data", start) => {
            current = Metadata { kind: attribute(start, "type").unwrap_or_default(), ..Metadata::default() };
        }
        Node::Open("location", start) => current.location = attribute(start, "href").unwrap_or_default(),
        Node::Open("checksum", start) => current.checksum_kind = attribute(start, "type").unwrap_or_default(),
        Node::Close("checksum", text) => current.checksum = text.to_owned(),
        Node::Close("size", text) => current.size = text.parse().ok(),
        Node::Close("timestamp", text) => current.timestamp = seconds(text),
        Node::Close("data", _) if path.len() == 2 => {
            if all.len() < METADATA_LIMIT {
                all.push(std::mem::take(&mut current));
            } else {
                left_out += 1;
            }
        }
        _ => {}
    })?;
    if left_out > 0 {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("names {} files, the limit is {METADATA_LIMIT}", all.len() as u64 + left_out),
            "check where the file comes from",
        ));
    }
    Ok(all)
}

/// Reads seconds since 1970; a fraction, which some tools write, is dropped.
fn seconds(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next().unwrap_or("");
    whole.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// One package that a repository offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PrimaryPackage {
    /// Name.
    pub name: String,
    /// Architecture; `src` for source packages.
    pub arch: String,
    /// Epoch.
    pub epoch: u32,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Digest algorithm of `checksum`.
    pub checksum_kind: String,
    /// Digest of the package file, hex.
    pub checksum: String,
    /// Length of the package file in bytes.
    pub size: Option<u64>,
    /// Path relative to the repository's address; data, never a path to write
    /// to.
    pub location: String,
    /// File name of the source package.
    pub source_rpm: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// When it was built.
    pub built: Option<Timestamp>,
    /// What it needs.
    pub requires: Vec<Entry>,
    /// What it stands for, files that others may ask for among it.
    pub provides: Vec<Entry>,
    /// What must not be there beside it.
    pub conflicts: Vec<Entry>,
}

/// One capability: a name, and a range of versions where one is stated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// Name, file, or a rich dependency in parentheses.
    pub name: String,
    /// How the version is compared.
    pub operator: Option<Operator>,
    /// `epoch:version-release`, as far as stated.
    pub version: String,
}

impl Entry {
    /// As acquisition looks at it.
    pub fn requirement(&self) -> Requirement<'_> {
        Requirement { name: &self.name, arch: None, operator: self.operator.unwrap_or(Operator::Any), version: &self.version }
    }
}

impl PrimaryPackage {
    /// `version-release` with the epoch where it is not 0, as
    /// [`RpmPackage::evr`](super::super::rpm::RpmPackage::evr) writes it.
    pub fn evr(&self) -> String {
        if self.epoch > 0 {
            format!("{}:{}-{}", self.epoch, self.version, self.release)
        } else {
            format!("{}-{}", self.version, self.release)
        }
    }
}

/// Reads `primary.xml` (already decompressed) and passes each package on.
///
/// A package without name, architecture or version is left out and named.
pub fn primary(
    place: &str,
    bytes: &[u8],
    sink: &mut dyn FnMut(PrimaryPackage),
) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    let mut current = PrimaryPackage::default();
    xml::walk(place, bytes, &mut |path, node, at| match (path.len(), node) {
        (2, Node::Open("package", _)) => current = PrimaryPackage::default(),
        (2, Node::Close("package", _)) => {
            let package = std::mem::take(&mut current);
            if package.name.is_empty() || package.arch.is_empty() || package.version.is_empty() {
                reading.reject(Problem::new(
                    "E-FORMAT",
                    format!("{place}@{at}"),
                    "the package has no name, architecture or version",
                    "refresh the repository's metadata; the package was left out",
                ));
            } else {
                reading.records += 1;
                reading.saw(package.built);
                sink(package);
            }
        }
        (4, Node::Close("file", text)) if current.provides.len() < ENTRY_LIMIT => {
            current.provides.push(Entry { name: text.to_owned(), ..Entry::default() });
        }
        (3 | 4, node) => take(&mut current, node),
        (5, Node::Open("entry", start)) => {
            let list = match path.get(3).map(String::as_str) {
                Some("requires") => &mut current.requires,
                Some("provides") => &mut current.provides,
                Some("conflicts") => &mut current.conflicts,
                _ => return,
            };
            if list.len() < ENTRY_LIMIT
                && let Some(name) = attribute(start, "name")
            {
                let operator = match attribute(start, "flags").as_deref() {
                    Some("LT") => Some(Operator::Less),
                    Some("LE") => Some(Operator::LessEqual),
                    Some("EQ") => Some(Operator::Equal),
                    Some("GE") => Some(Operator::GreaterEqual),
                    Some("GT") => Some(Operator::Greater),
                    _ => None,
                };
                let mut version = attribute(start, "ver").unwrap_or_default();
                if let Some(release) = attribute(start, "rel") {
                    version = format!("{version}-{release}");
                }
                if let Some(epoch) = attribute(start, "epoch").filter(|epoch| epoch != "0") {
                    version = format!("{epoch}:{version}");
                }
                list.push(Entry { name, operator: operator.filter(|_| !version.is_empty()), version });
            }
        }
        _ => {}
    })?;
    Ok(reading)
}

/// The packages of `primary.xml` as written, by the SHA-256 of their files; of
/// two of one file the first.
pub fn elements<'a>(place: &str, text: &'a str, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, &'a str>, Problem> {
    let mut found: BTreeMap<String, &'a str> = BTreeMap::new();
    let mut start = 0;
    let mut digest = None;
    let number = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    xml::walk(place, text.as_bytes(), &mut |path, node, at| match (path.len(), node) {
        (2, Node::Open("package", _)) => {
            start = text.get(..number(at)).and_then(|before| before.rfind('<')).unwrap_or(0);
            digest = None;
        }
        (3, Node::Close("checksum", text)) => digest = wanted.get(text).map(|_| text.to_owned()),
        (2, Node::Close("package", _)) => {
            if let Some((digest, element)) = digest.take().zip(text.get(start..number(at))) {
                found.entry(digest).or_insert(element);
            }
        }
        _ => {}
    })?;
    Ok(found)
}

/// Rewrites a package of `primary.xml` for another place of its file.
pub fn moved(element: &str, location: &str) -> String {
    let Some(start) = element.find("<location") else { return element.to_owned() };
    let Some(length) = element.get(start..).and_then(|rest| rest.find('>')) else { return element.to_owned() };
    let (before, after) = (element.get(..start).unwrap_or_default(), element.get(start + length + 1..).unwrap_or_default());
    let after = after.trim_start().strip_prefix("</location>").unwrap_or(after);
    format!("{before}<location href=\"{}\"/>{after}", quick_xml::escape::escape(location))
}

fn take(package: &mut PrimaryPackage, node: Node<'_, '_>) {
    match node {
        Node::Open("version", start) => {
            package.epoch = attribute(start, "epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
            package.version = attribute(start, "ver").unwrap_or_default();
            package.release = attribute(start, "rel").unwrap_or_default();
        }
        Node::Open("checksum", start) => package.checksum_kind = attribute(start, "type").unwrap_or_default(),
        Node::Open("size", start) => package.size = attribute(start, "package").and_then(|size| size.parse().ok()),
        Node::Open("time", start) => package.built = attribute(start, "build").and_then(|built| seconds(&built)),
        Node::Open("location", start) => package.location = attribute(start, "href").unwrap_or_default(),
        Node::Close("name", text) => package.name = text.to_owned(),
        Node::Close("arch", text) => package.arch = text.to_owned(),
        Node::Close("checksum", text) => package.checksum = text.to_owned(),
        Node::Close("sourcerpm", text) => package.source_rpm = Some(text.to_owned()).filter(|text| !text.is_empty()),
        Node::Close("vendor", text) => package.vendor = Some(text.to_owned()).filter(|text| !text.is_empty()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded::{self, Limits};
    use crate::test_data::file as data;

    fn zoo(wanted: &str) -> Option<Vec<u8>> {
        let archive = data("repos/yum-pulp-zoo.zip")?;
        let mut found = None;
        bounded::zip_entries("zoo.zip", &archive, Limits::DOCUMENT, |name, bytes| {
            if name.ends_with(wanted) {
                found = Some(bounded::decompress(name, bytes.unwrap(), Limits::DOCUMENT).unwrap().into_owned());
            }
        })
        .unwrap();
        found
    }

    #[test]
    fn the_zoo_repository() {
        let Some(bytes) = zoo("repomd.xml") else { return };
        let files = repomd("repomd.xml", &bytes).unwrap();
        let named: Vec<_> = files.iter().map(|file| format!("{} {} {} {:?}", file.kind, file.location, file.checksum_kind, file.size)).collect();
        insta::assert_snapshot!(named.join("\n"), @r#"
        primary repodata/primary.xml.gz sha256 Some(4091)
        filelists repodata/filelists.xml.gz sha256 Some(2108)
        other repodata/other.xml.gz sha256 Some(1931)
        comps repodata/e907b382bc8dd9bdb3fb173ef0533a18ccbc2aebfa4b1a8d192786d825e15b67-comps.xml.gz sha256 Some(537)
        updateinfo repodata/20cbbbfa33c202731946339e4b77abd0ec4684b7494d443cb3a6c1d78428484d-updateinfo.xml.gz sha256 Some(591)
        "#);
        let bytes = zoo("primary.xml.gz").unwrap();
        let mut packages = Vec::new();
        let reading = primary("primary.xml", &bytes, &mut |package| packages.push(package)).unwrap();
        assert_eq!((reading.records, reading.rejected), (35, 0));
        let duck = packages.iter().find(|package| package.name == "duck" && package.version == "0.6").unwrap();
        assert_eq!(duck.provides.iter().map(|entry| format!("{} {:?} {}", entry.name, entry.operator, entry.version)).collect::<Vec<_>>(), ["duck Some(Equal) 0.6-1"]);
        let duck = &PrimaryPackage { requires: Vec::new(), provides: Vec::new(), ..duck.clone() };
        insta::assert_debug_snapshot!(duck, @r#"
        PrimaryPackage {
            name: "duck",
            arch: "noarch",
            epoch: 0,
            version: "0.6",
            release: "1",
            checksum_kind: "sha256",
            checksum: "96f37877518a1fe6ea2e17f4ce1fc81b40908043bcbed76744b3d7d38a774bc7",
            size: Some(
                1871,
            ),
            location: "duck-0.6-1.noarch.rpm",
            source_rpm: Some(
                "duck-0.6-1.src.rpm",
            ),
            vendor: None,
            built: Some(
                2012-03-15T17:09:33Z,
            ),
            requires: [],
            provides: [],
            conflicts: [],
        }
        "#);
        assert!(packages.iter().all(|package| package.checksum.len() == 64 && package.size.is_some() && package.location.ends_with(".rpm")));
        for cut in (0..bytes.len()).step_by(331) {
            let mut seen = 0;
            assert!(primary("primary.xml", &bytes[..cut], &mut |_| seen += 1).is_err() || cut == 0, "{cut}");
            assert!(seen <= 35);
        }
    }

    #[test]
    fn hostile_documents() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(repomd("r", deep.as_bytes()).unwrap_err().text, "nests deeper than 64 elements");
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><metadata><package><name>&b;\u{1b}[2J</name><arch>x</arch><version ver=\"1\" rel=\"1\" epoch=\"9999999999\"/></package><package/></metadata>";
        let mut packages = Vec::new();
        let reading = primary("p", bomb.as_bytes(), &mut |package| packages.push(package)).unwrap();
        assert_eq!((reading.records, reading.rejected, &*packages[0].name, packages[0].epoch), (1, 1, "&b;\u{1b}[2J", 0));
    }
}
