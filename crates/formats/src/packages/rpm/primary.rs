//! What an index says of an `.rpm` file: its `<package>` of `primary.xml`.
//!
//! Source: createrepo_c, which the tests hold this against. One difference is
//! meant: every file is listed and not only those of a few folders, because a
//! set's own packages have no `filelists.xml`, and others may need any of them.

use super::file::{LEAD, RpmFile, Section, section};
use plimsoll_core::model::problem::Problem;

/// Most entries of one list, as the reader of `primary.xml` keeps.
const ENTRY_LIMIT: usize = 50_000;
/// Longest text, in characters.
const TEXT_LIMIT: usize = 16 << 10;

/// Kinds of relations: the element, and the tags of names, flags and versions.
///
/// Source: rpm's `include/rpm/rpmtag.h`.
const RELATIONS: [(&str, u32, u32, u32); 8] = [
    ("provides", 1047, 1112, 1113),
    ("requires", 1049, 1048, 1050),
    ("conflicts", 1054, 1053, 1055),
    ("obsoletes", 1090, 1114, 1115),
    ("suggests", 5049, 5051, 5050),
    ("enhances", 5055, 5057, 5056),
    ("recommends", 5046, 5048, 5047),
    ("supplements", 5052, 5054, 5053),
];
/// `RPMSENSE_RPMLIB`: what rpm itself must be able to do, no package.
const OF_RPM: u64 = 1 << 24;
/// `RPMSENSE_PREREQ`, `RPMSENSE_SCRIPT_PRE`, `RPMSENSE_SCRIPT_POST`.
const FIRST: u64 = 1 << 6 | 1 << 9 | 1 << 10;

/// Writes the element of a file whose head was read.
///
/// `size` is the length of the whole file in bytes, `sha256` its digest in hex,
/// `location` where it lies relative to the repository.
///
/// # Errors
///
/// `E-FORMAT` for a source package, and for one whose name, version or
/// architecture could not stand in a path.
pub fn element(place: &str, head: &[u8], file: &RpmFile<'_>, sha256: &str, size: u64, location: &str) -> Result<String, Problem> {
    let refuse = |text: &str| Problem::new("E-FORMAT", place, text, "give a binary package that `rpm -qp --info` reads");
    let start = section(head, LEAD).map(|signatures| signatures.end.next_multiple_of(8)).ok_or_else(|| refuse("is cut within its signatures"))?;
    let header = section(head, start).ok_or_else(|| refuse("is cut within its header"))?;
    let package = &file.package;
    if package.source_rpm.is_none() {
        return Err(refuse("is a source package"));
    }
    if ![&package.name, &package.version, &package.release, &package.arch].into_iter().all(|text| is_word(text)) {
        return Err(refuse("has a name, version or architecture that is no word"));
    }
    let text = |tag| header.strings(tag, 1).into_iter().next().unwrap_or_default();
    let number = |tag| header.numbers(tag, 1).first().copied().unwrap_or(0);
    let mut out = format!(
        "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{}</arch>\n  <version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>\n  <checksum type=\"sha256\" pkgid=\"YES\">{sha256}</checksum>\n",
        escaped(&package.name),
        escaped(&package.arch),
        package.epoch.unwrap_or(0),
        escaped(&package.version),
        escaped(&package.release),
    );
    for (name, tag) in [("summary", 1004), ("description", 1005), ("packager", 1015), ("url", 1020)] {
        out.push_str(&format!("  <{name}>{}</{name}>\n", escaped(&text(tag))));
    }
    // Sizes above 4 GiB have tags of their own.
    let installed = [5009, 1009].into_iter().map(number).find(|size| *size > 0).unwrap_or(0);
    let built = number(1006);
    out.push_str(&format!(
        "  <time file=\"{built}\" build=\"{built}\"/>\n  <size package=\"{size}\" installed=\"{installed}\" archive=\"{installed}\"/>\n  <location href=\"{}\"/>\n  <format>\n",
        escaped(location)
    ));
    for (name, tag) in [("license", 1014), ("vendor", 1011), ("group", 1016), ("buildhost", 1007), ("sourcerpm", 1044)] {
        out.push_str(&format!("    <rpm:{name}>{}</rpm:{name}>\n", escaped(&text(tag))));
    }
    out.push_str(&format!("    <rpm:header-range start=\"{start}\" end=\"{}\"/>\n", header.end));
    for (name, names, flags, versions) in RELATIONS {
        relations(&header, name, [names, flags, versions], &mut out);
    }
    files(&header, &mut out);
    out.push_str("  </format>\n</package>");
    Ok(out)
}

fn relations(header: &Section<'_>, element: &str, tags: [u32; 3], out: &mut String) {
    let [names, flags, versions] = tags;
    let (names, versions) = (header.strings(names, ENTRY_LIMIT), header.strings(versions, ENTRY_LIMIT));
    let flags = header.numbers(flags, ENTRY_LIMIT);
    let mut written: Vec<String> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let flags = flags.get(place).copied().unwrap_or(0);
        let version = versions.get(place).map_or("", String::as_str);
        if name.is_empty() || flags & OF_RPM != 0 || name.starts_with("rpmlib(") {
            continue;
        }
        let mut entry = format!("      <rpm:entry name=\"{}\"", escaped(name));
        let sign = [(2, "LT"), (4, "GT"), (8, "EQ"), (10, "LE"), (12, "GE")].into_iter().find(|(bits, _)| flags & 14 == *bits);
        if let Some((_, sign)) = sign.filter(|_| !version.is_empty()) {
            let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
            let (version, release) = rest.split_once('-').map_or((rest, None), |(version, release)| (version, Some(release)));
            entry.push_str(&format!(" flags=\"{sign}\" epoch=\"{}\" ver=\"{}\"", escaped(epoch), escaped(version)));
            if let Some(release) = release {
                entry.push_str(&format!(" rel=\"{}\"", escaped(release)));
            }
        }
        if element == "requires" && flags & FIRST != 0 {
            entry.push_str(" pre=\"1\"");
        }
        entry.push_str("/>\n");
        written.push(entry);
    }
    written.sort();
    written.dedup();
    if !written.is_empty() {
        out.push_str(&format!("    <rpm:{element}>\n{}    </rpm:{element}>\n", written.concat()));
    }
}

fn files(header: &Section<'_>, out: &mut String) {
    let (names, folders) = (header.strings(1117, ENTRY_LIMIT), header.strings(1118, ENTRY_LIMIT));
    let (indices, modes, flags) = (header.numbers(1116, ENTRY_LIMIT), header.numbers(1030, ENTRY_LIMIT), header.numbers(1037, ENTRY_LIMIT));
    for (place, name) in names.iter().enumerate() {
        let folder = indices.get(place).and_then(|index| folders.get(usize::try_from(*index).ok()?));
        let Some(folder) = folder else { continue };
        let is_folder = modes.get(place).is_some_and(|mode| mode & 0o170_000 == 0o040_000);
        let is_ghost = flags.get(place).is_some_and(|flags| flags & 1 << 6 != 0);
        let kind = if is_folder { " type=\"dir\"" } else if is_ghost { " type=\"ghost\"" } else { "" };
        out.push_str(&format!("    <file{kind}>{}</file>\n", escaped(&format!("{folder}{name}"))));
    }
}

/// Names and versions end up in paths.
fn is_word(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~^_".contains(&byte))
}

/// A text as XML may hold it; control characters cannot be written at all.
fn escaped(text: &str) -> String {
    let clean: String = text.chars().filter(|sign| matches!(sign, '\n' | '\t') || !sign.is_control() && !matches!(sign, '\u{fffe}' | '\u{ffff}')).take(TEXT_LIMIT).collect();
    quick_xml::escape::escape(&clean).into_owned()
}
