//! Which source a file of a data folder is, and reading it.
//!
//! A folder is laid out as the sources themselves name things: `osv/Debian/all.zip`,
//! `debian-security-tracker/data/DSA/list`, `kev/…`, `epss/…`. What is not
//! known is not read; the caller counts and names it.

use super::facts::unreadable;
use super::{Fact, Reading};
use super::{
    csaf, csaf_provider, cve5, debian, epss, feed, kev, lifecycle, nodejs_wg, nvd, osv, retirejs, secdb, tarball, typed,
    ubuntu, vex,
};
use crate::bounded::{Limits, decompress, zip_entries};
use crate::packages::yum::updateinfo;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;

/// What kind of source a file is, with what its path says about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SourceKind {
    /// Zip of OSV records of one ecosystem.
    OsvArchive(String),
    /// Tarball of OSV records of one publisher.
    OsvTarball(String),
    /// One OSV record, under the folder's name.
    OsvRecord(String),
    /// Debian's list of announcements: `dsa` or `dla`.
    DebianList(String),
    /// Debian's tracker JSON.
    DebianTracker,
    /// One repository of Alpine's security database, `v3.11/main`.
    AlpineSecdb(String),
    /// Ubuntu's database of notices.
    UbuntuNotices,
    /// Known exploited vulnerabilities, JSON.
    KevJson,
    /// Known exploited vulnerabilities, CSV.
    KevCsv,
    /// EPSS scores of a day; the day is in the name.
    Epss(String),
    /// endoflife.date, by the name of its zip.
    EndOfLife(String),
    /// distro-info-data of a distribution.
    DistroInfo(String),
    /// Packages whose support ended, by Debian release.
    SupportEnded(String),
    /// Packages with limited support, by Debian release where the name tells.
    SupportLimited(Option<String>),
    /// Zip of CVE records.
    CveArchive(String),
    /// One CVE record.
    CveRecord,
    /// A page or yearly file of NVD.
    Nvd,
    /// One CSAF document of a provider.
    CsafDocument(String),
    /// Tarball of a CSAF provider's documents, as Red Hat and SUSE publish
    /// them; loose documents beside it are newer.
    CsafTarball(String),
    /// Tarball of OpenVEX documents of an author.
    OpenVexTarball(String),
    /// Zip of a CSAF provider.
    CsafArchive(String),
    /// Node.js working group, npm or core.
    NodejsWg(NodejsPart),
    /// RetireJS.
    RetireJs,
    /// One OpenVEX document of an author.
    OpenVex(String),
    /// One CycloneDX document with VEX analyses.
    CyclonedxVex(String),
    /// A yum repository's own advisories: stream and repository id.
    Updateinfo(String, String),
    /// Zip of a yum repository of no known distribution, by name.
    YumRepository(String),
    /// RSS or Atom.
    Feed(String),
    /// Advisories typed in by hand.
    Typed(String),
}

/// Half of the Node.js working group's database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodejsPart {
    /// Packages.
    Npm,
    /// Node.js itself.
    Core,
}

impl SourceKind {
    /// The source's short stable name; files of one source share it.
    pub fn name(&self) -> String {
        match self {
            Self::OsvArchive(name) | Self::OsvTarball(name) | Self::OsvRecord(name) => format!("osv/{name}"),
            Self::DebianList(list) => format!("debian-tracker/{list}"),
            Self::DebianTracker => "debian-tracker/json".to_owned(),
            Self::AlpineSecdb(repository) => format!("alpine-secdb/{repository}"),
            Self::UbuntuNotices => "ubuntu/notices".to_owned(),
            Self::KevJson | Self::KevCsv => "kev".to_owned(),
            Self::Epss(_) => "epss".to_owned(),
            Self::EndOfLife(name) => format!("endoflife/{name}"),
            Self::DistroInfo(product) => format!("distro-info/{product}"),
            Self::SupportEnded(_) | Self::SupportLimited(_) => "debian-security-support".to_owned(),
            Self::CveArchive(name) => format!("cve/{name}"),
            Self::CveRecord => "cve".to_owned(),
            Self::Nvd => "nvd".to_owned(),
            Self::CsafDocument(provider) | Self::CsafArchive(provider) | Self::CsafTarball(provider) => format!("csaf/{provider}"),
            Self::NodejsWg(NodejsPart::Npm) => "nodejs-wg/npm".to_owned(),
            Self::NodejsWg(NodejsPart::Core) => "nodejs-wg/core".to_owned(),
            Self::RetireJs => "retirejs".to_owned(),
            Self::OpenVex(author) | Self::OpenVexTarball(author) | Self::CyclonedxVex(author) => format!("vex/{author}"),
            Self::Updateinfo(stream, repository) => format!("updateinfo/{stream}/{repository}"),
            Self::YumRepository(name) => format!("updateinfo/{name}"),
            Self::Feed(name) => format!("feed/{name}"),
            Self::Typed(name) => format!("typed/{name}"),
        }
    }
}

/// Tells what a file is by its path below the data folder and its first bytes
/// (a kilobyte is enough); none where it is no source.
///
/// Examples and validator tests of CSAF (`oasis-…`) are left out: they are
/// made-up advisories. Unsuffixed `security-support-ended` repeats the file of
/// its own release.
pub fn source_of(relative_path: &str, first_bytes: &[u8]) -> Option<SourceKind> {
    let parts: Vec<&str> = relative_path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let (file, folders) = parts.split_last()?;
    let (top, below) = folders.split_first()?;
    let zip = first_bytes.starts_with(b"PK");
    let json = file.ends_with(".json");
    if matches!(file.to_ascii_lowercase().as_str(), "readme.md" | "manifest.json") {
        return None;
    }
    match *top {
        "osv" if zip => Some(SourceKind::OsvArchive(below.first().copied().unwrap_or(stem(file)).to_owned())),
        "osv" if json => Some(SourceKind::OsvRecord(below.first().copied().unwrap_or("records").to_owned())),
        "debian-security-tracker" => debian_tracker(file, below),
        "alpine-secdb" if json || file.ends_with(".yaml") || file.ends_with(".yml") => {
            let release = below.last().copied().unwrap_or("edge");
            Some(SourceKind::AlpineSecdb(format!("{release}/{}", stem(file))))
        }
        "ubuntu" => ubuntu_file(file, below, json),
        "kev" if file.ends_with(".csv") => Some(SourceKind::KevCsv),
        "kev" if json && !file.contains("schema") => Some(SourceKind::KevJson),
        "epss" if file.ends_with(".csv") || file.ends_with(".csv.gz") => Some(SourceKind::Epss((*file).to_owned())),
        "endoflife" => end_of_life(file, below, zip),
        "vulnrichment" | "cve" if zip => Some(SourceKind::CveArchive((*top).to_owned())),
        "vulnrichment" | "cve" if json && file.starts_with("CVE-") => Some(SourceKind::CveRecord),
        "nvd" if json || file.ends_with(".json.gz") => Some(SourceKind::Nvd),
        "csaf" => csaf_file(file, below, zip, json),
        "repos" if zip && below.is_empty() => Some(SourceKind::YumRepository(stem(file).to_owned())),
        "vex" if json => vex_file(below, first_bytes),
        "updateinfo" if file.contains(".xml") => updateinfo_file(file, below),
        "nodejs-security-wg" if zip && file.starts_with("npm") => Some(SourceKind::NodejsWg(NodejsPart::Npm)),
        "nodejs-security-wg" if zip && file.starts_with("core") => Some(SourceKind::NodejsWg(NodejsPart::Core)),
        "retirejs" if json => Some(SourceKind::RetireJs),
        "feeds" if [".xml", ".rss", ".atom"].iter().any(|ending| file.ends_with(ending)) => {
            Some(SourceKind::Feed(stem(file).to_owned()))
        }
        "advisories" if file.ends_with(".toml") => Some(SourceKind::Typed(stem(file).to_owned())),
        name if name.starts_with("osv-") && json && contains(first_bytes, b"\"id\"") => {
            Some(SourceKind::OsvRecord(name.trim_start_matches("osv-").to_owned()))
        }
        name if name.starts_with("osv-") && json => Some(SourceKind::OsvRecord(name.trim_start_matches("osv-").to_owned())),
        _ => None,
    }
}

fn stem(file: &str) -> &str {
    file.split('.').next().unwrap_or(file)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn debian_tracker(file: &str, below: &[&str]) -> Option<SourceKind> {
    match (file, below.last()) {
        ("list", Some(list @ (&"DSA" | &"DLA"))) => Some(SourceKind::DebianList(list.to_ascii_lowercase())),
        (file, _) if file == "json" || file.ends_with(".json") && file != "invalid.json" => Some(SourceKind::DebianTracker),
        _ => None,
    }
}

fn ubuntu_file(file: &str, below: &[&str], json: bool) -> Option<SourceKind> {
    if file.starts_with("database") && (json || file.ends_with(".json.bz2") || file.ends_with(".json.gz")) {
        return Some(SourceKind::UbuntuNotices);
    }
    if file.starts_with("vex") && file.contains(".tar") {
        return Some(SourceKind::OpenVexTarball("Ubuntu".to_owned()));
    }
    if file.starts_with("osv") && file.contains(".tar") {
        return Some(SourceKind::OsvTarball("Ubuntu".to_owned()));
    }
    if json && below.contains(&"openvex") {
        return Some(SourceKind::OpenVex("Ubuntu".to_owned()));
    }
    (json && below.contains(&"osv")).then(|| SourceKind::OsvRecord("Ubuntu".to_owned()))
}

fn end_of_life(file: &str, below: &[&str], zip: bool) -> Option<SourceKind> {
    match (below.last().copied(), file) {
        (_, file) if zip => Some(SourceKind::EndOfLife(stem(file).to_owned())),
        (Some("distro-info-data"), "debian.csv" | "ubuntu.csv") => Some(SourceKind::DistroInfo(stem(file).to_owned())),
        (Some("debian-security-support"), file) => {
            if let Some(release) = file.strip_prefix("security-support-ended.deb") {
                return Some(SourceKind::SupportEnded(release.to_owned()));
            }
            let limited = file.strip_prefix("security-support-limited")?;
            Some(SourceKind::SupportLimited(limited.strip_prefix(".deb").map(str::to_owned)))
        }
        _ => None,
    }
}

/// A VEX document, under the folder's name; examples and schemas are left out,
/// as CSAF's are: their statements are made up.
fn vex_file(below: &[&str], first_bytes: &[u8]) -> Option<SourceKind> {
    let author = below.first().copied().unwrap_or("own").to_owned();
    if contains(first_bytes, b"openvex.dev") && !contains(first_bytes, b"json-schema.org") {
        return Some(SourceKind::OpenVex(author));
    }
    (contains(first_bytes, b"CycloneDX") && author != "cyclonedx").then_some(SourceKind::CyclonedxVex(author))
}

/// `updateinfo/<stream>/<repository>.xml.gz`; a colon in a stream may be
/// written as `_`, which every file system takes.
fn updateinfo_file(file: &str, below: &[&str]) -> Option<SourceKind> {
    let stream = below.first()?.replacen('_', ":", 1);
    let repository = file.split(".xml").next().unwrap_or(file);
    Some(SourceKind::Updateinfo(stream, repository.to_owned()))
}

/// Reads every JSON document of a tarball.
fn tarball_of(
    place: &str,
    bytes: &[u8],
    sink: &mut dyn FnMut(Fact),
    read: impl Fn(&str, &[u8], &mut dyn FnMut(Fact)) -> Result<Reading, Problem>,
) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    tarball::entries(place, bytes, |name, entry| {
        if name.ends_with(".json") {
            match entry.and_then(|bytes| read(name, bytes, sink)) {
                Ok(one) => reading.add(one),
                Err(problem) => reading.reject(problem),
            }
        }
    })?;
    Ok(reading)
}

/// Advisories of a whole repository in a zip. It belongs to no distribution,
/// so it judges hosts whose distribution is not known either.
fn yum_repository(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    let stream = Stream::language("rpm");
    zip_entries(place, bytes, Limits::DOCUMENT, |name, entry| {
        if !name.contains("updateinfo.xml") {
            return;
        }
        let place = format!("{place}!{name}");
        let read = |bytes: &[u8], sink: &mut dyn FnMut(Fact)| {
            updateinfo(&place, &decompress(&place, bytes, Limits::ENTRY)?, &stream, None, sink)
        };
        match entry.and_then(|bytes| read(bytes, sink)) {
            Ok(one) => reading.add(one),
            Err(problem) => reading.reject(problem),
        }
    })?;
    Ok(reading)
}

fn csaf_file(file: &str, below: &[&str], zip: bool, json: bool) -> Option<SourceKind> {
    let provider = below.first().copied().unwrap_or(stem(file));
    if provider.starts_with("oasis") || file.starts_with("oasis") {
        return None;
    }
    if zip {
        return Some(SourceKind::CsafArchive(provider.to_owned()));
    }
    if file.contains(".tar.") {
        return Some(SourceKind::CsafTarball(provider.to_owned()));
    }
    (json && !csaf_provider::is_not_a_document(file)).then(|| SourceKind::CsafDocument(provider.to_owned()))
}

/// Leaves of several files only those to read: the newest day of EPSS, and the
/// JSON of the exploited catalogue where the CSV is there too.
///
/// The order of the others is kept. Older scores left in place would be read
/// after newer ones and win by accident.
pub fn chosen<T>(mut sources: Vec<(SourceKind, T)>) -> Vec<(SourceKind, T)> {
    let newest = sources
        .iter()
        .filter_map(|(kind, _)| match kind {
            SourceKind::Epss(file) => Some(file.clone()),
            _ => None,
        })
        .max();
    let catalogue = sources.iter().any(|(kind, _)| *kind == SourceKind::KevJson);
    sources.retain(|(kind, _)| match kind {
        SourceKind::Epss(file) => Some(file) == newest.as_ref(),
        SourceKind::KevCsv => !catalogue,
        _ => true,
    });
    sources
}

/// Reads one file of a known kind.
pub fn read(kind: &SourceKind, place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    match kind {
        SourceKind::OsvArchive(_) => osv::archive(place, bytes, sink),
        SourceKind::OsvTarball(_) => osv::tarball(place, bytes, sink),
        SourceKind::OsvRecord(_) => osv::record(place, bytes, sink),
        SourceKind::DebianList(_) => debian::list(place, bytes, sink),
        SourceKind::DebianTracker => debian::tracker(place, bytes, sink),
        SourceKind::AlpineSecdb(_) => secdb::secdb(place, bytes, sink),
        SourceKind::UbuntuNotices => ubuntu::notices(place, bytes, sink),
        SourceKind::KevJson => kev::json(place, bytes, sink),
        SourceKind::KevCsv => kev::csv(place, bytes, sink),
        SourceKind::Epss(_) => epss::scores(place, bytes, sink),
        SourceKind::EndOfLife(_) => lifecycle::products(place, bytes, sink),
        SourceKind::DistroInfo(product) => lifecycle::distro_info(place, product, bytes, sink),
        SourceKind::SupportEnded(release) => lifecycle::support_ended(place, release, bytes, sink),
        SourceKind::SupportLimited(release) => {
            let stated = release.clone().or_else(|| release_in_words(bytes)).ok_or_else(|| {
                unreadable(place, "does not say which Debian release it is for; name it `security-support-limited.debN`")
            })?;
            lifecycle::support_limited(place, &stated, bytes, sink)
        }
        SourceKind::CveArchive(_) => cve5::archive(place, bytes, sink),
        SourceKind::CveRecord => cve5::record(place, bytes, sink),
        SourceKind::Nvd => nvd::page(place, bytes, sink),
        SourceKind::CsafDocument(_) => csaf::advisory(place, bytes, sink),
        SourceKind::CsafArchive(_) => csaf::archive(place, bytes, sink),
        SourceKind::NodejsWg(NodejsPart::Npm) => nodejs_wg::archive(place, nodejs_wg::Part::Npm, bytes, sink),
        SourceKind::NodejsWg(NodejsPart::Core) => nodejs_wg::archive(place, nodejs_wg::Part::Core, bytes, sink),
        SourceKind::RetireJs => retirejs::repository(place, bytes, sink),
        SourceKind::CsafTarball(_) => tarball_of(place, bytes, sink, |name, bytes, sink| {
            if csaf_provider::is_not_a_document(name) { Ok(Reading::default()) } else { csaf::advisory(name, bytes, sink) }
        }),
        SourceKind::OpenVexTarball(_) => tarball_of(place, bytes, sink, |name, bytes, sink| vex::openvex(name, bytes, sink)),
        SourceKind::OpenVex(_) => vex::openvex(place, bytes, sink),
        SourceKind::CyclonedxVex(_) => vex::cyclonedx_vex(place, bytes, sink),
        SourceKind::Updateinfo(stream, repository) => {
            let stream = Stream::from_stored(stream);
            updateinfo(place, &decompress(place, bytes, Limits::DOCUMENT)?, &stream, Some(repository), sink)
        }
        SourceKind::YumRepository(_) => yum_repository(place, bytes, sink),
        SourceKind::Feed(_) => feed::feed(place, bytes, sink),
        SourceKind::Typed(_) => typed::advisories(place, bytes, sink),
    }
}

/// The release whose notes a list of limited support points to for Go and
/// Rust, `…/releases/bookworm/…/ch-information…`.
fn release_in_words(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.lines().find(|line| line.starts_with("golang.*") || line.starts_with("rust.*"))?;
    let (_, rest) = line.split_once("/releases/")?;
    let stream = super::distributions::debian(rest.split('/').next()?)?;
    stream.release_name().map(str::to_owned)
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
