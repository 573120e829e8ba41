//! How long releases and packages are supported: endoflife.date, Debian's
//! `distro-info-data` and `debian-security-support`.

use super::facts::{date, first_line, unreadable};
use super::json_text::{Object, Word};
use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use jiff::civil::Date;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::support::{PackageSupport, SupportWindow};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A release cycle as endoflife.date writes it; dates may also be `true`,
/// `false` or missing.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Cycle<'a> {
    #[serde(borrow)]
    release_cycle: Word<'a>,
    #[serde(borrow)]
    name: Word<'a>,
    #[serde(borrow)]
    codename: Word<'a>,
    #[serde(borrow)]
    release_date: Word<'a>,
    #[serde(borrow)]
    eol: Word<'a>,
    #[serde(borrow)]
    eoes: Word<'a>,
}

#[derive(Deserialize)]
struct ProductPage<'a> {
    #[serde(borrow)]
    releases: super::json_text::List<Cycle<'a>>,
}

#[derive(Deserialize)]
struct ProductData<'a> {
    #[serde(borrow)]
    releases: Object<BTreeMap<String, Object<Cycle<'a>>>>,
}

/// Reads one product of endoflife.date, its page's front matter (YAML, with
/// or without the `---` fences and the text behind them).
///
/// `product` is the file's name without its ending.
pub fn product_page(place: &str, product: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let front = match text.strip_prefix("---") {
        Some(rest) => rest.split("\n---").next().unwrap_or(rest),
        None => text,
    };
    let page: ProductPage<'_> = serde_saphyr::from_str(front)
        .map_err(|error| unreadable(place, format!("is not readable as a product of endoflife.date: {error}")))?;
    let mut reading = Reading::default();
    for cycle in &page.releases {
        take(place, product, cycle.release_cycle.as_str(), cycle, &mut reading, sink);
    }
    Ok(reading)
}

/// Reads one product of endoflife.date's release data (JSON).
pub fn product_data(place: &str, product: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let data: ProductData<'_> = super::json_text::document(place, bytes, "release data of endoflife.date")?;
    let mut reading = Reading::default();
    for (key, cycle) in &data.releases.0 {
        let name = cycle.name.as_str();
        take(place, product, if name.is_empty() { key } else { name }, cycle, &mut reading, sink);
    }
    Ok(reading)
}

fn take(
    place: &str,
    product: &str,
    release: &str,
    cycle: &Cycle<'_>,
    reading: &mut Reading,
    sink: &mut dyn FnMut(Fact),
) {
    let release = release.trim();
    if release.is_empty() {
        reading.reject(unreadable(place, format!("{product} has a release without a name")));
        return;
    }
    let product = spelling(product);
    let extended = date(cycle.eoes.as_str());
    // Debian's extended column is its free LTS; elsewhere it is paid for.
    let (long_term_ends, extended_ends) = if product == "debian" { (extended, None) } else { (None, extended) };
    let codename = first_line(cycle.codename.as_str());
    reading.records += 1;
    sink(Fact::Support(SupportWindow {
        product: product.to_owned(),
        release: release.to_ascii_lowercase(),
        codename: (!codename.is_empty()).then_some(codename),
        released: date(cycle.release_date.as_str()),
        ends: date(cycle.eol.as_str()),
        long_term_ends,
        extended_ends,
    }));
}

/// The name that streams use for a product of endoflife.date.
fn spelling(product: &str) -> &str {
    match product {
        "alpine-linux" => "alpine",
        "amazon-linux" => "amazon",
        "rocky-linux" => "rocky",
        "oracle-linux" => "oracle",
        "centos-stream" => "centos-stream",
        "opensuse" => "opensuse-leap",
        "vmware-photon" => "photon",
        "suse-linux-micro" => "suse",
        other => other,
    }
}

/// Reads a zip of products: `.yml`/`.md` pages or `.json` release data.
pub fn products(place: &str, zip_bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    bounded::zip_entries(place, zip_bytes, Limits::DOCUMENT, |name, entry| {
        let file = name.rsplit('/').next().unwrap_or(name);
        let Some((product, ending)) = file.rsplit_once('.') else { return };
        let inner = format!("{place}!{name}");
        let outcome = match ending {
            "yml" | "yaml" | "md" => entry.and_then(|bytes| product_page(&inner, product, bytes, sink)),
            "json" => entry.and_then(|bytes| product_data(&inner, product, bytes, sink)),
            _ => return,
        };
        match outcome {
            Ok(one) => reading.add(one),
            Err(problem) => reading.reject(problem),
        }
    })?;
    Ok(reading)
}

/// Reads `debian.csv` or `ubuntu.csv` of `distro-info-data`.
///
/// Rows end early where nothing more is known. `product` is `debian` or
/// `ubuntu`; Debian's later columns are LTS and ELTS, Ubuntu's are server,
/// ESM and legacy support.
pub fn distro_info(place: &str, product: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut rows = ::csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let headers = rows
        .headers()
        .map_err(|error| unreadable(place, format!("is not readable as CSV: {error}")))?
        .clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let (Some(version), Some(series)) = (column("version"), column("series")) else {
        return Err(unreadable(place, "has no columns `version` and `series`, so it is not distro-info-data"));
    };
    let columns = ["codename", "release", "eol", "eol-lts", "eol-elts", "eol-server", "eol-esm", "eol-legacy"].map(column);
    let [codename, release, eol, lts, elts, server, esm, legacy] = columns;
    let mut reading = Reading::default();
    for (index, row) in rows.records().enumerate() {
        let Ok(row) = row else {
            reading.reject(unreadable(format!("{place}:{}", index + 2), "is not a readable row"));
            continue;
        };
        let text = |column: Option<usize>| column.and_then(|column| row.get(column)).unwrap_or("").trim();
        let day = |column: Option<usize>| date(text(column));
        let series = text(Some(series));
        let number = text(Some(version)).split_whitespace().next().unwrap_or("");
        if series.is_empty() {
            reading.reject(unreadable(format!("{place}:{}", index + 2), "has no series"));
            continue;
        }
        reading.records += 1;
        let later = |a: Option<Date>, b: Option<Date>| a.max(b);
        sink(Fact::Support(SupportWindow {
            product: product.to_owned(),
            // `sid` and `experimental` have no number.
            release: if number.is_empty() { series.to_owned() } else { number.to_owned() },
            codename: Some(text(codename)).filter(|name| !name.is_empty()).map(str::to_owned),
            released: day(release),
            ends: later(day(eol), day(server)),
            long_term_ends: day(lts),
            extended_ends: later(day(elts), later(day(esm), day(legacy))),
        }));
    }
    Ok(reading)
}

/// Reads `security-support-ended.debN` of Debian's `debian-security-support`:
/// source package, last supported version, day, words.
pub fn support_ended(place: &str, release: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let stream = Stream::release("debian", release);
    let mut reading = Reading::default();
    for (number, line) in data_lines(text) {
        let mut rest = line;
        let fields = (word(&mut rest), word(&mut rest), word(&mut rest).and_then(date));
        let (Some(source), Some(version), Some(ended)) = fields else {
            reading.reject(unreadable(format!("{place}:{number}"), "is not `package version day words`"));
            continue;
        };
        reading.records += 1;
        reading.saw(super::facts::start_of(ended));
        sink(Fact::PackageSupport(PackageSupport {
            stream: stream.clone(),
            source: source.to_owned(),
            last_version: Some(version.to_owned()),
            ended: Some(ended),
            text: first_line(rest),
        }));
    }
    Ok(reading)
}

/// Reads `security-support-limited` (or `.debN`): source package, words.
pub fn support_limited(place: &str, release: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let stream = Stream::release("debian", release);
    let mut reading = Reading::default();
    for (_, line) in data_lines(text) {
        let mut rest = line;
        let Some(source) = word(&mut rest) else { continue };
        reading.records += 1;
        sink(Fact::PackageSupport(PackageSupport {
            stream: stream.clone(),
            source: source.to_owned(),
            last_version: None,
            ended: None,
            text: first_line(rest),
        }));
    }
    Ok(reading)
}

fn data_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Takes the next word off.
fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, behind) = text.split_at_checked(end)?;
    *rest = behind.trim_start();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
