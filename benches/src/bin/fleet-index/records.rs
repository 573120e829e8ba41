//! Real names and versions: what the records say was released once.

use plimsoll_core::model::advisory::RangeEnd;
use plimsoll_formats::advisories::{Fact, osv};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Archives whose fixed versions are drawn.
const ARCHIVES: [&str; 2] = ["osv/AlmaLinux/all.zip", "osv/Debian/all.zip"];

/// Released versions by stream and name.
pub type Released = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Builds the database of all the data and writes the released versions
/// beside it.
pub fn prepare(data: &Path, folder: &Path) -> Result<(), String> {
    let mut released = Released::new();
    for name in ARCHIVES {
        let path = data.join(name);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        osv::archive(name, &bytes, &mut |fact| {
            let Fact::Advisory(advisory) = fact else { return };
            for affected in &advisory.affected {
                let names = released.entry(affected.stream.as_str().to_owned()).or_default();
                for range in &affected.ranges {
                    if let RangeEnd::Fixed(version) = &range.end {
                        names.entry(affected.name.clone()).or_default().insert(version.clone());
                    }
                }
            }
        })
        .map_err(|problem| format!("{problem:?}"))?;
    }
    let mut text = String::new();
    for (stream, names) in &released {
        for (name, versions) in names {
            for version in versions {
                // Writing into a string cannot fail.
                let _ = writeln!(text, "{stream}\t{name}\t{version}");
            }
        }
    }
    std::fs::write(folder.join("released.tsv"), text).map_err(|error| error.to_string())?;
    let options = plimsoll_feeds::build::Options { signer: None, fetched: BTreeMap::new(), progress: None };
    let built = plimsoll_feeds::build::build(data, &options).map_err(|problem| format!("{problem:?}"))?;
    std::fs::write(folder.join("all.plimsolldb"), built.bytes).map_err(|error| error.to_string())
}

/// Reads the released versions back.
pub fn read(folder: &Path) -> Result<Released, String> {
    let text = std::fs::read_to_string(folder.join("released.tsv")).map_err(|error| error.to_string())?;
    let mut released = Released::new();
    for line in text.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        if let (Some(stream), Some(name), Some(version)) = (fields.next(), fields.next(), fields.next()) {
            released.entry(stream).or_default().entry(name).or_default().insert(version);
        }
    }
    Ok(released)
}
